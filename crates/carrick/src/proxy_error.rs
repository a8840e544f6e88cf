//! What can go wrong between a client and its proxy.

use std::{error, fmt};

use http::StatusCode;

use crate::protocol::ResponseError;

/// Why a proxy does not lead to the server: what stands in [`Error::Proxy`](crate::Error::Proxy).
///
/// ```
/// use carrick::ProxyError;
///
/// let error = ProxyError::SocksReply { code: 5 };
/// assert_eq!(error.to_string(), "proxy refused: the server does not take the connection (reply 5)");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy cannot be reached, or the stream to it failed. Holds the [`Error`](crate::Error) that says why.
    Stream(Box<dyn error::Error + Send + Sync>),
    /// The proxy ended the stream instead of answering.
    Ended,
    /// The proxy's answer to CONNECT is no HTTP/1.x.
    Answer(ResponseError),
    /// The proxy answered CONNECT with a status other than 2xx and 407.
    Status {
        /// The status.
        status: StatusCode,
    },
    /// The proxy wants a user and a password, and has been given none.
    CredentialsMissing {
        /// What an HTTP proxy would take, for example `Basic`; empty if it does not say.
        schemes: String,
    },
    /// The proxy knows no such user with this password.
    CredentialsRefused,
    /// A SOCKS proxy takes neither a client without authentication nor a user with a password.
    SocksMethods,
    /// A SOCKS proxy could not or would not connect to the server (RFC 1928 §6).
    SocksReply {
        /// The code of its reply, not 0.
        code: u8,
    },
    /// What a SOCKS proxy should have said is something else. Perhaps it is none.
    SocksMalformed {
        /// The field.
        what: &'static str,
        /// Its value.
        value: u8,
    },
    /// The name of the server cannot be said to the proxy: a SOCKS proxy takes up to 255 bytes.
    HostUnusable {
        /// The name, shortened.
        host: String,
    },
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyError::Stream(_) => f.write_str("stream to the proxy failed"),
            ProxyError::Ended => f.write_str("proxy ended the stream without an answer"),
            ProxyError::Answer(_) => f.write_str("answer of the proxy cannot be read"),
            ProxyError::Status { status } => write!(f, "proxy answered {status}"),
            ProxyError::CredentialsMissing { schemes } if schemes.is_empty() => {
                f.write_str("proxy wants a user and a password, put them into its url")
            }
            ProxyError::CredentialsMissing { schemes } if !offers_basic(schemes) => {
                write!(f, "proxy wants authentication by {}, only Basic is there", schemes.escape_debug())
            }
            ProxyError::CredentialsMissing { .. } => {
                f.write_str("proxy wants a user and a password (status 407), put them into its url")
            }
            ProxyError::CredentialsRefused => f.write_str("proxy refused the user or the password"),
            ProxyError::SocksMethods => f.write_str("proxy wants authentication other than by a password"),
            ProxyError::SocksReply { code } => {
                write!(f, "proxy refused: {} (reply {code})", socks_words(*code))
            }
            ProxyError::SocksMalformed { what, value } => {
                write!(f, "proxy does not speak socks 5: {what} is {value}")
            }
            ProxyError::HostUnusable { host } => write!(f, "proxy cannot be asked for host {host:?}"),
        }
    }
}

impl error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            ProxyError::Stream(error) => Some(&**error),
            ProxyError::Answer(error) => Some(error),
            ProxyError::Ended
            | ProxyError::Status { .. }
            | ProxyError::CredentialsMissing { .. }
            | ProxyError::CredentialsRefused
            | ProxyError::SocksMethods
            | ProxyError::SocksReply { .. }
            | ProxyError::SocksMalformed { .. }
            | ProxyError::HostUnusable { .. } => None,
        }
    }
}

fn offers_basic(schemes: &str) -> bool {
    schemes.split(", ").any(|scheme| scheme.eq_ignore_ascii_case("basic"))
}

/// RFC 1928 §6.
fn socks_words(code: u8) -> &'static str {
    match code {
        0 => "nothing is wrong",
        1 => "it failed for no stated reason",
        2 => "its rules forbid this connection",
        3 => "the server's network cannot be reached",
        4 => "the server cannot be reached",
        5 => "the server does not take the connection",
        6 => "the time to live ran out on the way",
        7 => "it does not know the command to connect",
        8 => "it does not know this kind of address",
        _ => "for a reason that no standard names",
    }
}
