use super::*;

/// Code points at the boundaries of RFC 3629 §4, and bytes around them that are no UTF-8.
const SEQUENCES: &[&[u8]] = &[
    b"",
    b"\x00",
    b"\x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xec\xbf\xbf",
    b"\xed\x80\x80",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf3\xbf\xbf\xbf",
    b"\xf4\x80\x80\x80",
    b"\xf4\x8f\xbf\xbf",
    "κόσμε \u{10ffff}\u{fffd}".as_bytes(),
    b"\x80",
    b"\xbf",
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\xc2\x41",
    b"\xc2\xc2",
    b"\xe0\x80\x80",
    b"\xe0\x9f\xbf",
    b"\xe1\x80\x41",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf0\x80\x80\x80",
    b"\xf0\x8f\xbf\xbf",
    b"\xf1\x80\x80\x41",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfe",
    b"\xff",
];

/// The sequences behind and before other text, short and long enough for vector code.
fn texts() -> impl Iterator<Item = Vec<u8>> {
    SEQUENCES.iter().flat_map(|sequence| {
        let plain = "a".repeat(SIMD_BYTES + 3);
        let wide = "ü€𝄞".repeat(SIMD_BYTES / 9 + 1);
        ["", "a", "ü", &plain, &wide].map(|around| [around.as_bytes(), sequence, around.as_bytes()].concat())
    })
}

fn whole(bytes: &[u8]) -> Result<(), NotUtf8> {
    let mut utf8 = Utf8::new();
    utf8.check(bytes)?;
    utf8.finish()
}

#[test]
fn agrees_with_the_standard_library_on_whole_texts() {
    for text in texts() {
        let expected = str::from_utf8(&text).is_ok();
        assert_eq!(whole(&text).is_ok(), expected, "{text:x?}");
        assert_eq!(check_whole(&text).is_ok(), expected, "{text:x?}");
    }
}

#[test]
fn agrees_with_the_standard_library_wherever_the_text_is_cut() {
    for text in texts() {
        let expected = str::from_utf8(&text).is_ok();
        for cut in 0..=text.len() {
            let (first, second) = text.split_at(cut);
            let mut utf8 = Utf8::new();
            let result = utf8.check(first).and_then(|()| utf8.check(second)).and_then(|()| utf8.finish());
            assert_eq!(result.is_ok(), expected, "{text:x?} cut at {cut}");
        }
    }
}

#[test]
fn a_text_in_single_bytes_fails_at_the_first_byte_that_cannot_be_repaired() {
    for text in texts() {
        let mut utf8 = Utf8::new();
        let failed_at = text.iter().position(|byte| utf8.check(&[*byte]).is_err());
        let expected = match str::from_utf8(&text) {
            Err(error) if error.error_len().is_some() => {
                // The error covers the prefix that is still possible; the byte behind that is the impossible one.
                let prefix = &text[error.valid_up_to()..];
                let impossible = (1..=prefix.len())
                    .find(|n| str::from_utf8(&prefix[..*n]).is_err_and(|error| error.error_len().is_some()));
                Some(error.valid_up_to() + impossible.unwrap() - 1)
            }
            _ => None,
        };
        assert_eq!(failed_at, expected, "{text:x?}");
    }
}

#[test]
fn a_prefix_that_no_byte_can_repair_fails_although_it_is_cut() {
    let hopeless: &[&[u8]] = &[
        b"\xc0",
        b"\xc1",
        b"\xe0\x80",
        b"\xe0\x9f",
        b"\xed\xa0",
        b"\xf0\x8f",
        b"\xf4\x90",
        b"\xf5",
        b"\xff",
    ];
    for prefix in hopeless {
        for around in ["", "text ", &"text ".repeat(SIMD_BYTES)] {
            let text = [around.as_bytes(), prefix].concat();
            assert_eq!(Utf8::new().check(&text), Err(NotUtf8), "{prefix:x?} behind {} bytes", around.len());
        }
    }
}

#[test]
fn a_prefix_that_a_byte_can_repair_waits_for_it() {
    let hopeful: &[&[u8]] =
        &[b"\xc2", b"\xe0", b"\xe0\xa0", b"\xed\x9f", b"\xf0\x90", b"\xf0\x90\x80", b"\xf4\x8f\xbf"];
    for prefix in hopeful {
        let mut utf8 = Utf8::new();
        assert_eq!(utf8.check(prefix), Ok(()), "{prefix:x?}");
        assert_eq!(utf8.check(b""), Ok(()), "an empty piece between");
        assert_eq!(utf8.finish(), Err(NotUtf8), "{prefix:x?} is not a whole code point");
        assert_eq!(utf8.check(b"next"), Ok(()), "the text after it is a new one");
        assert_eq!(utf8.finish(), Ok(()));
    }
}

#[test]
fn the_checker_is_small() {
    assert!(size_of::<Utf8>() <= 8);
}
