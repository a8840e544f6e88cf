//! One end of a WebSocket without a network.

use std::{io::IoSlice, sync::Arc, time::Instant};

use carrick::protocol::{
    Agreement, Compression, Config, Connection, Event, Message, Output, Pool, Prepared, Role, SendError,
    Shell,
};
use rand::{SeedableRng, rngs::StdRng};

/// A connection and what waits for its peer.
pub(crate) struct End {
    connection: Connection,
    output: Output,
}

/// What the connections of a thread share.
pub(crate) struct Lent {
    now: Instant,
    random: StdRng,
    pool: Pool,
}

impl Lent {
    pub(crate) fn new() -> Lent {
        Lent { now: Instant::now(), random: StdRng::seed_from_u64(1), pool: Pool::new() }
    }

    fn shell<'a>(&'a mut self, output: &'a mut Output) -> Shell<'a> {
        Shell { now: self.now, random: &mut self.random, output, pool: &mut self.pool }
    }
}

impl End {
    pub(crate) fn new(role: Role, agreement: &Agreement, lent: &Lent) -> End {
        let connection = Connection::new(role, Arc::new(Config::default()), agreement, lent.now);
        End { connection, output: Output::new() }
    }

    pub(crate) fn send(&mut self, message: Message, lent: &mut Lent) -> Result<(), SendError> {
        self.connection.send(message, Compression::Auto, &mut lent.shell(&mut self.output))
    }

    pub(crate) fn send_prepared(&mut self, prepared: &Prepared, lent: &mut Lent) -> Result<(), SendError> {
        self.connection.send_prepared(prepared, &mut lent.shell(&mut self.output))
    }

    /// Hands the payload of each message that stands in `received` to `take`; how many there were.
    pub(crate) fn receive(
        &mut self,
        received: &mut [u8],
        lent: &mut Lent,
        mut take: impl FnMut(&[u8]),
    ) -> usize {
        let (mut position, mut messages) = (0, 0);
        while position < received.len() {
            let mut shell = lent.shell(&mut self.output);
            let (consumed, event) = self.connection.receive(&mut received[position..], &mut shell);
            position += consumed;
            if let Some(Event::Message { payload, .. }) = event {
                take(&payload);
                messages += 1;
            }
        }
        messages
    }

    /// Answers each message that stands in `received` with itself; how many there were.
    pub(crate) fn echo(&mut self, received: &mut [u8], lent: &mut Lent) -> Result<usize, SendError> {
        let (mut position, mut messages) = (0, 0);
        while position < received.len() {
            let mut shell = lent.shell(&mut self.output);
            let (consumed, event) = self.connection.receive(&mut received[position..], &mut shell);
            position += consumed;
            if let Some(Event::Message { payload, .. }) = event {
                let message = Message::binary(payload.into_bytes());
                self.connection.send(message, Compression::Auto, &mut shell)?;
                messages += 1;
            }
        }
        Ok(messages)
    }

    /// What waits for the peer, in one piece.
    pub(crate) fn written(&mut self) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = self.output.slices(&mut slices);
        let bytes = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
        self.discard();
        bytes
    }

    /// Does as if everything that waits were written, as a driver does.
    pub(crate) fn discard(&mut self) {
        self.output.advance(self.output.len());
        self.output.release();
    }
}
