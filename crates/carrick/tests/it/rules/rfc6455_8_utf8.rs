//! RFC 6455 §8.1 and §5.6: text is UTF-8, whole and cut anywhere.

use carrick::protocol::Violation;

use crate::wire::{BOTH, Seen, Setup, binary, continuation, deflated, head, ping, text, wire};

const VALID: [&str; 7] = [
    "κόσμε",
    "\u{0}\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
    "\u{d7ff}\u{e000}\u{fffd}",
    "\u{fffe}\u{1fffe}",
    "Hello-µ@ßöäüàá-UTF-8!!",
    "",
    "日本語のかなり長い文章は六十四バイトを超えるのでベクトル命令で検査される。日本語のかなり長い文章",
];

const INVALID: [&[u8]; 14] = [
    b"\x80",
    b"\xbf",
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\xe0\x80\x80",
    b"\xe0\x9f\xbf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf0\x80\x80\x80",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xfe",
    b"\xc3a",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
];

#[test]
fn valid_text_is_delivered_whole_and_in_fragments_cut_inside_characters() {
    for role in BOTH {
        for valid in VALID {
            let whole = Setup::of(role).receives(&[text(valid)]);
            whole.shows(&[Seen::text(valid)]).sends(&[]);
            for cut in 0..=valid.len() {
                let (a, b) = valid.as_bytes().split_at(cut);
                let seen = [Seen::ping("p"), Seen::text(valid)];
                let mut peer = Setup::of(role).peer();
                assert_eq!(peer.receives(&[text(a).open(), ping("p"), continuation(b)]), seen);
            }
        }
    }
}

#[test]
fn invalid_text_is_refused_whole_and_behind_valid_text() {
    for role in BOTH {
        for invalid in INVALID {
            Setup::of(role).receives(&[text(invalid)]).fails(Violation::TextNotUtf8, 1007);
            let long = [&b"a".repeat(100)[..], invalid, &b"b".repeat(100)].concat();
            Setup::of(role).receives(&[text(&long)]).fails(Violation::TextNotUtf8, 1007);
            for cut in 0..=invalid.len() {
                let (a, b) = invalid.split_at(cut);
                let frames = [text(a).open(), continuation(b)];
                Setup::of(role).receives(&frames).fails(Violation::TextNotUtf8, 1007);
            }
        }
    }
}

#[test]
fn text_that_ends_inside_a_character_is_refused() {
    for role in BOTH {
        for cut in [&b"\xc3"[..], b"ok\xe2\x82", b"\xf0\x9f\x98"] {
            Setup::of(role).receives(&[text(cut)]).fails(Violation::TextNotUtf8, 1007);
            let frames = [text(cut).open(), continuation("")];
            Setup::of(role).receives(&frames).fails(Violation::TextNotUtf8, 1007);
        }
    }
}

#[test]
fn binary_may_be_anything() {
    for role in BOTH {
        for invalid in INVALID {
            Setup::of(role).receives(&[binary(invalid)]).shows(&[Seen::binary(invalid)]).sends(&[]);
        }
    }
}

/// Autobahn 6.4: a frame that goes on is refused in its middle, at the byte that makes it invalid and not before.
#[test]
fn invalid_text_is_refused_before_the_rest_of_its_frame_arrives() {
    let start = "κόσμε".as_bytes();
    for role in BOTH {
        for (invalid, seen_at) in [(&b"\xf4\x90"[..], 1), (b"\xed\xa0", 1), (b"\xff", 0), (b"\xe2\x82a", 2)] {
            let bytes = [start, invalid].concat();
            let mut sent = head(&text(""), 1000, role.peer());
            let header = sent.len();
            sent.extend(
                &wire(&[text([&bytes[..], &[0; 900]].concat())], role.peer())[header..][..bytes.len()],
            );

            let fatal = header + start.len() + seen_at;
            let mut peer = Setup::of(role).peer();
            for &byte in &sent[..fatal] {
                assert_eq!(peer.receives_bytes(&[byte]), []);
            }
            let failed = [Seen::failed(Violation::TextNotUtf8)];
            assert_eq!(peer.receives_bytes(&sent[fatal..=fatal]), failed);
            assert_eq!(peer.sends()[0].close_code(), Some(1007));

            let mut peer = Setup::of(role).peer();
            assert_eq!(peer.receives_bytes(&sent), failed, "in one read");
        }
    }
}

#[test]
fn compressed_text_is_checked_after_inflation() {
    for role in BOTH {
        for invalid in INVALID {
            let setup = Setup::of(role).deflate();
            let frames = [text(deflated(invalid)).compressed()];
            setup.receives(&frames).fails(Violation::TextNotUtf8, 1007);
        }
        for valid in VALID {
            let compressed = deflated(valid);
            let (a, b) = compressed.split_at(compressed.len() / 2);
            let frames = [text(a).compressed().open(), continuation(b)];
            Setup::of(role).deflate().receives(&frames).shows(&[Seen::text(valid)]).sends(&[]);
        }
    }
}

#[test]
fn text_in_pieces_is_checked_too() {
    for role in BOTH {
        for invalid in INVALID {
            let mut peer = Setup::of(role).peer();
            peer.connection.set_delivery(carrick::protocol::Delivery::Pieces);
            let (a, b) = invalid.split_at(1);
            let seen = peer.receives(&[text(a).open(), continuation(b), text("lost")]);
            assert_eq!(seen.last(), Some(&Seen::failed(Violation::TextNotUtf8)));
        }
    }
}
