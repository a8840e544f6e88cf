//! RFC 6455 §5.5: pings, pongs, and what every control frame has to be.

use carrick::protocol::{SendError, Violation};

use crate::wire::{BOTH, SECOND, Seen, Setup, binary, close, continuation, frame, head, ping, pong, text};

#[test]
fn a_ping_is_answered_with_its_own_payload_up_to_125_bytes() {
    for role in BOTH {
        for length in [0, 1, 124, 125] {
            let payload = vec![b'p'; length];
            let rule = Setup::of(role).receives(&[ping(&payload)]).shows(&[Seen::ping(&payload)]);
            rule.sends(&[pong(&payload)]);
        }
    }
}

#[test]
fn a_control_frame_in_fragments_is_refused() {
    for role in BOTH {
        for opcode in [8, 9, 10] {
            let frames = [frame(opcode, "a").open(), continuation("b")];
            Setup::of(role).receives(&frames).fails(Violation::ControlFrameFragmented, 1002);
            let frames = [text("a").open(), frame(opcode, "").open()];
            Setup::of(role).receives(&frames).fails(Violation::ControlFrameFragmented, 1002);
        }
    }
}

#[test]
fn pings_are_answered_in_order_and_before_a_later_close() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        let seen = peer.receives(&[ping("1"), ping("2"), close(1000, ""), ping("3")]);
        assert_eq!(seen.len(), 3);
        assert_eq!(peer.sends(), [pong("1"), pong("2"), close(1000, "")]);
    }
}

#[test]
fn a_pong_that_nobody_asked_for_is_shown_and_not_answered() {
    for role in BOTH {
        let events = [Seen::Pong(b"x".to_vec(), None), Seen::Pong(Vec::new(), None)];
        Setup::of(role).receives(&[pong("x"), pong("")]).shows(&events).sends(&[]);
    }
}

#[test]
fn a_pong_tells_the_round_trip_of_the_ping_it_answers() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        peer.does(|connection, shell| connection.ping("mine".into(), shell)).unwrap();
        assert_eq!(peer.sends(), [ping("mine")]);
        peer.now += 3 * SECOND;
        let expected = Seen::Pong(b"mine".to_vec(), Some(3 * SECOND));
        assert_eq!(peer.receives(&[pong("mine")]), [expected]);
        assert_eq!(peer.connection.round_trip(), Some(3 * SECOND));
        assert_eq!(peer.receives(&[pong("mine")]), [Seen::Pong(b"mine".to_vec(), None)], "only once");
    }
}

#[test]
fn a_ping_of_ours_has_at_most_125_bytes() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        for length in [124, 125] {
            peer.does(|connection, shell| connection.ping(vec![0; length].into(), shell)).unwrap();
            assert_eq!(peer.sends(), [ping(vec![0; length])]);
        }
        let error = peer.does(|connection, shell| connection.ping(vec![0; 126].into(), shell));
        assert_eq!(error, Err(SendError::PingTooLong(126)));
        assert_eq!(peer.sends(), []);
    }
}

#[test]
fn a_flood_of_pings_over_a_full_output_is_answered_once_for_the_last() {
    for role in BOTH {
        let setup = Setup::of(role).config(|config| config.high_water_bytes = 1000);
        let mut peer = setup.peer();
        peer.output.extend(&[0; 1000]);
        for n in 0..1000_u32 {
            let payload = n.to_be_bytes();
            assert_eq!(peer.receives(&[ping(payload)]), [Seen::ping(payload)]);
        }
        assert_eq!(peer.output.len(), 1000, "no pong is queued");
        peer.output.advance(1);
        peer.does(|connection, shell| connection.handle_drained(shell));
        peer.output.advance(999);
        assert_eq!(peer.sends(), [pong(999_u32.to_be_bytes())]);
        peer.does(|connection, shell| connection.handle_drained(shell));
        assert_eq!(peer.sends(), [], "it is answered once");
    }
}

#[test]
fn a_pong_that_was_held_back_goes_out_in_front_of_the_next() {
    for role in BOTH {
        let mut peer = Setup::of(role).config(|config| config.high_water_bytes = 1000).peer();
        peer.output.extend(&[0; 1000]);
        peer.receives(&[ping("held")]);
        peer.output.advance(1000);
        peer.receives(&[ping("next")]);
        assert_eq!(peer.sends(), [pong("held"), pong("next")]);
    }
}

#[test]
fn the_high_mark_is_exact() {
    for role in BOTH {
        for (waiting, answered) in [(998, true), (999, true), (1000, false), (1001, false)] {
            let mut peer = Setup::of(role).config(|config| config.high_water_bytes = 1000).peer();
            peer.output.extend(&vec![0; waiting]);
            peer.receives(&[ping("p")]);
            assert_eq!(peer.output.len() > waiting, answered, "{waiting} bytes wait");
        }
    }
}

#[test]
fn keepalive_pings_with_what_cannot_be_guessed_and_pongs_settle_it() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        assert_eq!(peer.connection.poll_timeout(), Some(peer.now + 20 * SECOND));
        assert_eq!(peer.waits(20 * SECOND), None);
        let sent = peer.sends();
        assert_eq!((sent.len(), sent[0].opcode, sent[0].payload.len()), (1, 9, 8));
        assert_eq!(peer.receives(&[pong("guessed!")]), [Seen::Pong(b"guessed!".to_vec(), None)]);
        peer.now += SECOND;
        let answer = Seen::Pong(sent[0].payload.clone(), Some(SECOND));
        assert_eq!(peer.receives(&[pong(&sent[0].payload)]), [answer]);
        assert_eq!(peer.connection.poll_timeout(), Some(peer.now + 19 * SECOND));
        peer.waits(19 * SECOND);
        assert_ne!(peer.sends(), sent, "each ping is another");
    }
}

#[test]
fn a_frame_that_keeps_arriving_keeps_the_connection_alive() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        peer.waits(20 * SECOND);
        peer.sends();
        peer.receives_bytes(&head(&binary(""), 100, role.peer()));
        for _ in 0..10 {
            assert_eq!(peer.waits(19 * SECOND), None);
            assert_eq!(peer.receives_bytes(&[0]), []);
        }
        let missing = Seen::failed(Violation::PongMissing { waited: 210 * SECOND });
        assert_eq!(peer.waits(20 * SECOND), Some(missing));
    }
}

#[test]
fn a_control_frame_above_125_bytes_is_refused() {
    for role in BOTH {
        for opcode in [8, 9, 10] {
            for length in [126_usize, 127, 0xffff, 0x1_0000, 1 << 62] {
                let bytes = head(&frame(opcode, ""), length, role.peer());
                let violation = Violation::ControlFrameTooLong(length as u64);
                Setup::of(role).receives_bytes(&bytes).fails(violation, 1002);
            }
        }
    }
}

#[test]
fn a_time_that_never_passes_is_no_deadline() {
    use std::time::Duration;
    for role in BOTH {
        let mut peer = Setup::of(role)
            .config(|config| {
                config.ping_interval = Some(Duration::MAX);
                config.idle_timeout = Some(Duration::MAX);
                config.pong_timeout = Duration::MAX;
                config.close_timeout = Duration::MAX;
            })
            .peer();
        assert_eq!(peer.connection.poll_timeout(), None);
        assert_eq!(peer.waits(1_000_000 * SECOND), None);
        peer.does(|connection, shell| connection.close(&carrick::protocol::CloseFrame::empty(), shell));
        assert_eq!(peer.connection.poll_timeout(), None);
        assert_eq!(peer.waits(1_000_000 * SECOND), None);
        assert_eq!(peer.receives(&[close(1000, "")]).len(), 1);
        assert_eq!(peer.waits(1_000_000 * SECOND), None);
    }
    for role in BOTH {
        let mut peer = Setup::of(role).config(|config| config.pong_timeout = Duration::MAX).peer();
        assert_eq!(peer.waits(20 * SECOND), None);
        assert_eq!(peer.sends().len(), 1);
        assert_eq!(peer.connection.poll_timeout(), Some(peer.now + 100 * SECOND), "idle is what remains");
        assert_eq!(peer.waits(99 * SECOND), None);
    }
}
