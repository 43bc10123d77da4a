// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refusals of requests: an errno, the place, and what to do about it.

/// A key is at most this long, the NUL included.
pub const FIELD_MAX: usize = 32;
/// A message is at most this long, the NUL included.
pub const MESSAGE_MAX: usize = 192;

/// The errno for anything malformed, unknown or out of range.
pub const EINVAL: i32 = 22;
/// The errno for an object that is too long.
pub const E2BIG: i32 = 7;

/// Printable ASCII of bounded length, ended by NUL bytes.
///
/// `core::fmt` would link code that can panic, so text is put together by hand.
///
/// ```
/// use swarm_policy::Text;
/// let mut text = Text::<8>::new();
/// text.push_str("at ").push_u64(42).push_str(" or more");
/// assert_eq!(text.as_str(), "at 42 o");
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Text<N> {
    /// An empty text.
    pub const fn new() -> Self {
        Self { bytes: [0; N] }
    }

    fn len(&self) -> usize {
        self.bytes.iter().position(|&b| b == 0).unwrap_or(N)
    }

    /// Appends a byte; what is not printable, quotes and backslashes become `?`,
    /// so that the text may stand in JSON as it is. Drops what does not fit.
    pub fn push(&mut self, byte: u8) -> &mut Self {
        self.put(self.len(), byte);
        self
    }

    /// As [`Text::push`], where the text is known to be `at` bytes long.
    fn put(&mut self, at: usize, byte: u8) {
        let byte = match byte {
            b'"' | b'\\' => b'?',
            0x20..=0x7e => byte,
            _ => b'?',
        };
        if at.saturating_add(1) < N {
            if let Some(slot) = self.bytes.get_mut(at) {
                *slot = byte;
            }
        }
    }

    /// Appends bytes as [`Text::push`] does.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let mut at = self.len();
        for &byte in bytes {
            self.put(at, byte);
            at = at.saturating_add(1);
        }
        self
    }

    /// Appends a string as [`Text::push`] does.
    pub fn push_str(&mut self, text: &str) -> &mut Self {
        self.push_bytes(text.as_bytes())
    }

    /// Appends a number in decimal.
    pub fn push_u64(&mut self, value: u64) -> &mut Self {
        let mut digits = [0u8; 20];
        let mut rest = value;
        let mut first = digits.len();
        for slot in digits.iter_mut().rev() {
            // The remainder of a division by 10 fits in a byte.
            *slot = b'0'.wrapping_add((rest % 10) as u8);
            rest /= 10;
            first = first.saturating_sub(1);
            if rest == 0 {
                break;
            }
        }
        self.push_bytes(digits.get(first..).unwrap_or(&[]))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.len()).unwrap_or(&[]);
        core::str::from_utf8(text).unwrap_or("")
    }
}

/// The refusal of an object. The layout is `struct swarm_policy_error` of policy.h.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyError {
    /// A positive errno.
    pub error: i32,
    /// Bytes from the start of the object.
    pub offset: u32,
    /// The key at fault; empty where there is none.
    pub field: Text<FIELD_MAX>,
    /// The message: what was wrong and what to do.
    pub message: Text<MESSAGE_MAX>,
}

impl PolicyError {
    /// An error at `offset` with a message and no field.
    pub fn new(error: i32, offset: usize, message: &str) -> Self {
        let mut this = Self {
            error,
            // Objects are at most 4096 bytes long.
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            ..Self::default()
        };
        this.message.push_str(message);
        this
    }

    /// The same error with the key that is at fault.
    pub fn of(mut self, field: &[u8]) -> Self {
        self.field = Text::new();
        self.field.push_bytes(field);
        self
    }
}
