//! What can go wrong in the async API.

use std::{error, fmt, io, time::Duration};

use crate::{
    protocol::{Rejection, ResponseError, SendError, Violation},
    proxy_error::ProxyError,
};

/// An error of a client, a server or an open WebSocket.
///
/// A normal close is not an error: a WebSocket that was closed cleanly ends with `None` from
/// [`recv`](crate::WebSocket::recv).
///
/// `{error}` says what failed, and `source` tells the cause; `{error:#}` shows it with all of its causes, in one line.
///
/// ```
/// let error = carrick::Error::from(std::io::Error::other("cable is cut"));
/// assert_eq!(format!("{error}"), "network error");
/// assert_eq!(format!("{error:#}"), "network error: cable is cut");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The network failed.
    Io(io::Error),
    /// The peer broke a rule of the protocol, a limit, or a deadline.
    Violation(Violation),
    /// What was asked for cannot be sent.
    Send(SendError),
    /// The server's answer to the opening handshake is no WebSocket, or breaks a rule.
    Response(Box<ResponseError>),
    /// The server refused a client's opening handshake.
    Rejection(Box<Rejection>),
    /// The address cannot be used.
    Url {
        /// The address as it was given, without its user, its query and its fragment.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting cannot be used.
    Config(Box<dyn error::Error + Send + Sync>),
    /// TLS failed.
    Tls(Box<dyn error::Error + Send + Sync>),
    /// A topic cannot be subscribed to or published to. Says why.
    Topic(String),
    /// A handler of the callback API returned an error of its own.
    Handler(Box<dyn error::Error + Send + Sync>),
    /// A proxy does not lead to the server.
    Proxy {
        /// The proxy, without a user.
        proxy: String,
        /// Host and port that it was to lead to.
        target: String,
        /// Why it does not.
        error: Box<ProxyError>,
    },
    /// The server sends us elsewhere, where we do not go.
    Redirect {
        /// Every address that led here, the first one first and the one that is not followed last; without users and
        /// queries.
        chain: Vec<String>,
        /// Why the last one is not followed.
        reason: String,
    },
    /// Something took too long.
    Timeout {
        /// What did.
        what: &'static str,
        /// How long it was given.
        waited: Duration,
    },
}

impl Error {
    /// What this means on the way to a proxy, or in its answer.
    pub(crate) fn into_proxy_error(self) -> ProxyError {
        match self {
            Error::Response(error) => ProxyError::Answer(*error),
            Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => ProxyError::Ended,
            other => ProxyError::Stream(Box::new(other)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_alone(f)?;
        let mut cause = error::Error::source(self).filter(|_| f.alternate());
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error {
    fn fmt_alone(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(_) => f.write_str("network error"),
            Error::Violation(violation) => write!(f, "connection failed ({})", violation.section()),
            Error::Send(_) => f.write_str("message was not sent"),
            Error::Response(_) => f.write_str("opening handshake failed"),
            Error::Rejection(_) => f.write_str("opening handshake refused"),
            Error::Url { url, reason } => write!(f, "address {url:?} cannot be used: {reason}"),
            Error::Config(_) => f.write_str("setting cannot be used"),
            Error::Tls(_) => f.write_str("TLS failed"),
            Error::Topic(reason) => write!(f, "topic cannot be used: {reason}"),
            Error::Handler(_) => f.write_str("handler failed"),
            Error::Proxy { proxy, target, .. } => write!(f, "proxy {proxy} does not lead to {target}"),
            Error::Redirect { chain, reason } => {
                write!(f, "redirect is not followed: {reason} ({})", chain.join(" → "))
            }
            Error::Timeout { what, waited } => write!(f, "{what} took longer than {waited:?}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            Error::Violation(violation) => Some(violation),
            Error::Send(error) => Some(error),
            Error::Response(error) => Some(&**error),
            Error::Rejection(error) => Some(&**error),
            Error::Proxy { error, .. } => Some(&**error),
            Error::Config(error) | Error::Tls(error) | Error::Handler(error) => Some(&**error),
            Error::Url { .. } | Error::Topic(_) | Error::Redirect { .. } | Error::Timeout { .. } => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Io(error)
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Error {
        Error::Violation(violation)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Error {
        Error::Send(error)
    }
}

impl From<ResponseError> for Error {
    fn from(error: ResponseError) -> Error {
        Error::Response(Box::new(error))
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Error {
        Error::Rejection(Box::new(rejection))
    }
}
