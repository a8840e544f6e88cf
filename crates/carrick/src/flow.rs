//! How the stream under a connection is doing: the rules of every shell, whoever moves the bytes.

use std::io;

use crate::{
    error::Error,
    protocol::{CloseCode, CloseFrame, Config, Connection, Violation},
};

/// What a shell remembers of a stream from one write to the next, and whether its end is told.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Whether the high mark was reached and the low mark not yet again.
    full: bool,
    /// Whether the stream had no room when it was last written to.
    blocked: bool,
    /// Whether the application knows how the connection ended.
    told: bool,
}

impl Flow {
    /// Whether so little is unsent that a message may be queued: from the high mark on not until the low mark is reached.
    pub(crate) fn has_room(&mut self, unsent: usize, config: &Config) -> bool {
        self.full = if self.full { unsent > config.low_water() } else { unsent >= config.high_water() };
        !self.full
    }

    /// Whether the high mark was reached and the low mark not yet again, when that was last looked at.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether the stream had room, and the high mark was not reached, when that was last looked at.
    pub(crate) fn is_calm(&self) -> bool {
        !self.full && !self.blocked
    }

    /// The marks have changed: a writer that waits for the low one goes on if the new high one is not reached.
    pub(crate) fn forget_marks(&mut self) {
        self.full = false;
    }

    /// Whether the stream had no room when it was last written to.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The stream took something; whether that shows that the peer is alive. It does of a stream that was full, because it
    /// has room again only if the peer took something.
    pub(crate) fn handle_written(&mut self) -> bool {
        std::mem::take(&mut self.blocked)
    }

    /// The stream has no room; whether that shows that the peer is alive. One that had room so far had it because the peer
    /// took what was written. A program that only sends sees no other sign of life, and must not find the peer dead in the
    /// moment in which it waits for the first time.
    pub(crate) fn handle_blocked(&mut self) -> bool {
        !std::mem::replace(&mut self.blocked, true)
    }

    /// What went wrong, told once; `broken` is why nothing could be written any more. After a closing handshake nobody
    /// cares how the stream went, and after a broken rule nobody does either: the peer may well reset the connection over
    /// our close frame.
    pub(crate) fn take_failure(
        &mut self,
        connection: &Connection,
        broken: Option<&io::Error>,
    ) -> Option<Error> {
        let violation = connection.closed()?.violation?;
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
        let cause = broken.filter(|_| is_silence).map(copy_of);
        Some(cause.unwrap_or(Error::Violation(violation)))
    }
}

/// A copy of an error that broke a stream.
pub(crate) fn copy_of(error: &io::Error) -> Error {
    Error::Io(match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    })
}

/// The close frame of a server that stops.
pub(crate) fn going_away() -> CloseFrame {
    CloseFrame::new(CloseCode::GOING_AWAY, "server is stopping")
        .expect("1001 may be sent and the reason is short")
}
