//! The payload of a close frame: a code and a reason (RFC 6455 §5.5.1).

use std::fmt;

use bytes::{BufMut, BytesMut};

use super::header::MAX_CONTROL_BYTES;
use crate::protocol::{close_code::CloseCode, violation::Violation};

/// A close frame: why the connection ends, as a code and in words.
///
/// An empty close frame, which RFC 6455 §5.5.1 allows, has the code [`CloseCode::NO_STATUS`] and no reason.
///
/// ```
/// use carrick::protocol::{CloseCode, CloseFrame};
///
/// let frame = CloseFrame::new(CloseCode::NORMAL, "bye")?;
/// assert_eq!(frame.to_string(), "1000 (normal closure): bye");
/// # Ok::<(), carrick::protocol::CloseFrameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    code: CloseCode,
    reason: Box<str>,
}

/// Why a code and a reason cannot travel in a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseFrameError {
    /// The code must not be on the wire (RFC 6455 §7.4); see [`CloseCode::may_be_sent`].
    CodeForbidden(CloseCode),
    /// The reason is longer than the 123 bytes that a control frame has room for. Holds its length.
    ReasonTooLong(usize),
}

impl CloseFrame {
    /// Most bytes of UTF-8 that a reason can have: 125 for a control frame, less two for the code.
    pub const MAX_REASON_BYTES: usize = MAX_CONTROL_BYTES as usize - 2;

    /// A close frame with a code and a reason, which may be empty.
    ///
    /// # Errors
    ///
    /// [`CloseFrameError`] if the code may not be sent or the reason is longer than
    /// [`CloseFrame::MAX_REASON_BYTES`].
    pub fn new(code: CloseCode, reason: &str) -> Result<CloseFrame, CloseFrameError> {
        if !code.may_be_sent() {
            return Err(CloseFrameError::CodeForbidden(code));
        }
        if reason.len() > CloseFrame::MAX_REASON_BYTES {
            return Err(CloseFrameError::ReasonTooLong(reason.len()));
        }
        Ok(CloseFrame { code, reason: reason.into() })
    }

    /// A close frame without code and reason.
    #[must_use]
    pub fn empty() -> CloseFrame {
        CloseFrame { code: CloseCode::NO_STATUS, reason: Box::default() }
    }

    /// The close frame that answers a violation: its code, and its text as far as there is room. `None` for a
    /// violation after which no frame can be sent.
    #[must_use]
    pub fn answering(violation: &Violation) -> Option<CloseFrame> {
        let code = violation.close_code();
        if !code.may_be_sent() {
            return None;
        }
        let mut reason = violation.to_string();
        let mut end = reason.len().min(CloseFrame::MAX_REASON_BYTES);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason.truncate(end);
        Some(CloseFrame { code, reason: reason.into() })
    }

    /// Reads the payload of a received close frame.
    ///
    /// # Errors
    ///
    /// [`Violation::CloseFrameTruncated`], [`Violation::CloseCodeForbidden`] or [`Violation::CloseReasonNotUtf8`].
    pub fn parse(payload: &[u8]) -> Result<CloseFrame, Violation> {
        match payload.split_first_chunk::<2>() {
            Some((code, reason)) => {
                let code = CloseCode::from(u16::from_be_bytes(*code));
                if !code.may_be_sent() {
                    return Err(Violation::CloseCodeForbidden(code));
                }
                let reason = std::str::from_utf8(reason).map_err(|_| Violation::CloseReasonNotUtf8)?;
                Ok(CloseFrame { code, reason: reason.into() })
            }
            None if payload.is_empty() => Ok(CloseFrame::empty()),
            // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer" (§5.5.1).
            None => Err(Violation::CloseFrameTruncated),
        }
    }

    /// The payload on the wire, 0 to 125 bytes.
    #[must_use]
    pub fn payload(&self) -> BytesMut {
        let mut payload = BytesMut::new();
        if self.code != CloseCode::NO_STATUS {
            payload.reserve(self.reason.len() + 2);
            payload.put_u16(self.code.into());
            payload.put_slice(self.reason.as_bytes());
        }
        payload
    }

    /// The code; [`CloseCode::NO_STATUS`] if the frame was empty.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason, empty if none was given. It comes from the peer: do not trust it as markup.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason.is_empty() {
            write!(f, "{}", self.code)
        } else {
            write!(f, "{}: {}", self.code, self.reason)
        }
    }
}

impl fmt::Display for CloseFrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseFrameError::CodeForbidden(code) => {
                write!(
                    f,
                    "close code {code} must not be sent, use 1000 to 1003, 1007 to 1014 or 3000 to 4999"
                )
            }
            CloseFrameError::ReasonTooLong(length) => {
                write!(f, "close reason is {length} bytes, limit is {}", CloseFrame::MAX_REASON_BYTES)
            }
        }
    }
}

impl std::error::Error for CloseFrameError {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_reason_fits_up_to_123_bytes() {
        for length in [0, 1, 122, 123] {
            let reason = "r".repeat(length);
            let frame = CloseFrame::new(CloseCode::NORMAL, &reason).unwrap();
            assert_eq!(frame.payload().len(), length + 2);
            assert_eq!(CloseFrame::parse(&frame.payload()), Ok(frame));
        }
        let reason = "r".repeat(124);
        let error = CloseFrame::new(CloseCode::NORMAL, &reason).unwrap_err();
        assert_eq!(error.to_string(), "close reason is 124 bytes, limit is 123");
    }

    #[test]
    fn a_code_that_must_not_be_on_the_wire_is_refused_both_ways() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            let code = CloseCode::from(code);
            assert_eq!(CloseFrame::new(code, ""), Err(CloseFrameError::CodeForbidden(code)));
            let payload = u16::from(code).to_be_bytes();
            assert_eq!(CloseFrame::parse(&payload), Err(Violation::CloseCodeForbidden(code)));
        }
    }

    #[test]
    fn half_a_code_and_a_reason_that_is_not_utf8_are_violations() {
        assert_eq!(CloseFrame::parse(&[]), Ok(CloseFrame::empty()));
        assert_eq!(CloseFrame::parse(&[3]), Err(Violation::CloseFrameTruncated));
        assert_eq!(CloseFrame::parse(&[3, 0xe8, 0xff]), Err(Violation::CloseReasonNotUtf8));
    }

    #[test]
    fn a_violation_is_answered_unless_nothing_can_be_sent() {
        let frame = CloseFrame::answering(&Violation::TextNotUtf8).unwrap();
        assert_eq!(frame.to_string(), "1007 (invalid frame payload data): text message is not UTF-8");
        assert_eq!(CloseFrame::answering(&Violation::EndOfStream), None);
        assert_eq!(CloseFrame::answering(&Violation::CloseTimeout { waited: Duration::ZERO }), None);
    }
}
