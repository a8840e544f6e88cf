//! The rules that a peer can break, one variant per rule.

use std::{fmt, time::Duration};

use super::close_code::CloseCode;

/// A rule that the peer broke, and with it the reason why the connection fails (RFC 6455 §7.1.7).
///
/// Each variant knows the section it comes from ([`Violation::section`]) and the code of the close frame that answers
/// it ([`Violation::close_code`]). The text of the error names the value and the limit.
///
/// ```
/// use carrick::protocol::{CloseCode, Violation};
///
/// let violation = Violation::MessageTooLarge { length: 1_048_577, limit: 1_048_576 };
/// assert_eq!(violation.close_code(), CloseCode::MESSAGE_TOO_BIG);
/// assert_eq!(violation.to_string(), "message is at least 1048577 bytes, limit is 1048576");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A reserved bit was set that no negotiated extension gives a meaning to. Holds RSV1–3 as bits 2–0.
    ReservedBits(u8),
    /// The opcode is one of 3–7 or 11–15.
    ReservedOpcode(u8),
    /// A length was written in more bytes than it needs. Holds the length.
    LengthNotMinimal(u64),
    /// The most significant bit of a 64-bit length was set. Holds the length as written.
    LengthTooLong(u64),
    /// A client sent a frame that is not masked.
    MaskMissing,
    /// A server sent a frame that is masked.
    MaskForbidden,
    /// A control frame announced more than 125 bytes. Holds the length.
    ControlFrameTooLong(u64),
    /// A control frame came without FIN.
    ControlFrameFragmented,
    /// A control frame came with RSV1 although permessage-deflate was negotiated.
    ControlFrameCompressed,
    /// A continuation frame came with RSV1 although permessage-deflate was negotiated.
    ContinuationCompressed,
    /// A continuation frame came while no message was open.
    ContinuationUnexpected,
    /// A text or binary frame came while a fragmented message was open.
    ContinuationExpected,
    /// A close frame had a payload of exactly one byte.
    CloseFrameTruncated,
    /// A close frame carried a code that must not be on the wire.
    CloseCodeForbidden(CloseCode),
    /// The reason in a close frame is not UTF-8.
    CloseReasonNotUtf8,
    /// A text message is not UTF-8.
    TextNotUtf8,
    /// A compressed message is not a valid DEFLATE stream.
    DeflateInvalid,
    /// A frame announced more bytes than the limit for one frame.
    FrameTooLarge {
        /// Announced length in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A message grew beyond the limit, counted after inflation.
    MessageTooLarge {
        /// Bytes known so far; the whole message may have been longer.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A message came in more fragments than the limit.
    TooManyFragments {
        /// The limit.
        limit: u32,
    },
    /// More empty fragments in a row than the limit.
    TooManyEmptyFragments {
        /// The limit.
        limit: u32,
    },
    /// No pong came in time for a ping that keepalive sent.
    PongMissing {
        /// How long the ping has waited.
        waited: Duration,
    },
    /// Nothing at all came from the peer for too long.
    Idle {
        /// How long nothing came.
        waited: Duration,
    },
    /// The peer did not finish the closing handshake in time.
    CloseTimeout {
        /// How long it was given.
        waited: Duration,
    },
    /// The peer ended the stream without a close frame.
    EndOfStream,
}

impl Violation {
    /// The section of the RFC that states the rule, or that allows the limit.
    #[must_use]
    pub fn section(&self) -> &'static str {
        match self {
            Violation::ReservedBits(_)
            | Violation::ReservedOpcode(_)
            | Violation::LengthNotMinimal(_)
            | Violation::LengthTooLong(_) => "RFC 6455 §5.2",
            Violation::MaskMissing | Violation::MaskForbidden => "RFC 6455 §5.1",
            Violation::ControlFrameTooLong(_) | Violation::ControlFrameFragmented => "RFC 6455 §5.5",
            Violation::ControlFrameCompressed | Violation::ContinuationCompressed => "RFC 7692 §6.1",
            Violation::ContinuationUnexpected | Violation::ContinuationExpected => "RFC 6455 §5.4",
            Violation::CloseFrameTruncated | Violation::CloseReasonNotUtf8 => "RFC 6455 §5.5.1",
            Violation::CloseCodeForbidden(_) => "RFC 6455 §7.4",
            Violation::TextNotUtf8 => "RFC 6455 §8.1",
            Violation::DeflateInvalid => "RFC 7692 §7.2.2",
            Violation::FrameTooLarge { .. }
            | Violation::MessageTooLarge { .. }
            | Violation::TooManyFragments { .. }
            | Violation::TooManyEmptyFragments { .. } => "RFC 6455 §10.4",
            Violation::PongMissing { .. } => "RFC 6455 §5.5.3",
            Violation::Idle { .. } => "RFC 6455 §7.2.1",
            Violation::CloseTimeout { .. } => "RFC 6455 §7.1.1",
            Violation::EndOfStream => "RFC 6455 §7.1.5",
        }
    }

    /// The code of the close frame that answers the violation.
    ///
    /// [`CloseCode::ABNORMAL`] stands for "no close frame can be sent any more": the peer is gone or never answered
    /// one.
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match self {
            Violation::ReservedBits(_)
            | Violation::ReservedOpcode(_)
            | Violation::LengthNotMinimal(_)
            | Violation::LengthTooLong(_)
            | Violation::MaskMissing
            | Violation::MaskForbidden
            | Violation::ControlFrameTooLong(_)
            | Violation::ControlFrameFragmented
            | Violation::ControlFrameCompressed
            | Violation::ContinuationCompressed
            | Violation::ContinuationUnexpected
            | Violation::ContinuationExpected
            | Violation::CloseFrameTruncated
            | Violation::CloseCodeForbidden(_) => CloseCode::PROTOCOL_ERROR,
            Violation::CloseReasonNotUtf8 | Violation::TextNotUtf8 | Violation::DeflateInvalid => {
                CloseCode::INVALID_PAYLOAD
            }
            Violation::FrameTooLarge { .. } | Violation::MessageTooLarge { .. } => CloseCode::MESSAGE_TOO_BIG,
            Violation::TooManyFragments { .. } | Violation::TooManyEmptyFragments { .. } => {
                CloseCode::POLICY_VIOLATION
            }
            Violation::PongMissing { .. } => CloseCode::INTERNAL_ERROR,
            Violation::Idle { .. } => CloseCode::TIMEOUT,
            Violation::CloseTimeout { .. } | Violation::EndOfStream => CloseCode::ABNORMAL,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::ReservedBits(bits) => {
                write!(f, "reserved bits {bits:03b} are set, no negotiated extension uses them")
            }
            Violation::ReservedOpcode(opcode) => write!(f, "opcode {opcode} is reserved"),
            Violation::LengthNotMinimal(length) => {
                write!(f, "length {length} is not in its shortest form")
            }
            Violation::LengthTooLong(length) => write!(f, "length {length:#x} has its highest bit set"),
            Violation::MaskMissing => f.write_str("frame of a client is not masked"),
            Violation::MaskForbidden => f.write_str("frame of a server is masked"),
            Violation::ControlFrameTooLong(length) => {
                write!(f, "control frame is {length} bytes, limit is 125")
            }
            Violation::ControlFrameFragmented => f.write_str("control frame is fragmented"),
            Violation::ControlFrameCompressed => f.write_str("control frame is marked as compressed"),
            Violation::ContinuationCompressed => f.write_str("continuation frame is marked as compressed"),
            Violation::ContinuationUnexpected => {
                f.write_str("continuation frame without a message to continue")
            }
            Violation::ContinuationExpected => f.write_str("new message while a fragmented one is open"),
            Violation::CloseFrameTruncated => {
                f.write_str("close frame has half a code: its payload is 1 byte")
            }
            Violation::CloseCodeForbidden(code) => write!(f, "close code {code} must not be on the wire"),
            Violation::CloseReasonNotUtf8 => f.write_str("reason in the close frame is not UTF-8"),
            Violation::TextNotUtf8 => f.write_str("text message is not UTF-8"),
            Violation::DeflateInvalid => f.write_str("compressed message is not valid DEFLATE"),
            Violation::FrameTooLarge { length, limit } => {
                write!(f, "frame is {length} bytes, limit is {limit}")
            }
            Violation::MessageTooLarge { length, limit } => {
                write!(f, "message is at least {length} bytes, limit is {limit}")
            }
            Violation::TooManyFragments { limit } => {
                write!(f, "message has more than {limit} fragments")
            }
            Violation::TooManyEmptyFragments { limit } => {
                write!(f, "more than {limit} empty fragments in a row")
            }
            Violation::PongMissing { waited } => write!(f, "no pong within {waited:?}"),
            Violation::Idle { waited } => write!(f, "nothing received for {waited:?}"),
            Violation::CloseTimeout { waited } => {
                write!(f, "closing handshake not finished within {waited:?}")
            }
            Violation::EndOfStream => f.write_str("stream ended without a close frame"),
        }
    }
}

impl std::error::Error for Violation {}
