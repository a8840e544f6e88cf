//! A connection and how the stream under it is doing: the rules of every shell, whoever moves the bytes.

use std::io;

use crate::{
    error::Error,
    protocol::{CloseCode, CloseFrame, Connection, Output, Shell, Violation},
};

/// What a shell knows of a stream beside what stands in the output.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) connection: Connection,
    /// Why nothing can be written any more.
    broken: Option<Box<io::Error>>,
    /// Whether the high mark was reached and the low mark not yet again.
    full: bool,
    /// Whether the stream had no room when it was last written to.
    blocked: bool,
    /// Whether the application knows how the connection ended.
    told: bool,
}

impl Wire {
    pub(crate) fn new(connection: Connection) -> Wire {
        Wire { connection, broken: None, full: false, blocked: false, told: false }
    }

    /// Whether so little is unsent that a message may be queued: from the high mark on not until the low mark is reached.
    pub(crate) fn has_room(&mut self, unsent: usize) -> bool {
        let config = self.connection.config();
        self.full = if self.full { unsent > config.low_water() } else { unsent >= config.high_water() };
        !self.full
    }

    /// A writer that waits for the low mark goes on if the new high mark is not reached.
    pub(crate) fn set_high_water_bytes(&mut self, bytes: usize) {
        self.connection.set_high_water_bytes(bytes);
        self.full = false;
    }

    /// The stream took `n` bytes from the front of `output`. One that was full has room again because the peer took
    /// something.
    pub(crate) fn handle_written(&mut self, n: usize, shell: &mut Shell<'_>) {
        shell.output.advance(n);
        if std::mem::take(&mut self.blocked) {
            self.connection.handle_progress(shell.now);
        }
    }

    /// The stream has no room. One that had room so far had it because the peer took what was written. A program that
    /// only sends sees no other sign of life, and must not find the peer dead in the moment in which it waits for the
    /// first time.
    pub(crate) fn handle_blocked(&mut self, shell: &Shell<'_>) {
        if !std::mem::replace(&mut self.blocked, true) {
            self.connection.handle_progress(shell.now);
        }
    }

    /// Nothing can be written any more. What has been received can still be read.
    pub(crate) fn handle_broken(&mut self, error: io::Error, output: &mut Output) {
        *output = Output::new();
        self.broken.get_or_insert_with(|| Box::new(error));
    }

    /// Whether nothing can be written any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// What went wrong, told once. After a closing handshake nobody cares how the stream went, and after a broken rule
    /// nobody does either: the peer may well reset the connection over our close frame.
    pub(crate) fn take_failure(&mut self) -> Option<Error> {
        let violation = self.connection.closed()?.violation?;
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        let is_silence = matches!(
            violation,
            Violation::EndOfStream
                | Violation::Idle { .. }
                | Violation::PongMissing { .. }
                | Violation::CloseTimeout { .. }
        );
        // The other half of a split WebSocket has to be told too, so the error stays.
        let cause = if is_silence { self.write_error() } else { None };
        Some(cause.unwrap_or(Error::Violation(violation)))
    }

    /// A copy of the error that broke the stream.
    pub(crate) fn write_error(&self) -> Option<Error> {
        self.broken.as_deref().map(|error| {
            Error::Io(match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            })
        })
    }
}

/// The close frame of a server that stops.
pub(crate) fn going_away() -> CloseFrame {
    CloseFrame::new(CloseCode::GOING_AWAY, "server is stopping")
        .expect("1001 may be sent and the reason is short")
}
