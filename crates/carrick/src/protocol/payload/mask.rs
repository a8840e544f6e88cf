//! Masking: XOR with a key of four bytes, RFC 6455 §5.3.

use bytes::BytesMut;

/// Masks or unmasks `payload` in place and returns the phase that the bytes after it start with.
///
/// RFC 6455 §5.3: "octet i of the transformed data is the XOR of octet i of the original data with octet at index i
/// modulo 4 of the masking key". `phase` is that index for the first byte of `payload`: 0 at the start of a frame, and
/// in the middle of one what the call before has returned. Only its value modulo 4 counts.
///
/// ```
/// use carrick::protocol::mask;
///
/// let key = [0x37, 0xfa, 0x21, 0x3d];
/// let mut payload = *b"Hello";
/// let phase = mask(&mut payload[..3], key, 0);
/// assert_eq!(phase, 3);
/// mask(&mut payload[3..], key, phase);
/// assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// ```
#[inline]
pub fn mask(payload: &mut [u8], key: [u8; 4], phase: usize) -> usize {
    let phase = phase % 4;
    let next = phase.wrapping_add(payload.len()) % 4;
    // As a number with its first byte lowest, a key is turned by one instruction.
    let half = turned(u32::from_le_bytes(key), phase);
    if payload.len() < LONG {
        mask_short(payload, half);
    } else {
        mask_long(payload, half);
    }
    next
}

/// The key as it is so many bytes further on.
#[inline]
fn turned(key: u32, bytes: usize) -> u32 {
    key.rotate_right(8 * (bytes % 4) as u32)
}

/// Most payloads are short: what is left behind the loop of vector instructions takes few steps.
#[inline(always)]
fn mask_short(payload: &mut [u8], half: u32) {
    let word = u64::from(half) << 32 | u64::from(half);
    let (words, rest) = payload.as_chunks_mut::<8>();
    let (blocks, words) = words.as_chunks_mut::<8>();
    for block in blocks {
        mask_words(block, word);
    }
    let (fours, words) = words.as_chunks_mut::<4>();
    if let [four] = fours {
        mask_words(four, word);
    }
    let (twos, words) = words.as_chunks_mut::<2>();
    if let [two] = twos {
        mask_words(two, word);
    }
    if let [one] = words {
        *one = masked_word(*one, word);
    }
    let (halves, rest) = rest.as_chunks_mut::<4>();
    if let [bytes] = halves {
        *bytes = (u32::from_le_bytes(*bytes) ^ half).to_le_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(half.to_le_bytes()) {
        *byte ^= key;
    }
}

/// A long payload begins behind a header of 4 to 14 bytes, so that every other vector would lie across two lines of the
/// cache: what stands in front of the first that does not is masked by itself.
#[inline(never)]
fn mask_long(payload: &mut [u8], half: u32) {
    let start = payload.as_ptr().align_offset(VECTOR_BYTES).min(payload.len());
    let (front, aligned) = payload.split_at_mut(start);
    mask_short(front, half);
    let half = turned(half, start);
    #[cfg(target_arch = "x86_64")]
    if mask_by_avx2(aligned, half) {
        return;
    }
    mask_short(aligned, half);
}

/// Masks by vectors of 32 bytes; whether the processor has them.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code)]
fn mask_by_avx2(payload: &mut [u8], half: u32) -> bool {
    #[target_feature(enable = "avx2")]
    fn mask(payload: &mut [u8], half: u32) {
        mask_short(payload, half);
    }

    if !std::arch::is_x86_feature_detected!("avx2") {
        return false;
    }
    // SAFETY: all that the function asks for is AVX2, and the processor has it.
    unsafe { mask(payload, half) };
    true
}

#[inline]
fn mask_words<const N: usize>(words: &mut [[u8; 8]; N], key: u64) {
    for word in words {
        *word = masked_word(*word, key);
    }
}

#[inline]
fn masked_word(word: [u8; 8], key: u64) -> [u8; 8] {
    (u64::from_le_bytes(word) ^ key).to_le_bytes()
}

/// Appends `payload` to `destination`, masked with `key` from phase 0.
///
/// One pass: each block is masked on its way, and nothing is zeroed.
///
/// ```
/// use bytes::BytesMut;
/// use carrick::protocol::mask_into;
///
/// let mut destination = BytesMut::new();
/// mask_into(&mut destination, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
/// assert_eq!(destination[..], [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// ```
pub fn mask_into(destination: &mut BytesMut, payload: &[u8], key: [u8; 4]) {
    destination.reserve(payload.len());
    let (blocks, rest) = payload.as_chunks::<BLOCK_BYTES>();
    for block in blocks {
        let mut block = *block;
        mask(&mut block, key, 0);
        destination.extend_from_slice(&block);
    }
    let start = destination.len();
    destination.extend_from_slice(rest);
    if let Some(rest) = destination.get_mut(start..) {
        mask(rest, key, 0);
    }
}

/// From this length on it pays to look where the payload begins.
const LONG: usize = 1024;

/// A vector of AVX2.
const VECTOR_BYTES: usize = 32;

/// How much is masked at a time on the stack. A multiple of 4, so that each block starts at phase 0.
const BLOCK_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x12, 0x34, 0xab, 0xff];

    fn naive(payload: &[u8], phase: usize) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[(i + phase) % 4]).collect()
    }

    fn sample(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 7 + 3) as u8).collect()
    }

    #[test]
    fn equals_the_sentence_of_the_rfc_at_every_length_phase_and_alignment() {
        for length in 0..=70 {
            for phase in 0..4 {
                for alignment in 0..16 {
                    let mut bytes = sample(alignment + length);
                    let expected = naive(&bytes[alignment..], phase);
                    let next = mask(&mut bytes[alignment..], KEY, phase);
                    assert_eq!(bytes[alignment..], expected, "length {length}, phase {phase}");
                    assert_eq!(next, (phase + length) % 4);
                    assert_eq!(bytes[..alignment], sample(alignment), "bytes before the payload");
                }
            }
        }
    }

    #[test]
    fn equals_the_sentence_of_the_rfc_where_the_payload_is_long() {
        for length in [LONG - 1, LONG, LONG + 1, LONG + VECTOR_BYTES + 7, 5000] {
            for phase in 0..4 {
                for alignment in 0..=VECTOR_BYTES {
                    let mut bytes = sample(alignment + length + 9);
                    let expected = naive(&bytes[alignment..alignment + length], phase);
                    let next = mask(&mut bytes[alignment..alignment + length], KEY, phase);
                    assert_eq!(
                        bytes[alignment..alignment + length],
                        expected,
                        "length {length}, phase {phase}"
                    );
                    assert_eq!(next, (phase + length) % 4);
                    let untouched = sample(alignment + length + 9);
                    assert_eq!(bytes[..alignment], untouched[..alignment], "bytes before the payload");
                    assert_eq!(
                        bytes[alignment + length..],
                        untouched[alignment + length..],
                        "bytes behind it"
                    );
                }
            }
        }
    }

    #[test]
    fn a_payload_cut_anywhere_is_masked_as_if_it_were_whole() {
        let expected = naive(&sample(40), 0);
        for cut in 0..=40 {
            let mut bytes = sample(40);
            let (first, second) = bytes.split_at_mut(cut);
            let phase = mask(first, KEY, 0);
            mask(second, KEY, phase);
            assert_eq!(bytes, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_phase_beyond_three_counts_modulo_four() {
        let mut bytes = sample(9);
        assert_eq!(mask(&mut bytes, KEY, usize::MAX), (3 + 9) % 4);
        assert_eq!(bytes, naive(&sample(9), 3));
    }

    #[test]
    fn copying_appends_the_masked_payload_and_leaves_what_was_there() {
        for length in [0, 1, 5, 20, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 7] {
            let mut destination = BytesMut::from(&b"head"[..]);
            mask_into(&mut destination, &sample(length), KEY);
            assert_eq!(destination[..4], *b"head");
            assert_eq!(destination[4..], naive(&sample(length), 0), "length {length}");
        }
    }
}
