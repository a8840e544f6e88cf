//! Any calls on two connections, any cuts, any time, any garbage: no panic, one `Closed`, nothing behind a close frame,
//! and messages that arrive as they were sent.
#![no_main]

mod support;

use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use bytes::{Bytes, BytesMut};
use carrick::protocol::{
    Agreement, CloseFrame, Compression, Config, DeflateConfig, DeflateParams, Delivery, Kind, Message,
    Opcode, Prepared, Role, SendError,
};
use libfuzzer_sys::fuzz_target;

use support::{Peer, Seen, joined};

#[derive(Arbitrary, Debug)]
struct Input {
    deflate: Option<Deflate>,
    high_water: u16,
    max_message_bytes: u16,
    ops: Vec<(Side, Op)>,
}

#[derive(Arbitrary, Debug)]
struct Deflate {
    client_takeover: bool,
    server_takeover: bool,
    client_bits: u8,
    server_bits: u8,
    threshold: u8,
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Side {
    Client,
    Server,
}

#[derive(Arbitrary, Debug)]
enum Op {
    Text { text: String, repeat: u8, plain: bool },
    Binary { bytes: Vec<u8>, repeat: u8 },
    Prepared { text: String, repeat: u8 },
    Piece { text: bool, bytes: Vec<u8>, repeat: u8, last: bool },
    Ping { length: u8 },
    Close { code: u16, reason: String },
    Deliver { pieces: bool },
    Write { n: u16 },
    Read { n: u16 },
    Wait { tenths: u8 },
    Drained,
    Eof,
    Garbage { bytes: Vec<u8> },
}

struct End {
    peer: Peer,
    incoming: BytesMut,
    written: Vec<u8>,
    sent: Vec<(Kind, Vec<u8>)>,
    open: Option<(Kind, Vec<u8>)>,
    /// Bytes came that the other end had not sent, or not all that it had sent.
    disturbed: bool,
}

fuzz_target!(|input: Input| {
    let now = Instant::now();
    let mut client = End::new(Role::Client, &input, now);
    let mut server = End::new(Role::Server, &input, now);
    for (side, op) in input.ops {
        let (end, other) = match side {
            Side::Client => (&mut client, &mut server),
            Side::Server => (&mut server, &mut client),
        };
        if let Op::Wait { tenths } = op {
            let time = Duration::from_millis(100 * u64::from(tenths));
            end.wait(time);
            other.wait(time);
        } else {
            operate(end, other, op);
        }
    }
    finish(&mut client, &mut server);
    check(&client, &server);
    check(&server, &client);
});

fn operate(end: &mut End, other: &mut End, op: Op) {
    let auto = Compression::Auto;
    match op {
        Op::Text { text, repeat, plain } => {
            let compression = if plain { Compression::Never } else { auto };
            end.send(Message::text(text.repeat(repeat.into())), compression);
        }
        Op::Binary { bytes, repeat } => end.send(Message::binary(bytes.repeat(repeat.into())), auto),
        Op::Prepared { text, repeat } => {
            let message = Message::text(text.repeat(repeat.into()));
            let prepared = Prepared::new(message.clone());
            if end.peer.does(|connection, shell| connection.send_prepared(&prepared, shell)).is_ok() {
                end.sent.push((message.kind(), message.into_bytes().to_vec()));
            }
        }
        Op::Piece { text, bytes, repeat, last } => end.send_piece(text, bytes.repeat(repeat.into()), last),
        Op::Ping { length } => {
            let payload = Bytes::from(vec![length; length.into()]);
            let result = end.peer.does(|connection, shell| connection.ping(payload, shell));
            assert!(length <= 125 || result.is_err());
        }
        Op::Close { code, reason } => {
            let frame = CloseFrame::new(code.into(), &reason).unwrap_or(CloseFrame::empty());
            end.peer.does(|connection, shell| connection.close(&frame, shell));
        }
        Op::Deliver { pieces } => {
            let delivery = if pieces { Delivery::Pieces } else { Delivery::Whole };
            end.peer.connection.set_delivery(delivery);
        }
        Op::Write { n } => end.write(n.into(), other),
        Op::Read { n } => end.read(n.into()),
        Op::Wait { .. } => {}
        Op::Drained => end.peer.does(|connection, shell| connection.handle_drained(shell)),
        Op::Eof => {
            end.disturbed = true;
            end.peer.receive_eof();
        }
        Op::Garbage { bytes } => {
            end.disturbed = true;
            end.incoming.extend_from_slice(&bytes);
        }
    }
}

impl End {
    fn new(role: Role, input: &Input, now: Instant) -> End {
        let mut config = Config::default();
        config.high_water_bytes = input.high_water.into();
        config.max_message_bytes = input.max_message_bytes.into();
        config.max_fragments = 100;
        let mut agreement = Agreement::default();
        if let Some(deflate) = &input.deflate {
            config.deflate = DeflateConfig::default().with_threshold_bytes(deflate.threshold.into());
            let client = (deflate.client_takeover, deflate.client_bits % 8 + 8);
            let server = (deflate.server_takeover, deflate.server_bits % 8 + 8);
            let (own, peer) = if role == Role::Client { (client, server) } else { (server, client) };
            let mut params = DeflateParams::default();
            (params.own_context_takeover, params.own_max_window_bits) = own;
            (params.peer_context_takeover, params.peer_max_window_bits) = peer;
            agreement.deflate = Some(params);
        }
        End {
            peer: Peer::new(role, config, &agreement, now),
            incoming: BytesMut::new(),
            written: Vec::new(),
            sent: Vec::new(),
            open: None,
            disturbed: false,
        }
    }

    fn send(&mut self, message: Message, compression: Compression) {
        let sent = (message.kind(), message.as_bytes().to_vec());
        if self.peer.does(|connection, shell| connection.send(message, compression, shell)).is_ok() {
            self.sent.push(sent);
        }
    }

    fn send_piece(&mut self, text: bool, bytes: Vec<u8>, last: bool) {
        let kind = if text { Kind::Text } else { Kind::Binary };
        // Text has to be UTF-8, which is the caller's business.
        let bytes = if text { String::from_utf8_lossy(&bytes).into_owned().into_bytes() } else { bytes };
        let piece = Bytes::from(bytes.clone());
        let auto = Compression::Auto;
        match self.peer.does(|connection, shell| connection.send_piece(kind, piece, last, auto, shell)) {
            Ok(()) => {}
            Err(SendError::OtherKind(open)) => {
                assert_eq!(self.open.as_ref().map(|open| open.0), Some(open));
                return;
            }
            Err(_) => return,
        }
        let mut open = self.open.take().unwrap_or((kind, Vec::new()));
        open.1.extend(bytes);
        if last {
            self.sent.push(open);
        } else {
            self.open = Some(open);
        }
    }

    fn write(&mut self, n: usize, other: &mut End) {
        let bytes = self.peer.write(n);
        other.incoming.extend_from_slice(&bytes);
        self.written.extend(bytes);
    }

    fn read(&mut self, n: usize) {
        let n = n.min(self.incoming.len());
        let bytes = self.incoming.split_to(n);
        self.peer.receive(&bytes);
    }

    fn wait(&mut self, time: Duration) {
        self.peer.now += time;
        self.peer.handle_timeout();
    }
}

/// Carries everything, closes, and lets deadlines pass until both have ended.
fn finish(client: &mut End, server: &mut End) {
    for round in 0..20 {
        for _ in 0..3 {
            client.peer.does(|connection, shell| connection.handle_drained(shell));
            server.peer.does(|connection, shell| connection.handle_drained(shell));
            client.write(usize::MAX, server);
            server.read(usize::MAX);
            server.write(usize::MAX, client);
            client.read(usize::MAX);
        }
        if round == 0 {
            client.peer.does(|connection, shell| connection.close(&CloseFrame::empty(), shell));
            continue;
        }
        let (server_ends, client_ends) =
            (server.peer.connection.wants_shutdown(), client.peer.connection.wants_shutdown());
        if server_ends {
            server.peer.connection.handle_shutdown();
            client.peer.receive_eof();
        }
        if client_ends {
            client.peer.connection.handle_shutdown();
            server.peer.receive_eof();
        }
        if round > 2 {
            client.wait(Duration::from_secs(10));
            server.wait(Duration::from_secs(10));
        }
    }
}

fn check(end: &End, from: &End) {
    assert_eq!(end.peer.times_closed(), 1);
    assert!(end.peer.connection.is_ended());
    assert_eq!(end.peer.connection.poll_timeout(), None);
    assert!(end.peer.output.is_empty());
    let closed = end.peer.connection.closed().expect("it was closed");
    check_written(end);

    if end.disturbed || from.disturbed {
        return;
    }
    let received = received(end);
    let sent = from.sent.get(..received.len()).expect("no more messages than were sent");
    assert_eq!(received, sent);
    if closed.is_clean() {
        assert_eq!(received.len(), from.sent.len());
        assert_eq!(end.peer.connection.received(), from.peer.connection.sent());
    }
}

/// What was written is whole frames, and a close frame is the last of them.
fn check_written(end: &End) {
    use carrick::protocol::{FrameReader, HeaderRules, Role::Server};
    let role = end.peer.connection.role();
    let rsv1 = end.peer.connection.deflate().is_some();
    let rules = HeaderRules { masked: role.masks(), rsv1, max_frame_bytes: u64::MAX };
    let mut reader = FrameReader::new();
    let mut written = end.written.clone();
    let mut rest = &mut written[..];
    let mut closed = false;
    while !rest.is_empty() {
        assert!(!closed, "bytes behind the close frame");
        let (n, piece) = reader.read(rest, rules).expect("our own frames keep the rules");
        let piece = piece.expect("whole frames");
        assert!(piece.last, "whole frames");
        assert_eq!(piece.header.mask.is_none(), role == Server);
        closed = piece.header.opcode == Opcode::Close;
        rest = &mut rest[n..];
    }
}

fn received(end: &End) -> Vec<(Kind, Vec<u8>)> {
    let is_data = |seen: &&Seen| matches!(seen, Seen::Message(..) | Seen::Piece { .. });
    let data = end.peer.seen.iter().filter(is_data).cloned().collect();
    let messages = joined(data).into_iter().filter_map(|seen| match seen {
        Seen::Message(kind, bytes) => Some((kind, bytes)),
        Seen::Piece { kind, bytes, last: true, .. } => Some((kind, bytes)),
        _ => None,
    });
    messages.collect()
}
