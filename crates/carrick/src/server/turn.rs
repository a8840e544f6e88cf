//! What happens to the connections of a worker in one turn of its loop.

use std::{io, mem, time::Duration};

use mio::{Token, event::Event};

use super::{
    connection::trace_label,
    entrance::{Entrant, Opening},
    guest::House,
    linger::LINGER,
    slot::{Leaver, Slot},
    worker::Worker,
};
#[cfg(feature = "tls")]
use crate::reactor::{Socket, Tls};
use crate::{
    callback::{After, Conn, Heads, Occasion},
    protocol::{CloseCode, CloseFrame, Frame, FrameWriter, Opcode, Output, Rejection, Role},
    reactor::Line,
};

impl<S> Worker<S> {
    /// Takes up a client.
    pub(super) fn enter(&mut self, mut entrant: Entrant) {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.house.entrance.tls {
            match Tls::new(tls.config()) {
                Ok(tls) => entrant.socket.secure(tls),
                Err(_) => return self.give_place_back(),
            }
        }
        let place = self.slots.vacant_entry();
        let key = place.key();
        if entrant.socket.register(self.poll.registry(), Token(key)).is_err() {
            return self.give_place_back();
        }
        place.insert(Slot::Entrant(Box::new(entrant)));
        if let Some(deadline) = self.now.checked_add(self.house.entrance.handshake_timeout) {
            self.wheel.set(key as u32, deadline);
        }
    }

    /// The place of a connection that is over is free again.
    pub(super) fn give_place_back(&self) {
        if self.house.places.give_back() {
            self.house.hub.wake_all();
        }
    }

    pub(super) fn handle_event(&mut self, key: usize, event: &Event) {
        if event.is_writable() {
            self.attend(key);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read(key, event.is_read_closed() || event.is_error());
        }
    }

    /// Reads what a socket has. `to_end` says that the end of its stream is there already, of which there will be no other
    /// event.
    pub(super) fn read(&mut self, key: usize, to_end: bool) {
        let (mut patience, most) = match self.slots.get(key) {
            Some(Slot::Open(conn)) if conn.inflates() => (READ, INFLATED_AT_ONCE),
            Some(Slot::Open(_) | Slot::Entrant(_) | Slot::Leaver(_) | Slot::Moving) | None => {
                (PATIENCE, usize::MAX)
            }
        };
        while patience > 0 {
            let Some(slot) = self.slots.get_mut(key) else { return };
            let read_on = match slot {
                Slot::Open(conn) => conn.read_on(),
                Slot::Entrant(_) | Slot::Leaver(_) | Slot::Moving => None,
            };
            let is_in_place = read_on.is_some();
            patience = patience.saturating_sub(if is_in_place { READ_IN_PLACE } else { READ });
            let (read, room) = match (read_on, slot.socket()) {
                (Some(read_on), _) => read_on,
                (None, Some(socket)) => {
                    let buffer = if socket.is_secure() { &mut self.ciphertext } else { &mut self.buffer };
                    let room = buffer.len().min(most);
                    (socket.read(&mut buffer[..room]), room)
                }
                (None, None) => return,
            };
            match read {
                Ok(0) => return self.handle_end(key, None),
                Ok(n) => {
                    if is_in_place {
                        self.handle_read_on(key, n);
                    } else {
                        self.handle_bytes(key, n);
                    }
                    // The next read would only say that there is nothing.
                    if n < room && !to_end {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.handle_end(key, Some(error)),
            }
        }
        self.unread.push(key);
    }

    /// `n` bytes were read where a large message is put together.
    fn handle_read_on(&mut self, key: usize, n: usize) {
        if let Some((conn, house)) = self.lend(key) {
            conn.receive_on(n, &mut |conn, occasion| house.call(conn, occasion));
        }
        self.take_back(key);
        self.attend(key);
    }

    /// `n` bytes were read.
    fn handle_bytes(&mut self, key: usize, n: usize) {
        #[cfg(feature = "tls")]
        if !self.ciphertext.is_empty() {
            return self.handle_ciphertext(key, n);
        }
        if !self.handle_plain(key, n) {
            self.attend(key);
        }
    }

    /// Hands on what was read, decrypted if need be.
    #[cfg(feature = "tls")]
    fn handle_ciphertext(&mut self, key: usize, n: usize) {
        let socket = self.slots.get_mut(key).and_then(Slot::socket);
        let Some(tls) = socket.and_then(Socket::tls_mut) else { return self.attend(key) };
        let (n, result) = tls.decrypt(&mut self.ciphertext[..n], &mut self.buffer);
        if n > 0 {
            self.handle_plain(key, n);
        }
        match result {
            Ok(false) => self.attend(key),
            // The client has said that nothing more will come.
            Ok(true) => self.handle_end(key, None),
            Err(error) => self.handle_end(key, Some(error)),
        }
    }

    /// `n` bytes stand in the buffer. Whether everything is done that they bring; if not, the connection is to be attended
    /// to.
    fn handle_plain(&mut self, key: usize, n: usize) -> bool {
        match self.slots.get_mut(key) {
            Some(Slot::Entrant(entrant)) => {
                let received = self.buffer.get(..n).unwrap_or_default();
                match self.house.receive(entrant, received) {
                    Some(None) => {}
                    Some(Some(Ok(opening))) => self.open(key, opening),
                    Some(Some(Err(rejection))) => self.refuse(key, &rejection),
                    // What decides has panicked, which shall cost nobody else anything.
                    None => self.remove(key),
                }
            }
            Some(Slot::Open(_)) => {
                let mut buffer = mem::take(&mut self.buffer);
                let is_settled = self.lend(key).is_some_and(|(conn, house)| {
                    let received = buffer.get_mut(..n).unwrap_or_default();
                    house.hand_out(conn, received) && conn.settle()
                });
                self.take_back(key);
                self.buffer = buffer;
                return is_settled;
            }
            Some(Slot::Leaver(leaver)) => {
                if leaver.throw_away(n) {
                    self.remove(key);
                }
            }
            Some(Slot::Moving) | None => {}
        }
        false
    }

    /// Nothing more will come.
    fn handle_end(&mut self, key: usize, error: Option<io::Error>) {
        match self.slots.get_mut(key) {
            Some(Slot::Open(_)) => {
                if let Some((conn, _)) = self.lend(key) {
                    conn.with_line(|line, lent| line.handle_end(lent, error));
                }
                self.take_back(key);
                self.attend(key);
            }
            Some(Slot::Entrant(entrant)) => {
                // What TLS has to say about it.
                let _ = entrant.socket.flush();
                self.remove(key);
            }
            Some(Slot::Leaver(_)) => self.remove(key),
            Some(Slot::Moving) | None => {}
        }
    }

    /// Makes a connection of a client whose request is good.
    fn open(&mut self, key: usize, opening: Opening) {
        let Opening { request, agreement, head, mut rest } = opening;
        let Some(state) = self.house.make_state(&request) else { return self.turn_away(key, &head) };
        let Some(entrant) = self.take_entrant(key) else { return };
        let Some(desk) = &mut self.desk else { return };
        let Entrant { socket, address, .. } = *entrant;
        let id = self.house.hub.enter(desk.thread, key as u32);
        let config = self.house.entrance.config.clone();
        let line = Line::open(socket, config, agreement, &mut desk.lent);
        let mut conn = Conn::on_line(state, id, line, Heads { request: Some(request), response: None });
        conn.set_delivery(self.house.handlers.delivery());
        let tracer = &self.house.entrance.tracer;
        if tracer.is_on() {
            conn.set_tracer(tracer, trace_label(address));
        }
        self.slots[key] = Slot::Open(conn);
        self.wheel.unset(key as u32);
        if let Some((conn, house)) = self.lend(key) {
            house.call(conn, Occasion::Open);
            conn.forget_heads();
            conn.with_line(|line, lent| line.send_head(lent, &head));
            house.hand_out(conn, &mut rest);
        }
        self.take_back(key);
    }

    /// Opens the WebSocket of a client for which there is no state only to close it.
    fn turn_away(&mut self, key: usize, head: &[u8]) {
        let mut output = Output::new();
        output.extend(head);
        let frame = CloseFrame::new(CloseCode::INTERNAL_ERROR, "").expect("1011 may be sent");
        let payload = frame.payload().freeze();
        let frame = Frame { fin: true, rsv1: false, opcode: Opcode::Close, payload };
        // A server's frames have no key, so the generator is not asked.
        FrameWriter::new(Role::Server).write(frame, &mut rand::rng(), &mut output);
        self.dismiss(key, output);
    }

    fn refuse(&mut self, key: usize, rejection: &Rejection) {
        let Some(Slot::Entrant(entrant)) = self.slots.get(key) else { return };
        match self.house.refuse(rejection, entrant.address) {
            Some(output) => self.dismiss(key, output),
            None => self.remove(key),
        }
    }

    /// Sends the last that there is to send.
    fn dismiss(&mut self, key: usize, output: Output) {
        let Some(entrant) = self.take_entrant(key) else { return };
        let Entrant { socket, watches_room, .. } = *entrant;
        let leaver = Leaver::new(socket, output, watches_room);
        self.slots[key] = Slot::Leaver(Box::new(leaver));
        if let Some(deadline) = self.now.checked_add(LINGER) {
            self.wheel.set(key as u32, deadline);
        }
        self.attend(key);
    }

    /// Takes a client out of its place, which gets something else at once.
    fn take_entrant(&mut self, key: usize) -> Option<Box<Entrant>> {
        let slot = self.slots.get_mut(key).filter(|slot| matches!(slot, Slot::Entrant(_)))?;
        match mem::replace(slot, Slot::Moving) {
            Slot::Entrant(entrant) => Some(entrant),
            Slot::Open(_) | Slot::Leaver(_) | Slot::Moving => None,
        }
    }

    /// Does what is due behind everything that happens to a connection: what is queued is written, and who is at the end
    /// goes.
    pub(super) fn attend(&mut self, key: usize) {
        let registry = self.poll.registry();
        match self.slots.get_mut(key) {
            Some(Slot::Open(_)) => {
                let Some((conn, house)) = self.lend(key) else { return };
                let mut call = |conn: &mut Conn<S>, occasion: Occasion<'_>| house.call(conn, occasion);
                let after = conn.attend(&mut call);
                if after == After::End {
                    conn.finish(&mut call);
                }
                self.take_back(key);
                match after {
                    After::End => return self.remove(key),
                    After::Again => self.unattended.push(key),
                    After::Wait => {}
                }
                self.watch(key);
            }
            Some(Slot::Entrant(entrant)) => {
                if entrant.go_on(registry, Token(key)).is_err() {
                    self.remove(key);
                }
            }
            Some(Slot::Leaver(leaver)) => {
                if leaver.go_on(registry, Token(key)).is_err() {
                    self.remove(key);
                }
            }
            Some(Slot::Moving) | None => {}
        }
    }

    /// Sees to it that the loop looks at an open connection when it has to.
    fn watch(&mut self, key: usize) {
        let registry = self.poll.registry();
        let Some(Slot::Open(conn)) = self.slots.get_mut(key) else { return };
        let deadline = conn.poll_timeout();
        // Without it what is unsent stays so until the timeouts end the connection.
        let _ = conn.watch_room(registry, Token(key));
        let Some(deadline) = deadline else { return };
        // An alarm that is early costs one look; setting it anew for each message costs more.
        // It comes up to a millisecond late.
        if self.wheel.alarm(key as u32).is_none_or(|alarm| deadline + WHEEL_TICK <= alarm) {
            self.wheel.set(key as u32, deadline);
        }
    }

    /// The alarm of a connection came.
    pub(super) fn handle_timeout(&mut self, key: usize) {
        // What has arrived already comes first: it may be the sign of life that seems to be missing. One that was read in this
        // turn and has more is read on in the next.
        if !self.unread.contains(&key) {
            self.read(key, false);
        }
        match self.slots.get_mut(key) {
            Some(Slot::Open(_)) => {
                if let Some((conn, _)) = self.lend(key) {
                    conn.with_line(Line::handle_timeout);
                }
                self.take_back(key);
                self.attend(key);
            }
            Some(Slot::Entrant(entrant)) if !entrant.is_securing() => {
                let waited = self.house.entrance.handshake_timeout;
                self.refuse(key, &Rejection::HeadTimeout { waited });
            }
            Some(Slot::Entrant(_) | Slot::Leaver(_)) => self.remove(key),
            Some(Slot::Moving) | None => {}
        }
    }

    /// The mailbox of a connection has something.
    pub(super) fn open_mail(&mut self, key: usize, id: u64) {
        if matches!(self.slots.get(key), Some(Slot::Open(conn)) if conn.id() == id) {
            if let Some((conn, _)) = self.lend(key) {
                conn.open_mail();
            }
            self.take_back(key);
            self.attend(key);
        }
    }

    /// The server stops.
    pub(super) fn ask_to_leave(&mut self, key: usize) {
        match self.slots.get_mut(key) {
            Some(Slot::Open(_)) => {
                if let Some((conn, _)) = self.lend(key) {
                    conn.go_away();
                }
                self.take_back(key);
                self.attend(key);
            }
            Some(Slot::Entrant(entrant)) if !entrant.is_securing() => self.refuse(key, &Rejection::Draining),
            Some(Slot::Entrant(_)) => self.remove(key),
            Some(Slot::Leaver(_) | Slot::Moving) | None => {}
        }
    }

    /// Ends a connection that took too long to close. For the application it is closed all the same.
    pub(super) fn cut(&mut self, key: usize) {
        if let Some((conn, house)) = self.lend(key) {
            conn.leave(&mut |conn, occasion| house.call(conn, occasion));
        }
        self.take_back(key);
        self.remove(key);
    }

    /// Lends an open connection what the thread has, and gives what calls its handlers; `None` if it is not open. To be
    /// followed by [`take_back`](Worker::take_back).
    fn lend(&mut self, key: usize) -> Option<(&mut Conn<S>, &House<S>)> {
        let Some(Slot::Open(conn)) = self.slots.get_mut(key) else { return None };
        let mut desk = self.desk.take()?;
        desk.key = key as u32;
        desk.at_end = false;
        conn.lend(desk);
        Some((conn, &self.house))
    }

    fn take_back(&mut self, key: usize) {
        if let Some(Slot::Open(conn)) = self.slots.get_mut(key) {
            self.desk = conn.take_back();
        }
    }

    fn remove(&mut self, key: usize) {
        if let Some(slot) = self.slots.try_remove(key) {
            self.wheel.unset(key as u32);
            self.house.part_with(slot);
            self.give_place_back();
        }
    }
}

/// What an alarm is rounded to.
const WHEEL_TICK: Duration = Duration::from_millis(1);

/// How long one socket is read before the others have their turn: four reads.
const PATIENCE: u32 = 4 * READ;
const READ: u32 = 3;

/// A large message that has begun is rather received to its end: of one the caches have more than of several.
/// Six of these reads make 1.5 MiB, so one of a megabyte is received in one turn.
const READ_IN_PLACE: u32 = 2;

/// How much of what may be compressed is read before the others have their turn: it can be a thousand times as long.
const INFLATED_AT_ONCE: usize = 16 * 1024;
