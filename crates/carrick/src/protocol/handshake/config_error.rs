//! What the caller can get wrong while configuring a handshake.

use std::fmt;

use http::HeaderName;

/// A value that a handshake of either role cannot be configured with.
///
/// This is the caller's mistake, found before anything is sent; what the other side does wrong is a
/// [`Rejection`](crate::protocol::Rejection) or a [`ResponseError`](crate::protocol::ResponseError).
///
/// ```
/// use carrick::protocol::DeflateConfig;
///
/// let error = DeflateConfig::default().with_own_max_window_bits(8).unwrap_err();
/// assert_eq!(error.to_string(), "own_max_window_bits is 8, must be 9 to 15");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeConfigError {
    /// A number lies outside its range.
    OutOfRange {
        /// Name of the setting.
        setting: &'static str,
        /// The value given.
        value: u8,
        /// The smallest value allowed.
        min: u8,
        /// The largest value allowed.
        max: u8,
    },
    /// A subprotocol name is not a token (RFC 6455 §4.1).
    SubprotocolInvalid {
        /// The name given.
        name: String,
    },
    /// A subprotocol is named twice (RFC 6455 §4.1).
    SubprotocolRepeated {
        /// The name given twice.
        name: String,
    },
    /// An extra header would clash with one that the handshake writes itself.
    HeaderReserved {
        /// The name of the header.
        name: HeaderName,
    },
    /// An origin is not `scheme://host` with an optional port, nor `null`.
    OriginInvalid {
        /// The text given.
        text: String,
    },
    /// A host is not a name or an address with an optional port.
    HostInvalid {
        /// The text given.
        text: String,
    },
    /// A network is not an IP address with an optional prefix length.
    NetworkInvalid {
        /// The text given.
        text: String,
    },
    /// A URL cannot be parsed.
    UrlInvalid,
    /// A URL's scheme is none of `ws`, `wss`, `http` and `https`.
    SchemeUnsupported {
        /// The scheme given, empty if there was none.
        scheme: String,
    },
    /// A URL carries a user name or password. The text does not repeat them.
    UserInformation,
    /// A URL has a fragment (RFC 6455 §3).
    Fragment,
}

impl fmt::Display for HandshakeConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeConfigError::OutOfRange { setting, value, min, max } => {
                write!(f, "{setting} is {value}, must be {min} to {max}")
            }
            HandshakeConfigError::SubprotocolInvalid { name } => {
                write!(f, "subprotocol {name:?} is not a token: letters, digits and !#$%&'*+-.^_`|~ only")
            }
            HandshakeConfigError::SubprotocolRepeated { name } => {
                write!(f, "subprotocol {name:?} is named twice")
            }
            HandshakeConfigError::HeaderReserved { name } => {
                write!(f, "header {name} is written by the handshake itself")
            }
            HandshakeConfigError::OriginInvalid { text } => {
                write!(f, "origin {text:?} is not scheme://host with an optional port, nor null")
            }
            HandshakeConfigError::HostInvalid { text } => {
                write!(f, "host {text:?} is not a name or an address with an optional port")
            }
            HandshakeConfigError::NetworkInvalid { text } => {
                write!(
                    f,
                    "network {text:?} is not an address like 10.0.0.0/8 with no bit set behind its prefix"
                )
            }
            HandshakeConfigError::UrlInvalid => f.write_str("url cannot be parsed"),
            HandshakeConfigError::SchemeUnsupported { scheme } => {
                write!(f, "url scheme {scheme:?} is none of ws, wss, http, https")
            }
            HandshakeConfigError::UserInformation => {
                f.write_str("url has a user name or password, send them in an authorization header")
            }
            HandshakeConfigError::Fragment => {
                f.write_str("url has a fragment, a websocket url must not have one")
            }
        }
    }
}

impl std::error::Error for HandshakeConfigError {}
