//! Moves bytes between a stream and a [`Connection`]. Everything that waits is a `poll_*`, so that both the whole
//! `WebSocket` and its halves stand on it.

use std::{
    io::{self, IoSlice},
    mem,
    ops::Range,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    time::{self, Sleep},
};

use super::{
    agreed::Agreed,
    local::{Clock, lend, take_back, with_receive_buffer, with_rest, with_shell},
    own_memory::{Habit, LEAST_BYTES, with_own_memory},
    received::{Received, parse},
    stop::Stop,
    work::Work,
};
use crate::{
    error::Error,
    flow::{Flow, copy_of, going_away},
    protocol::{Agreement, Connection, Delivery, Event, Kind, Message, Output, SendError, Shell},
    system,
};

/// A connection and the stream that carries it.
#[derive(Debug)]
pub(super) struct Driver<S> {
    pub(super) stream: S,
    /// On its own, for two small allocations fit into the gaps that the aligned ones of tokio leave.
    connection: Box<Connection>,
    agreement: Agreed,
    /// What waits to be written, what was received and not handed out, and what went wrong.
    pub(super) work: Option<Box<Work>>,
    /// Of a connection that no server wakes in time.
    timer: Option<Pin<Box<Sleep>>>,
    stop: Option<Arc<Stop>>,
    /// What was handed out since the stream was last asked for more, as [`share`] counts it.
    handed: u16,
    habit: Habit,
    flow: Flow,
    /// Whether pings and pongs are handed out too.
    control: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// `received` are bytes that were read behind the opening handshake.
    pub(super) fn new(
        stream: S,
        connection: Connection,
        agreement: Agreement,
        received: BytesMut,
    ) -> Driver<S> {
        let mut driver = Driver {
            stream,
            connection: Box::new(connection),
            agreement: Agreed::new(agreement),
            work: None,
            timer: None,
            stop: None,
            handed: 0,
            habit: Habit::default(),
            flow: Flow::default(),
            control: false,
        };
        driver.keep_rest(received);
        driver
    }

    pub(super) fn set_stop(&mut self, stop: Arc<Stop>) {
        self.stop = Some(stop);
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(super) fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// Leaves nothing agreed on behind.
    pub(super) fn take_agreement(&mut self) -> Agreed {
        std::mem::take(&mut self.agreement)
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    /// From now on pings and pongs are handed out, each when it comes.
    pub(super) fn hand_out_control(&mut self) {
        self.control = true;
    }

    /// Bytes that are queued and not written yet.
    pub(super) fn unsent(&self) -> usize {
        self.work.as_ref().map_or(0, |work| work.output.len())
    }

    pub(super) fn set_high_water_bytes(&mut self, bytes: usize) {
        self.connection.set_high_water_bytes(bytes);
        self.flow.forget_marks();
    }

    /// Calls into the core with the output of this connection.
    pub(super) fn with_shell<R>(&mut self, call: impl FnOnce(&mut Connection, &mut Shell<'_>) -> R) -> R {
        with_shell(&mut self.connection, &mut self.work, Clock::Now, call)
    }

    /// As `with_shell`, to queue something that needs the time for its record only.
    pub(super) fn queue<R>(&mut self, call: impl FnOnce(&mut Connection, &mut Shell<'_>) -> R) -> R {
        let clock = if self.connection.is_tracing() { Clock::Now } else { Clock::Latest };
        with_shell(&mut self.connection, &mut self.work, clock, call)
    }

    /// The next message or piece; `None` once the connection is closed and the stream at its end.
    ///
    /// A failure is told once, after the stream has come to its end, so that whoever drops the connection on an error
    /// does not cut off the close frame.
    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        delivery: Delivery,
    ) -> Poll<Option<Result<Received, Error>>> {
        self.connection.set_delivery(delivery);
        if self.handed > MOST_AT_ONCE {
            // A read of a few bytes can inflate to many: let the others of this thread have their turn.
            self.handed = 0;
            let _ = self.poll_write_all(cx);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            if let Some(received) = self.take_rest() {
                self.handed = self.handed.saturating_add(share(received.length()));
                return Poll::Ready(Some(Ok(received)));
            }
            self.handed = 0;
            if self.connection.closed().is_some() {
                ready!(self.poll_end(cx));
                return Poll::Ready(self.flow.take_failure(&self.connection, broken(&self.work)).map(Err));
            }
            self.obey_stop();
            if !self.connection.may_send() {
                // The timer is only looked at when nothing comes, and a peer that floods could hold up the close.
                self.handle_deadline();
                if self.connection.closed().is_some() {
                    continue;
                }
            }
            if self.unsent() > 0 {
                // What answers one read leaves before the next, or a peer that never pauses would never get it.
                let _ = self.poll_write_all(cx);
            }
            match self.poll_read(cx) {
                Poll::Ready(Some(received)) => return Poll::Ready(Some(Ok(received))),
                Poll::Ready(None) => {}
                Poll::Pending => {
                    // What was only fed leaves now: nothing is there that could be answered together with it.
                    let _ = self.poll_write_all(cx);
                    if self.poll_timer(cx).is_pending() && !self.has_to_stop() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// The next message out of what an earlier read brought, in the short way, if that is all there is to do.
    #[inline]
    pub(super) fn take_plain(&mut self) -> Option<Message> {
        let work = self.work.as_mut().filter(|work| !work.rest.is_empty())?;
        if self.handed > MOST_AT_ONCE {
            return None;
        }
        let (kind, range) = self.connection.receive_plain(&mut work.rest)?;
        self.handed = self.handed.saturating_add(share(range.len()));
        let message = Message::from_checked(kind, work.split_off(range));
        work.taken = true;
        if work.rest.is_empty() {
            // Once a read: the application may have had the messages before for long, without looking at the peer.
            self.note_taken();
            take_back(&mut self.work);
        }
        Some(message)
    }

    /// Messages that came in one read are taken without a look at the clock. It is looked at behind the last of them, and
    /// before the application waits for something else in between: its own time is not the silence of the peer.
    fn note_taken(&mut self) {
        if let Some(work) = &mut self.work
            && std::mem::take(&mut work.taken)
        {
            self.connection.handle_bytes(system::now());
        }
    }

    /// Queues a message in the short way, if that is all there is to do.
    #[inline]
    pub(super) fn send_plain(&mut self, message: &Message) -> bool {
        let work = self.work.get_or_insert_with(lend);
        !self.flow.is_full()
            && work.broken.is_none()
            && self.connection.send_plain(message.kind(), message.as_bytes(), &mut work.output)
    }

    /// Waits until so little is unsent that a message may be queued.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(error) = broken(&self.work).map(copy_of) {
            return Poll::Ready(Err(error));
        }
        let config = self.connection.config();
        let low_water = config.low_water();
        if !self.flow.has_room(self.work.as_ref().map_or(0, |work| work.output.len()), config) {
            ready!(self.poll_written(cx, low_water))?;
            self.flow.forget_marks();
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until everything queued is written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_written(cx, 0)
    }

    /// Waits until no more than `most` bytes are unsent, or the connection is found dead meanwhile.
    fn poll_written(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Result<(), Error>> {
        loop {
            let written = self.poll_write_all(cx);
            if let Some(error) = broken(&self.work).map(copy_of) {
                return Poll::Ready(Err(error));
            }
            if written.is_ready() || (most > 0 && self.unsent() <= most) {
                return Poll::Ready(Ok(()));
            }
            // The other half of a split WebSocket may have found out.
            if self.connection.is_ended() {
                return Poll::Ready(Err(Error::Send(SendError::Closed)));
            }
            self.note_taken();
            ready!(self.poll_timer(cx));
        }
    }

    /// Runs a closed connection to the end of its stream: writes what is queued, shuts down, and throws away what
    /// still comes until the peer ends or the time is over.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            // Also if there is always something to read, so that the timer below is never looked at.
            self.handle_deadline();
            if self.poll_write_all(cx).is_ready()
                && self.connection.wants_shutdown()
                && (self.is_broken() || Pin::new(&mut self.stream).poll_shutdown(cx).is_ready())
            {
                self.connection.handle_shutdown();
            }
            if self.connection.is_ended() {
                return Poll::Ready(());
            }
            let pending = !self.connection.wants_bytes() || self.poll_read(cx).is_pending();
            if pending {
                ready!(self.poll_timer(cx));
            }
        }
    }

    /// Writes as much as the stream takes; ready when nothing is left, also because nothing can be written any more.
    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(work) = self.work.as_mut().filter(|work| work.broken.is_some()) {
                work.output = Output::new();
                return Poll::Ready(());
            }
            while let Some(work) = self.work.as_deref().filter(|work| !work.output.is_empty()) {
                match poll_write(Pin::new(&mut self.stream), &work.output, cx) {
                    Poll::Pending => {
                        self.handle_blocked();
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(0)) => self.handle_broken(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(Ok(n)) => self.handle_written(n),
                    Poll::Ready(Err(error)) => self.handle_broken(error),
                }
            }
            if let Err(error) = ready!(Pin::new(&mut self.stream).poll_flush(cx)) {
                self.handle_broken(error);
            }
            if self.connection.holds_pong() {
                self.with_shell(Connection::handle_drained);
            } else if self.work.is_some() {
                take_back(&mut self.work);
            }
            if self.unsent() == 0 {
                return Poll::Ready(());
            }
        }
    }

    fn handle_written(&mut self, n: usize) {
        if let Some(work) = &mut self.work {
            work.output.advance(n);
        }
        if self.flow.handle_written() {
            self.handle_progress();
        }
    }

    fn handle_blocked(&mut self) {
        if self.flow.handle_blocked() {
            self.handle_progress();
        }
    }

    fn handle_progress(&mut self) {
        self.with_shell(|connection, shell| connection.handle_progress(shell.now));
    }

    /// Reads once: where a large message is put together, into memory of its own where that is the habit, or into the buffer
    /// of the thread; `None` if that brought nothing for the application.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        let read = if let Some(room) = self.connection.room() {
            let mut read = ReadBuf::new(room);
            let polled = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read));
            let n = read.filled().len();
            if n > 0 {
                return Poll::Ready(self.handle_read_on(n));
            }
            polled
        } else {
            let polled = match self.habit.capacity() {
                Some(capacity) => self.poll_read_own(capacity, cx),
                None => with_receive_buffer(|buffer| {
                    let mut read = ReadBuf::new(buffer);
                    let polled = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read));
                    let bytes = read.filled_mut();
                    Poll::Ready(if bytes.is_empty() { Err(polled) } else { Ok(self.handle_bytes(bytes)) })
                }),
            };
            match ready!(polled) {
                Ok(received) => return Poll::Ready(received),
                Err(polled) => polled,
            }
        };
        match read {
            // TLS says so of a stream that was cut. Close frames tell that here, whatever carries them.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => self.handle_broken(error),
            Ok(()) | Err(_) => {}
        }
        self.with_shell(|connection, shell| {
            connection.receive_eof(shell);
        });
        Poll::Ready(None)
    }

    /// Reads into memory that a message of the usual length keeps; an error if that brought nothing at all.
    #[inline(never)]
    fn poll_read_own(
        &mut self,
        capacity: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Received>, io::Result<()>>> {
        with_own_memory(capacity, |memory| {
            let polled = ready!(pin!(self.stream.read_buf(memory)).poll(cx));
            Poll::Ready(if memory.is_empty() { Err(polled.map(drop)) } else { Ok(self.handle_own(memory)) })
        })
    }

    /// Takes the message that is complete with `n` bytes in the room, if it is.
    fn handle_read_on(&mut self, n: usize) -> Option<Received> {
        let Driver { connection, work, .. } = self;
        with_shell(connection, work, Clock::Now, |connection, shell| {
            match connection.receive_in_room(n, shell)? {
                Event::Message { kind, payload, .. } => {
                    Some(Received::Message(Message::from_checked(kind, payload.into_bytes())))
                }
                // There is only room for a message that is put together as a whole.
                Event::Piece { .. } | Event::Ping(_) | Event::Pong { .. } | Event::Closed(_) => None,
            }
        })
    }

    /// What was read into the buffer of the thread.
    fn handle_bytes(&mut self, received: &mut [u8]) -> Option<Received> {
        let now = system::now();
        let Some((kind, place)) = self.handle_first(received, now) else {
            return self.handle_any(received, now);
        };
        let payload = received.get(place).unwrap_or_default();
        Some(Received::Message(Message::from_checked(kind, Bytes::copy_from_slice(payload))))
    }

    /// What was read into memory that a long message may keep.
    fn handle_own(&mut self, memory: &mut BytesMut) -> Option<Received> {
        let now = system::now();
        let Some((kind, place)) = self.handle_first(memory, now) else {
            return self.handle_any(memory, now);
        };
        let payload = if place.len() < LEAST_BYTES {
            memory.get(place).map(Bytes::copy_from_slice).unwrap_or_default()
        } else {
            memory.truncate(place.end);
            let mut bytes = mem::take(memory).freeze();
            bytes.advance(place.start);
            bytes
        };
        Some(Received::Message(Message::from_checked(kind, payload)))
    }

    /// Takes the message at the front in the short way, if that is all there is to do: what it is and where its payload
    /// stands. What is behind it is kept.
    #[inline(always)]
    fn handle_first(&mut self, received: &mut [u8], now: Instant) -> Option<(Kind, Range<usize>)> {
        let (kind, place) = self.connection.receive_plain(received)?;
        self.connection.handle_bytes(now);
        let rest = received.get(place.end..).unwrap_or_default();
        if rest.is_empty() {
            self.habit.note(received.len());
        } else {
            self.habit.forget();
            self.keep_rest(BytesMut::from(rest));
        }
        Some((kind, place))
    }

    /// What is not all of a message, or not only one.
    fn handle_any(&mut self, received: &mut [u8], now: Instant) -> Option<Received> {
        self.habit.forget();
        let mut position = 0;
        while let Some(unparsed) = received.get_mut(position..).filter(|bytes| !bytes.is_empty()) {
            let Driver { connection, work, control, .. } = self;
            let (consumed, found) = with_shell(connection, work, Clock::At(now), |connection, shell| {
                parse(connection, unparsed, shell, *control, Bytes::copy_from_slice)
            });
            position += consumed;
            if found.is_some() {
                // One allocation for all that follows; later messages are slices of it.
                self.keep_rest(BytesMut::from(received.get(position..).unwrap_or_default()));
                return found;
            }
        }
        None
    }

    /// Keeps what is received and not handed out yet.
    fn keep_rest(&mut self, rest: BytesMut) {
        // One that is empty would still hold on to the buffer that it was cut from.
        if !rest.is_empty() {
            let work = self.work.get_or_insert_with(lend);
            work.keep(rest);
        }
    }

    /// The next message out of what an earlier read brought.
    fn take_rest(&mut self) -> Option<Received> {
        loop {
            let Driver { connection, work, control, .. } = self;
            let working = work.as_mut().filter(|work| !work.rest.is_empty())?;
            let mut place = None;
            let (consumed, found) = with_rest(working, |rest, shell| {
                parse(connection, rest, shell, *control, |payload| {
                    place = Some(payload.len());
                    Bytes::new()
                })
            });
            let payload = match place {
                Some(length) => Some(working.split_off(consumed - length..consumed)),
                None => {
                    working.rest.advance(consumed);
                    None
                }
            };
            if working.rest.is_empty() {
                // An empty rest would still hold on to the whole allocation.
                working.rest = BytesMut::new();
                take_back(work);
            }
            let Some(mut found) = found else { continue };
            if let Some(payload) = payload {
                found.set_bytes(payload);
            }
            return Some(found);
        }
    }

    /// Nothing can be written any more. What has been received can still be read.
    fn handle_broken(&mut self, error: io::Error) {
        let work = self.work.get_or_insert_with(lend);
        work.output = Output::new();
        work.broken.get_or_insert(error);
    }

    fn is_broken(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.broken.is_some())
    }

    fn obey_stop(&mut self) {
        if self.has_to_stop() {
            self.with_shell(|connection, shell| connection.close(&going_away(), shell));
        }
    }

    fn has_to_stop(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.is_asked()) && self.connection.may_send()
    }

    /// Ready when a deadline of the connection has passed and been handled. From then on a request to stop wakes.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let deadline = self.connection.poll_timeout();
            if let Some(stop) = &self.stop {
                match deadline {
                    Some(deadline) if stop.has_alarms() && self.timer.is_none() => {
                        if stop.is_armed(deadline, cx.waker()) {
                            return Poll::Pending;
                        }
                        if system::now() >= deadline {
                            self.handle_deadline();
                            return Poll::Ready(());
                        }
                        if stop.arm(deadline) {
                            return Poll::Pending;
                        }
                    }
                    Some(_) | None => stop.register(cx.waker()),
                }
            }
            let Some(deadline) = deadline else { return Poll::Pending };
            let deadline = time::Instant::from_std(deadline);
            let timer = self.timer.get_or_insert_with(|| Box::pin(time::sleep_until(deadline)));
            // A timer that is early costs one look when it fires; setting it anew for each message costs more.
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() < deadline {
                timer.as_mut().reset(deadline);
                continue;
            }
            self.handle_deadline();
            return Poll::Ready(());
        }
    }

    /// Does what is due, if anything is.
    fn handle_deadline(&mut self) {
        self.with_shell(|connection, shell| {
            connection.handle_timeout(shell);
        });
    }
}

fn poll_write<S: AsyncWrite>(
    stream: Pin<&mut S>,
    output: &Output,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if let Some(bytes) = output.only_slice() {
        // The kernel is quicker with one slice than with a list of one.
        return stream.poll_write(cx, bytes);
    }
    let mut slices = [IoSlice::new(&[]); SLICES];
    let filled = output.slices(&mut slices);
    stream.poll_write_vectored(cx, slices.get(..filled).unwrap_or_default())
}

/// Why nothing can be written any more.
fn broken(work: &Option<Box<Work>>) -> Option<&io::Error> {
    work.as_ref()?.broken.as_ref()
}

/// What a message counts that is handed out: its length in 64 bytes, and at least one for the work with it.
fn share(length: usize) -> u16 {
    u16::try_from(length / 64 + 1).unwrap_or(u16::MAX)
}

/// How much is handed out of one read before others have their turn: about a megabyte.
const MOST_AT_ONCE: u16 = 1 << 14;

/// Most slices in one vectored write.
const SLICES: usize = 64;
