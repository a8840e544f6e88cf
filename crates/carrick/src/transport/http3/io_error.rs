//! What QUIC fails with, in the words of byte streams.

use std::{fmt, io};

use quinn::{ConnectionError, ReadError, VarInt, WriteError};

use super::error_code::ErrorCode;

/// What reading failed with, in the words of byte streams.
pub(super) fn read_error(error: ReadError) -> io::Error {
    match error {
        ReadError::Reset(code) => io::Error::new(
            io::ErrorKind::ConnectionReset,
            format!("the peer reset the stream with {}", Code(code)),
        ),
        ReadError::ConnectionLost(error) => connection_error(error),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            io::Error::new(io::ErrorKind::NotConnected, error)
        }
    }
}

/// What writing failed with, in the words of byte streams.
pub(super) fn write_error(error: WriteError) -> io::Error {
    match error {
        WriteError::Stopped(code) => io::Error::new(
            io::ErrorKind::BrokenPipe,
            format!("the peer takes no more of the stream: {}", Code(code)),
        ),
        WriteError::ConnectionLost(error) => connection_error(error),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => {
            io::Error::new(io::ErrorKind::NotConnected, error)
        }
    }
}

/// Why there is no connection, in the words of byte streams.
pub(super) fn connection_error(error: ConnectionError) -> io::Error {
    let kind = match &error {
        ConnectionError::TimedOut => io::ErrorKind::TimedOut,
        ConnectionError::Reset => io::ErrorKind::ConnectionReset,
        ConnectionError::LocallyClosed
        | ConnectionError::ApplicationClosed(_)
        | ConnectionError::ConnectionClosed(_) => io::ErrorKind::ConnectionAborted,
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::CidsExhausted => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// A code of the peer, by its name if it has one.
struct Code(VarInt);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ErrorCode::of(self.0.into_inner()) {
            Some(code) => f.write_str(code.name()),
            None => write!(f, "{:#x}", self.0.into_inner()),
        }
    }
}
