// SPDX-License-Identifier: MIT OR Apache-2.0
//! Namespaces: the interface's bits and the kernel's flags.

/// Bits of `namespace_flags`.
pub const NS_PID: u32 = 0x01;
/// Network.
pub const NS_NET: u32 = 0x02;
/// Mounts.
pub const NS_MNT: u32 = 0x04;
/// Host name.
pub const NS_UTS: u32 = 0x08;
/// System V IPC and POSIX message queues.
pub const NS_IPC: u32 = 0x10;
/// Users.
pub const NS_USER: u32 = 0x20;
/// Cgroups.
pub const NS_CGROUP: u32 = 0x40;
/// Clocks.
pub const NS_TIME: u32 = 0x80;
/// Every bit there is.
pub const NS_ALL: u32 = 0xff;
/// The namespaces that an agent gets unless it asks for something else.
pub const NS_DEFAULT: u32 = 0x7f;

/// Each bit with its flag of clone(2) (include/uapi/linux/sched.h).
const CLONE_FLAGS: [(u32, u64); 8] = [
    (NS_PID, 0x2000_0000),
    (NS_NET, 0x4000_0000),
    (NS_MNT, 0x0002_0000),
    (NS_UTS, 0x0400_0000),
    (NS_IPC, 0x0800_0000),
    (NS_USER, 0x1000_0000),
    (NS_CGROUP, 0x0200_0000),
    (NS_TIME, 0x0000_0080),
];

/// The `CLONE_NEW*` flags for bits of `namespace_flags`.
///
/// ```
/// use swarm_policy::{clone_flags, NS_PID, NS_TIME};
/// assert_eq!(clone_flags(NS_PID | NS_TIME), 0x2000_0080);
/// ```
pub fn clone_flags(namespaces: u32) -> u64 {
    CLONE_FLAGS
        .iter()
        .filter(|(bit, _)| namespaces & bit != 0)
        .fold(0, |flags, (_, flag)| flags | flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_has_a_flag_of_its_own() {
        let all = clone_flags(NS_ALL);
        assert_eq!(all.count_ones(), 8);
        assert_eq!(all, 0x7e02_0080);
        assert_eq!(clone_flags(0), 0);
        assert_eq!(clone_flags(!NS_ALL), 0);
    }
}
