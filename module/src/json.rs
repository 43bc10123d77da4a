// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reader of JSON (RFC 8259), value by value, in one pass over the bytes.
//!
//! It makes no tree: the caller asks for what it expects next and gets the
//! value, or an error with the offset of the byte that is at fault.

use crate::error::{PolicyError, EINVAL};

/// A position in a JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The answer of every step.
pub type Result<T> = core::result::Result<T, PolicyError>;

/// A string as it stands in the text, between its quotes.
#[derive(Clone, Copy, Debug)]
pub struct RawString<'a> {
    /// The text between the quotes, escapes not decoded.
    pub raw: &'a [u8],
    /// The offset of the opening quote.
    pub offset: usize,
    escaped: bool,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The offset of the next byte.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The next byte, if there is one.
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn bump(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// An error at the next byte.
    pub fn fail<T>(&self, message: &str) -> Result<T> {
        let message = if self.peek().is_none() {
            "the object ends too early"
        } else {
            message
        };
        Err(PolicyError::new(EINVAL, self.at, message))
    }

    /// Skips white space.
    pub fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.bump();
        }
    }

    /// Takes `byte` behind white space, or fails with `message`.
    pub fn expect(&mut self, byte: u8, message: &str) -> Result<()> {
        if self.take(byte) {
            Ok(())
        } else {
            self.fail(message)
        }
    }

    /// Takes `byte` behind white space if it is there.
    pub fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        if found {
            self.bump();
        }
        found
    }

    /// Is nothing but white space left?
    pub fn at_end(&mut self) -> bool {
        self.skip_space();
        self.peek().is_none()
    }

    /// Nothing but white space is left.
    pub fn end(&mut self) -> Result<()> {
        if self.at_end() {
            Ok(())
        } else {
            self.fail("nothing may follow the object")
        }
    }

    /// A string; it is checked, not decoded.
    pub fn string(&mut self, message: &str) -> Result<RawString<'a>> {
        self.skip_space();
        let offset = self.at;
        self.expect(b'"', message)?;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0x00..=0x1f) => return self.fail("a control byte in a string; write a backslash, u and four hexadecimal digits"),
                Some(0x20..=0x7f) => self.bump(),
                Some(_) => self.utf8()?,
                None => return self.fail(""),
            }
        }
        let raw = self.bytes.get(start..self.at).unwrap_or(&[]);
        self.bump();
        Ok(RawString { raw, offset, escaped })
    }

    /// A sequence of two to four bytes (RFC 3629, section 4).
    fn utf8(&mut self) -> Result<()> {
        const MESSAGE: &str = "a string that is not UTF-8";
        let (more, low, high) = match self.peek() {
            Some(0xc2..=0xdf) => (1, 0x80, 0xbf),
            Some(0xe0) => (2, 0xa0, 0xbf),
            Some(0xed) => (2, 0x80, 0x9f),
            Some(0xe1..=0xef) => (2, 0x80, 0xbf),
            Some(0xf0) => (3, 0x90, 0xbf),
            Some(0xf1..=0xf3) => (3, 0x80, 0xbf),
            Some(0xf4) => (3, 0x80, 0x8f),
            _ => return self.fail(MESSAGE),
        };
        self.bump();
        let mut range = low..=high;
        for _ in 0..more {
            match self.peek() {
                Some(byte) if range.contains(&byte) => self.bump(),
                _ => return self.fail(MESSAGE),
            }
            range = 0x80..=0xbf;
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<()> {
        let start = self.at;
        self.bump();
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.bump();
                Ok(())
            }
            Some(b'u') => {
                self.bump();
                let unit = self.hex4()?;
                let lone = Err(PolicyError::new(EINVAL, start, "half of a surrogate pair"));
                match unit {
                    0xdc00..=0xdfff => lone,
                    0xd800..=0xdbff => {
                        if self.bytes.get(self.at..self.at.saturating_add(2)) != Some(b"\\u") {
                            return lone;
                        }
                        self.at = self.at.saturating_add(2);
                        match self.hex4()? {
                            0xdc00..=0xdfff => Ok(()),
                            _ => lone,
                        }
                    }
                    _ => Ok(()),
                }
            }
            _ => self.fail("an escape that JSON does not have"),
        }
    }

    fn hex4(&mut self) -> Result<u32> {
        let mut value = 0u32;
        for _ in 0..4 {
            match self.peek().and_then(hex_digit) {
                Some(digit) => value = (value << 4) | digit,
                None => return self.fail("a backslash and u take four hexadecimal digits"),
            }
            self.bump();
        }
        Ok(value)
    }

    /// An integer from 0 to 2^64 - 1, and its offset; `message` says what was expected.
    pub fn uint(&mut self, message: impl Fn(&mut PolicyError)) -> Result<(u64, usize)> {
        self.skip_space();
        let offset = self.at;
        let fail = |at: usize| {
            let mut error = PolicyError::new(EINVAL, at, "");
            message(&mut error);
            Err(error)
        };
        let mut value: Option<u64> = Some(0);
        let mut digits = 0u32;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            if digits == 1 && value == Some(0) {
                return self.fail("JSON allows no leading zeros");
            }
            value = value
                .and_then(|v| v.checked_mul(10))
                .and_then(|v| v.checked_add(u64::from(digit.wrapping_sub(b'0'))));
            digits = digits.saturating_add(1);
            self.bump();
        }
        if digits == 0 && self.peek().is_none() {
            return self.fail("");
        }
        match (value, self.peek()) {
            (_, Some(b'.' | b'e' | b'E')) => fail(self.at),
            (Some(value), _) if digits > 0 => Ok((value, offset)),
            _ => fail(offset),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool> {
        self.skip_space();
        for (word, value) in [(&b"true"[..], true), (&b"false"[..], false)] {
            let end = self.at.saturating_add(word.len());
            if self.bytes.get(self.at..end) == Some(word) {
                self.at = end;
                return Ok(value);
            }
        }
        self.fail("expected true or false")
    }
}

fn hex_digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

impl<'a> RawString<'a> {
    /// The decoded bytes, one by one, as UTF-8.
    pub fn decode(&self, mut sink: impl FnMut(u8)) {
        if !self.escaped {
            self.raw.iter().copied().for_each(sink);
            return;
        }
        let mut at = 0usize;
        while let Some(&byte) = self.raw.get(at) {
            at = at.saturating_add(1);
            if byte != b'\\' {
                sink(byte);
                continue;
            }
            let kind = self.raw.get(at).copied().unwrap_or(b'\\');
            at = at.saturating_add(1);
            let plain = match kind {
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => {
                    let mut scalar = self.unit(at);
                    at = at.saturating_add(4);
                    if (0xd800..0xdc00).contains(&scalar) {
                        let low = self.unit(at.saturating_add(2)) & 0x3ff;
                        at = at.saturating_add(6);
                        scalar = 0x10000u32.saturating_add(((scalar & 0x3ff) << 10) | low);
                    }
                    let mut buffer = [0u8; 4];
                    let decoded = char::from_u32(scalar).unwrap_or('\u{fffd}');
                    decoded.encode_utf8(&mut buffer).bytes().for_each(&mut sink);
                    continue;
                }
                other => other,
            };
            sink(plain);
        }
    }

    fn unit(&self, at: usize) -> u32 {
        let digits = self.raw.get(at..at.saturating_add(4)).unwrap_or(&[]);
        digits
            .iter()
            .fold(0, |value, &byte| (value << 4) | hex_digit(byte).unwrap_or(0))
    }

    /// Does `text` stand between the quotes, with no escape?
    pub fn is_plain(&self, text: &[u8]) -> bool {
        // By hand: comparing slices would call the library.
        self.raw.len() == text.len() && self.raw.iter().zip(text).all(|(a, b)| a == b)
    }

    /// Is the decoded string `text`, which is plain ASCII?
    pub fn is(&self, text: &[u8]) -> bool {
        if !self.escaped {
            return self.is_plain(text);
        }
        let mut rest = text.iter();
        let mut same = true;
        self.decode(|byte| same &= rest.next() == Some(&byte));
        same && rest.next().is_none()
    }
}
