//! What several targets need: cuts, and a connection with everything that a shell lends to it.
// Each target is a crate of its own and uses a part of this.
#![allow(dead_code)]

use std::{
    io::IoSlice,
    sync::Arc,
    time::{Duration, Instant},
};

use carrick::protocol::{Agreement, Closed, Config, Connection, Event, Kind, Output, Pool, Role, Shell};
use rand::{SeedableRng, rngs::StdRng};

/// Lengths of chunks, from a seed. Half of them are small.
pub struct Cuts(u32);

impl Cuts {
    pub fn new(seed: u16) -> Cuts {
        Cuts(u32::from(seed) | 1 << 16)
    }

    /// The length of the next chunk of `available` bytes, at least 1 of them.
    pub fn next(&mut self, available: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        let n = self.0 as usize >> 1;
        let n = if self.0 & 1 == 0 { n % 8 } else { n % available.max(1) };
        (n + 1).min(available)
    }

    /// Cuts the bytes into chunks.
    pub fn chunks<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut chunks = Vec::new();
        while !bytes.is_empty() {
            let (chunk, rest) = bytes.split_at(self.next(bytes.len()));
            chunks.push(chunk);
            bytes = rest;
        }
        chunks
    }
}

/// An event, taken out of the buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Message(Kind, Vec<u8>),
    Piece { kind: Kind, bytes: Vec<u8>, first: bool, last: bool },
    Ping(Vec<u8>),
    Pong(Vec<u8>, Option<Duration>),
    Closed(Closed),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Seen {
        match event {
            Event::Message { kind, payload, .. } => {
                assert!(kind == Kind::Binary || std::str::from_utf8(&payload).is_ok());
                Seen::Message(kind, payload.to_vec())
            }
            Event::Piece { kind, payload, first, last, .. } => {
                Seen::Piece { kind, bytes: payload.to_vec(), first, last }
            }
            Event::Ping(payload) => Seen::Ping(payload.to_vec()),
            Event::Pong { payload, round_trip } => Seen::Pong(payload.to_vec(), round_trip),
            Event::Closed(closed) => Seen::Closed(closed.clone()),
            other => panic!("an event that the targets do not know: {other:?}"),
        }
    }
}

/// Joins the pieces of each message. A ping or a pong that comes amid one goes before it: where in a message it stands
/// depends on how much of the message was inflated by then, which the cut decides.
pub fn joined(events: Vec<Seen>) -> Vec<Seen> {
    let mut joined: Vec<Seen> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (
                Some(Seen::Piece { bytes: before, last: ended @ false, .. }),
                Seen::Piece { bytes, first, last, .. },
            ) => {
                assert!(!first, "a message begins inside another");
                before.extend(bytes);
                *ended = last;
            }
            (Some(Seen::Piece { last: false, .. }), control @ (Seen::Ping(_) | Seen::Pong(..))) => {
                joined.insert(joined.len() - 1, control);
            }
            (_, event) => joined.push(event),
        }
    }
    joined
}

/// A connection and its shell.
pub struct Peer {
    pub connection: Connection,
    pub output: Output,
    pub now: Instant,
    pub seen: Vec<Seen>,
    pool: Pool,
    random: StdRng,
}

impl Peer {
    pub fn new(role: Role, config: Config, agreement: &Agreement, now: Instant) -> Peer {
        Peer {
            connection: Connection::new(role, Arc::new(config), agreement, now),
            output: Output::new(),
            now,
            seen: Vec::new(),
            pool: Pool::new(),
            random: StdRng::seed_from_u64(7),
        }
    }

    pub fn does<T>(&mut self, call: impl FnOnce(&mut Connection, &mut Shell<'_>) -> T) -> T {
        let Peer { connection, output, pool, now, random, .. } = self;
        call(connection, &mut Shell { now: *now, random, output, pool })
    }

    pub fn receive(&mut self, bytes: &[u8]) {
        let mut received = bytes.to_vec();
        let mut rest = &mut received[..];
        while !rest.is_empty() {
            let (n, event) = self.does(|connection, shell| {
                let (n, event) = connection.receive(rest, shell);
                (n, event.map(Seen::from))
            });
            assert!(event.is_some() || n == rest.len(), "without an event everything is consumed");
            self.seen.extend(event);
            rest = &mut rest[n..];
        }
    }

    pub fn receive_eof(&mut self) {
        let seen = self.does(|connection, shell| connection.receive_eof(shell).map(Seen::from));
        self.seen.extend(seen);
    }

    pub fn handle_timeout(&mut self) {
        let seen = self.does(|connection, shell| connection.handle_timeout(shell).map(Seen::from));
        self.seen.extend(seen);
    }

    /// Takes up to `n` of the bytes that wait to be written.
    pub fn write(&mut self, n: usize) -> Vec<u8> {
        let mut written = Vec::new();
        while written.len() < n && !self.output.is_empty() {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = self.output.slices(&mut slices);
            let mut bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
            bytes.truncate(n - written.len());
            self.output.advance(bytes.len());
            written.extend(bytes);
        }
        written
    }

    pub fn times_closed(&self) -> usize {
        self.seen.iter().filter(|seen| matches!(seen, Seen::Closed(_))).count()
    }
}
