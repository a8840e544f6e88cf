//! What a server does when it cannot accept.

use std::{io, time::Duration};

/// What to do when no connection could be accepted.
#[derive(Debug, PartialEq)]
pub(crate) enum Remedy {
    /// One connection was over before it began.
    Next,
    /// There is no file descriptor or memory left, or the network is down. Trying again at once would fail again, and
    /// keep the processor from the connections whose end would help.
    Pause,
    /// The listener is none.
    GiveUp,
}

impl Remedy {
    /// How long a pause is.
    pub(crate) const PAUSE: Duration = Duration::from_millis(100);

    pub(crate) fn of(error: &io::Error) -> Remedy {
        match error.kind() {
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted => Remedy::Next,
            io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected => Remedy::GiveUp,
            _ => Remedy::Pause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_file_descriptors_pauses() {
        for kind in [io::ErrorKind::OutOfMemory, io::ErrorKind::NetworkDown] {
            assert_eq!(Remedy::of(&kind.into()), Remedy::Pause);
        }
        assert_eq!(Remedy::of(&io::ErrorKind::ConnectionAborted.into()), Remedy::Next);
        assert_eq!(Remedy::of(&io::ErrorKind::InvalidInput.into()), Remedy::GiveUp);
    }

    #[cfg(unix)]
    #[test]
    fn the_codes_of_unix_for_too_many_files_pause() {
        for (name, code) in [("EMFILE", 24), ("ENFILE", 23)] {
            assert_eq!(Remedy::of(&io::Error::from_raw_os_error(code)), Remedy::Pause, "{name}");
        }
    }
}
