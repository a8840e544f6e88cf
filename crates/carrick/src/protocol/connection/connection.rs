//! One WebSocket after its opening handshake: wires frames, messages, closing and keepalive together.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    closing::Closing,
    config::Config,
    control::WaitingControl,
    event::{Closed, Event, Initiator, Payload},
    found::{Control, Found, Step, event},
    keepalive::{Due, Keepalive},
    message::{Kind, Message},
    message_reader::{Delivery, MessageReader, Reading},
    message_writer::{Compression, FrameSink, MessageWriter, OutgoingPiece, SendError},
    prepared::Prepared,
    shell::Shell,
    terms::Terms,
    trace::{FrameRecord, Ledger, Traffic},
};
use crate::protocol::{
    frame::{CloseFrame, Frame, FramePiece, FrameReader, HeaderRules, MAX_CONTROL_BYTES, Opcode},
    handshake::{Agreement, DeflateParams},
    role::Role,
    violation::Violation,
};

/// One WebSocket after its opening handshake. Never does I/O, never reads a clock, never panics on input.
///
/// - network in: [`receive`](Connection::receive), [`room`](Connection::room), [`receive_eof`](Connection::receive_eof),
///   [`handle_timeout`](Connection::handle_timeout), [`handle_drained`](Connection::handle_drained),
///   [`handle_progress`](Connection::handle_progress)
/// - application in: [`send`](Connection::send), [`send_piece`](Connection::send_piece),
///   [`send_prepared`](Connection::send_prepared), [`ping`](Connection::ping), [`close`](Connection::close)
/// - network out: what stands in [`Shell::output`]; [`poll_timeout`](Connection::poll_timeout),
///   [`wants_shutdown`](Connection::wants_shutdown), [`is_ended`](Connection::is_ended)
///
/// Every order of calls is correct; calling less often only delays.
///
/// ```
/// use std::{sync::Arc, time::Instant};
///
/// use carrick::protocol::{
///     Agreement, Compression, Config, Connection, Pool, Event, Message, Output, Role, Shell,
/// };
///
/// let now = Instant::now();
/// let agreement = Agreement::default();
/// let mut client = Connection::new(Role::Client, Arc::new(Config::default()), &agreement, now);
/// let mut server = Connection::new(Role::Server, Arc::new(Config::default()), &agreement, now);
/// let (mut random, mut pool, mut output) = (rand::rng(), Pool::new(), Output::new());
///
/// let mut shell = Shell { now, random: &mut random, output: &mut output, pool: &mut pool };
/// client.send(Message::text("Hello"), Compression::Auto, &mut shell)?;
///
/// let mut slices = [std::io::IoSlice::new(&[]); 1];
/// output.slices(&mut slices);
/// let mut network = slices[0].to_vec();
/// let mut answer = Output::new();
/// let mut shell = Shell { now, random: &mut random, output: &mut answer, pool: &mut pool };
/// match server.receive(&mut network, &mut shell) {
///     (_, Some(Event::Message { payload, .. })) => assert_eq!(&payload[..], b"Hello"),
///     other => panic!("no message: {other:?}"),
/// }
/// # Ok::<(), carrick::protocol::SendError>(())
/// ```
///
/// It is small while nothing happens: what few connections need, or each for a moment only, stands on the heap.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Arc<Config>,
    pub(super) frames: FrameReader,
    pub(super) reader: MessageReader,
    pub(super) writer: MessageWriter,
    pub(super) closing: Closing,
    pub(super) keepalive: Keepalive,
    pub(super) ledger: Ledger,
    pub(super) control: WaitingControl,
    pub(super) terms: Terms,
    pub(super) delivery: Delivery,
}

impl Connection {
    /// A connection whose opening handshake ended in `agreement`.
    #[must_use]
    pub fn new(role: Role, config: Arc<Config>, agreement: &Agreement, now: Instant) -> Connection {
        Connection {
            frames: FrameReader::new(),
            reader: MessageReader::default(),
            writer: MessageWriter::default(),
            closing: Closing::new(),
            keepalive: Keepalive::new(&config, now),
            ledger: Ledger::default(),
            control: WaitingControl::default(),
            terms: Terms::new(role, agreement),
            delivery: Delivery::default(),
            config,
        }
    }

    /// Takes bytes from the network: how many it consumed, and what they were.
    ///
    /// The payload of an event stands where it was received whenever it can. `None` means that more bytes are needed
    /// and all of these are consumed; after an event call again with the rest. Once the connection is closed it
    /// consumes everything and answers nothing.
    pub fn receive<'a>(
        &'a mut self,
        received: &'a mut [u8],
        shell: &mut Shell<'_>,
    ) -> (usize, Option<Event<'a>>) {
        if received.is_empty() {
            return (0, None);
        }
        self.keepalive.handle_bytes(shell.now);
        self.answer_ping(shell);
        if let Some((kind, range)) = self.take_plain(received) {
            let (end, first, last, compressed) = (range.end, true, true, false);
            let payload = Payload::Received(received.get_mut(range).unwrap_or_default());
            let event = match self.delivery {
                Delivery::Whole => Event::Message { kind, payload, compressed },
                Delivery::Pieces => Event::Piece { kind, payload, compressed, first, last },
            };
            return (end, Some(event));
        }
        if !self.closing.may_receive() {
            return (received.len(), None);
        }
        let mut consumed = 0_usize;
        let rules = HeaderRules {
            masked: self.terms.role.peer().masks(),
            rsv1: self.terms.deflate.is_some(),
            max_frame_bytes: self.config.max_frame_bytes,
        };
        loop {
            let step_bytes = self.reader.step_bytes(self.reading());
            let end = received.len().min(consumed.saturating_add(step_bytes));
            let Some(rest) = received.get_mut(consumed..end) else { return (consumed, None) };
            let start = consumed;
            let step = match self.frames.read(rest, rules) {
                Err(violation) => self.fail(violation, shell),
                Ok((n, None)) => {
                    consumed += n;
                    if consumed == received.len() {
                        let waiting = self.reader.take_waiting();
                        return (consumed, waiting.map(|piece| event(Found::Data(piece, 0..0), received)));
                    }
                    Step::Nothing
                }
                Ok((n, Some(piece))) => {
                    consumed += n;
                    self.handle_piece(&piece, rest, start, shell)
                }
            };
            match step {
                Step::Nothing => {}
                Step::Found(found) => return (consumed, Some(event(found, received))),
                Step::Closed => return (received.len(), self.closing.closed().map(Event::Closed)),
            }
        }
    }

    /// The peer ended its side of the stream, or the stream broke: nothing more will come.
    ///
    /// After a closing handshake this is how a connection ends. Before, it is [`Violation::EndOfStream`]. What stands
    /// in the output can still be written: a stream may be open in one direction.
    pub fn receive_eof(&mut self, shell: &mut Shell<'_>) -> Option<Event<'_>> {
        let cut = self.closing.may_receive();
        if cut {
            self.finish(
                Closed { by: Initiator::Peer, frame: None, violation: Some(Violation::EndOfStream) },
                shell,
            );
        }
        self.closing.handle_peer_ended();
        if cut { self.closing.closed().map(Event::Closed) } else { None }
    }

    /// Our side of the stream is ended, as [`wants_shutdown`](Connection::wants_shutdown) asked.
    pub fn handle_shutdown(&mut self) {
        self.closing.handle_shutdown();
    }

    /// When [`handle_timeout`](Connection::handle_timeout) has something to do, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closing.may_send() {
            self.keepalive.poll_timeout(&self.config, self.frames.is_inside_frame())
        } else {
            self.closing.poll_timeout().filter(|_| !self.is_ended())
        }
    }

    /// Does what is due at `shell.now`: a ping, or the end of a peer that was silent for too long. Too early a call
    /// does nothing. Hand over what has arrived first: a pong that lies unread counts as missing.
    pub fn handle_timeout(&mut self, shell: &mut Shell<'_>) -> Option<Event<'_>> {
        if self.closing.may_send() {
            let inside_frame = self.frames.is_inside_frame();
            match self.keepalive.handle_timeout(&self.config, inside_frame, shell.now, shell.random) {
                Due::Nothing => return None,
                Due::Ping(payload) => {
                    self.write_control(Opcode::Ping, Bytes::copy_from_slice(&payload), shell);
                    return None;
                }
                Due::Fail(violation) => {
                    self.fail(violation, shell);
                }
            }
            return self.closing.closed().map(Event::Closed);
        }
        if self.closing.poll_timeout().is_none_or(|deadline| shell.now < deadline) {
            return None;
        }
        let unanswered = self.closing.is_close_sent();
        if unanswered {
            let waited = self.config.close_timeout;
            self.fail(Violation::CloseTimeout { waited }, shell);
        }
        self.closing.handle_timeout();
        if unanswered { self.closing.closed().map(Event::Closed) } else { None }
    }

    /// Whether a pong is held back for lack of room in the output.
    #[must_use]
    pub fn holds_pong(&self) -> bool {
        self.control.has_ping()
    }

    /// Tells that what stood in the output has been written. A pong that was held back is queued now; if none
    /// [is](Connection::holds_pong), nothing happens.
    pub fn handle_drained(&mut self, shell: &mut Shell<'_>) {
        self.answer_ping(shell);
    }

    /// Tells that the peer took bytes from a stream that was full, or that the stream is full now and was not before: the
    /// peer is alive, even if nothing of it is being read.
    pub fn handle_progress(&mut self, now: Instant) {
        self.keepalive.handle_progress(now);
    }

    /// Queues a message in one frame.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is queued then.
    pub fn send(
        &mut self,
        message: Message,
        compression: Compression,
        shell: &mut Shell<'_>,
    ) -> Result<(), SendError> {
        self.check_may_send(shell)?;
        let Connection { terms, config, writer, ledger, .. } = self;
        writer.write(message, compression, config, &mut FrameSink { terms: *terms, ledger, shell })
    }

    /// Queues a message that a shell has only borrowed: whether its payload has to be put behind the output at once.
    #[cfg(feature = "net")]
    pub(crate) fn send_borrowed(
        &mut self,
        message: super::message_writer::Borrowed<'_>,
        shell: &mut Shell<'_>,
    ) -> Result<bool, SendError> {
        self.check_may_send(shell)?;
        let Connection { terms, config, writer, ledger, .. } = self;
        writer.write_borrowed(message, config, &mut FrameSink { terms: *terms, ledger, shell })
    }

    /// Queues a message that was prepared for many connections.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is queued then.
    pub fn send_prepared(&mut self, prepared: &Prepared, shell: &mut Shell<'_>) -> Result<(), SendError> {
        self.check_may_send(shell)?;
        let Connection { terms, writer, ledger, .. } = self;
        writer.write_prepared(prepared, &mut FrameSink { terms: *terms, ledger, shell })
    }

    /// Queues the next piece of a message as a fragment, and ends the message with the `last` one. `compression`
    /// counts in the first piece. The pieces of a text may be cut inside a character; joined they have to be UTF-8.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is queued then, and the pieces before stay as they are.
    pub fn send_piece(
        &mut self,
        kind: Kind,
        piece: Bytes,
        last: bool,
        compression: Compression,
        shell: &mut Shell<'_>,
    ) -> Result<(), SendError> {
        self.check_may_send(shell)?;
        let Connection { terms, config, writer, ledger, .. } = self;
        let mut sink = FrameSink { terms: *terms, ledger, shell };
        let piece = OutgoingPiece { kind, bytes: piece, last, compression };
        writer.write_piece(piece, config, &mut sink)
    }

    /// Queues a ping (RFC 6455 §5.5.2). The pong that answers it tells the round-trip time.
    ///
    /// # Errors
    ///
    /// [`SendError::PingTooLong`] for a payload above 125 bytes, [`SendError::Closed`], [`SendError::QueueFull`].
    pub fn ping(&mut self, payload: Bytes, shell: &mut Shell<'_>) -> Result<(), SendError> {
        self.check_may_send(shell)?;
        if payload.len() > usize::from(MAX_CONTROL_BYTES) {
            return Err(SendError::PingTooLong(payload.len()));
        }
        self.keepalive.ping(&payload, shell.now);
        self.write_control(Opcode::Ping, payload, shell);
        Ok(())
    }

    /// Starts the closing handshake (RFC 6455 §7.1.2). What was queued before still goes out in front of the close
    /// frame, and messages of the peer are still received until its close frame comes. Does nothing if a close frame
    /// was already sent.
    pub fn close(&mut self, frame: &CloseFrame, shell: &mut Shell<'_>) {
        if self.closing.may_send() {
            self.write_control(Opcode::Close, frame.payload().freeze(), shell);
            self.writer.stop(shell);
            self.closing.handle_close_sent(shell.now, self.config.close_timeout);
        }
    }

    /// Whether received messages are handed over whole, which is the default, or in pieces. A message that is being
    /// assembled changes to pieces at once; one that is handed over in pieces stays so to its end.
    pub fn set_delivery(&mut self, delivery: Delivery) {
        self.delivery = delivery;
        self.reader.handle_delivery(delivery);
    }

    /// Whether the shell shall end its side of the stream as soon as everything in the output is written.
    #[must_use]
    pub fn wants_shutdown(&self) -> bool {
        self.closing.wants_shutdown(self.terms.role)
    }

    /// Whether the stream can be dropped: both sides of it are ended, or the time for that is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.closing.is_ended(self.terms.role)
    }

    /// Whether bytes of the peer may still come. Those behind the end of the connection are thrown away, but have to
    /// be read.
    #[must_use]
    pub fn wants_bytes(&self) -> bool {
        self.closing.wants_bytes()
    }

    /// How the connection was closed; `None` as long as it is not.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.closing.closed()
    }

    /// Whether messages can still be sent.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.closing.may_send()
    }

    /// Whether a message that is sent in [pieces](Connection::send_piece) still lacks its last one: until then no other
    /// message can be sent.
    #[must_use]
    pub fn is_message_open(&self) -> bool {
        self.writer.is_open()
    }

    /// Which end of the connection this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.terms.role
    }

    /// The limits in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes [`Config::high_water_bytes`] for this connection alone.
    pub fn set_high_water_bytes(&mut self, bytes: usize) {
        Arc::make_mut(&mut self.config).high_water_bytes = bytes;
    }

    /// What was agreed on for permessage-deflate, if it was.
    #[must_use]
    pub fn deflate(&self) -> Option<&DeflateParams> {
        self.terms.deflate.as_ref()
    }

    /// The latest round-trip time that a ping and its pong measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.keepalive.round_trip()
    }

    /// What was received since the opening handshake. A frame counts from its header on.
    #[must_use]
    pub fn received(&self) -> Traffic {
        self.ledger.received()
    }

    /// What was queued for sending since the opening handshake.
    #[must_use]
    pub fn sent(&self) -> Traffic {
        self.ledger.sent()
    }

    /// Whether a record of each frame is kept for [`poll_record`](Connection::poll_record): the latest 1,024. Off by
    /// default. A received frame is recorded once the start of its payload is there, or the connection has ended.
    pub fn set_tracing(&mut self, on: bool) {
        self.ledger.set_tracing(on);
    }

    /// Whether records are kept. Unless they are, [`Shell::now`] counts for none of the calls that send a message.
    #[must_use]
    pub fn is_tracing(&self) -> bool {
        self.ledger.is_tracing()
    }

    /// The oldest record of a frame that has not been taken yet.
    pub fn poll_record(&mut self) -> Option<FrameRecord> {
        self.ledger.next_record()
    }

    /// How many records were thrown away, because nobody took them in time, since this was last asked. They are older
    /// than the one that [`poll_record`](Connection::poll_record) gives next.
    pub fn take_lost_records(&mut self) -> u64 {
        self.ledger.take_lost()
    }

    fn reading(&self) -> Reading<'_> {
        Reading { terms: self.terms, config: &self.config, delivery: self.delivery }
    }

    /// `rest` starts at `start` of the received bytes.
    fn handle_piece(&mut self, piece: &FramePiece, rest: &[u8], start: usize, shell: &mut Shell<'_>) -> Step {
        let header = &piece.header;
        let payload = rest.get(piece.payload.clone()).unwrap_or_default();
        self.ledger.note_received(piece, payload, shell.now);
        let range = start + piece.payload.start..start + piece.payload.end;
        if header.opcode.is_control() {
            return self.handle_control(piece, payload, range, shell);
        }
        let Connection { reader, terms, config, delivery, .. } = self;
        let by = Reading { terms: *terms, config, delivery: *delivery };
        match reader.handle_piece(piece, payload, by, shell.pool) {
            Ok(None) => Step::Nothing,
            Ok(Some(delivered)) => Step::Found(Found::Data(delivered, range)),
            Err(violation) => self.fail(violation, shell),
        }
    }

    fn handle_control(
        &mut self,
        piece: &FramePiece,
        payload: &[u8],
        range: Range<usize>,
        shell: &mut Shell<'_>,
    ) -> Step {
        if !piece.last {
            self.control.add_cut(payload);
            return Step::Nothing;
        }
        let Some(mut joined) = self.control.take_cut() else {
            return self.handle_control_frame(piece.header.opcode, payload, Control::Received(range), shell);
        };
        joined.extend_from_slice(payload);
        let joined = Bytes::from(joined);
        self.handle_control_frame(piece.header.opcode, &joined, Control::Joined(joined.clone()), shell)
    }

    fn handle_control_frame(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        place: Control,
        shell: &mut Shell<'_>,
    ) -> Step {
        match opcode {
            Opcode::Ping => {
                if self.may_answer(shell) {
                    self.control.take_ping();
                    self.write_control(Opcode::Pong, Bytes::copy_from_slice(payload), shell);
                } else {
                    self.control.set_ping(payload);
                }
                Step::Found(Found::Ping(place))
            }
            Opcode::Pong => Step::Found(Found::Pong(place, self.keepalive.handle_pong(payload, shell.now))),
            Opcode::Close => self.handle_close(payload, shell),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => Step::Nothing,
        }
    }

    /// "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a
    /// Close frame in response" (RFC 6455 §5.5.1), "typically echoing the status code".
    fn handle_close(&mut self, payload: &[u8], shell: &mut Shell<'_>) -> Step {
        let frame = match CloseFrame::parse(payload) {
            Ok(frame) => frame,
            Err(violation) => return self.fail(violation, shell),
        };
        let by = if self.closing.is_close_sent() {
            Initiator::Application
        } else {
            let code = payload.first_chunk::<2>().map_or(Bytes::new(), |code| Bytes::copy_from_slice(code));
            self.write_control(Opcode::Close, code, shell);
            Initiator::Peer
        };
        self.finish(Closed { by, frame: Some(frame), violation: None }, shell);
        Step::Closed
    }

    /// The one way out for a peer that broke a rule: "_Fail the WebSocket Connection_" (RFC 6455 §7.1.7).
    pub(super) fn fail(&mut self, violation: Violation, shell: &mut Shell<'_>) -> Step {
        if self.closing.may_send()
            && let Some(frame) = CloseFrame::answering(&violation)
        {
            self.write_control(Opcode::Close, frame.payload().freeze(), shell);
        }
        self.finish(Closed { by: Initiator::Library, frame: None, violation: Some(violation) }, shell);
        Step::Closed
    }

    fn finish(&mut self, closed: Closed, shell: &mut Shell<'_>) {
        self.writer.stop(shell);
        self.reader.stop(shell.pool);
        self.ledger.stop();
        self.control.clear();
        self.closing.handle_finished(shell.now, self.config.close_timeout, closed);
    }

    /// Queues the pong for a ping that had to wait, unless so much waits still that pongs for a flood of pings would
    /// pile up.
    pub(super) fn answer_ping(&mut self, shell: &mut Shell<'_>) {
        if self.control.has_ping()
            && self.may_answer(shell)
            && let Some(payload) = self.control.take_ping()
        {
            self.write_control(Opcode::Pong, Bytes::from(payload), shell);
        }
    }

    fn may_answer(&self, shell: &Shell<'_>) -> bool {
        shell.output.len() < self.config.high_water() && self.closing.may_send()
    }

    fn write_control(&mut self, opcode: Opcode, payload: Bytes, shell: &mut Shell<'_>) {
        let mut sink = FrameSink { terms: self.terms, ledger: &mut self.ledger, shell };
        sink.write(Frame { fin: true, rsv1: false, opcode, payload });
    }

    fn check_may_send(&self, shell: &Shell<'_>) -> Result<(), SendError> {
        if !self.closing.may_send() {
            return Err(SendError::Closed);
        }
        let queued = shell.output.len();
        let limit = self.config.high_water();
        if queued >= limit { Err(SendError::QueueFull { queued, limit }) } else { Ok(()) }
    }
}
