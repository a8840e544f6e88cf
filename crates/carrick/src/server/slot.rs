//! What stands in one place of a worker.

use std::io;

use mio::{Registry, Token};

use super::entrance::Entrant;
use crate::{callback::Conn, protocol::Output, reactor::Socket};

/// A socket, by how far it has come.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are open")]
pub(super) enum Slot<S> {
    Entrant(Box<Entrant>),
    Open(Conn<S>),
    Leaver(Box<Leaver>),
    /// Its socket is on the way into the next kind.
    Moving,
}

impl<S> Slot<S> {
    pub(super) fn socket(&mut self) -> Option<&mut Socket> {
        match self {
            Slot::Entrant(entrant) => Some(&mut entrant.socket),
            Slot::Open(conn) => conn.socket(),
            Slot::Leaver(leaver) => Some(&mut leaver.socket),
            Slot::Moving => None,
        }
    }
}

/// A client that was refused: it is given the time to read why. What it still sends is read and thrown away, because to
/// close a socket over unread bytes would make the kernel reset the connection, and the client lose the answer that is on
/// its way (RFC 9112 §9.6).
#[derive(Debug)]
pub(super) struct Leaver {
    socket: Socket,
    output: Output,
    /// Whether our side of the stream has ended.
    shut_down: bool,
    /// How much of what it sends is still thrown away, in bytes.
    patience: usize,
    watches_room: bool,
}

impl Leaver {
    /// One that was refused with this answer.
    pub(super) fn new(socket: Socket, output: Output, watches_room: bool) -> Leaver {
        Leaver { socket, output, shut_down: false, patience: LINGER_BYTES, watches_room }
    }

    /// Throws away received bytes; whether it has sent enough of them.
    pub(super) fn throw_away(&mut self, n: usize) -> bool {
        self.patience = self.patience.saturating_sub(n);
        self.patience == 0
    }

    /// Writes what the socket takes, and ends our side behind it. An error is the end.
    pub(super) fn go_on(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let waits = match self.write() {
            Ok(()) => false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => return Err(error),
        };
        if waits != self.watches_room {
            self.socket.watch_room(registry, token, waits)?;
            self.watches_room = waits;
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.socket.write_output(&self.output, &[])? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => self.output.advance(n),
            }
        }
        self.socket.flush()?;
        if !self.shut_down {
            self.socket.shut_down()?;
            self.shut_down = true;
        }
        Ok(())
    }
}

/// As much as a client may still have on its way.
const LINGER_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_connection_is_one_slot_and_little_more() {
        // Beside it stand 16 bytes in the wheel and 16 in the list of members.
        assert!(size_of::<Slot<()>>() <= 232, "{}", size_of::<Slot<()>>());
    }
}
