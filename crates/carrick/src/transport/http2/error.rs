//! What goes wrong with HTTP/2, as an error of I/O.

use std::{error, fmt, io};

use h2::Reason;

/// An error of a stream or of the connection below it. One that the peer wanted is of the kind `ConnectionReset`.
pub(crate) fn io_error(error: h2::Error) -> io::Error {
    if error.is_io() {
        return error.into_io().unwrap_or_else(|| io::ErrorKind::Other.into());
    }
    let kind =
        if error.is_remote() { io::ErrorKind::ConnectionReset } else { io::ErrorKind::ConnectionAborted };
    let Some(reason) = error.reason() else { return io::Error::new(kind, error) };
    io::Error::new(kind, Ended { whole: error.is_go_away(), remote: error.is_remote(), reason })
}

/// The error of a stream that the peer has reset.
pub(super) fn reset(reason: Reason) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, Ended { whole: false, remote: true, reason })
}

/// A stream or a connection that somebody has ended by a code (RFC 9113 §7).
#[derive(Debug)]
struct Ended {
    /// Whether it was the connection.
    whole: bool,
    remote: bool,
    reason: Reason,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ended { whole, remote, reason } = self;
        let what = if *whole { "http/2 connection" } else { "http/2 stream" };
        let who = if *remote { "peer" } else { "we" };
        match *reason {
            // RFC 9113 §8.1: NO_ERROR asks a client to stop a request that was answered in full.
            Reason::NO_ERROR if !*whole => write!(f, "{who} needed no more of the {what}"),
            Reason::NO_ERROR => write!(f, "{who} ended the {what} in order"),
            Reason::CANCEL => write!(f, "{who} cancelled the {what}"),
            other => write!(f, "{who} ended the {what} with {other:?}"),
        }
    }
}

impl error::Error for Ended {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_stream_is_told_from_one_that_is_not_needed_any_more() {
        for (reason, text) in [
            (Reason::NO_ERROR, "peer needed no more of the http/2 stream"),
            (Reason::CANCEL, "peer cancelled the http/2 stream"),
            (Reason::REFUSED_STREAM, "peer ended the http/2 stream with REFUSED_STREAM"),
        ] {
            let error = reset(reason);
            assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::ConnectionReset, text.to_owned()));
        }
    }
}
