//! RFC 6455 §7 and §5.5.1: how a connection ends.

use carrick::protocol::{
    CloseCode, CloseFrame, Compression, Initiator, Message, Prepared, Role, SendError, Violation,
};

use crate::wire::{
    BOTH, Peer, SECOND, Seen, Setup, close, close_raw, continuation, frame, ping, pong, text, wire,
};

fn closes(peer: &mut Peer, code: u16, reason: &str) {
    let frame = CloseFrame::new(code.into(), reason).expect("a frame that may be sent");
    peer.does(|connection, shell| connection.close(&frame, shell));
}

#[test]
fn a_close_frame_is_answered_once_with_its_code() {
    for role in BOTH {
        for code in [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999] {
            let mut peer = Setup::of(role).peer();
            let seen = peer.receives(&[close(code, "bye")]).remove(0).closed();
            assert_eq!((seen.by, seen.code(), seen.reason()), (Initiator::Peer, code.into(), "bye"));
            assert!(seen.is_clean());
            assert_eq!(peer.sends(), [close(code, "")]);
            assert_eq!(peer.connection.closed(), Some(&seen));
        }
    }
}

#[test]
fn an_empty_close_frame_is_answered_with_an_empty_one() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        let seen = peer.receives(&[close_raw("")]).remove(0).closed();
        assert_eq!(seen.code(), CloseCode::NO_STATUS);
        assert!(seen.is_clean());
        assert_eq!(peer.sends(), [close_raw("")]);
    }
}

#[test]
fn a_code_that_must_not_be_on_the_wire_is_a_violation() {
    for role in BOTH {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            let violation = Violation::CloseCodeForbidden(code.into());
            Setup::of(role).receives(&[close(code, "")]).fails(violation, 1002);
        }
    }
}

#[test]
fn a_reason_has_up_to_123_bytes_of_utf8() {
    for role in BOTH {
        for length in [0, 1, 122, 123] {
            let reason = "r".repeat(length);
            let mut peer = Setup::of(role).peer();
            assert_eq!(peer.receives(&[close(1000, &reason)]).remove(0).closed().reason(), reason);
        }
        let long = close(1000, &"r".repeat(124));
        Setup::of(role).receives(&[long]).fails(Violation::ControlFrameTooLong(126), 1002);
        for reason in [&b"\x03\xe8\xff"[..], b"\x03\xe8gr\xc3", b"\x03\xe8\xed\xa0\x80"] {
            Setup::of(role).receives(&[close_raw(reason)]).fails(Violation::CloseReasonNotUtf8, 1007);
        }
    }
}

#[test]
fn half_a_code_is_a_violation() {
    for role in BOTH {
        Setup::of(role).receives(&[close_raw([3])]).fails(Violation::CloseFrameTruncated, 1002);
    }
}

#[test]
fn an_end_that_closes_sends_nothing_more_and_still_receives() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        closes(&mut peer, 1001, "leaving");
        assert_eq!(peer.sends(), [close(1001, "leaving")]);
        let error =
            peer.does(|connection, shell| connection.send(Message::text("late"), Compression::Auto, shell));
        assert_eq!(error, Err(SendError::Closed));
        assert_eq!(peer.receives(&[text("still"), ping("p")]), [Seen::text("still"), Seen::ping("p")]);
        closes(&mut peer, 1000, "again");
        assert_eq!(peer.sends(), [], "no pong, no data, no second close frame");

        let seen = peer.receives(&[close(1001, "bye")]).remove(0).closed();
        assert_eq!((seen.by, seen.code()), (Initiator::Application, CloseCode::GOING_AWAY));
        assert!(seen.is_clean());
        assert_eq!(peer.sends(), []);
    }
}

#[test]
fn what_was_queued_goes_out_in_front_of_the_close_frame() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        peer.does(|connection, shell| connection.send("data".into(), Compression::Auto, shell)).unwrap();
        closes(&mut peer, 1000, "");
        assert_eq!(peer.sends(), [text("data"), close(1000, "")]);
    }
}

#[test]
fn close_frames_that_cross_are_not_answered() {
    let (mut client, mut server) = (Setup::of(Role::Client).peer(), Setup::of(Role::Server).peer());
    closes(&mut client, 1000, "");
    closes(&mut server, 1001, "");
    let (from_client, from_server) = (client.sends(), server.sends());
    let seen = client.receives(&from_server).remove(0).closed();
    assert_eq!((seen.by, seen.code()), (Initiator::Application, CloseCode::GOING_AWAY));
    let seen = server.receives(&from_client).remove(0).closed();
    assert_eq!((seen.by, seen.code()), (Initiator::Application, CloseCode::NORMAL));
    assert_eq!((client.sends(), server.sends()), (vec![], vec![]));
    assert!(server.connection.wants_shutdown());
    assert!(!client.connection.wants_shutdown());
}

#[test]
fn the_server_ends_the_stream_first_and_the_client_waits_a_while() {
    for we_close in [true, false] {
        let mut server = Setup::of(Role::Server).peer();
        let mut client = Setup::of(Role::Client).peer();
        for peer in [&mut server, &mut client] {
            if we_close {
                closes(peer, 1000, "");
                assert!(!peer.connection.wants_shutdown(), "the other close frame is to come");
            }
            peer.receives(&[close(1000, "")]);
        }
        assert!(server.connection.wants_shutdown());
        assert!(!client.connection.wants_shutdown());
        assert!(!server.connection.is_ended());
        server.connection.handle_shutdown();
        assert!(server.connection.is_ended() && !server.connection.wants_shutdown());
        assert_eq!(client.receives_eof(), None);
        assert!(client.connection.wants_shutdown() && !client.connection.is_ended());
        client.connection.handle_shutdown();
        assert!(client.connection.is_ended());
    }
}

#[test]
fn a_client_whose_server_never_ends_the_stream_stops_waiting() {
    let mut client = Setup::of(Role::Client).peer();
    client.receives(&[close(1000, "")]);
    assert_eq!(client.connection.poll_timeout(), Some(client.now + 10 * SECOND));
    assert_eq!(client.waits(10 * SECOND), None, "it is closed already");
    assert!(client.connection.is_ended());
    assert_eq!(client.connection.poll_timeout(), None);
}

#[test]
fn both_roles_end_the_stream_after_a_failure_and_drain_what_still_comes() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        peer.receives(&[frame(3, "")]);
        assert!(peer.connection.wants_shutdown());
        peer.connection.handle_shutdown();
        assert!(peer.connection.wants_bytes());
        assert!(!peer.connection.is_ended(), "unread bytes would reset the stream");
        assert_eq!(peer.receives_bytes(&[0xff; 100]), []);
        assert_eq!(peer.receives_eof(), None);
        assert!(peer.connection.is_ended() && !peer.connection.wants_bytes());
    }
}

#[test]
fn an_end_of_stream_before_the_close_frame_is_a_failure_in_every_state() {
    for role in BOTH {
        let message = wire(&[text("cut").open(), continuation("off").open()], role.peer());
        for end in 0..=message.len() {
            let mut peer = Setup::of(role).peer();
            assert_eq!(peer.receives_bytes(&message[..end]), []);
            let seen = peer.receives_eof().expect("an event").closed();
            assert_eq!(seen.violation, Some(Violation::EndOfStream));
            assert_eq!(seen.code(), CloseCode::ABNORMAL);
            assert_eq!(peer.sends(), []);
        }
        let mut peer = Setup::of(role).peer();
        closes(&mut peer, 1000, "");
        let seen = peer.receives_eof().expect("an event").closed();
        assert_eq!(seen.violation, Some(Violation::EndOfStream));
        assert!(!seen.is_clean());
        assert!(peer.connection.wants_shutdown(), "what is queued can still go out");
    }
}

#[test]
fn a_violation_after_our_close_frame_brings_no_second_one() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        closes(&mut peer, 1000, "");
        peer.sends();
        assert_eq!(peer.receives(&[frame(3, "")]), [Seen::failed(Violation::ReservedOpcode(3))]);
        assert_eq!(peer.sends(), []);
    }
}

/// Brings a connection to its end in one of the ways there are.
fn ended(role: Role, way: usize) -> Peer {
    let mut peer = Setup::of(role).peer();
    let seen = match way {
        0 => peer.receives(&[close(1000, "")]).pop(),
        1 => {
            closes(&mut peer, 1000, "");
            peer.receives(&[close(1000, "")]).pop()
        }
        2 => peer.receives(&[frame(3, "")]).pop(),
        3 => peer.receives_eof(),
        4 => peer.waits(120 * SECOND),
        _ => {
            closes(&mut peer, 1000, "");
            peer.waits(10 * SECOND)
        }
    };
    seen.expect("an event").closed();
    peer.sends();
    peer
}

#[test]
fn after_closed_every_call_does_nothing() {
    for role in BOTH {
        for way in 0..6 {
            let mut peer = ended(role, way);
            let closed = peer.connection.closed().cloned();
            assert!(!peer.connection.may_send());
            for _ in 0..2 {
                assert_eq!(peer.receives(&[text("x"), ping("p"), close(1000, "")]), [], "way {way}");
                let prepared = Prepared::new(Message::text("x"));
                peer.does(|connection, shell| {
                    let auto = Compression::Auto;
                    let piece = (carrick::protocol::Kind::Text, bytes::Bytes::new());
                    assert_eq!(connection.send("x".into(), auto, shell), Err(SendError::Closed));
                    assert_eq!(connection.send_prepared(&prepared, shell), Err(SendError::Closed));
                    let error = connection.send_piece(piece.0, piece.1, true, auto, shell);
                    assert_eq!(error, Err(SendError::Closed));
                    assert_eq!(connection.ping("p".into(), shell), Err(SendError::Closed));
                    connection.handle_drained(shell);
                });
                closes(&mut peer, 1000, "");
                assert_eq!(peer.waits(1000 * SECOND), None, "way {way}");
                assert_eq!(peer.receives_eof(), None, "way {way}");
                assert_eq!(peer.writes(), [], "way {way}");
                assert_eq!(peer.connection.closed().cloned(), closed);
                assert!(peer.connection.is_ended() && !peer.connection.wants_shutdown());
                assert_eq!(peer.connection.poll_timeout(), None);
            }
        }
    }
}

#[test]
fn a_ping_that_was_not_answered_is_forgotten_when_the_connection_closes() {
    for role in BOTH {
        let mut peer = Setup::of(role).config(|config| config.high_water_bytes = 10).peer();
        peer.output.extend(&[0; 10]);
        peer.receives(&[ping("p")]);
        closes(&mut peer, 1000, "");
        peer.output.advance(10);
        peer.does(|connection, shell| connection.handle_drained(shell));
        assert_eq!(peer.sends(), [close(1000, "")]);
    }
}

#[test]
fn a_violation_sends_what_was_queued_first() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        peer.receives(&[ping("p"), frame(3, "")]);
        let sent = peer.sends();
        assert_eq!(sent[0], pong("p"));
        assert_eq!(sent[1].close_code(), Some(1002));
    }
}
