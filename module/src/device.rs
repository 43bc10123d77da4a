// SPDX-License-Identifier: MIT OR Apache-2.0
//! Device rules, in the form of the kernel's device controller.

/// Values of the kernel's `DEVCG_DEV_*`.
pub const DEV_BLOCK: u8 = 1;
/// A character device.
pub const DEV_CHAR: u8 = 2;
/// Type `a`: both.
pub const DEV_ALL: u8 = 3;
/// Values of the kernel's `DEVCG_ACC_*`.
pub const ACC_MKNOD: u8 = 1;
/// Reading.
pub const ACC_READ: u8 = 2;
/// Writing.
pub const ACC_WRITE: u8 = 4;
/// Any major or minor number.
pub const DEV_ANY: u32 = u32::MAX;
/// The highest numbers there are: Linux has 12 bits of major and 20 of minor.
const MAJOR_MAX: u32 = 0xfff;
const MINOR_MAX: u32 = 0xf_ffff;

/// One rule: these accesses to these devices are allowed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceRule {
    /// Major number or [`DEV_ANY`].
    pub major: u32,
    /// Minor number or [`DEV_ANY`].
    pub minor: u32,
    /// `DEV_*`.
    pub kind: u8,
    /// `ACC_*`, or-ed.
    pub access: u8,
    pad: [u8; 2],
}

impl DeviceRule {
    /// A rule that allows everything to a device.
    pub const fn new(kind: u8, major: u32, minor: u32, access: u8) -> Self {
        Self { major, minor, kind, access, pad: [0; 2] }
    }

    /// Reads a rule such as `c 1:3 rwm`, `b *:* m` or `a`; `None` where it is malformed.
    ///
    /// ```
    /// use swarm_policy::{DeviceRule, DEV_CHAR, DEV_ANY, ACC_READ};
    /// let rule = DeviceRule::parse(b"c 136:* r").unwrap();
    /// assert_eq!(rule, DeviceRule::new(DEV_CHAR, 136, DEV_ANY, ACC_READ));
    /// assert!(DeviceRule::parse(b"c 136 r").is_none());
    /// ```
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut words = text.split(|&byte| byte == b' ');
        let kind = match words.next()? {
            b"c" => DEV_CHAR,
            b"b" => DEV_BLOCK,
            b"a" => DEV_ALL,
            _ => return None,
        };
        let Some(numbers) = words.next() else {
            let all = Self::new(DEV_ALL, DEV_ANY, DEV_ANY, ACC_READ | ACC_WRITE | ACC_MKNOD);
            return (kind == DEV_ALL).then_some(all);
        };
        let mut numbers = numbers.split(|&byte| byte == b':');
        let major = number(numbers.next()?, MAJOR_MAX)?;
        let minor = number(numbers.next()?, MINOR_MAX)?;
        let access = access(words.next()?)?;
        (numbers.next().is_none() && words.next().is_none())
            .then_some(Self::new(kind, major, minor, access))
    }

    fn matches(&self, kind: u8, major: u32, minor: u32) -> bool {
        // What most often differs comes first.
        (self.major == major || self.major == DEV_ANY)
            && (self.minor == minor || self.minor == DEV_ANY)
            && self.kind & kind != 0
    }
}

fn number(text: &[u8], max: u32) -> Option<u32> {
    if text == b"*" {
        return Some(DEV_ANY);
    }
    if text.is_empty() || text.len() > 7 {
        return None;
    }
    let value = text.iter().try_fold(0u32, |value, &byte| {
        let digit = char::from(byte).to_digit(10)?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    (value <= max).then_some(value)
}

fn access(text: &[u8]) -> Option<u8> {
    let access = text.iter().try_fold(0u8, |access, byte| {
        let bit = match byte {
            b'r' => ACC_READ,
            b'w' => ACC_WRITE,
            b'm' => ACC_MKNOD,
            _ => return None,
        };
        (access & bit == 0).then_some(access | bit)
    })?;
    (access != 0).then_some(access)
}

/// Do the rules allow all of `access`, by one rule or by several together?
///
/// ```
/// use swarm_policy::{device_allowed, DeviceRule, ACC_READ, ACC_WRITE, DEV_CHAR};
/// let rules = [DeviceRule::parse(b"c 1:3 r").unwrap(), DeviceRule::parse(b"c 1:* w").unwrap()];
/// assert!(device_allowed(&rules, DEV_CHAR, 1, 3, ACC_READ | ACC_WRITE));
/// assert!(!device_allowed(&rules, DEV_CHAR, 1, 5, ACC_READ));
/// ```
pub fn device_allowed(rules: &[DeviceRule], kind: u8, major: u32, minor: u32, access: u8) -> bool {
    let mut missing = access;
    for rule in rules {
        if rule.matches(kind, major, minor) {
            missing &= !rule.access;
            if missing == 0 {
                return true;
            }
        }
    }
    missing == 0
}

/// The devices that rules speak of, in a few bits: whatever is not in here, none of them matches.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named {
    devices: u64,
    majors: u64,
}

impl Named {
    /// The bits of no rules.
    pub const NONE: Self = Self { devices: 0, majors: 0 };

    const fn device(major: u32, minor: u32) -> u64 {
        1u64.wrapping_shl(major.wrapping_mul(7).wrapping_add(minor))
    }

    const fn major(major: u32) -> u64 {
        1u64.wrapping_shl(major)
    }

    /// With a rule of these numbers as well.
    pub const fn with(mut self, major: u32, minor: u32) -> Self {
        if major == DEV_ANY {
            self.majors = u64::MAX;
        } else if minor == DEV_ANY {
            self.majors |= Self::major(major);
        } else {
            self.devices |= Self::device(major, minor);
        }
        self
    }

    /// False only where no rule matches such a device.
    pub fn may_have(self, major: u32, minor: u32) -> bool {
        self.devices & Self::device(major, minor) != 0 || self.majors & Self::major(major) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_rules_are_refused() {
        for text in [
            "", " ", "c", "b", "x 1:3 r", "c 1:3", "c 1:3 ", "c 1:3 x", "c 1:3 rr", "c 1:3:4 r", "c 1: r",
            "c :3 r", "c -1:3 r", "c 1:3 r ", "c  1:3 r", "c 4096:0 r", "c 0:1048576 r", "a ", "c 1:3 r w",
            "c 99999999999:0 r", "C 1:3 r",
        ] {
            assert_eq!(DeviceRule::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn the_largest_numbers_are_accepted() {
        let rule = DeviceRule::parse(b"b 4095:1048575 rwm").unwrap();
        assert_eq!(rule, DeviceRule::new(DEV_BLOCK, 4095, 1_048_575, 7));
    }

    #[test]
    fn a_allows_both_types() {
        let all = [DeviceRule::parse(b"a").unwrap()];
        assert!(device_allowed(&all, DEV_BLOCK, 8, 0, 7));
        assert!(device_allowed(&all, DEV_CHAR, 1, 1, 7));
        let some = [DeviceRule::parse(b"a *:* r").unwrap()];
        assert!(device_allowed(&some, DEV_CHAR, 1, 1, ACC_READ));
        assert!(!device_allowed(&some, DEV_CHAR, 1, 1, ACC_WRITE));
    }

    fn named(rules: &[DeviceRule]) -> Named {
        rules.iter().fold(Named::NONE, |named, rule| named.with(rule.major, rule.minor))
    }

    #[test]
    fn what_rules_match_they_name() {
        let rules: Vec<_> = ["c 1:3 r", "b 8:* w", "c 5:2 rwm", "c 4095:1048575 r"]
            .map(|text| DeviceRule::parse(text.as_bytes()).unwrap())
            .into();
        for rules in [&rules[..], &rules[..1], &[], &[DeviceRule::parse(b"c *:7 r").unwrap()][..]] {
            let named = named(rules);
            for (major, minor) in [(1, 3), (8, 0), (8, 77), (5, 2), (4095, 0xf_ffff), (9, 7), (1, 11), (65, 3)] {
                let matched = rules.iter().any(|rule| rule.matches(DEV_CHAR | DEV_BLOCK, major, minor));
                assert!(named.may_have(major, minor) || !matched, "{major}:{minor} of {rules:?}");
            }
        }
        assert!(!named(&rules).may_have(1, 11), "what none of them names");
    }

    #[test]
    fn no_rule_allows_nothing() {
        assert!(!device_allowed(&[], DEV_CHAR, 1, 3, ACC_READ));
    }
}
