// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding objects in a stream of bytes that may be cut anywhere.

use crate::error::{PolicyError, E2BIG, EINVAL};
use crate::policy::OBJECT_MAX;

/// Deeper than any object of the interface.
const DEPTH_MAX: u16 = 8;
/// The longest line that may stand for an object: an id and some white space.
const LINE_MAX: usize = 64;

/// The place of the next byte.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Between objects.
    #[default]
    Between = 0,
    Object = 1,
    String = 2,
    Escape = 3,
    /// After an error: up to the end of the line.
    SkipLine = 4,
    /// In an object that is too long: up to its end.
    SkipObject = 5,
    SkipString = 6,
    SkipEscape = 7,
    /// In a line that stands for an object.
    Line = 8,
}

/// The state between two pieces of a stream; `struct swarm_framer`, all zero at first but for `lines`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Framer {
    length: u32,
    depth: u16,
    state: State,
    /// Not 0: whatever begins no object begins a line, which is taken as one.
    pub lines: u8,
}

/// The result of [`Framer::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// All bytes are taken; the object goes on, or there is none yet.
    More,
    /// An object ends with the last byte taken.
    Object,
    /// No object can begin or go on; the stream was skipped to where one can.
    Error(PolicyError),
}

/// The answer of [`Framer::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The thing that was found.
    pub frame: Frame,
    /// The index of the object's first byte; 0 where it began in an earlier piece.
    pub start: usize,
    /// The number of bytes that were taken.
    pub taken: usize,
}

impl Framer {
    /// Bytes of the current object so far, or of the one that has just ended.
    pub fn length(&self) -> usize {
        // u32 fits in usize on every architecture with a swarm_guard.
        self.length as usize
    }

    /// Takes bytes up to the end of the next object.
    ///
    /// ```
    /// use swarm_policy::{Frame, Framer};
    /// let mut framer = Framer::default();
    /// assert_eq!(framer.next(b" {\"name\":").frame, Frame::More);
    /// let step = framer.next(b"\"}\"} {");
    /// assert_eq!((step.frame, step.taken, framer.length()), (Frame::Object, 4, 12));
    /// ```
    pub fn next(&mut self, bytes: &[u8]) -> Step {
        let mut error: Option<PolicyError> = None;
        let mut start = 0;
        if self.state == State::Between {
            self.length = 0;
        }
        for (index, &byte) in bytes.iter().enumerate() {
            let before = self.state;
            let failed = self.byte(byte);
            if before == State::Between && self.state != State::Between {
                start = index;
            }
            if failed.is_some() {
                self.length = 0;
                error = failed;
            }
            if self.state == State::Between && before != State::Between {
                let taken = index.saturating_add(1);
                match error {
                    Some(error) => return Step { frame: Frame::Error(error), start, taken },
                    None if self.length > 0 => return Step { frame: Frame::Object, start, taken },
                    None => (),
                }
            }
        }
        let frame = error.map_or(Frame::More, Frame::Error);
        Step { frame, start, taken: bytes.len() }
    }

    fn fail(&mut self, byte: u8, error: i32, message: &str) -> Option<PolicyError> {
        let offset = self.length.saturating_sub(1) as usize;
        // The line may end with the very byte that is at fault.
        self.state = if byte == b'\n' { State::Between } else { State::SkipLine };
        Some(PolicyError::new(error, offset, message))
    }

    #[inline(always)]
    fn byte(&mut self, byte: u8) -> Option<PolicyError> {
        // Most bytes are plain ones of a string.
        if self.state == State::String
            && byte >= 0x20
            && byte != b'"'
            && byte != b'\\'
            && self.length() < OBJECT_MAX
        {
            self.length = self.length.saturating_add(1);
            return None;
        }
        match self.state {
            State::SkipLine => {
                if byte == b'\n' {
                    self.state = State::Between;
                }
                None
            }
            State::SkipObject | State::SkipString | State::SkipEscape => {
                self.skip(byte);
                None
            }
            State::Between => match byte {
                b' ' | b'\t' | b'\n' | b'\r' => None,
                b'{' => {
                    self.state = State::Object;
                    self.depth = 1;
                    self.length = 1;
                    None
                }
                _ if self.lines != 0 => {
                    self.state = State::Line;
                    self.length = 1;
                    None
                }
                _ => self.fail(byte, EINVAL, "expected an object: {"),
            },
            State::Line => self.line(byte),
            State::Object | State::String | State::Escape => self.inside(byte),
        }
    }

    fn line(&mut self, byte: u8) -> Option<PolicyError> {
        if byte == b'\n' {
            self.state = State::Between;
        } else if self.length() == LINE_MAX {
            return self.fail(byte, EINVAL, "expected one id a line");
        } else {
            self.length = self.length.saturating_add(1);
        }
        None
    }

    fn inside(&mut self, byte: u8) -> Option<PolicyError> {
        if self.length() == OBJECT_MAX {
            self.state = match self.state {
                State::String => State::SkipString,
                State::Escape => State::SkipEscape,
                _ => State::SkipObject,
            };
            self.skip(byte);
            return Some(PolicyError::new(E2BIG, OBJECT_MAX, "an object may have 4096 bytes at most"));
        }
        self.length = self.length.saturating_add(1);
        match (self.state, byte) {
            (State::String | State::Escape, 0x00..=0x1f) => {
                return self.fail(byte, EINVAL, "a control byte in a string; write a backslash, u and four hexadecimal digits")
            }
            (State::Escape, _) => self.state = State::String,
            (State::String, b'\\') => self.state = State::Escape,
            (State::String, b'"') => self.state = State::Object,
            (State::String, _) => (),
            (_, b'"') => self.state = State::String,
            (_, b'{' | b'[') if self.depth == DEPTH_MAX => {
                return self.fail(byte, EINVAL, "nested deeper than any object of this interface")
            }
            (_, b'{' | b'[') => self.depth = self.depth.saturating_add(1),
            (_, b'}' | b']') => self.close(),
            _ => (),
        }
        None
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            self.state = State::Between;
        }
    }

    fn skip(&mut self, byte: u8) {
        match (self.state, byte) {
            (State::SkipString | State::SkipEscape, b'\n') => self.state = State::Between,
            (State::SkipEscape, _) => self.state = State::SkipString,
            (State::SkipString, b'\\') => self.state = State::SkipEscape,
            (State::SkipString, b'"') => self.state = State::SkipObject,
            (State::SkipString, _) => (),
            (_, b'"') => self.state = State::SkipString,
            (_, b'{' | b'[') => match self.depth.checked_add(1) {
                Some(depth) => self.depth = depth,
                None => self.state = State::SkipLine,
            },
            (_, b'}' | b']') => self.close(),
            _ => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything a stream holds, cut into pieces of a length.
    fn frames(stream: &[u8], piece: usize) -> Vec<(Vec<u8>, Option<(i32, u32)>)> {
        frames_of(Framer::default(), stream, piece)
    }

    fn frames_of(mut framer: Framer, stream: &[u8], piece: usize) -> Vec<(Vec<u8>, Option<(i32, u32)>)> {
        let mut object = Vec::new();
        let mut found = Vec::new();
        for mut rest in stream.chunks(piece) {
            while !rest.is_empty() {
                let before = object.len();
                let step = framer.next(rest);
                match step.frame {
                    Frame::Error(error) => {
                        found.push((Vec::new(), Some((error.error, error.offset))));
                        object.clear();
                    }
                    frame => {
                        let added = framer.length().saturating_sub(before);
                        object.extend_from_slice(&rest[step.start..step.start + added]);
                        if frame == Frame::Object {
                            found.push((core::mem::take(&mut object), None));
                        }
                    }
                }
                rest = &rest[step.taken..];
            }
        }
        found
    }

    #[test]
    fn objects_may_be_cut_anywhere() {
        let stream = b" {\"a\":\"}\\\"{\"}\n\n{\n}\t{\"b\":[{},[]]}{}";
        let whole = frames(stream, stream.len());
        let texts: Vec<_> = whole.iter().map(|(text, _)| text.as_slice()).collect();
        assert_eq!(texts, [&b"{\"a\":\"}\\\"{\"}"[..], b"{\n}", b"{\"b\":[{},[]]}", b"{}"]);
        for piece in 1..stream.len() {
            assert_eq!(frames(stream, piece), whole, "pieces of {piece}");
        }
    }

    #[test]
    fn an_error_costs_the_rest_of_its_line() {
        let stream = b"[1] {}\n{}\n{\"a\nb\":1}\n{}\n{{{{{{{{{}}}}}}}}}\n{}";
        let expected = vec![
            (vec![], Some((EINVAL, 0))),
            (b"{}".to_vec(), None),
            (vec![], Some((EINVAL, 3))),
            (vec![], Some((EINVAL, 0))),
            (b"{}".to_vec(), None),
            (vec![], Some((EINVAL, 8))),
            (b"{}".to_vec(), None),
        ];
        for piece in 1..=stream.len() {
            assert_eq!(frames(stream, piece), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn a_line_may_stand_for_an_object() {
        let long = [vec![b'1'; LINE_MAX + 1], b"\n".to_vec()].concat();
        let stream = [b"7\n\n {\"id\":8} 9 10 \n{}\n".to_vec(), long, b"11\r\n12".to_vec()].concat();
        let expected: Vec<(Vec<u8>, Option<(i32, u32)>)> = vec![
            (b"7".to_vec(), None),
            (b"{\"id\":8}".to_vec(), None),
            (b"9 10 ".to_vec(), None),
            (b"{}".to_vec(), None),
            (vec![], Some((EINVAL, 63))),
            (b"11\r".to_vec(), None),
        ];
        for piece in 1..=stream.len() {
            let framer = Framer { lines: 1, ..Framer::default() };
            assert_eq!(frames_of(framer, &stream, piece), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn a_line_waits_for_its_newline() {
        let mut framer = Framer { lines: 1, ..Framer::default() };
        assert_eq!(framer.next(b"5\n12").taken, 2);
        assert_eq!((framer.next(b"12").frame, framer.length()), (Frame::More, 2));
        assert_eq!((framer.next(b"3").frame, framer.length()), (Frame::More, 3));
        assert_eq!((framer.next(b"\n").frame, framer.length()), (Frame::Object, 3));
    }

    #[test]
    fn an_object_that_is_too_long_is_skipped_to_its_end() {
        let fits = [b"{\"a\":\"".to_vec(), vec![b'x'; OBJECT_MAX - 8], b"\"}".to_vec()].concat();
        assert_eq!(fits.len(), OBJECT_MAX);
        let too_long = [b"{\"a\":\"".to_vec(), vec![b'x'; OBJECT_MAX - 7], b"\"}".to_vec()].concat();
        let stream = [fits.clone(), too_long, b"\n{}".to_vec()].concat();
        for piece in [1, 7, 4096, stream.len()] {
            assert_eq!(
                frames(&stream, piece),
                [(fits.clone(), None), (vec![], Some((E2BIG, 4096))), (b"{}".to_vec(), None)],
                "pieces of {piece}"
            );
        }
    }
}
