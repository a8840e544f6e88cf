//! What the application sends, and what keeps it from sending.

use carrick::protocol::{Compression, Kind, Message, Prepared, Role, SendError};

use crate::wire::{BOTH, Frame, Peer, Setup, binary, close, continuation, ping, text};

fn sends(peer: &mut Peer, message: impl Into<Message>) -> Result<(), SendError> {
    let message = message.into();
    peer.does(|connection, shell| connection.send(message, Compression::Auto, shell))
}

fn sends_piece(peer: &mut Peer, kind: Kind, piece: &'static [u8], last: bool) -> Result<(), SendError> {
    let piece = bytes::Bytes::from_static(piece);
    peer.does(|connection, shell| connection.send_piece(kind, piece, last, Compression::Auto, shell))
}

#[test]
fn messages_of_every_size_become_one_frame_each() {
    for role in BOTH {
        for length in [0, 1, 125, 126, 4095, 4096, 0xffff, 0x1_0000] {
            let mut peer = Setup::of(role).peer();
            sends(&mut peer, vec![1_u8; length]).unwrap();
            sends(&mut peer, "t").unwrap();
            assert_eq!(peer.sends(), [binary(vec![1; length]), text("t")]);
            assert_eq!(peer.connection.sent().messages, 2);
            assert_eq!(peer.connection.sent().bytes, length as u64 + 1);
        }
    }
}

#[test]
fn every_frame_of_a_client_has_a_key_of_its_own() {
    let mut peer = Setup::of(Role::Client).peer();
    let mut keys = std::collections::HashSet::new();
    for _ in 0..100 {
        sends(&mut peer, "").unwrap();
        keys.insert(peer.writes()[2..6].to_vec());
    }
    assert_eq!(keys.len(), 100);
}

#[test]
fn pieces_become_fragments_and_control_frames_go_between_them() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        sends_piece(&mut peer, Kind::Text, b"He", false).unwrap();
        peer.does(|connection, shell| connection.ping("p".into(), shell)).unwrap();
        sends_piece(&mut peer, Kind::Text, b"", false).unwrap();
        sends_piece(&mut peer, Kind::Text, b"llo", false).unwrap();
        sends_piece(&mut peer, Kind::Text, b"", true).unwrap();
        let expected = [text("He").open(), ping("p"), continuation("llo").open(), continuation("")];
        assert_eq!(peer.sends(), expected);
        sends_piece(&mut peer, Kind::Binary, b"one", true).unwrap();
        assert_eq!(peer.sends(), [binary("one")]);
    }
}

#[test]
fn an_open_message_keeps_others_and_the_other_kind_out() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        sends_piece(&mut peer, Kind::Text, b"a", false).unwrap();
        let prepared = Prepared::new(Message::text("b"));
        assert_eq!(sends(&mut peer, "b"), Err(SendError::MessageOpen));
        let error = peer.does(|connection, shell| connection.send_prepared(&prepared, shell));
        assert_eq!(error, Err(SendError::MessageOpen));
        let other = sends_piece(&mut peer, Kind::Binary, b"b", true);
        assert_eq!(other, Err(SendError::OtherKind(Kind::Text)));
        sends_piece(&mut peer, Kind::Text, b"c", true).unwrap();
        sends(&mut peer, "d").unwrap();
        assert_eq!(peer.sends(), [text("a").open(), continuation("c"), text("d")]);
    }
}

#[test]
fn pieces_of_a_text_have_to_be_utf8_once_joined() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        sends_piece(&mut peer, Kind::Text, b"\xc3", false).unwrap();
        for (piece, last) in [(&b"x"[..], false), (b"\xff", true), (b"", true)] {
            assert_eq!(sends_piece(&mut peer, Kind::Text, piece, last), Err(SendError::NotText), "{piece:?}");
        }
        sends_piece(&mut peer, Kind::Text, b"\xbc", true).unwrap();
        assert_eq!(peer.sends(), [text(b"\xc3").open(), continuation(b"\xbc")]);
        sends_piece(&mut peer, Kind::Binary, b"\xff", true).unwrap();
        assert_eq!(sends_piece(&mut peer, Kind::Text, b"\xff", true), Err(SendError::NotText));
        sends(&mut peer, "not left open").unwrap();
    }
}

#[test]
fn sending_stops_at_the_high_mark_and_one_message_may_go_beyond() {
    for role in BOTH {
        let mut peer = Setup::of(role).config(|config| config.high_water_bytes = 1000).peer();
        peer.output.extend(&[0; 999]);
        sends(&mut peer, vec![0_u8; 5000]).unwrap();
        let queued = peer.output.len();
        let full = Err(SendError::QueueFull { queued, limit: 1000 });
        assert_eq!(sends(&mut peer, "x"), full);
        assert_eq!(sends_piece(&mut peer, Kind::Text, b"x", true), full);
        assert_eq!(peer.does(|connection, shell| connection.ping("x".into(), shell)), full);
        let prepared = Prepared::new(Message::text("x"));
        assert_eq!(peer.does(|connection, shell| connection.send_prepared(&prepared, shell)), full);
        assert_eq!(peer.output.len(), queued, "nothing was queued");
        peer.output.advance(queued - 999);
        sends(&mut peer, "x").unwrap();

        let mut peer = Setup::of(role).config(|config| config.high_water_bytes = 1000).peer();
        peer.output.extend(&[0; 1000]);
        assert_eq!(sends(&mut peer, "x"), Err(SendError::QueueFull { queued: 1000, limit: 1000 }));
        let frame = carrick::protocol::CloseFrame::new(1000.into(), "").unwrap();
        peer.does(|connection, shell| connection.close(&frame, shell));
        peer.output.advance(1000);
        assert_eq!(peer.sends(), [close(1000, "")], "a close frame always finds room");

        let mut peer = Setup::of(role).config(|config| config.high_water_bytes = 0).peer();
        sends(&mut peer, "one at a time").unwrap();
        assert!(matches!(sends(&mut peer, "x"), Err(SendError::QueueFull { limit: 1, .. })));
    }
}

#[test]
fn a_prepared_message_is_the_same_frame_on_every_connection() {
    for role in BOTH {
        let prepared = Prepared::new(Message::text("tick".repeat(100)));
        let compressed = Setup::of(role).deflate_with(|params| params.own_context_takeover = false);
        for setup in [Setup::of(role), compressed] {
            let (mut direct, mut peer) = (setup.peer(), setup.peer());
            sends(&mut direct, "tick".repeat(100)).unwrap();
            peer.does(|connection, shell| connection.send_prepared(&prepared, shell)).unwrap();
            let (expected, sent): (Vec<Frame>, Vec<Frame>) = (direct.sends(), peer.sends());
            assert_eq!(sent, expected);
            assert_eq!(peer.connection.sent(), direct.connection.sent());
        }
    }
}
