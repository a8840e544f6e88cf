//! One open connection: its socket, its protocol, and what waits between the two.

use std::{
    io::{self, IoSlice},
    mem,
    net::SocketAddr,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use mio::{Registry, Token};
use rand::rngs::StdRng;

use super::socket::Socket;
use crate::{
    error::Error,
    flow::Flow,
    protocol::{
        Agreement, Borrowed, Bundle, Compression, Config, Connection, Event, Kind, Output, Payload, Pool,
        Role, SendError, Shell,
    },
};

/// A WebSocket on a socket that never blocks. It owns no buffer while it waits.
#[derive(Debug)]
pub(crate) struct Line {
    connection: Connection,
    flow: Flow,
    /// Whether the loop is told when the socket has room.
    watches_room: bool,
    /// Why nothing can be written any more.
    broken: Option<Box<io::Error>>,
    socket: Socket,
    /// `None` is that of the default, which most have.
    agreement: Option<Arc<Agreement>>,
    /// What waits to be written; there only while something does.
    output: Option<Box<Output>>,
}

/// What a thread lends to each of its connections for the length of a call.
#[derive(Debug)]
pub(crate) struct Lent {
    /// The time of this turn.
    pub(crate) now: Instant,
    /// Whether a handler is called behind the end of a connection, which may take its time while the socket is still there.
    pub(crate) tells_end: bool,
    random: StdRng,
    pool: Pool,
    /// Outputs that are empty and have memory, the latest one last.
    #[expect(clippy::vec_box, reason = "they go from one connection to the next as they are")]
    outputs: Vec<Box<Output>>,
    /// What most agree on that agree on something.
    agreement: Arc<Agreement>,
}

/// What a connection has to tell its application, and where the bytes of it are.
#[derive(Debug)]
pub(crate) enum Heard {
    Message { kind: Kind, payload: Place },
    Piece { kind: Kind, payload: Place, first: bool, last: bool },
    Ping(Place),
    Pong(Place, Option<Duration>),
}

impl Heard {
    fn of(event: Event<'_>) -> Option<Heard> {
        Some(match event {
            Event::Message { kind, payload, .. } => Heard::Message { kind, payload: Place::of(payload) },
            Event::Piece { kind, payload, first, last, .. } => {
                Heard::Piece { kind, payload: Place::of(payload), first, last }
            }
            Event::Ping(payload) => Heard::Ping(Place::of(payload)),
            Event::Pong { payload, round_trip } => Heard::Pong(Place::of(payload), round_trip),
            Event::Closed(_) => return None,
        })
    }
}

/// Where bytes are.
#[derive(Debug)]
pub(crate) enum Place {
    /// They are the last so many of those that were taken.
    Received(usize),
    Assembled(Bytes),
}

impl Place {
    /// The bytes; `taken` are those that were taken from what was received.
    pub(crate) fn bytes<'a>(&'a self, taken: &'a [u8]) -> &'a [u8] {
        match self {
            Place::Received(length) => taken.get(taken.len() - length..).unwrap_or_default(),
            Place::Assembled(bytes) => bytes,
        }
    }

    fn of(payload: Payload<'_>) -> Place {
        match payload {
            Payload::Received(bytes) => Place::Received(bytes.len()),
            Payload::Assembled(bytes) => Place::Assembled(bytes),
        }
    }
}

impl Lent {
    pub(crate) fn new(now: Instant, random: StdRng) -> Lent {
        let (pool, outputs, agreement) = (Pool::new(), Vec::new(), Arc::default());
        Lent { now, tells_end: false, random, pool, outputs, agreement }
    }

    /// An output for a connection that has something to send.
    fn output(&mut self) -> Box<Output> {
        self.outputs.pop().unwrap_or_default()
    }

    /// Takes back an output. The memory of a few large ones and of many small ones is kept for the next.
    fn take_back(&mut self, output: Box<Output>) {
        let kept = self.outputs.len();
        let most = if kept < LARGE_OUTPUTS { LARGE_OUTPUT_BYTES } else { SMALL_OUTPUT_BYTES };
        if output.is_empty() && kept < MOST_OUTPUTS && output.capacity() <= most {
            self.outputs.push(output);
        }
    }
}

impl Line {
    /// A connection whose opening handshake is over, apart from the answer to it.
    pub(crate) fn open(socket: Socket, config: Arc<Config>, agreement: Agreement, lent: &mut Lent) -> Line {
        let connection = Connection::new(Role::Server, config, &agreement, lent.now);
        let agreement = if agreement == PLAIN {
            None
        } else {
            if *lent.agreement != agreement {
                lent.agreement = Arc::new(agreement);
            }
            Some(Arc::clone(&lent.agreement))
        };
        let flow = Flow::default();
        Line { connection, flow, watches_room: false, broken: None, socket, agreement, output: None }
    }

    /// Writes the answer to the opening handshake in front of everything that is queued. It does not count as unsent.
    pub(crate) fn send_head(&mut self, lent: &mut Lent, head: &[u8]) {
        let written = match self.socket.write(&[IoSlice::new(head)]) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return self.handle_broken(error),
        };
        if let Some(rest) = head.get(written..).filter(|rest| !rest.is_empty()) {
            let output = self.output.get_or_insert_with(|| lent.output());
            output.put_first(Bytes::copy_from_slice(rest));
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(crate) fn agreement(&self) -> &Agreement {
        self.agreement.as_deref().unwrap_or(&PLAIN)
    }

    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        self.socket.peer_addr()
    }

    pub(crate) fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Bytes that are queued and not written yet.
    pub(crate) fn unsent(&self) -> usize {
        self.output.as_ref().map_or(0, |output| output.len())
    }

    /// Whether so little is unsent that a message may be queued.
    pub(crate) fn has_room(&mut self) -> bool {
        let unsent = self.unsent();
        self.flow.has_room(unsent, self.connection.config())
    }

    /// Whether the socket took nothing when it was last written to.
    pub(crate) fn is_blocked(&self) -> bool {
        self.flow.is_blocked()
    }

    pub(crate) fn set_high_water_bytes(&mut self, bytes: usize) {
        self.connection.set_high_water_bytes(bytes);
        self.flow.forget_marks();
    }

    /// Calls into the core with what the thread lends.
    pub(crate) fn with_shell<R>(
        &mut self,
        lent: &mut Lent,
        call: impl FnOnce(&mut Connection, &mut Shell<'_>) -> R,
    ) -> R {
        let output = self.output.get_or_insert_with(|| lent.output());
        let Lent { now, random, pool, .. } = lent;
        call(&mut self.connection, &mut Shell { now: *now, random, output, pool })
    }

    /// Sends a message whose bytes are written from where they lie, together with everything that is queued. What the
    /// socket does not take of them is copied.
    pub(crate) fn send_through(
        &mut self,
        lent: &mut Lent,
        kind: Kind,
        payload: &[u8],
        compression: Compression,
    ) -> Result<(), SendError> {
        let message = Borrowed { kind, payload, compression, follows: true };
        let follows = self.with_shell(lent, |connection, shell| connection.send_borrowed(message, shell))?;
        let Some(output) = self.output.as_mut().filter(|_| follows) else { return Ok(()) };
        if self.broken.is_some() || self.watches_room {
            output.push(Bytes::copy_from_slice(payload));
            return Ok(());
        }
        let queued = output.len();
        match self.socket.write_output(output, payload) {
            Ok(n) => {
                output.advance(n.min(queued));
                let taken = n.saturating_sub(queued);
                output.push(Bytes::copy_from_slice(payload.get(taken..).unwrap_or_default()));
                self.handle_written(lent);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                output.push(Bytes::copy_from_slice(payload));
                self.handle_blocked(lent);
            }
            Err(error) => self.handle_broken(error),
        }
        Ok(())
    }

    /// Writes messages for many from where they stand, if nothing else waits to be written; how many of them the socket has
    /// taken something of. The rest of the last of these is queued.
    pub(crate) fn send_bundle(&mut self, lent: &mut Lent, bundle: &mut Bundle) -> usize {
        if self.output.is_some() || self.watches_room || self.broken.is_some() {
            return 0;
        }
        let Some(form) = self.connection.form_of(bundle, &mut lent.pool) else { return 0 };
        match self.socket.write(&[IoSlice::new(&form.bytes)]) {
            Ok(n) => {
                let (begun, end) = form.begun(n);
                self.connection.note_sent(form, begun);
                if n < end {
                    self.output.get_or_insert_with(|| lent.output()).push(form.bytes.slice(n..end));
                }
                self.handle_written(lent);
                begun
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::WouldBlock {
                    self.handle_blocked(lent);
                } else {
                    self.handle_broken(error);
                }
                0
            }
        }
    }

    /// Whether something waits to be written.
    pub(crate) fn has_unsent(&self) -> bool {
        self.output.is_some() || self.socket.wants_write()
    }

    /// Takes the next message out of received bytes in the short way, if that is all there is to do: what it is, and
    /// where its payload stands. That bytes came is to be noted beside, once for all messages of a read.
    #[inline]
    pub(crate) fn hear_plain(&mut self, received: &mut [u8]) -> Option<(Kind, Range<usize>)> {
        self.connection.receive_plain(received)
    }

    /// Notes that bytes came.
    pub(crate) fn handle_bytes(&mut self, lent: &Lent) {
        self.connection.handle_bytes(lent.now);
    }

    /// Queues a copy of a message in the short way, if that is all there is to do.
    #[inline]
    pub(crate) fn send_plain(&mut self, lent: &mut Lent, kind: Kind, payload: &[u8]) -> bool {
        if self.flow.is_full() {
            return false;
        }
        let output = self.output.get_or_insert_with(|| lent.output());
        self.connection.send_plain(kind, payload, output)
    }

    /// Takes the next thing out of received bytes; `None` if they bring nothing to tell.
    pub(crate) fn hear(&mut self, lent: &mut Lent, received: &mut [u8]) -> (usize, Option<Heard>) {
        self.with_shell(lent, |connection, shell| {
            let (consumed, event) = connection.receive(received, shell);
            (consumed, event.and_then(Heard::of))
        })
    }

    /// Reads on in a large message, where it is put together: how much was read, and how much could have been. `None` if
    /// there is no such message, and where what comes has to be decrypted first.
    pub(crate) fn read_on(&mut self) -> Option<(io::Result<usize>, usize)> {
        if self.socket.is_secure() {
            return None;
        }
        let room = self.connection.room()?;
        let length = room.len();
        Some((self.socket.read(room), length))
    }

    /// Takes the next thing out of what `read_on` has read, `n` bytes.
    pub(crate) fn hear_on(&mut self, lent: &mut Lent, n: usize) -> Option<Heard> {
        self.with_shell(lent, |connection, shell| connection.receive_in_room(n, shell).and_then(Heard::of))
    }

    /// Nothing more will come: the peer has ended its side, or the stream broke.
    pub(crate) fn handle_end(&mut self, lent: &mut Lent, error: Option<io::Error>) {
        // TLS says so of a stream that was cut. Close frames tell that here, whatever carries them.
        if let Some(error) = error.filter(|error| error.kind() != io::ErrorKind::UnexpectedEof) {
            // What TLS has to say about it.
            let _ = self.socket.flush();
            self.handle_broken(error);
        }
        self.with_shell(lent, |connection, shell| {
            connection.receive_eof(shell);
        });
    }

    /// Does what is due at this time.
    pub(crate) fn handle_timeout(&mut self, lent: &mut Lent) {
        self.with_shell(lent, |connection, shell| {
            connection.handle_timeout(shell);
        });
    }

    /// Does what is due behind messages that came in the short way, if that is to write their answers at most, and the
    /// socket takes all of them; whether that is so. If not, [`flush`](Line::flush) goes on.
    #[inline]
    pub(crate) fn settle(&mut self, lent: &mut Lent) -> bool {
        let is_calm = self.flow.is_calm() && !self.watches_room && self.broken.is_none();
        if !is_calm || self.socket.is_secure() || !self.connection.is_calm() {
            return false;
        }
        let Some(output) = &mut self.output else { return true };
        if let Some(bytes) = output.only_slice() {
            // An error comes again, where it is looked at.
            let written = self.socket.write(&[IoSlice::new(bytes)]).unwrap_or(0);
            output.advance(written);
        }
        if !output.is_empty() {
            return false;
        }
        if let Some(output) = self.output.take() {
            lent.take_back(output);
        }
        true
    }

    /// Writes as much as the socket takes; whether nothing is left, also because nothing can be written any more.
    pub(crate) fn flush(&mut self, lent: &mut Lent) -> bool {
        if self.output.is_none() && !self.watches_room {
            return true;
        }
        let written = self.write_all(lent);
        if written && let Some(output) = self.output.take() {
            lent.take_back(output);
        }
        written
    }

    fn write_all(&mut self, lent: &mut Lent) -> bool {
        while self.broken.is_none() {
            let output = self.output.get_or_insert_with(|| lent.output());
            let written = if output.is_empty() {
                self.socket.flush().map(|()| 0)
            } else {
                self.socket.write_output(output, &[]).and_then(taken)
            };
            match written {
                Ok(n) => {
                    output.advance(n);
                    self.handle_written(lent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.handle_blocked(lent);
                    return false;
                }
                Err(error) => self.handle_broken(error),
            }
            if self.unsent() == 0 {
                self.with_shell(lent, Connection::handle_drained);
                if self.unsent() == 0 {
                    return true;
                }
            }
        }
        self.output = None;
        true
    }

    fn handle_written(&mut self, lent: &Lent) {
        if self.flow.handle_written() {
            self.connection.handle_progress(lent.now);
        }
    }

    fn handle_blocked(&mut self, lent: &Lent) {
        if self.flow.handle_blocked() {
            self.connection.handle_progress(lent.now);
        }
    }

    /// Nothing can be written any more. What has been received can still be read.
    fn handle_broken(&mut self, error: io::Error) {
        self.output = None;
        self.broken.get_or_insert_with(|| Box::new(error));
    }

    /// Brings a connection that is closed to the end of its stream, as far as it goes now; whether it is there.
    pub(crate) fn wind_up(&mut self, lent: &mut Lent) -> bool {
        if self.flush(lent) && self.connection.wants_shutdown() {
            // Where the peer's side is at its end too the socket is dropped at once, which says the same. A handler that is
            // told is called before that, so that it can still ask for the address of the peer, and shall not hold up the end.
            let is_over = !self.connection.wants_bytes() && !self.socket.is_secure() && !lent.tells_end;
            let shut_down = if self.broken.is_some() || is_over { Ok(()) } else { self.socket.shut_down() };
            let waits = shut_down.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
            if !waits {
                // What cannot be ended has ended.
                self.connection.handle_shutdown();
            }
        }
        self.connection.is_ended()
    }

    /// What went wrong, told once.
    pub(crate) fn take_failure(&mut self) -> Option<Error> {
        self.flow.take_failure(&self.connection, self.broken.as_deref())
    }

    /// Has the loop told of room in the socket as long as something waits for it.
    pub(crate) fn watch_room(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let waits = self.broken.is_none() && self.has_unsent();
        if mem::replace(&mut self.watches_room, waits) == waits {
            return Ok(());
        }
        self.socket.watch_room(registry, token, waits)
    }
}

/// Nothing taken of something is no way to go on.
fn taken(n: usize) -> io::Result<usize> {
    if n == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(n) }
}

/// What was agreed on where nothing was.
static PLAIN: Agreement = Agreement { subprotocol: None, deflate: None };

/// A batch of answers to one read.
const LARGE_OUTPUT_BYTES: usize = 512 << 10;
const LARGE_OUTPUTS: usize = 4;

/// Some messages to a subscriber.
const SMALL_OUTPUT_BYTES: usize = 4 << 10;
const MOST_OUTPUTS: usize = 1024;
