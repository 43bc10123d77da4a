// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sockets that an agent may make: by family, and by protocol where that matters.

use crate::names::{self, Name};

/// The most entries with a protocol of their own.
pub const SOCKETS_MAX: usize = 8;

/// The kernel's `AF_INET`.
pub const AF_INET: u8 = 2;
/// The kernel's `AF_INET6`.
pub const AF_INET6: u8 = 10;
/// The kernel's `AF_NETLINK`.
pub const AF_NETLINK: u8 = 16;
const AF_UNIX: u8 = 1;
/// Families are bits of a word. The kernel of today has 46.
const FAMILIES: u64 = 64;
/// Protocols have 16 bits here; the kernel's highest is 262.
const PROTOCOL_MAX: u64 = 0xffff;

const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_SEQPACKET: u32 = 5;
const SOCK_DCCP: u32 = 6;

/// As socket(2) has them.
const INET_FAMILY: u32 = AF_INET as u32;
const INET6_FAMILY: u32 = AF_INET6 as u32;

const ICMP: u32 = 1;
const TCP: u32 = 6;
const UDP: u32 = 17;
const DCCP: u32 = 33;
const ICMPV6: u32 = 58;
const SCTP: u32 = 132;
const MPTCP: u32 = 262;

/// Protocols by name: as /etc/protocols and linux/netlink.h have them, in lower case.
const INET: [(Name, u16); 14] = [
    (c"icmp", 1),
    (c"igmp", 2),
    (c"tcp", 6),
    (c"udp", 17),
    (c"dccp", 33),
    (c"gre", 47),
    (c"esp", 50),
    (c"ah", 51),
    (c"icmpv6", 58),
    (c"l2tp", 115),
    (c"sctp", 132),
    (c"udplite", 136),
    (c"smc", 256),
    (c"mptcp", 262),
];
const NETLINK: [(Name, u16); 17] = [
    (c"route", 0),
    (c"usersock", 2),
    (c"sock_diag", 4),
    (c"nflog", 5),
    (c"xfrm", 6),
    (c"selinux", 7),
    (c"iscsi", 8),
    (c"audit", 9),
    (c"fib_lookup", 10),
    (c"connector", 11),
    (c"netfilter", 12),
    (c"kobject_uevent", 15),
    (c"generic", 16),
    (c"scsitransport", 18),
    (c"ecryptfs", 19),
    (c"rdma", 20),
    (c"crypto", 21),
];

/// One protocol of one family.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketRule {
    /// The kernel's `AF_*`.
    pub family: u16,
    /// As socket(2) takes it; never 0 for internet families.
    pub protocol: u16,
}

/// The sockets that a policy allows; part of `struct swarm_rules`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// Bit n: family n.
    pub families: u64,
    rules: [SocketRule; SOCKETS_MAX],
    nr_rules: u8,
    all: u8,
    pad: [u8; 6],
}

/// An entry of `sockets` that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketEntry {
    /// A family as a whole.
    Family(u8),
    /// One protocol of it.
    Protocol(SocketRule),
}

fn protocols(family: u8) -> &'static [(Name, u16)] {
    match family {
        AF_INET | AF_INET6 => &INET,
        AF_NETLINK => &NETLINK,
        _ => &[],
    }
}

fn number(text: &[u8], max: u64) -> Option<u64> {
    if text.is_empty() || text.len() > 5 || (text.len() > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    let value = text.iter().try_fold(0u64, |value, &byte| {
        let digit = char::from(byte).to_digit(10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    (value <= max).then_some(value)
}

/// By hand: comparing slices would call the library.
fn same(name: Name, text: &[u8]) -> bool {
    // Not to_bytes(): where libcore is compiled from its source, it checks that for overflow.
    let Some((_, name)) = name.to_bytes_with_nul().split_last() else {
        return false;
    };
    name.len() == text.len() && name.iter().zip(text).all(|(a, b)| a == b)
}

fn family(text: &[u8]) -> Option<u8> {
    let named = names::FAMILIES.iter().position(|name| !name.is_empty() && same(name, text));
    match named {
        Some(family) => u8::try_from(family).ok(),
        None => number(text, FAMILIES.saturating_sub(1)).and_then(|family| u8::try_from(family).ok()),
    }
}

impl SocketEntry {
    /// Reads an entry such as `inet`, `netlink/route`, `38` or `inet/132`; `None` where it is malformed.
    ///
    /// ```
    /// use swarm_policy::{SocketEntry, SocketRule};
    /// assert_eq!(SocketEntry::parse(b"inet6"), Some(SocketEntry::Family(10)));
    /// let generic = SocketRule { family: 16, protocol: 16 };
    /// assert_eq!(SocketEntry::parse(b"netlink/generic"), Some(SocketEntry::Protocol(generic)));
    /// assert_eq!(SocketEntry::parse(b"inet/"), None);
    /// ```
    pub fn parse(text: &[u8]) -> Option<Self> {
        let slash = text.iter().position(|&byte| byte == b'/');
        let family = family(text.get(..slash.unwrap_or(text.len()))?)?;
        let Some(slash) = slash else {
            return Some(Self::Family(family));
        };
        let protocol = text.get(slash.checked_add(1)?..)?;
        let named = protocols(family).iter().find(|(name, _)| same(name, protocol));
        let protocol = match named {
            Some(&(_, number)) => number,
            None => u16::try_from(number(protocol, PROTOCOL_MAX)?).ok()?,
        };
        // socket(2) takes 0 for a type's usual protocol, which has a number of its own there.
        if protocol == 0 && matches!(family, AF_INET | AF_INET6) {
            return None;
        }
        Some(Self::Protocol(SocketRule { family: u16::from(family), protocol }))
    }
}

/// The protocol that socket(2) means: 0 stands for the usual one of a type.
fn meant(family: u32, kind: u32, protocol: u32) -> u32 {
    if protocol != 0 || !matches!(family, INET_FAMILY | INET6_FAMILY) {
        return protocol;
    }
    match kind {
        SOCK_STREAM => TCP,
        SOCK_DGRAM => UDP,
        SOCK_SEQPACKET => SCTP,
        SOCK_DCCP => DCCP,
        _ => 0,
    }
}

/// Does a family as a whole include this socket? `protocol` is the one that is meant.
fn usual(family: u32, kind: u32, protocol: u32) -> bool {
    let icmp = match family {
        INET_FAMILY => ICMP,
        INET6_FAMILY => ICMPV6,
        _ => return true,
    };
    match kind {
        SOCK_STREAM => protocol == TCP || protocol == MPTCP,
        SOCK_DGRAM => protocol == UDP || protocol == icmp,
        _ => false,
    }
}

impl Sockets {
    /// Nothing.
    pub const NONE: Self = Self {
        families: 0,
        rules: [SocketRule { family: 0, protocol: 0 }; SOCKETS_MAX],
        nr_rules: 0,
        all: 0,
        pad: [0; 6],
    };

    /// The most that an agent without a network may make.
    pub const UNIX: Self = Self { families: 1 << AF_UNIX, ..Self::NONE };

    /// The sockets that an agent may make unless told otherwise: unix, inet, inet6 and netlink/route.
    pub const USUAL: Self = {
        let mut usual = Self::NONE;
        usual.families = 1 << AF_UNIX | 1 << AF_INET | 1 << AF_INET6;
        usual.rules[0] = SocketRule { family: AF_NETLINK as u16, protocol: 0 };
        usual.nr_rules = 1;
        usual
    };

    /// Any socket.
    pub const ALL: Self = {
        let mut all = Self::NONE;
        all.all = 1;
        all
    };

    /// May an agent make any socket?
    pub fn all(&self) -> bool {
        self.all != 0
    }

    /// The protocols that are allowed apart from whole families.
    pub fn rules(&self) -> &[SocketRule] {
        self.rules.get(..usize::from(self.nr_rules)).unwrap_or(&[])
    }

    /// Is none but a unix socket allowed?
    ///
    /// ```
    /// use swarm_policy::Sockets;
    /// assert!(Sockets::UNIX.unix_only() && Sockets::NONE.unix_only());
    /// assert!(!Sockets::USUAL.unix_only() && !Sockets::ALL.unix_only());
    /// ```
    pub fn unix_only(&self) -> bool {
        !self.all()
            && self.families & !(1 << AF_UNIX) == 0
            && self.rules().iter().all(|rule| rule.family == u16::from(AF_UNIX))
    }

    /// Adds an entry; false where there are [`SOCKETS_MAX`] with a protocol already.
    pub fn push(&mut self, entry: SocketEntry) -> bool {
        match entry {
            SocketEntry::Family(family) => self.families |= 1u64.wrapping_shl(u32::from(family)),
            SocketEntry::Protocol(rule) => {
                if self.rules().contains(&rule) {
                    return true;
                }
                let Some(slot) = self.rules.get_mut(usize::from(self.nr_rules)) else {
                    return false;
                };
                *slot = rule;
                self.nr_rules = self.nr_rules.saturating_add(1);
            }
        }
        true
    }

    /// Is this socket allowed? The arguments are those of socket(2), the type without flags.
    ///
    /// An internet family as a whole means TCP, UDP, ICMP and MPTCP, and no raw socket; a protocol
    /// means every type of it.
    ///
    /// ```
    /// use swarm_policy::Sockets;
    /// assert!(Sockets::USUAL.allow(2, 1, 0), "TCP");
    /// assert!(!Sockets::USUAL.allow(2, 5, 0), "SCTP");
    /// assert!(!Sockets::USUAL.allow(16, 3, 16), "generic netlink");
    /// ```
    pub fn allow(&self, family: u32, kind: u32, protocol: u32) -> bool {
        if self.all() {
            return true;
        }
        let protocol = meant(family, kind, protocol);
        if u64::from(family) < FAMILIES
            && self.families & 1u64.wrapping_shl(family) != 0
            && usual(family, kind, protocol)
        {
            return true;
        }
        // Not by rules(), whose check of a bound that always holds costs every denial.
        self.rules
            .iter()
            .take(usize::from(self.nr_rules))
            .any(|rule| u32::from(rule.family) == family && u32::from(rule.protocol) == protocol)
    }
}

/// The name of a family's protocol, where it has one here.
pub fn protocol_name(family: u32, protocol: u32) -> Option<Name> {
    let family = u8::try_from(family).ok()?;
    protocols(family).iter().find(|&&(_, number)| u32::from(number) == protocol).map(|&(name, _)| name)
}

/// The number of the protocol that would have to be allowed for this socket, where that is one protocol.
pub fn protocol_of(family: u32, kind: u32, protocol: u32) -> u32 {
    meant(family, kind, protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[&str]) -> Sockets {
        let mut sockets = Sockets::NONE;
        for entry in entries {
            assert!(sockets.push(SocketEntry::parse(entry.as_bytes()).unwrap()), "{entry}");
        }
        sockets
    }

    #[test]
    fn malformed_entries_are_refused() {
        for text in [
            "", "/", "inet/", "inet/0", "inet6/0", "/6", "INET", "af_inet", "64", "01", "-1", " inet", "inet ",
            "inet/tcp/", "inet/65536", "inet/00", "unix/route", "netlink/ROUTE", "netlink/tcp", "inet/route",
        ] {
            assert_eq!(SocketEntry::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn names_and_numbers_are_the_same() {
        for (name, number) in [("alg", "38"), ("inet/sctp", "2/132"), ("netlink/route", "16/0"), ("netlink", "16")] {
            assert_eq!(SocketEntry::parse(name.as_bytes()), SocketEntry::parse(number.as_bytes()), "{name}");
        }
        assert_eq!(SocketEntry::parse(b"63"), Some(SocketEntry::Family(63)));
        assert_eq!(SocketEntry::parse(b"0/65535"), Some(SocketEntry::Protocol(SocketRule { family: 0, protocol: 65535 })));
    }

    #[test]
    fn an_internet_family_means_four_protocols() {
        let inet = of(&["inet"]);
        for (kind, protocol) in [(1, 0), (1, 6), (1, 262), (2, 0), (2, 17), (2, 1)] {
            assert!(inet.allow(2, kind, protocol), "{kind} {protocol}");
        }
        for (kind, protocol) in
            [(5, 0), (1, 132), (6, 0), (2, 136), (2, 115), (1, 256), (3, 255), (3, 0), (1, 33), (3, 1), (2, 58), (3, 6)]
        {
            assert!(!inet.allow(2, kind, protocol), "{kind} {protocol}");
        }
        assert!(of(&["inet6"]).allow(10, 2, 58) && !of(&["inet6"]).allow(10, 2, 1), "ICMP by family");
        assert!(of(&["inet/icmp"]).allow(2, 3, 1), "a protocol means raw sockets of it, too");
        assert!(!inet.allow(10, 1, 0), "the other family");
        assert!(of(&["inet/sctp"]).allow(2, 5, 0), "the usual protocol of a type");
        assert!(!of(&["inet/sctp"]).allow(2, 1, 0));
        assert!(of(&["inet/tcp"]).allow(2, 1, 0));
    }

    #[test]
    fn no_number_goes_round() {
        let sockets = of(&["0", "unix", "63", "netlink/route"]);
        for family in [64, 65, 127, 128, u32::MAX] {
            assert!(!sockets.allow(family, 1, 0), "{family}");
        }
        assert!(!sockets.allow(16, 3, 0x1_0000), "a protocol beyond 16 bits");
        assert!(Sockets::ALL.allow(u32::MAX, 0, 0));
    }

    #[test]
    fn there_is_an_end_of_protocols() {
        let mut sockets = Sockets::NONE;
        for protocol in 0..SOCKETS_MAX as u16 {
            assert!(sockets.push(SocketEntry::Protocol(SocketRule { family: 16, protocol })));
        }
        assert!(sockets.push(SocketEntry::Protocol(SocketRule { family: 16, protocol: 0 })), "once more");
        assert!(!sockets.push(SocketEntry::Protocol(SocketRule { family: 16, protocol: 99 })));
        assert!(sockets.push(SocketEntry::Family(38)), "families have no end");
    }
}
