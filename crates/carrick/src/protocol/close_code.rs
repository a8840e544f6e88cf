//! Close status codes, RFC 6455 §7.4 and the IANA registry built on it.

use std::fmt;

/// Why a connection was closed, as a number from 1000 to 4999 (RFC 6455 §7.4).
///
/// A `CloseCode` may hold any `u16`, because a report has to name what a peer really sent. What may travel in a close
/// frame is narrower: [`CloseCode::may_be_sent`] tells.
///
/// ```
/// use carrick::protocol::CloseCode;
///
/// assert!(CloseCode::NORMAL.may_be_sent());
/// assert!(CloseCode::from(3000).may_be_sent());
/// assert!(!CloseCode::ABNORMAL.may_be_sent());
/// assert_eq!(CloseCode::from(1009).to_string(), "1009 (message too big)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// 1001: the endpoint goes away: a server stops, or a page is left.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// 1003: the endpoint cannot accept this type of data, for example binary where it understands text only.
    pub const UNSUPPORTED_DATA: CloseCode = CloseCode(1003);
    /// 1005: never on the wire. Reported when a close frame carried no code.
    pub const NO_STATUS: CloseCode = CloseCode(1005);
    /// 1006: never on the wire. Reported when the connection ended without a close frame.
    pub const ABNORMAL: CloseCode = CloseCode(1006);
    /// 1007: data that does not match the type of its message, for example text that is not UTF-8.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode(1007);
    /// 1008: a message against the endpoint's policy, when no better code fits.
    pub const POLICY_VIOLATION: CloseCode = CloseCode(1008);
    /// 1009: a message larger than the endpoint accepts.
    pub const MESSAGE_TOO_BIG: CloseCode = CloseCode(1009);
    /// 1010: sent by a client that missed an extension in the server's answer.
    pub const MANDATORY_EXTENSION: CloseCode = CloseCode(1010);
    /// 1011: the endpoint met a condition that keeps it from fulfilling the request.
    pub const INTERNAL_ERROR: CloseCode = CloseCode(1011);
    /// 1012: the service is restarting; a client may reconnect, with a random delay.
    pub const SERVICE_RESTART: CloseCode = CloseCode(1012);
    /// 1013: the service is overloaded; a client should try another address or wait for its user.
    pub const TRY_AGAIN_LATER: CloseCode = CloseCode(1013);
    /// 1014: a gateway got an invalid answer from the server behind it.
    pub const BAD_GATEWAY: CloseCode = CloseCode(1014);
    /// 1015: never on the wire. Reported when the TLS handshake failed.
    pub const TLS_HANDSHAKE: CloseCode = CloseCode(1015);
    /// 3000: the endpoint needs credentials (IANA registry).
    pub const UNAUTHORIZED: CloseCode = CloseCode(3000);
    /// 3003: the endpoint knows who asks and refuses (IANA registry).
    pub const FORBIDDEN: CloseCode = CloseCode(3003);
    /// 3008: the endpoint waited too long for the peer (IANA registry).
    pub const TIMEOUT: CloseCode = CloseCode(3008);

    /// Whether the code may stand in a close frame: 1000–1003, 1007–1014 and 3000–4999.
    ///
    /// The same set is accepted from a peer. RFC 6455 §7.4.1 reserves 1004, 1005, 1006 and 1015; §7.4.2 leaves the rest
    /// below 3000 to future versions of the protocol.
    #[must_use]
    pub fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// The code in words, as the IANA registry has it; `None` for a number without a registered meaning.
    #[must_use]
    pub fn meaning(self) -> Option<&'static str> {
        Some(match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1005 => "no status received",
            1006 => "abnormal closure",
            1007 => "invalid frame payload data",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "mandatory extension",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            1015 => "TLS handshake",
            3000 => "unauthorized",
            3003 => "forbidden",
            3008 => "timeout",
            _ => return None,
        })
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> CloseCode {
        CloseCode(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> u16 {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning() {
            Some(meaning) => write!(f, "{} ({meaning})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_registered_and_private_ranges_may_be_sent() {
        for code in 0..=u16::MAX {
            let expected = (1000..=1003).contains(&code)
                || (1007..=1014).contains(&code)
                || (3000..=4999).contains(&code);
            assert_eq!(CloseCode::from(code).may_be_sent(), expected, "{code}");
        }
    }

    #[test]
    fn a_code_without_a_registered_meaning_is_shown_as_its_number() {
        assert_eq!(CloseCode::from(4242).to_string(), "4242");
        assert_eq!(format!("{:?}", CloseCode::NORMAL), "CloseCode(1000)");
    }
}
