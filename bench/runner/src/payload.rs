//! What the messages carry.

use std::io::Write;

use flate2::{Compress, Compression, FlushCompress, write::DeflateDecoder};

/// Bytes that do not compress and are the same in every run.
#[must_use]
pub fn binary(length: usize) -> Vec<u8> {
    // A linear congruential generator; the constants are those of Knuth's MMIX.
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// English text.
#[must_use]
pub fn ascii(length: usize) -> Vec<u8> {
    "The quick brown fox jumps over the lazy dog. ".bytes().cycle().take(length).collect()
}

/// Chinese text, of three bytes a character; what is left of `length` is filled with spaces.
#[must_use]
pub fn chinese(length: usize) -> Vec<u8> {
    let characters = "天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏".chars().cycle().take(length / 3);
    let mut text: Vec<u8> = characters.collect::<String>().into_bytes();
    text.resize(length, b' ');
    text
}

/// JSON as an API sends it: a list of records, no two of which are equal.
#[must_use]
pub fn json(length: usize) -> Vec<u8> {
    let mut text = "[".to_owned();
    let mut digits = binary(length).into_iter().map(u32::from);
    let mut number = |below: u32| digits.next().unwrap_or_default() % below;
    while text.len() < length {
        let (id, user, score) = (number(250) * 37, number(200), number(100));
        let (hour, minute, open) = (number(24), number(60), number(2) == 0);
        text += &format!(
            r#"{{"id":{id},"user":"user-{user:03}","score":{score}.5,"at":"2026-11-23T{hour:02}:{minute:02}:00Z","open":{open}}},"#
        );
    }
    text.truncate(length - 1);
    (text + "]").into_bytes()
}

/// The payload of a compressed message (RFC 7692 §7.2.1), with nothing kept from message to message.
#[must_use]
pub fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut compressor = Compress::new(Compression::new(6), false);
    let mut output = Vec::with_capacity(payload.len() + 64);
    compressor
        .compress_vec(payload, &mut output, FlushCompress::Sync)
        .expect("nothing is wrong with the stream");
    assert_eq!(compressor.total_in(), payload.len() as u64, "the output has room for all of it");
    assert!(output.ends_with(&END), "a sync flush ends with an empty block");
    output.truncate(output.len() - END.len());
    output
}

/// What a compressed payload says.
///
/// # Errors
///
/// If it is not DEFLATE.
pub fn inflated(payload: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut decoder = DeflateDecoder::new(Vec::new());
    decoder.write_all(payload)?;
    decoder.write_all(&END)?;
    decoder.flush()?;
    Ok(std::mem::take(decoder.get_mut()))
}

/// The empty block that ends a sync flush, which is not sent.
const END: [u8; 4] = [0, 0, 0xff, 0xff];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_has_the_length_that_was_asked_for() {
        for length in [20, 125, 1024, 16_384] {
            for payload in [binary(length), ascii(length), chinese(length), json(length)] {
                assert_eq!(payload.len(), length);
            }
        }
        assert!(String::from_utf8(chinese(16_384)).is_ok());
    }

    #[test]
    fn what_is_deflated_comes_back() {
        let json = json(1024);
        let deflated = deflated(&json);
        assert!(deflated.len() < json.len() / 2, "{} bytes", deflated.len());
        assert_eq!(inflated(&deflated).unwrap(), json);
    }
}
