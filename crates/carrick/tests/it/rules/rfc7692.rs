//! RFC 7692: compressed messages.

use carrick::protocol::{Compression, DeflateConfig, Delivery, Kind, Message, Prepared, Role, Violation};

use crate::wire::{
    BOTH, Frame, Peer, Seen, Setup, binary, continuation, deflated, deflater, ping, pong, text,
};

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn sends(peer: &mut Peer, message: impl Into<Message>, compression: Compression) -> Vec<Frame> {
    let message = message.into();
    peer.does(|connection, shell| connection.send(message, compression, shell)).expect("room");
    peer.sends()
}

/// Compresses everything, however short.
fn eager(setup: Setup) -> Setup {
    setup.config(|config| config.deflate = DeflateConfig::default().with_threshold_bytes(0))
}

#[test]
fn the_examples_of_section_7_2_3_are_hello() {
    let examples: [&[u8]; 6] = [
        &HELLO,
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        // A stored block with BFINAL, and one whose last, empty block has it.
        &[0x01, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
    ];
    for role in BOTH {
        for example in examples {
            let frames = [text(example).compressed(), text(example).compressed()];
            let rule = Setup::of(role).deflate_with(|params| params.peer_context_takeover = false);
            rule.receives(&frames).shows(&[Seen::text("Hello"), Seen::text("Hello")]).sends(&[]);
            for cut in 0..=example.len() {
                let (a, b) = example.split_at(cut);
                let mut peer = Setup::of(role).deflate().peer();
                let seen = peer.receives(&[text(a).compressed().open(), ping(""), continuation(b)]);
                assert_eq!(seen, [Seen::ping(""), Seen::text("Hello")], "{example:x?} cut at {cut}");
            }
        }
        let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
        let frames = [text(HELLO).compressed(), text(second).compressed()];
        let events = [Seen::text("Hello"), Seen::text("Hello")];
        Setup::of(role).deflate().receives(&frames).shows(&events).sends(&[]);
        let rule = Setup::of(role).deflate().receives(&[text([0x00]).compressed()]);
        rule.shows(&[Seen::text("")]).sends(&[]);
    }
}

#[test]
fn messages_may_come_uncompressed_and_leave_the_window_alone() {
    for role in BOTH {
        let mut deflater = deflater();
        let [one, two] = ["the same words", "the same words again"].map(|words| deflater.compress(words));
        let frames = [
            text(&one).compressed(),
            text("plain"),
            binary("in").open(),
            continuation("fragments"),
            text(&two).compressed(),
        ];
        let events = [
            Seen::text("the same words"),
            Seen::text("plain"),
            Seen::binary("infragments"),
            Seen::text("the same words again"),
        ];
        Setup::of(role).deflate().receives(&frames).shows(&events).sends(&[]);
    }
}

#[test]
fn rsv1_stands_on_the_first_frame_of_a_message_and_nowhere_else() {
    for role in BOTH {
        let setup = || Setup::of(role).deflate();
        for opcode in [8, 9, 10] {
            let frames = [crate::wire::frame(opcode, "").compressed()];
            setup().receives(&frames).fails(Violation::ControlFrameCompressed, 1002);
        }
        for first in [text("a").open(), text(&HELLO[..3]).compressed().open()] {
            let frames = [first, continuation("b").compressed()];
            setup().receives(&frames).fails(Violation::ContinuationCompressed, 1002);
        }
        let frames = [continuation("").compressed()];
        setup().receives(&frames).fails(Violation::ContinuationCompressed, 1002);
        for bits in [0b001, 0b010, 0b011, 0b101, 0b111] {
            let frames = [text("").rsv(bits)];
            setup().receives(&frames).fails(Violation::ReservedBits(bits), 1002);
        }
    }
}

#[test]
fn bytes_that_are_not_deflate_are_refused() {
    for role in BOTH {
        let broken: [&[u8]; 5] = [
            // The reserved block type.
            b"\x06",
            // A message that ends inside a block.
            &HELLO[..3],
            // A distance beyond the start.
            b"\xf2\x00\x11\x00\x00",
            // A stored block whose length and complement disagree.
            b"\x00\x05\x00\x05\x00Hello\x00",
            // The tail that the sender has to strip: with the receiver's own it opens another block.
            b"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff",
        ];
        for payload in broken {
            let rule = Setup::of(role).deflate().receives(&[binary(payload).compressed()]);
            rule.fails(Violation::DeflateInvalid, 1007);
        }
    }
}

#[test]
fn without_takeover_a_message_that_refers_to_the_one_before_is_refused() {
    for role in BOTH {
        let mut deflater = deflater();
        let [one, two] = ["the same words", "the same words"].map(|words| deflater.compress(words));
        Setup::of(role)
            .deflate_with(|params| params.peer_context_takeover = false)
            .receives(&[text(one).compressed(), text(two).compressed()])
            .shows(&[Seen::text("the same words")])
            .fails(Violation::DeflateInvalid, 1007);
    }
}

#[test]
fn takeover_shrinks_the_second_message_and_its_absence_does_not() {
    let message = "a message of some length, without much that repeats within it";
    for role in BOTH {
        for takeover in [true, false] {
            let setup = eager(Setup::of(role).deflate_with(|params| params.own_context_takeover = takeover));
            let mut peer = setup.peer();
            let first = sends(&mut peer, message, Compression::Auto).remove(0);
            let second = sends(&mut peer, message, Compression::Auto).remove(0);
            assert!(first.rsv == 0b100 && second.rsv == 0b100);
            assert_eq!(second.payload.len() < first.payload.len(), takeover);
            assert_eq!(second.payload == first.payload, !takeover);
            let mut other =
                Setup::of(role.peer()).deflate_with(|params| params.peer_context_takeover = takeover);
            other.config.max_message_bytes = 1000;
            let seen = other.peer().receives(&[first, second]);
            assert_eq!(seen, [Seen::text(message), Seen::text(message)]);
        }
    }
}

#[test]
fn every_window_of_ours_can_be_inflated_and_a_window_of_8_bits_means_plain() {
    let message: String = (0..3000).map(|i| format!("{} ", i * i % 977)).collect();
    for role in BOTH {
        for bits in 8..=15 {
            let mut peer =
                eager(Setup::of(role).deflate_with(|params| params.own_max_window_bits = bits)).peer();
            let mut other =
                Setup::of(role.peer()).deflate_with(|params| params.peer_max_window_bits = bits).peer();
            for _ in 0..3 {
                let sent = sends(&mut peer, &*message, Compression::Auto);
                assert_eq!(sent[0].rsv, if bits == 8 { 0 } else { 0b100 }, "{bits} bits");
                assert_eq!(other.receives(&sent), [Seen::text(&message)]);
            }
            let prepared = Prepared::new(Message::text(&*message));
            peer.does(|connection, shell| connection.send_prepared(&prepared, shell)).unwrap();
            let sent = peer.sends();
            assert_eq!(sent[0].rsv, if bits == 8 { 0 } else { 0b100 }, "{bits} bits, prepared");
            assert_eq!(other.receives(&sent), [Seen::text(&message)]);
        }
    }
}

#[test]
fn the_threshold_and_the_opt_out_keep_a_message_plain() {
    for role in BOTH {
        let setup = Setup::of(role).deflate_with(|params| params.own_context_takeover = false);
        let mut peer = setup.peer();
        for (length, rsv) in [(127, 0), (128, 0b100), (129, 0b100)] {
            let message = "a".repeat(length);
            assert_eq!(sends(&mut peer, &*message, Compression::Auto)[0].rsv, rsv, "{length} bytes");
            assert_eq!(sends(&mut peer, &*message, Compression::Never)[0].rsv, 0, "{length} bytes");
        }
        let incompressible: Vec<u8> = (0..200_u32).map(|i| (i * 167 + i * i * 31) as u8).collect();
        assert_eq!(sends(&mut peer, incompressible.clone(), Compression::Auto), [binary(incompressible)]);
    }
}

#[test]
fn a_message_is_compressed_whatever_it_costs_if_that_is_asked_for() {
    for role in BOTH {
        for message in [&b""[..], b"x", &[1, 200, 77, 3]] {
            let mut peer = Setup::of(role).deflate().peer();
            let sent = sends(&mut peer, message.to_vec(), Compression::Always);
            assert_eq!(sent[0].rsv, 0b100, "{message:?}");
            let mut other = Setup::of(role.peer()).deflate().peer();
            assert_eq!(other.receives(&sent), [Seen::binary(message)]);
        }
    }
}

#[test]
fn an_opt_out_between_two_compressed_messages_leaves_the_window_in_step() {
    let message = "words that come again and again, ".repeat(10);
    for role in BOTH {
        let mut peer = Setup::of(role).deflate().peer();
        let mut other = Setup::of(role.peer()).deflate().peer();
        for compression in [Compression::Auto, Compression::Never, Compression::Auto] {
            let sent = sends(&mut peer, &*message, compression);
            assert_eq!(other.receives(&sent), [Seen::text(&message)]);
        }
    }
}

#[test]
fn a_prepared_message_between_others_leaves_the_windows_in_step() {
    let message = "words that come again and again, ".repeat(10);
    let prepared = Prepared::new(Message::text("prepared once, sent to many, ".repeat(10)));
    for role in BOTH {
        for takeover in [true, false] {
            let setup = Setup::of(role).deflate_with(|params| params.own_context_takeover = takeover);
            let other = Setup::of(role.peer()).deflate_with(|params| params.peer_context_takeover = takeover);
            let (mut peer, mut other) = (setup.peer(), other.peer());
            for round in 0..6 {
                let (expected, sent) = if round % 3 == 2 {
                    peer.does(|connection, shell| connection.send_prepared(&prepared, shell)).unwrap();
                    (prepared.message().as_text().unwrap(), peer.sends())
                } else {
                    (&*message, sends(&mut peer, &*message, Compression::Auto))
                };
                assert_eq!(sent[0].rsv, 0b100);
                assert_eq!(other.receives(&sent), [Seen::text(expected)], "round {round}");
            }
        }
    }
}

#[test]
fn pieces_are_compressed_as_one_message() {
    for role in BOTH {
        let mut peer = Setup::of(role).deflate().peer();
        let mut other = Setup::of(role.peer()).deflate().peer();
        for _ in 0..2 {
            let words: String = (0..40_000).map(|i| format!("{} ", i * i % 9973)).collect();
            let mut sent = Vec::new();
            for piece in words.as_bytes().chunks(10_000) {
                let piece = bytes::Bytes::copy_from_slice(piece);
                peer.does(|connection, shell| {
                    connection.send_piece(Kind::Text, piece, false, Compression::Auto, shell)
                })
                .unwrap();
                sent.extend(peer.sends());
            }
            peer.does(|connection, shell| {
                connection.send_piece(Kind::Text, bytes::Bytes::new(), true, Compression::Auto, shell)
            })
            .unwrap();
            sent.extend(peer.sends());
            assert!(sent.len() > 2 && sent[0].rsv == 0b100 && sent[1..].iter().all(|frame| frame.rsv == 0));
            assert_eq!(other.receives(&sent), [Seen::text(&words)]);
        }
    }
}

/// The lengths of the pieces that a bomb of 64 MiB in 64 KiB becomes, read in one go.
fn pieces_of_a_bomb(peer: &mut Peer, first: usize) -> Vec<usize> {
    let bomb = deflated(vec![0; 64 << 20]);
    let role = peer.connection.role();
    let bytes = crate::wire::wire(&[binary(bomb).compressed()], role.peer());
    peer.connection.set_delivery(Delivery::Pieces);
    let mut events = peer.receives_bytes(&bytes[..first]);
    peer.connection.set_delivery(Delivery::Whole);
    if first == 0 {
        peer.connection.set_delivery(Delivery::Pieces);
    }
    events.extend(peer.receives_bytes(&bytes[first..]));
    let pieces = events.into_iter().map(|event| match event {
        Seen::Piece { bytes, .. } => bytes.len(),
        other => panic!("no piece: {other:?}"),
    });
    pieces.collect()
}

#[test]
fn a_bomb_in_pieces_is_inflated_a_little_at_a_time() {
    for role in BOTH {
        let setup = Setup::of(role).deflate().config(|config| config.max_message_bytes = u64::MAX);
        let pieces = pieces_of_a_bomb(&mut setup.peer(), 0);
        assert_eq!(pieces.iter().sum::<usize>(), 64 << 20);
        assert!(pieces.iter().all(|&length| length <= 5 << 18), "{pieces:?}");
    }
}

#[test]
fn delivery_may_change_while_a_message_is_open() {
    for role in BOTH {
        for frames in [
            [text("He").open(), continuation("ll").open(), continuation("o")],
            [
                text(&HELLO[..2]).compressed().open(),
                continuation(&HELLO[2..5]).open(),
                continuation(&HELLO[5..]),
            ],
        ] {
            let mut peer = Setup::of(role).deflate().peer();
            assert_eq!(peer.receives(&frames[..1]), []);
            peer.connection.set_delivery(Delivery::Pieces);
            let mut seen = peer.receives(&frames[1..2]);
            peer.connection.set_delivery(Delivery::Whole);
            seen.extend(peer.receives(&frames[2..]));
            let whole = Seen::Piece { kind: Kind::Text, bytes: b"Hello".into(), first: true, last: true };
            assert_eq!(crate::wire::joined(seen), [whole]);
            assert_eq!(peer.receives(&[text("next")]), [Seen::text("next")]);
        }
    }
}

#[test]
fn a_ping_between_compressed_fragments_is_answered() {
    let frames = [text(&HELLO[..3]).compressed().open(), ping("p"), continuation(&HELLO[3..])];
    let rule = Setup::of(Role::Server).deflate().receives(&frames);
    rule.shows(&[Seen::ping("p"), Seen::text("Hello")]).sends(&[pong("p")]);
}

#[test]
fn a_bomb_begun_in_pieces_stays_so_when_later_messages_shall_be_whole() {
    for role in BOTH {
        let setup = Setup::of(role).deflate().config(|config| config.max_message_bytes = u64::MAX);
        let pieces = pieces_of_a_bomb(&mut setup.peer(), 1000);
        assert_eq!(pieces.iter().sum::<usize>(), 64 << 20);
        assert!(pieces.iter().all(|&length| length <= 5 << 18), "{pieces:?}");
    }
}

#[test]
fn the_order_of_bytes_decides_which_rule_a_compressed_message_breaks() {
    for role in BOTH {
        let setup = || Setup::of(role).deflate().config(|config| config.max_message_bytes = 8);
        // Text that is broken before it is too large, and text that is too large before it is broken.
        let early = deflated([&b"\xff"[..], &[b'a'; 100]].concat());
        setup().receives(&[text(early).compressed()]).fails(Violation::TextNotUtf8, 1007);
        let too_large = Violation::MessageTooLarge { length: 9, limit: 8 };
        let late = deflated([&[b'a'; 100][..], b"\xff"].concat());
        setup().receives(&[text(late).compressed()]).fails(too_large, 1009);
        // The same with bytes that stop being DEFLATE: a stored block, and then the reserved block type.
        let stored = |length: u8, byte: u8| {
            let mut block = vec![0, length, 0, !length, 0xff];
            block.extend(vec![byte; length.into()]);
            block.push(0x06);
            block
        };
        setup().receives(&[text(stored(3, 0xff)).compressed()]).fails(Violation::TextNotUtf8, 1007);
        setup().receives(&[text(stored(9, b'a')).compressed()]).fails(too_large, 1009);
        setup().receives(&[text(stored(8, b'a')).compressed()]).fails(Violation::DeflateInvalid, 1007);
    }
}

#[test]
fn a_pool_is_clean_after_a_connection_failed_in_the_middle_of_a_message() {
    for role in BOTH {
        let mut peer = Setup::of(role).deflate().peer();
        let half = deflated("words that stay in the window".repeat(10));
        peer.receives(&[text(&half[..10]).compressed().open(), continuation("").compressed()]);
        assert!(peer.connection.closed().is_some());
        let mut next = Setup::of(role).deflate_with(|params| params.peer_context_takeover = false).peer();
        next.pool = peer.pool;
        for _ in 0..2 {
            assert_eq!(next.receives(&[text(HELLO).compressed()]), [Seen::text("Hello")]);
        }
    }
}

#[test]
fn with_takeover_a_message_that_does_not_shrink_still_reaches_both_windows() {
    let noise: Vec<u8> = (0..200_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for role in BOTH {
        let mut peer = Setup::of(role).deflate().peer();
        let mut other = Setup::of(role.peer()).deflate().peer();
        let first = sends(&mut peer, noise.clone(), Compression::Auto);
        assert!(first[0].payload.len() >= noise.len(), "it does not shrink");
        let second = sends(&mut peer, noise.clone(), Compression::Auto);
        assert!(second[0].payload.len() < 20, "it refers to the first");
        let seen = other.receives(&[first, second].concat());
        assert_eq!(seen, [Seen::binary(&noise), Seen::binary(&noise)]);
    }
}
