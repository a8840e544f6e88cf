//! Two connections over a network that cuts bytes anywhere and a clock that the test moves.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use carrick::protocol::{
    CloseFrame, Compression, Connection, DeflateConfig, Delivery, Initiator, Kind, Message, Prepared, Role,
    SendError, Traffic, Violation,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::wire::{Frame, Peer, SECOND, Seen, Setup, frames, joined, waiting};

type Sent = (Kind, Vec<u8>);

/// One end, and its side of the network.
struct End {
    peer: Peer,
    /// Bytes under way to this end.
    incoming: VecDeque<u8>,
    /// Whether the other end has ended its side of the stream behind `incoming`.
    incoming_ended: bool,
    told_eof: bool,
    seen: Vec<Seen>,
    /// Everything this end has put on the wire.
    written: Vec<u8>,
    /// The whole messages that were taken for sending.
    queued: Vec<Sent>,
    /// The message that is being sent in pieces.
    open: Option<Sent>,
}

impl End {
    fn new(setup: &Setup) -> End {
        End {
            peer: setup.peer(),
            incoming: VecDeque::new(),
            incoming_ended: false,
            told_eof: false,
            seen: Vec::new(),
            written: Vec::new(),
            queued: Vec::new(),
            open: None,
        }
    }

    fn connection(&self) -> &Connection {
        &self.peer.connection
    }

    fn send(&mut self, message: Message, compression: Compression) -> Result<(), SendError> {
        let sent = (message.kind(), message.as_bytes().to_vec());
        self.peer.does(|connection, shell| connection.send(message, compression, shell))?;
        self.queued.push(sent);
        Ok(())
    }

    fn send_prepared(&mut self, message: Message) -> Result<(), SendError> {
        let sent = (message.kind(), message.as_bytes().to_vec());
        let prepared = Prepared::new(message);
        self.peer.does(|connection, shell| connection.send_prepared(&prepared, shell))?;
        self.queued.push(sent);
        Ok(())
    }

    fn send_piece(&mut self, kind: Kind, bytes: Vec<u8>, last: bool) -> Result<(), SendError> {
        let piece = Bytes::from(bytes.clone());
        self.peer
            .does(|connection, shell| connection.send_piece(kind, piece, last, Compression::Auto, shell))?;
        let mut open = self.open.take().unwrap_or((kind, Vec::new()));
        open.1.extend(bytes);
        if last {
            self.queued.push(open);
        } else {
            self.open = Some(open);
        }
        Ok(())
    }

    fn close(&mut self, code: u16) {
        let frame = CloseFrame::new(code.into(), "").expect("a code that may be sent");
        self.peer.does(|connection, shell| connection.close(&frame, shell));
    }

    /// The whole messages that came.
    fn received(&self) -> Vec<Sent> {
        let is_data = |seen: &&Seen| matches!(seen, Seen::Message(..) | Seen::Piece { .. });
        let data: Vec<Seen> = self.seen.iter().filter(is_data).cloned().collect();
        let messages = joined(data).into_iter().filter_map(|seen| match seen {
            Seen::Message(kind, bytes) => Some((kind, bytes)),
            Seen::Piece { kind, bytes, first, last } => {
                assert!(first, "pieces were joined");
                last.then_some((kind, bytes))
            }
            Seen::Ping(_) | Seen::Pong(..) | Seen::Closed(_) => None,
        });
        messages.collect()
    }

    fn times_closed(&self) -> usize {
        self.seen.iter().filter(|seen| matches!(seen, Seen::Closed(_))).count()
    }
}

struct Pair {
    client: End,
    server: End,
    random: StdRng,
}

impl Pair {
    fn new(client: &Setup, server: &Setup, seed: u64) -> Pair {
        Pair { client: End::new(client), server: End::new(server), random: StdRng::seed_from_u64(seed) }
    }

    fn plain() -> Pair {
        Pair::new(&Setup::of(Role::Client), &Setup::of(Role::Server), 1)
    }

    fn end(&mut self, role: Role) -> &mut End {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// Writes some of what an end has queued, and delivers some of what is under way to the other. Says whether
    /// anything happened or can happen yet.
    fn carry(&mut self, from: Role) -> bool {
        let Pair { client, server, random } = self;
        let (from, to) = match from {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        let mut bytes = waiting(&from.peer.output);
        bytes.truncate(some(random, bytes.len()));
        from.peer.output.advance(bytes.len());
        from.peer.does(|connection, shell| connection.handle_drained(shell));
        from.written.extend(&bytes);
        to.incoming.extend(&bytes);
        if from.connection().wants_shutdown() && from.peer.output.is_empty() {
            from.peer.connection.handle_shutdown();
            to.incoming_ended = true;
        }

        let n = some(random, to.incoming.len());
        let arrived: Vec<u8> = to.incoming.drain(..n).collect();
        to.seen.extend(to.peer.receives_bytes(&arrived));
        let ends = to.incoming_ended && to.incoming.is_empty() && !to.told_eof;
        if ends {
            to.told_eof = true;
            to.seen.extend(to.peer.receives_eof());
        }
        ends || n > 0 || !bytes.is_empty() || !to.incoming.is_empty() || !from.peer.output.is_empty()
    }

    /// Carries until nothing is under way.
    fn settle(&mut self) {
        while self.carry(Role::Client) | self.carry(Role::Server) {}
    }

    fn pass(&mut self, time: Duration) {
        for end in [&mut self.client, &mut self.server] {
            end.seen.extend(end.peer.waits(time));
        }
    }

    /// What holds for every connection that was closed without a failure.
    fn check_closed(&mut self, context: &str) {
        self.settle();
        for role in [Role::Client, Role::Server] {
            let other = self.end(role.peer());
            let (queued, sent): (_, Traffic) = (other.queued.clone(), other.connection().sent());
            let end = self.end(role);
            assert_eq!(end.received(), queued, "messages to the {role:?}, {context}");
            assert_eq!(end.connection().received(), sent, "traffic to the {role:?}, {context}");
            assert_eq!(end.times_closed(), 1, "{context}");
            assert!(end.connection().closed().expect("it is closed").is_clean(), "{context}");
            assert!(end.connection().is_ended() && end.told_eof, "{context}");
            let written: Vec<Frame> = frames(&end.written, role);
            let (last, before) = written.split_last().expect("at least a close frame");
            assert!(last.is_close() && !before.iter().any(Frame::is_close), "{context}");
        }
    }
}

/// A random part of what is there, often all of it.
fn some(random: &mut StdRng, available: usize) -> usize {
    match random.random_range(0..4) {
        0 => random.random_range(0..=available),
        1 => available.min(random.random_range(1..20)),
        _ => available,
    }
}

#[test]
fn either_side_or_both_at_once_may_close() {
    for (client_closes, server_closes) in [(true, false), (false, true), (true, true)] {
        let mut pair = Pair::plain();
        pair.client.send("from the client".into(), Compression::Auto).unwrap();
        pair.server.send("from the server".into(), Compression::Auto).unwrap();
        if client_closes {
            pair.client.close(1000);
        }
        if server_closes {
            pair.server.close(1001);
        }
        pair.check_closed("closing");
        for (end, we, they) in [(&pair.client, client_closes, 1001), (&pair.server, server_closes, 1000)] {
            let closed = end.connection().closed().unwrap();
            assert_eq!(closed.by, if we { Initiator::Application } else { Initiator::Peer });
            let code = if client_closes && server_closes {
                they
            } else if client_closes {
                1000
            } else {
                1001
            };
            assert_eq!(closed.code(), code.into());
        }
    }
}

#[test]
fn the_server_ends_the_stream_before_the_client_does() {
    let mut pair = Pair::plain();
    pair.client.close(1000);
    while !pair.server.connection().wants_shutdown() {
        pair.carry(Role::Client);
        assert!(!pair.client.connection().wants_shutdown());
    }
    pair.check_closed("closing");
}

#[test]
fn pings_keep_an_idle_pair_alive() {
    let mut pair = Pair::plain();
    for _ in 0..3600 {
        pair.pass(SECOND);
        pair.settle();
    }
    for end in [&pair.client, &pair.server] {
        assert_eq!(end.connection().closed(), None);
        let pings = end.seen.iter().filter(|seen| matches!(seen, Seen::Ping(_))).count();
        assert_eq!(pings, 180, "one in 20 seconds");
        assert_eq!(end.connection().round_trip(), Some(Duration::ZERO));
    }
}

#[test]
fn a_side_whose_pongs_are_lost_is_given_up_at_the_deadline() {
    for role in [Role::Client, Role::Server] {
        let mut pair = Pair::plain();
        pair.pass(20 * SECOND);
        // The ping leaves, and nothing comes back any more.
        while !pair.end(role.peer()).seen.iter().any(|seen| matches!(seen, Seen::Ping(_))) {
            pair.carry(role);
        }
        let end = pair.end(role);
        assert_eq!(end.peer.waits(20 * SECOND - Duration::from_nanos(1)), None);
        let seen = end.peer.waits(Duration::from_nanos(1));
        assert_eq!(seen, Some(Seen::failed(Violation::PongMissing { waited: 20 * SECOND })));
        assert!(end.connection().wants_shutdown());
    }
}

#[test]
fn a_full_queue_is_emptied_by_the_network_and_nothing_is_lost() {
    for role in [Role::Client, Role::Server] {
        let setup = |role| Setup::of(role).config(|config| config.high_water_bytes = 10_000);
        let mut pair = Pair::new(&setup(Role::Client), &setup(Role::Server), 5);
        let mut refused = 0;
        for n in 0..500_u32 {
            let message = vec![n as u8; 700];
            while let Err(error) = pair.end(role).send(message.clone().into(), Compression::Auto) {
                let SendError::QueueFull { queued, limit: 10_000 } = error else { panic!("{error}") };
                assert!((10_000..11_000).contains(&queued), "{queued}");
                refused += 1;
                pair.carry(role);
            }
        }
        assert!(refused > 10);
        pair.end(role).close(1000);
        pair.check_closed("backpressure");
    }
}

/// Both ends with the same agreement, seen from each.
fn deflate_setups(takeover: (bool, bool), bits: (u8, u8), high_water: usize) -> (Setup, Setup) {
    let setup = |role, own: bool, peer: bool, own_bits, peer_bits| {
        Setup::of(role)
            .deflate_with(|params| {
                params.own_context_takeover = own;
                params.peer_context_takeover = peer;
                params.own_max_window_bits = own_bits;
                params.peer_max_window_bits = peer_bits;
            })
            .config(|config| {
                config.deflate = DeflateConfig::default().with_threshold_bytes(16);
                config.high_water_bytes = high_water;
                config.pong_timeout = 10_000 * SECOND;
                config.close_timeout = 10_000 * SECOND;
            })
    };
    (
        setup(Role::Client, takeover.0, takeover.1, bits.0, bits.1),
        setup(Role::Server, takeover.1, takeover.0, bits.1, bits.0),
    )
}

#[test]
fn every_agreement_on_deflate_carries_messages_both_ways() {
    for takeover in [(false, false), (false, true), (true, false), (true, true)] {
        for bits in (8..=15).map(|bits| (bits, 23 - bits)) {
            let (client, server) = deflate_setups(takeover, bits, 256 << 10);
            let mut pair = Pair::new(&client, &server, u64::from(bits.0));
            for round in 0..6 {
                for role in [Role::Client, Role::Server] {
                    let message = words(&mut pair.random, 20_000);
                    let end = pair.end(role);
                    match round % 3 {
                        0 => end.send_prepared(Message::text(message)).unwrap(),
                        _ => end.send(Message::text(message), Compression::Auto).unwrap(),
                    }
                }
                pair.carry(Role::Client);
            }
            pair.server.close(1000);
            pair.check_closed(&format!("{takeover:?} {bits:?}"));
        }
    }
}

/// Text that compresses like text, with characters of every length.
fn words(random: &mut StdRng, max: usize) -> String {
    let length = random.random_range(0..=max);
    let mut text = String::new();
    while text.len() < length {
        text.push_str(["tick ", "größe ", "日本 ", "🦀", "0", "price"][random.random_range(0..6)]);
    }
    text
}

#[test]
fn any_script_brings_over_the_same_messages_in_order() {
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(seed);
        let takeover = (random.random(), random.random());
        let bits = (random.random_range(8..=15), random.random_range(8..=15));
        let high_water = [500, 20_000, 256 << 10][random.random_range(0..3)];
        let (mut client, mut server) = deflate_setups(takeover, bits, high_water);
        if random.random_range(0..3) == 0 {
            client.agreement.deflate = None;
            server.agreement.deflate = None;
        }
        let mut pair = Pair::new(&client, &server, seed);
        for _ in 0..random.random_range(1..200) {
            let role = if random.random() { Role::Client } else { Role::Server };
            operate(&mut pair, role, &mut random);
        }
        pair.client.close(1000);
        pair.check_closed(&format!("seed {seed}"));
    }
}

/// One call or one move of the network, at random.
fn operate(pair: &mut Pair, role: Role, random: &mut StdRng) {
    match random.random_range(0..12) {
        0 | 1 => {
            let (message, compression) = match random.random_range(0..3) {
                0 => (Message::text(words(random, 300)), Compression::Auto),
                1 => (Message::text(words(random, 300)), Compression::Never),
                _ => (
                    Message::binary(vec![random.random(); random.random_range(0..10_000)]),
                    Compression::Auto,
                ),
            };
            check_send(pair, role, |end| end.send(message, compression));
        }
        2 => {
            let message = Message::text(words(random, 3000));
            check_send(pair, role, |end| end.send_prepared(message));
        }
        3 | 4 => {
            let kind = pair.end(role).open.as_ref().map_or(Kind::Text, |open| open.0);
            let (piece, last) = (words(random, 2000).into_bytes(), random.random_range(0..3) == 0);
            check_send(pair, role, |end| end.send_piece(kind, piece, last));
        }
        5 => {
            let payload = Bytes::from(vec![7; random.random_range(0..=125)]);
            check_send(pair, role, |end| end.peer.does(|connection, shell| connection.ping(payload, shell)));
        }
        6 => {
            let delivery = if random.random() { Delivery::Pieces } else { Delivery::Whole };
            pair.end(role).peer.connection.set_delivery(delivery);
        }
        7 => pair.pass(Duration::from_millis(random.random_range(0..3000))),
        8 if random.random_range(0..20) == 0 => pair.end(role).close(1001),
        _ => {
            pair.carry(role);
        }
    }
}

/// A call either is taken or says rightly why not.
fn check_send(pair: &mut Pair, role: Role, call: impl FnOnce(&mut End) -> Result<(), SendError>) {
    let end = pair.end(role);
    let high_water = end.connection().config().high_water_bytes;
    let (may_send, waits) = (end.connection().may_send(), end.peer.output.len());
    match call(end) {
        Ok(()) => assert!(may_send && waits < high_water),
        Err(SendError::Closed) => assert!(!may_send),
        Err(SendError::QueueFull { queued, limit }) => assert!(queued == waits && limit <= waits),
        Err(SendError::MessageOpen) => assert!(end.open.is_some()),
        Err(error) => panic!("{error}"),
    }
}
