//! RFC 6455 §10.4: every limit is exact, and nothing is allocated for bytes that did not come.

use carrick::protocol::{Delivery, Kind, Violation};

use crate::wire::{BOTH, Frame, Peer, Seen, Setup, binary, continuation, deflated, head, joined, text};

/// A message in `n` fragments of one byte.
fn fragments(n: usize) -> Vec<Frame> {
    let mut frames = vec![continuation("a").open(); n];
    frames[0].opcode = 1;
    frames[n - 1].fin = true;
    frames
}

#[test]
fn the_frame_limit_is_exact() {
    for role in BOTH {
        let setup = || Setup::of(role).config(|config| config.max_frame_bytes = 200);
        for length in [199, 200] {
            let frames = [binary(vec![1; length])];
            setup().receives(&frames).shows(&[Seen::binary(vec![1; length])]).sends(&[]);
        }
        let violation = Violation::FrameTooLarge { length: 201, limit: 200 };
        setup().receives(&[binary([1; 201])]).fails(violation, 1009);
        setup().receives_bytes(&head(&binary(""), 201, role.peer())).fails(violation, 1009);
        let joined = [&[1; 200][..], &[2; 200]].concat();
        let frames = [binary([1; 200]).open(), continuation([2; 200])];
        setup().receives(&frames).shows(&[Seen::binary(joined)]).sends(&[]);
    }
}

#[test]
fn the_message_limit_is_exact_in_one_frame_and_in_many() {
    for role in BOTH {
        let setup = || Setup::of(role).config(|config| config.max_message_bytes = 200);
        for length in [199, 200] {
            let message = vec![1; length];
            setup().receives(&[binary(&message)]).shows(&[Seen::binary(&message)]).sends(&[]);
            let frames = [binary(&message[..100]).open(), continuation(&message[100..])];
            setup().receives(&frames).shows(&[Seen::binary(&message)]).sends(&[]);
            setup().receives(&frames).in_pieces().shows(&[piece(&message)]).sends(&[]);
        }
        let violation = Violation::MessageTooLarge { length: 201, limit: 200 };
        setup().receives(&[binary([1; 201])]).fails(violation, 1009);
        setup().receives(&[binary([1; 100]).open(), continuation([1; 101])]).fails(violation, 1009);
        let rest = head(&continuation(""), 101, role.peer());
        let mut peer = setup().peer();
        peer.receives(&[binary([1; 100]).open()]);
        assert_eq!(peer.receives_bytes(&rest), [Seen::failed(violation)], "seen in the header");
    }
}

fn piece(bytes: &[u8]) -> Seen {
    Seen::Piece { kind: Kind::Binary, bytes: bytes.to_vec(), first: true, last: true }
}

#[test]
fn the_message_limit_counts_after_inflation_and_is_exact() {
    for role in BOTH {
        for limit in [0, 1, 200, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 40_000] {
            let setup = || Setup::of(role).deflate().config(|config| config.max_message_bytes = limit);
            for length in [limit.saturating_sub(1), limit] {
                let message = vec![b'a'; length as usize];
                let frames = [binary(deflated(&message)).compressed()];
                setup().receives(&frames).shows(&[Seen::binary(&message)]).sends(&[]);
            }
            let compressed = deflated(vec![b'a'; limit as usize + 1]);
            let violation = Violation::MessageTooLarge { length: limit + 1, limit };
            setup().receives(&[binary(&compressed).compressed()]).fails(violation, 1009);
            let (a, b) = compressed.split_at(compressed.len() / 2);
            let frames = [binary(a).compressed().open(), continuation(b)];
            setup().receives(&frames).fails(violation, 1009);
        }
    }
}

#[test]
fn the_limit_of_fragments_is_exact() {
    for role in BOTH {
        let setup = || Setup::of(role).config(|config| config.max_fragments = 5);
        for n in [1, 2, 4, 5] {
            let rule = setup().receives(&[fragments(n), fragments(n)].concat());
            rule.shows(&[Seen::text(&"a".repeat(n)), Seen::text(&"a".repeat(n))]).sends(&[]);
        }
        setup().receives(&fragments(6)).fails(Violation::TooManyFragments { limit: 5 }, 1008);
    }
}

#[test]
fn the_limit_of_empty_fragments_is_exact_and_counts_them_in_a_row() {
    for role in BOTH {
        let setup = || Setup::of(role).config(|config| config.max_empty_fragments = 2);
        let empty = || continuation("").open();
        let frames = [text("").open(), empty(), continuation("a").open(), empty(), empty(), continuation("")];
        setup().receives(&frames).shows(&[Seen::text("a")]).sends(&[]);
        let violation = Violation::TooManyEmptyFragments { limit: 2 };
        setup().receives(&[text("").open(), empty(), empty()]).fails(violation, 1008);
        setup().receives(&[text("a").open(), empty(), empty(), empty()]).fails(violation, 1008);

        let none = || Setup::of(role).config(|config| config.max_empty_fragments = 0);
        none().receives(&[text("a").open(), continuation("")]).shows(&[Seen::text("a")]).sends(&[]);
        none().receives(&[text("").open()]).fails(Violation::TooManyEmptyFragments { limit: 0 }, 1008);
    }
}

/// Receives the header of a frame that announces 2^62 bytes, and the first thousand of them.
fn receives_the_start_of_a_giant(peer: &mut Peer) {
    let role = peer.connection.role();
    assert_eq!(peer.receives_bytes(&head(&binary(""), 1 << 62, role.peer())), []);
    assert_eq!(peer.receives_bytes(&[0; 1000]), []);
}

#[test]
fn an_announced_length_allocates_nothing() {
    for role in BOTH {
        // An allocation of 2^62 bytes would abort the test.
        let mut peer = Setup::of(role)
            .config(|config| {
                config.max_frame_bytes = u64::MAX;
                config.max_message_bytes = u64::MAX;
            })
            .peer();
        receives_the_start_of_a_giant(&mut peer);
        peer.connection.set_delivery(Delivery::Pieces);
        let seen = joined(peer.receives_bytes(&[0; 10]));
        let [Seen::Piece { bytes, first: true, last: false, .. }] = &seen[..] else {
            panic!("no piece: {seen:?}");
        };
        assert_eq!(bytes.len(), 1010, "only what arrived was kept");
    }
}

#[test]
fn lengths_whose_sum_does_not_fit_are_refused_and_do_not_overflow() {
    for role in BOTH {
        let mut peer = Setup::of(role)
            .config(|config| {
                config.max_frame_bytes = u64::MAX;
                config.max_message_bytes = u64::MAX - 1;
            })
            .peer();
        peer.connection.set_delivery(Delivery::Pieces);
        assert_eq!(peer.receives(&[binary("a").open()]).len(), 1);
        let giant = head(&continuation("").open(), (1 << 63) - 1, role.peer());
        assert_eq!(peer.receives_bytes(&giant), []);
        assert_eq!(peer.connection.received().bytes, 1 << 63);
    }
}

#[test]
fn the_limits_of_fragments_are_the_same_wherever_one_frame_is_cut() {
    for role in BOTH {
        let setup = || Setup::of(role).config(|config| config.max_fragments = 0);
        setup().receives(&[text("Hello")]).shows(&[Seen::text("Hello")]).sends(&[]);
        setup().receives(&[text("a").open()]).fails(Violation::TooManyFragments { limit: 0 }, 1008);
    }
}
