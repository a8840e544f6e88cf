//! Large messages: received where they are put together.

use super::{
    connection::Connection,
    event::Event,
    found::{Found, event},
    message_reader::Reading,
    shell::Shell,
};

impl Connection {
    /// Where the next bytes from the network can be received, if a large message is being assembled: they need not be
    /// copied from elsewhere then. How many were is told to [`receive_in_room`](Connection::receive_in_room).
    ///
    /// All of them belong to one frame. Whoever received bytes elsewhere hands them to
    /// [`receive`](Connection::receive), as if there were no room.
    ///
    /// ```
    /// use std::{sync::Arc, time::Instant};
    ///
    /// use carrick::protocol::{
    ///     Agreement, Config, Connection, Pool, Event, Output, Role, Shell,
    /// };
    ///
    /// let (mut pool, mut output, mut random) = (Pool::new(), Output::new(), rand::rng());
    /// let now = Instant::now();
    /// let mut shell = Shell { now, random: &mut random, output: &mut output, pool: &mut pool };
    /// let agreement = Agreement::default();
    /// let mut client = Connection::new(Role::Client, Arc::new(Config::default()), &agreement, now);
    ///
    /// // The first 64 KiB of a message of 100,000 bytes.
    /// let mut frame = vec![0; 10 + 65_536];
    /// frame[..10].copy_from_slice(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0x86, 0xa0]);
    /// assert!(client.receive(&mut frame, &mut shell).1.is_none());
    ///
    /// let room = client.room().expect("it is large");
    /// assert_eq!(room.len(), 100_000 - 65_536);
    /// room.fill(7);
    /// match client.receive_in_room(100_000 - 65_536, &mut shell) {
    ///     Some(Event::Message { payload, .. }) => assert_eq!(payload[99_999], 7),
    ///     other => panic!("no message: {other:?}"),
    /// }
    /// ```
    pub fn room(&mut self) -> Option<&mut [u8]> {
        if !self.closing.may_receive() {
            return None;
        }
        let missing = self.frames.missing()?;
        self.reader.room(missing)
    }

    /// Takes bytes from the network that were received in the [room](Connection::room): the first `n` of it, which has to
    /// have been asked for just before.
    pub fn receive_in_room(&mut self, n: usize, shell: &mut Shell<'_>) -> Option<Event<'_>> {
        if n == 0 || self.room().is_none_or(|room| room.len() < n) {
            return None;
        }
        self.keepalive.handle_bytes(shell.now);
        self.answer_ping(shell);
        let Connection { frames, reader, ledger, terms, config, delivery, .. } = self;
        let payload = reader.fill(n);
        let piece = frames.read_on(payload)?;
        ledger.note_received(&piece, payload, shell.now);
        let by = Reading { terms: *terms, config, delivery: *delivery };
        match reader.handle_filled(&piece, n, by, shell.pool) {
            Ok(delivered) => delivered.map(|delivered| event(Found::Data(delivered, 0..0), &mut [])),
            Err(violation) => {
                self.fail(violation, shell);
                self.closing.closed().map(Event::Closed)
            }
        }
    }
}
