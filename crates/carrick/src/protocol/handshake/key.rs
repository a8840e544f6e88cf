//! Sec-WebSocket-Key and Sec-WebSocket-Accept, RFC 6455 §4.1 and §4.2.2.

use base64::{
    Engine, alphabet,
    engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD},
};
use rand_core::CryptoRng;
use sha1::{Digest, Sha1};

/// A new key: 16 random bytes in base64, 24 characters.
pub(super) fn generate(random: &mut dyn CryptoRng) -> String {
    let mut nonce = [0; NONCE_BYTES];
    random.fill_bytes(&mut nonce);
    STANDARD.encode(nonce)
}

/// Whether a client's key is base64 of exactly 16 bytes.
///
/// The padding must be there. The four bits before it that belong to no byte may be set: the RFC's own example key sets
/// them, as erratum 3150 notes, and clients copied it.
pub(super) fn is_valid(key: &[u8]) -> bool {
    // The decoder asks for room in whole groups of three.
    let mut nonce = [0; NONCE_BYTES + 2];
    FORGIVING_LAST_BITS.decode_slice(key, &mut nonce) == Ok(NONCE_BYTES)
}

/// The value of Sec-WebSocket-Accept that answers `key`, which must not be trimmed of anything but whitespace.
pub(super) fn accept(key: &[u8]) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

const NONCE_BYTES: usize = 16;

/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const FORGIVING_LAST_BITS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_answered_as_printed() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_is_base64_of_exactly_16_bytes() {
        assert!(is_valid(b"dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(is_valid(b"AQIDBAUGBwgJCgsMDQ4PEC=="), "the key printed in the RFC, erratum 3150");
        for key in
            ["", "AAAA", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZS4=", "*"]
        {
            assert!(!is_valid(key.as_bytes()), "{key}");
        }
        assert!(!is_valid(&[b'A'; 5000]));
        assert!(!is_valid(STANDARD.encode([0; 15]).as_bytes()));
        assert!(!is_valid(STANDARD.encode([0; 17]).as_bytes()));
    }

    #[test]
    fn a_generated_key_is_valid_and_never_the_same_twice() {
        let mut random = StdRng::seed_from_u64(1);
        let (one, two) = (generate(&mut random), generate(&mut random));
        assert!(is_valid(one.as_bytes()) && is_valid(two.as_bytes()));
        assert_ne!(one, two);
    }
}
