//! The six opcodes of RFC 6455 §5.2 and §11.8.

use std::fmt;

use crate::protocol::violation::Violation;

/// What a frame is (RFC 6455 §5.2).
///
/// ```
/// use carrick::protocol::Opcode;
///
/// assert!(Opcode::Ping.is_control());
/// assert_eq!(Opcode::Text.to_string(), "text");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// 0: the next fragment of the open message.
    Continuation,
    /// 1: a text message, or its first fragment.
    Text,
    /// 2: a binary message, or its first fragment.
    Binary,
    /// 8: a step of the closing handshake.
    Close,
    /// 9: asks for a pong.
    Ping,
    /// 10: answers a ping, or comes unasked.
    Pong,
}

impl Opcode {
    /// Whether the frame is a control frame: at most 125 bytes, never fragmented (RFC 6455 §5.5).
    #[must_use]
    pub fn is_control(self) -> bool {
        match self {
            Opcode::Continuation | Opcode::Text | Opcode::Binary => false,
            Opcode::Close | Opcode::Ping | Opcode::Pong => true,
        }
    }

    /// The four bits on the wire.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0,
            Opcode::Text => 1,
            Opcode::Binary => 2,
            Opcode::Close => 8,
            Opcode::Ping => 9,
            Opcode::Pong => 10,
        }
    }
}

impl TryFrom<u8> for Opcode {
    type Error = Violation;

    /// Reads the four bits.
    ///
    /// # Errors
    ///
    /// [`Violation::ReservedOpcode`]: "if an unknown opcode is received, the receiving endpoint MUST _Fail the
    /// WebSocket Connection_" (RFC 6455 §5.2).
    fn try_from(bits: u8) -> Result<Opcode, Violation> {
        Ok(match bits {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return Err(Violation::ReservedOpcode(bits)),
        })
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Opcode::Continuation => "continuation",
            Opcode::Text => "text",
            Opcode::Binary => "binary",
            Opcode::Close => "close",
            Opcode::Ping => "ping",
            Opcode::Pong => "pong",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_the_four_bits_is_an_opcode_or_reserved() {
        for bits in 0..16 {
            match Opcode::try_from(bits) {
                Ok(opcode) => assert_eq!(opcode.bits(), bits),
                Err(violation) => {
                    assert!(matches!(bits, 3..=7 | 11..=15));
                    assert_eq!(violation, Violation::ReservedOpcode(bits));
                }
            }
        }
    }
}
