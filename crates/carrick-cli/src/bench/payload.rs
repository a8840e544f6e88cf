//! What is sent, and whether a reply is that.

use bytes::Bytes;
use carrick::protocol::{Kind, Message};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The messages of one size.
#[derive(Debug)]
pub(super) struct Payload {
    kind: Kind,
    words: Bytes,
}

impl Payload {
    /// Random words, the same ones in every run: ASCII, so that they can be text, and about as compressible as prose.
    pub(super) fn new(kind: Kind, bytes: usize) -> Payload {
        let mut random = StdRng::seed_from_u64(SEED);
        let mut words = Vec::with_capacity(bytes + LONGEST_WORD);
        while words.len() < bytes {
            let word = WORDS.get(random.random_range(0..WORDS.len())).copied().unwrap_or_default();
            words.extend_from_slice(word.as_bytes());
            words.push(b' ');
        }
        words.truncate(bytes);
        Payload { kind, words: words.into() }
    }

    /// The message that every connection sends, again and again.
    pub(super) fn message(&self) -> Message {
        self.of(self.words.clone())
    }

    /// The first message of a connection, with its number if there is room for it: the reply that belongs to another
    /// connection is another one.
    pub(super) fn first_message(&self, connection: usize) -> Message {
        let mark = format!("{connection:07x} ");
        let mut bytes = self.words.to_vec();
        if let Some(start) = bytes.get_mut(..mark.len()) {
            start.copy_from_slice(mark.as_bytes());
        }
        self.of(bytes.into())
    }

    /// Whether a reply may be that to any of these messages.
    pub(super) fn resembles(&self, reply: &Message) -> bool {
        reply.kind() == self.kind && reply.len() == self.words.len()
    }

    fn of(&self, bytes: Bytes) -> Message {
        match self.kind {
            Kind::Text => Message::text(String::from_utf8_lossy(&bytes).into_owned()),
            Kind::Binary => Message::binary(bytes),
        }
    }
}

const SEED: u64 = 0x6361_7272_6963_6b00;

const WORDS: &[&str] = &[
    "and", "answer", "begin", "bridge", "butter", "candle", "cloud", "copper", "dawn", "distance", "early",
    "echo", "engine", "field", "finger", "forest", "gather", "glass", "harbour", "hill", "in", "island",
    "journey", "kettle", "lamp", "language", "letter", "light", "meadow", "message", "morning", "mountain",
    "needle", "north", "of", "ocean", "orchard", "paper", "pebble", "quiet", "rain", "river", "road", "salt",
    "season", "shadow", "signal", "silver", "smoke", "stone", "story", "summer", "table", "the", "thread",
    "tide", "to", "valley", "village", "water", "wheat", "window", "winter", "with",
];

/// With the blank behind it.
const LONGEST_WORD: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_their_length_and_kind() {
        for bytes in [0, 1, 7, 8, 20, 1000] {
            for kind in [Kind::Text, Kind::Binary] {
                let payload = Payload::new(kind, bytes);
                for message in [payload.message(), payload.first_message(3)] {
                    assert_eq!((message.len(), message.kind()), (bytes, kind));
                    assert!(payload.resembles(&message) && message.as_bytes().is_ascii());
                }
            }
        }
        assert!(WORDS.iter().all(|word| word.len() < LONGEST_WORD));
    }

    #[test]
    fn the_first_messages_of_two_connections_differ_and_other_replies_are_seen() {
        let payload = Payload::new(Kind::Binary, 20);
        assert_ne!(payload.first_message(1), payload.first_message(2));
        assert_eq!(payload.first_message(1), payload.first_message(1));
        assert!(!payload.resembles(&Message::binary(vec![0; 19])));
        assert!(!payload.resembles(&Message::text("x".repeat(20))));
    }
}
