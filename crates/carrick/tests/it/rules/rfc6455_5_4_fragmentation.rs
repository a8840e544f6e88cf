//! RFC 6455 §5.4: fragments.

use carrick::protocol::Violation;

use crate::wire::{BOTH, Seen, Setup, binary, close, continuation, ping, pong, text};

#[test]
fn fragments_of_any_size_are_joined() {
    for role in BOTH {
        let frames = [
            text("").open(),
            continuation("He").open(),
            continuation("").open(),
            continuation("llo").open(),
            continuation(""),
            binary([1]).open(),
            continuation([2; 200]),
        ];
        let long = [&[1][..], &[2; 200]].concat();
        Setup::of(role).receives(&frames).shows(&[Seen::text("Hello"), Seen::binary(long)]).sends(&[]);
    }
}

#[test]
fn a_message_of_empty_fragments_is_empty() {
    for role in BOTH {
        Setup::of(role).receives(&[text("").open(), continuation("")]).shows(&[Seen::text("")]).sends(&[]);
    }
}

#[test]
fn control_frames_between_fragments_are_taken_at_once() {
    for role in BOTH {
        let frames = [text("a").open(), ping("1"), continuation("b").open(), pong("2"), continuation("c")];
        let events = [Seen::ping("1"), Seen::Pong(b"2".to_vec(), None), Seen::text("abc")];
        Setup::of(role).receives(&frames).shows(&events).sends(&[pong("1")]);
    }
}

#[test]
fn a_close_frame_between_fragments_ends_the_message_unfinished() {
    for role in BOTH {
        let mut peer = Setup::of(role).peer();
        let seen = peer.receives(&[text("a").open(), close(1000, ""), continuation("b")]);
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen[0].clone().closed().is_clean());
    }
}

#[test]
fn a_continuation_needs_an_open_message() {
    for role in BOTH {
        for first in [continuation("a"), continuation("a").open(), continuation("")] {
            Setup::of(role).receives(&[first]).fails(Violation::ContinuationUnexpected, 1002);
        }
        Setup::of(role)
            .receives(&[text("a"), continuation("b")])
            .shows(&[Seen::text("a")])
            .fails(Violation::ContinuationUnexpected, 1002);
        Setup::of(role)
            .receives(&[text("a").open(), continuation("b"), continuation("c")])
            .shows(&[Seen::text("ab")])
            .fails(Violation::ContinuationUnexpected, 1002);
    }
}

#[test]
fn an_open_message_admits_no_other() {
    for role in BOTH {
        for second in [text("b"), binary("b"), text("b").open(), binary("").open(), text("")] {
            Setup::of(role)
                .receives(&[text("a").open(), second])
                .fails(Violation::ContinuationExpected, 1002);
        }
    }
}

#[test]
fn pieces_carry_a_message_through_as_it_arrives() {
    use carrick::protocol::Kind;
    for role in BOTH {
        let frames = [text("He").open(), continuation("").open(), continuation("llo"), binary("whole")];
        let piece = |kind, bytes: &str| Seen::Piece { kind, bytes: bytes.into(), first: true, last: true };
        let events = [piece(Kind::Text, "Hello"), piece(Kind::Binary, "whole")];
        Setup::of(role).receives(&frames).in_pieces().shows(&events).sends(&[]);
    }
}
