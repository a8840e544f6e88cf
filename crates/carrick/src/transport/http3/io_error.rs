//! What QUIC fails with, in the words of byte streams.

use std::{error, fmt, io};

use quinn::{ConnectionError, ReadError, VarInt, WriteError};

use super::error_code::ErrorCode;

/// What reading failed with. That the peer has reset the stream is of the kind `ConnectionReset`.
pub(super) fn read_error(error: ReadError) -> io::Error {
    match error {
        ReadError::Reset(code) => {
            io::Error::new(io::ErrorKind::ConnectionReset, Ended { whole: false, code })
        }
        ReadError::ConnectionLost(error) => connection_error(error),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            io::Error::new(io::ErrorKind::NotConnected, error)
        }
    }
}

/// What writing failed with. That the peer takes no more of the stream is of the kind `BrokenPipe`.
pub(super) fn write_error(error: WriteError) -> io::Error {
    match error {
        WriteError::Stopped(code) => io::Error::new(io::ErrorKind::BrokenPipe, Ended { whole: false, code }),
        WriteError::ConnectionLost(error) => connection_error(error),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => {
            io::Error::new(io::ErrorKind::NotConnected, error)
        }
    }
}

/// Why there is no connection, or none any more.
pub(super) fn connection_error(error: ConnectionError) -> io::Error {
    let kind = match &error {
        ConnectionError::TimedOut => io::ErrorKind::TimedOut,
        ConnectionError::Reset => io::ErrorKind::ConnectionReset,
        ConnectionError::LocallyClosed | ConnectionError::ConnectionClosed(_) => {
            io::ErrorKind::ConnectionAborted
        }
        ConnectionError::ApplicationClosed(close) => {
            let ended = Ended { whole: true, code: close.error_code };
            return io::Error::new(io::ErrorKind::ConnectionAborted, ended);
        }
        // RFC 9001 §4.8: the alerts of TLS. In this form they are known for what they are.
        ConnectionError::TransportError(error) if u64::from(error.code) >> 8 == 1 => {
            let said = rustls::Error::General(error.reason.clone());
            return io::Error::new(io::ErrorKind::InvalidData, said);
        }
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::CidsExhausted => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Whether a server has not looked at a request: it has rejected its stream (RFC 9114 §4.1.1), or has ended the connection in
/// order, in front of which it answers what it has looked at (§5.2).
pub(super) fn is_rejection(error: &io::Error) -> bool {
    let ended = error.get_ref().and_then(|inner| inner.downcast_ref::<Ended>());
    ended.is_some_and(|ended| {
        let code = if ended.whole { ErrorCode::NoError } else { ErrorCode::RequestRejected };
        ended.code == code.quic()
    })
}

/// A stream or a connection that the peer has ended by a code (RFC 9114 §8.1).
#[derive(Debug)]
struct Ended {
    /// Whether it was the connection.
    whole: bool,
    code: VarInt,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.whole { "http/3 connection" } else { "http/3 stream" };
        let number = self.code.into_inner();
        match ErrorCode::of(number) {
            Some(ErrorCode::NoError) if !self.whole => write!(f, "peer needed no more of the {what}"),
            Some(ErrorCode::NoError) => write!(f, "peer ended the {what} in order"),
            Some(ErrorCode::RequestCancelled) => write!(f, "peer cancelled the {what}"),
            Some(code) => write!(f, "peer ended the {what} with {}", code.name()),
            None => write!(f, "peer ended the {what} with {number:#x}"),
        }
    }
}

impl error::Error for Ended {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_stream_is_told_from_one_that_is_not_needed_any_more() {
        for (code, text, is_rejected) in [
            (0x100, "peer needed no more of the http/3 stream", false),
            (0x10c, "peer cancelled the http/3 stream", false),
            (0x10b, "peer ended the http/3 stream with H3_REQUEST_REJECTED", true),
            (0x21, "peer ended the http/3 stream with 0x21", false),
        ] {
            let error = read_error(ReadError::Reset(VarInt::from_u32(code)));
            assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::ConnectionReset, text.to_owned()));
            assert_eq!(is_rejection(&error), is_rejected);
        }
    }
}
