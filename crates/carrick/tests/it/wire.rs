//! The words that the tests speak in: frames, rules, and a connection with everything that a shell lends to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use carrick::protocol::{
    Agreement, Closed, Compressor, CompressorSettings, Config, Connection, DeflateParams, Delivery, Event,
    Initiator, Kind, Output, Pool, Role, Scratch, Shell, Violation,
};
use rand::{SeedableRng, rngs::StdRng};

pub(crate) const BOTH: [Role; 2] = [Role::Client, Role::Server];
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A frame as the tests write it, and as they read it back. It may break any rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    /// RSV1 to RSV3 as bits 2 to 0.
    pub(crate) rsv: u8,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame { fin: true, rsv: 0, opcode, payload: payload.as_ref().to_vec() }
}

pub(crate) fn continuation(payload: impl AsRef<[u8]>) -> Frame {
    frame(0, payload)
}

pub(crate) fn text(payload: impl AsRef<[u8]>) -> Frame {
    frame(1, payload)
}

pub(crate) fn binary(payload: impl AsRef<[u8]>) -> Frame {
    frame(2, payload)
}

pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Frame {
    frame(9, payload)
}

pub(crate) fn pong(payload: impl AsRef<[u8]>) -> Frame {
    frame(10, payload)
}

/// A close frame with any payload.
pub(crate) fn close_raw(payload: impl AsRef<[u8]>) -> Frame {
    frame(8, payload)
}

pub(crate) fn close(code: u16, reason: &str) -> Frame {
    close_raw([&code.to_be_bytes(), reason.as_bytes()].concat())
}

impl Frame {
    /// Without FIN: more fragments follow.
    pub(crate) fn open(mut self) -> Frame {
        self.fin = false;
        self
    }

    pub(crate) fn rsv(mut self, bits: u8) -> Frame {
        self.rsv = bits;
        self
    }

    /// With RSV1.
    pub(crate) fn compressed(self) -> Frame {
        self.rsv(0b100)
    }

    /// The code in a close frame.
    pub(crate) fn close_code(&self) -> Option<u16> {
        assert_eq!(self.opcode, 8, "a close frame: {self:?}");
        self.payload.first_chunk().map(|code| u16::from_be_bytes(*code))
    }

    pub(crate) fn is_close(&self) -> bool {
        self.opcode == 8
    }

    fn write(&self, from: Role, bytes: &mut Vec<u8>) {
        let length = self.payload.len();
        bytes.extend(head(self, length, from));
        let start = bytes.len();
        bytes.extend(&self.payload);
        if from.masks() {
            bytes[start..].iter_mut().enumerate().for_each(|(i, byte)| *byte ^= KEY[i % 4]);
        }
    }
}

/// The header of a frame that announces `length`, in the shortest form, with the key if there is one.
pub(crate) fn head(frame: &Frame, length: usize, from: Role) -> Vec<u8> {
    let mut bytes = vec![u8::from(frame.fin) << 7 | frame.rsv << 4 | frame.opcode];
    let mask = u8::from(from.masks()) << 7;
    match length {
        0..=125 => bytes.push(mask | length as u8),
        126..=0xffff => {
            bytes.push(mask | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(mask | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    if from.masks() {
        bytes.extend(KEY);
    }
    bytes
}

/// The frames as a peer of this role puts them on the wire.
pub(crate) fn wire(frames: &[Frame], from: Role) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        frame.write(from, &mut bytes);
    }
    bytes
}

/// The frames in what an end of this role wrote. It has to be whole frames, masked exactly if they must be, with
/// lengths in their shortest form.
pub(crate) fn frames(mut bytes: &[u8], from: Role) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let [first, second, ..] = *bytes {
        let (length, size) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            127 => (u64::from_be_bytes(bytes[2..10].try_into().expect("8 bytes")) as usize, 10),
            length => (usize::from(length), 2),
        };
        assert_eq!(second & 0x80 != 0, from.masks(), "who masks is settled by the role");
        let key = if from.masks() { &bytes[size..size + 4] } else { &[0; 4] };
        let start = size + if from.masks() { 4 } else { 0 };
        let payload = &bytes[start..start + length];
        let payload = payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        let frame = Frame { fin: first & 0x80 != 0, rsv: first >> 4 & 7, opcode: first & 15, payload };
        assert_eq!(size, head(&frame, length, Role::Server).len(), "the shortest form of {length}");
        frames.push(frame);
        bytes = &bytes[start + length..];
    }
    assert!(bytes.is_empty(), "half a frame: {bytes:x?}");
    frames
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The message compressed on its own.
pub(crate) fn deflated(message: impl AsRef<[u8]>) -> Vec<u8> {
    deflater().compress(message)
}

pub(crate) fn deflater() -> Deflater {
    let settings = CompressorSettings { level: 6, memory_level: 8, window_bits: 15 };
    Deflater { compressor: Compressor::new(settings), scratch: Scratch::new() }
}

/// The compressor of a peer that keeps its window from message to message.
pub(crate) struct Deflater {
    compressor: Compressor,
    scratch: Scratch,
}

impl Deflater {
    pub(crate) fn compress(&mut self, message: impl AsRef<[u8]>) -> Vec<u8> {
        let mut output = BytesMut::new();
        self.compressor.finish(message.as_ref(), &mut self.scratch, &mut output);
        output.to_vec()
    }
}

/// An event, taken out of the buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Message(Kind, Vec<u8>),
    Piece { kind: Kind, bytes: Vec<u8>, first: bool, last: bool },
    Ping(Vec<u8>),
    Pong(Vec<u8>, Option<Duration>),
    Closed(Closed),
}

impl Seen {
    pub(crate) fn text(text: &str) -> Seen {
        Seen::Message(Kind::Text, text.into())
    }

    pub(crate) fn binary(bytes: impl AsRef<[u8]>) -> Seen {
        Seen::Message(Kind::Binary, bytes.as_ref().to_vec())
    }

    /// A ping with this payload.
    pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Seen {
        Seen::Ping(payload.as_ref().to_vec())
    }

    pub(crate) fn failed(violation: Violation) -> Seen {
        Seen::Closed(Closed { by: Initiator::Library, frame: None, violation: Some(violation) })
    }

    /// How it closed.
    pub(crate) fn closed(self) -> Closed {
        match self {
            Seen::Closed(closed) => closed,
            other => panic!("not closed: {other:?}"),
        }
    }
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Seen {
        match event {
            Event::Message { kind, payload, .. } => Seen::Message(kind, payload.to_vec()),
            Event::Piece { kind, payload, first, last, .. } => {
                Seen::Piece { kind, bytes: payload.to_vec(), first, last }
            }
            Event::Ping(payload) => Seen::Ping(payload.to_vec()),
            Event::Pong { payload, round_trip } => Seen::Pong(payload.to_vec(), round_trip),
            Event::Closed(closed) => Seen::Closed(closed.clone()),
            other => panic!("an event that the tests do not know: {other:?}"),
        }
    }
}

/// What a connection starts with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) role: Role,
    pub(crate) config: Config,
    pub(crate) agreement: Agreement,
}

impl Setup {
    pub(crate) fn of(role: Role) -> Setup {
        Setup { role, config: Config::default(), agreement: Agreement::default() }
    }

    pub(crate) fn config(mut self, change: impl FnOnce(&mut Config)) -> Setup {
        change(&mut self.config);
        self
    }

    /// With permessage-deflate, as the default parameters say: takeover both ways, the largest windows.
    pub(crate) fn deflate(self) -> Setup {
        self.deflate_with(|_| {})
    }

    pub(crate) fn deflate_with(mut self, change: impl FnOnce(&mut DeflateParams)) -> Setup {
        let mut params = DeflateParams::default();
        change(&mut params);
        self.agreement.deflate = Some(params);
        self
    }

    pub(crate) fn peer(&self) -> Peer {
        Peer::new(self)
    }

    /// Starts a rule about what this connection receives.
    pub(crate) fn receives(self, frames: &[Frame]) -> Rule {
        let received = wire(frames, self.role.peer());
        self.receives_bytes(&received)
    }

    pub(crate) fn receives_bytes(self, received: &[u8]) -> Rule {
        Rule { setup: self, delivery: Delivery::Whole, received: received.to_vec(), events: Vec::new() }
    }
}

/// A connection, and what its shell lends to it: a clock that the test moves, a generator with a seed, buffers.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) connection: Connection,
    pub(crate) output: Output,
    pub(crate) pool: Pool,
    pub(crate) now: Instant,
    /// Whether large messages are received where they are put together.
    pub(crate) in_room: bool,
    random: StdRng,
}

impl Peer {
    pub(crate) fn new(setup: &Setup) -> Peer {
        let now = start();
        Peer {
            connection: Connection::new(setup.role, Arc::new(setup.config.clone()), &setup.agreement, now),
            output: Output::new(),
            pool: Pool::new(),
            now,
            in_room: true,
            random: StdRng::seed_from_u64(7),
        }
    }

    /// Calls the connection with a shell.
    pub(crate) fn does<T>(&mut self, call: impl FnOnce(&mut Connection, &mut Shell<'_>) -> T) -> T {
        let Peer { connection, output, pool, now, random, .. } = self;
        call(connection, &mut Shell { now: *now, random, output, pool })
    }

    /// Everything that these bytes lead to.
    pub(crate) fn receives_bytes(&mut self, bytes: &[u8]) -> Vec<Seen> {
        let mut received = bytes.to_vec();
        let mut rest = &mut received[..];
        let mut events = Vec::new();
        while !rest.is_empty() {
            let in_room = self.in_room;
            let (n, event) = self.does(|connection, shell| {
                if let Some(room) = connection.room().filter(|_| in_room) {
                    let n = room.len().min(rest.len());
                    room[..n].copy_from_slice(&rest[..n]);
                    return (n, connection.receive_in_room(n, shell).map(Seen::from));
                }
                let received = rest.len();
                let (n, event) = connection.receive(rest, shell);
                assert!(event.is_some() || n == received, "without an event everything is consumed");
                (n, event.map(Seen::from))
            });
            events.extend(event);
            rest = &mut rest[n..];
        }
        events
    }

    pub(crate) fn receives(&mut self, frames: &[Frame]) -> Vec<Seen> {
        let bytes = wire(frames, self.connection.role().peer());
        self.receives_bytes(&bytes)
    }

    pub(crate) fn receives_eof(&mut self) -> Option<Seen> {
        self.does(|connection, shell| connection.receive_eof(shell).map(Seen::from))
    }

    /// Lets this much time pass, then looks at the deadlines.
    pub(crate) fn waits(&mut self, time: Duration) -> Option<Seen> {
        self.now += time;
        self.does(|connection, shell| connection.handle_timeout(shell).map(Seen::from))
    }

    /// Takes the bytes that wait to be written.
    pub(crate) fn writes(&mut self) -> Vec<u8> {
        let bytes = waiting(&self.output);
        self.output.advance(bytes.len());
        bytes
    }

    /// Takes the frames that wait to be written.
    pub(crate) fn sends(&mut self) -> Vec<Frame> {
        let bytes = self.writes();
        frames(&bytes, self.connection.role())
    }
}

/// The bytes that wait in an output.
pub(crate) fn waiting(output: &Output) -> Vec<u8> {
    let mut slices = [std::io::IoSlice::new(&[]); 64];
    let filled = output.slices(&mut slices);
    let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
    assert_eq!(bytes.len(), output.len(), "64 slices are enough for a test");
    bytes
}

/// The moment at which every test starts.
#[expect(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

/// What a connection shows and sends for the bytes that it receives, wherever they are cut.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    setup: Setup,
    delivery: Delivery,
    received: Vec<u8>,
    events: Vec<Seen>,
}

impl Rule {
    /// Messages are delivered in pieces. The rule joins those that follow each other.
    pub(crate) fn in_pieces(mut self) -> Rule {
        self.delivery = Delivery::Pieces;
        self
    }

    /// The events, in order.
    pub(crate) fn shows(mut self, events: &[Seen]) -> Rule {
        self.events.extend_from_slice(events);
        self
    }

    /// The frames that the connection sends, all of them. Checks the rule.
    pub(crate) fn sends(self, frames: &[Frame]) {
        for cuts in self.cuts() {
            let (events, sent) = self.outcome(&cuts);
            assert_eq!(events, self.events, "events, cut at {cuts:?}");
            assert_eq!(sent, frames, "frames sent, cut at {cuts:?}");
        }
    }

    /// The violation that ends the connection behind the events, and the code of the close frame, the last that is
    /// sent. Checks the rule.
    pub(crate) fn fails(mut self, violation: Violation, code: u16) {
        self.events.push(Seen::failed(violation));
        for cuts in self.cuts() {
            let (events, sent) = self.outcome(&cuts);
            assert_eq!(events, self.events, "events, cut at {cuts:?}");
            let (close, before) = sent.split_last().expect("a close frame is sent");
            assert_eq!(close.close_code(), Some(code), "code sent, cut at {cuts:?}");
            assert!(!before.iter().any(Frame::is_close), "one close frame is enough");
        }
    }

    /// Whole, byte by byte, and cut at every byte; a long input only near its ends and at some places between.
    fn cuts(&self) -> Vec<Vec<usize>> {
        let length = self.received.len();
        let mut all = vec![vec![]];
        if length <= 10_000 {
            all.push((1..length).collect());
        }
        let step = 1 + length / 500;
        all.extend(
            (1..length).filter(|at| at % step == 0 || *at < 20 || length - at < 20).map(|at| vec![at]),
        );
        all
    }

    fn outcome(&self, cuts: &[usize]) -> (Vec<Seen>, Vec<Frame>) {
        let mut peer = self.setup.peer();
        peer.connection.set_delivery(self.delivery);
        let mut events = Vec::new();
        let mut start = 0;
        for &end in cuts.iter().chain([&self.received.len()]) {
            events.extend(peer.receives_bytes(&self.received[start..end]));
            start = end;
        }
        (joined(events), peer.sends())
    }
}

/// Joins the pieces that follow each other.
pub(crate) fn joined(events: Vec<Seen>) -> Vec<Seen> {
    let mut joined: Vec<Seen> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (
                Some(Seen::Piece { bytes: before, last: ended @ false, .. }),
                Seen::Piece { bytes, first: false, last, .. },
            ) => {
                before.extend(bytes);
                *ended = last;
            }
            (_, event) => joined.push(event),
        }
    }
    joined
}
