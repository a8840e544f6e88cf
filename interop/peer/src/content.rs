//! What the messages of the cases consist of.

/// Text with characters of two, three and four bytes.
pub(crate) const GREETING: &str = "Grüße, 世界 🦀";

/// What the first end to close says, with a character that is no ASCII.
pub(crate) const CLIENT_IS_DONE: (u16, &str) = (4002, "client is done – bye");

/// As [`CLIENT_IS_DONE`], for the server.
pub(crate) const SERVER_IS_DONE: (u16, &str) = (4001, "server is done – bye");

/// The subprotocol that every server speaks; the clients offer another one too.
pub(crate) const SUBPROTOCOL: &str = "chat.v1";

/// How large a fragment is.
pub(crate) const FRAGMENT_BYTES: usize = 64 * 1024;

/// A mebibyte that compresses to about half, so that its fragments stay large.
pub(crate) fn mebibyte() -> Vec<u8> {
    noise().map(|byte| byte & 0x0f).take(1 << 20).collect()
}

/// Text that compresses well.
pub(crate) fn repetitive() -> String {
    r#"{"symbol":"CRK","price":42.5,"volume":1000}"#.repeat(1500)
}

/// Text that compresses badly alone, and to almost nothing behind itself.
pub(crate) fn hexadecimal() -> String {
    noise().take(1500).map(|byte| format!("{byte:02x}")).collect()
}

/// A linear congruential generator: the same bytes in every run, and no pattern that DEFLATE finds.
fn noise() -> impl Iterator<Item = u8> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(2026), next).map(|state| (state >> 56) as u8)
}
