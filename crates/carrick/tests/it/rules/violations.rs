//! Every `Violation` is reached from outside, and answered with its close code.

use std::collections::BTreeSet;

use carrick::protocol::{CloseCode, CloseFrame, Closed, Initiator, Role, Violation};

use crate::wire::{
    BOTH, Rule, SECOND, Seen, Setup, binary, close, close_raw, continuation, frame, ping, text, wire,
};

/// The names of the variants, read from the source that declares them: the list cannot be shorter than the enum.
fn declared() -> BTreeSet<String> {
    let source = include_str!("../../../src/protocol/violation.rs");
    let body = source.split_once("pub enum Violation {").expect("the enum").1;
    let body = body.split_once("\n}").expect("the end of the enum").0;
    let names = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = names.filter(|line| line.starts_with(char::is_uppercase));
    names.map(|line| name(line.trim_end_matches(','))).collect()
}

/// The name of the variant in front of what it holds.
fn name(shown: &str) -> String {
    shown.chars().take_while(|c| c.is_alphanumeric()).collect()
}

#[test]
fn every_violation_is_reached_and_answered_with_its_code() {
    let mut reached = BTreeSet::new();
    for (rule, violation, code) in from_bytes() {
        assert_eq!(violation.close_code(), CloseCode::from(code), "{violation:?}");
        assert!(violation.section().starts_with("RFC "), "{violation:?}");
        rule.fails(violation, code);
        reached.insert(name(&format!("{violation:?}")));
    }
    for closed in from_clock_and_end() {
        reached.insert(name(&format!("{:?}", closed.violation.expect("it failed"))));
    }
    assert_eq!(reached, declared(), "reached and declared");
}

/// What bytes alone can break, for both roles where the role does not matter.
fn from_bytes() -> Vec<(Rule, Violation, u16)> {
    let mut vectors = Vec::new();
    for role in BOTH {
        let plain = || Setup::of(role);
        let deflate = || Setup::of(role).deflate();
        // The second byte of a header: the bit says whether the peer masks.
        let masked = |length: u8| u8::from(role.peer().masks()) << 7 | length;
        vectors.extend([
            (plain().receives(&[text("x").rsv(0b010)]), Violation::ReservedBits(0b010), 1002),
            (plain().receives(&[frame(3, "")]), Violation::ReservedOpcode(3), 1002),
            (plain().receives_bytes(&[0x82, masked(126), 0, 5]), Violation::LengthNotMinimal(5), 1002),
            (
                plain().receives_bytes(&[0x82, masked(127), 0x80, 0, 0, 0, 0, 0, 0, 1]),
                Violation::LengthTooLong((1 << 63) + 1),
                1002,
            ),
            (plain().receives(&[ping([0; 126])]), Violation::ControlFrameTooLong(126), 1002),
            (plain().receives(&[ping("").open()]), Violation::ControlFrameFragmented, 1002),
            (deflate().receives(&[ping("").compressed()]), Violation::ControlFrameCompressed, 1002),
            (
                deflate().receives(&[text("a").open(), continuation("b").compressed()]),
                Violation::ContinuationCompressed,
                1002,
            ),
            (plain().receives(&[continuation("b")]), Violation::ContinuationUnexpected, 1002),
            (plain().receives(&[text("a").open(), text("b")]), Violation::ContinuationExpected, 1002),
            (plain().receives(&[close_raw([3])]), Violation::CloseFrameTruncated, 1002),
            (plain().receives(&[close(1005, "")]), Violation::CloseCodeForbidden(1005.into()), 1002),
            (plain().receives(&[close_raw(b"\x03\xe8\xff")]), Violation::CloseReasonNotUtf8, 1007),
            (plain().receives(&[text(b"\xff")]), Violation::TextNotUtf8, 1007),
            (deflate().receives(&[binary(b"\x07").compressed()]), Violation::DeflateInvalid, 1007),
            (
                plain().config(|config| config.max_frame_bytes = 9).receives(&[binary([0; 10])]),
                Violation::FrameTooLarge { length: 10, limit: 9 },
                1009,
            ),
            (
                plain().config(|config| config.max_message_bytes = 9).receives(&[binary([0; 10])]),
                Violation::MessageTooLarge { length: 10, limit: 9 },
                1009,
            ),
            (
                plain()
                    .config(|config| config.max_fragments = 1)
                    .receives(&[text("a").open(), continuation("b")]),
                Violation::TooManyFragments { limit: 1 },
                1008,
            ),
            (
                plain()
                    .config(|config| config.max_empty_fragments = 1)
                    .receives(&[text("").open(), continuation("").open()]),
                Violation::TooManyEmptyFragments { limit: 1 },
                1008,
            ),
        ]);
    }
    // Each role receives what an end of its own role would send.
    let from = |role| wire(&[text("x")], role);
    vectors.extend([
        (Setup::of(Role::Server).receives_bytes(&from(Role::Server)), Violation::MaskMissing, 1002),
        (Setup::of(Role::Client).receives_bytes(&from(Role::Client)), Violation::MaskForbidden, 1002),
    ]);
    vectors
}

/// What only time or the end of the stream shows.
fn from_clock_and_end() -> Vec<Closed> {
    BOTH.into_iter()
        .flat_map(|role| [pong_missing(role), idle(role), close_timeout(role), end_of_stream(role)])
        .collect()
}

fn pong_missing(role: Role) -> Closed {
    let mut peer = Setup::of(role).peer();
    assert_eq!(peer.waits(20 * SECOND), None);
    assert_eq!(peer.sends().len(), 1, "the ping of keepalive");
    let seen = peer.waits(20 * SECOND);
    assert_eq!(seen, Some(Seen::failed(Violation::PongMissing { waited: 20 * SECOND })));
    assert_eq!(peer.sends()[0].close_code(), Some(1011));
    seen.expect("an event").closed()
}

fn idle(role: Role) -> Closed {
    let mut peer = Setup::of(role).config(|config| config.ping_interval = None).peer();
    let seen = peer.waits(120 * SECOND);
    assert_eq!(seen, Some(Seen::failed(Violation::Idle { waited: 120 * SECOND })));
    assert_eq!(peer.sends()[0].close_code(), Some(3008));
    seen.expect("an event").closed()
}

fn close_timeout(role: Role) -> Closed {
    let mut peer = Setup::of(role).peer();
    peer.does(|connection, shell| connection.close(&CloseFrame::empty(), shell));
    assert_eq!(peer.sends(), [close_raw("")]);
    let seen = peer.waits(10 * SECOND);
    assert_eq!(seen, Some(Seen::failed(Violation::CloseTimeout { waited: 10 * SECOND })));
    assert_eq!(peer.sends(), [], "a second close frame is not sent");
    assert!(peer.connection.is_ended(), "nobody waits any longer");
    seen.expect("an event").closed()
}

fn end_of_stream(role: Role) -> Closed {
    let mut peer = Setup::of(role).peer();
    let closed = peer.receives_eof().expect("an event").closed();
    let expected = Closed { by: Initiator::Peer, frame: None, violation: Some(Violation::EndOfStream) };
    assert_eq!(closed, expected);
    assert_eq!(peer.sends(), [], "nobody is there to read a close frame");
    peer.connection.handle_shutdown();
    assert!(peer.connection.is_ended());
    closed
}

#[test]
fn the_close_frame_names_the_rule_in_words() {
    let mut peer = Setup::of(Role::Server).peer();
    peer.receives(&[binary("x").rsv(0b001)]);
    let reason = "reserved bits 001 are set, no negotiated extension uses them";
    assert_eq!(peer.sends(), [close(1002, reason)]);
}
