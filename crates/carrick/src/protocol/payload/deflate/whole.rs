//! DEFLATE (RFC 1951) of messages that are there as a whole and refer to nothing before them.
//!
//! A compressor for streams has to forget the message before, which means to clear its tables: for a small message that
//! takes as long as the rest. Here places are counted on from message to message, so that what is in the tables of an
//! earlier one is known to be too old.
#![expect(clippy::indexing_slicing, reason = "every index is made here, of the message's own bytes")]

use std::fmt;

use bytes::BytesMut;

use super::block::{Token, Tokens};

/// Compresses whole messages of at most [`MAX_BYTES`]. It keeps nothing from one message to the next.
pub(super) struct WholeCompressor {
    /// The latest place of each hash. What is below `base` is of an earlier message.
    heads: Box<[u32; HASHES]>,
    /// For each place of the message the one before it that has the same hash, plus one; 0 where there is none.
    earlier: Box<[u16; MAX_BYTES]>,
    /// Where the message begins. Places are counted from the first message on.
    base: u32,
    tokens: Tokens,
}

/// How thoroughly a level looks; the levels are those of zlib.
#[derive(Clone, Copy)]
struct Effort {
    /// A match of this length is taken without looking for a better one that begins one byte later.
    lazy: usize,
    /// A match of this length is taken without looking at more places.
    nice: usize,
    /// At so many places.
    places: usize,
    /// Of the places inside of a match one in so many is entered.
    step: usize,
}

/// Bytes that stand earlier in the message too.
#[derive(Clone, Copy)]
struct Match {
    length: usize,
    distance: usize,
}

impl fmt::Debug for WholeCompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WholeCompressor").finish_non_exhaustive()
    }
}

impl WholeCompressor {
    pub(super) fn new() -> WholeCompressor {
        WholeCompressor { heads: zeros(), earlier: zeros(), base: 1, tokens: Tokens::default() }
    }

    /// Compresses a message as RFC 7692 §7.2.1 has it and appends it to `output`: one block, and the header of the empty
    /// stored block that is stripped otherwise. No match is further away than `window`.
    pub(super) fn compress(&mut self, message: &[u8], level: u8, window: usize, output: &mut BytesMut) {
        debug_assert!(message.len() <= MAX_BYTES, "the tables have room for it");
        if self.base > u32::MAX - MAX_BYTES as u32 {
            self.heads.fill(0);
            self.base = 1;
        }
        self.tokens.clear();
        let effort = EFFORTS[usize::from(level.clamp(1, 9)) - 1];
        Search { message, effort, window, compressor: self }.run();
        self.base += message.len() as u32;
        self.tokens.write(message, output);
    }
}

fn zeros<T: Clone + Default, const N: usize>() -> Box<[T; N]> {
    let Ok(zeros) = vec![T::default(); N].into_boxed_slice().try_into() else { unreachable!("it has N") };
    zeros
}

/// The work on one message.
struct Search<'a> {
    message: &'a [u8],
    effort: Effort,
    window: usize,
    compressor: &'a mut WholeCompressor,
}

impl Search<'_> {
    fn run(&mut self) {
        let message = self.message;
        // From here on there are too few bytes for a hash.
        let last = message.len().saturating_sub(HASHED_BYTES - 1);
        let mut at = 0;
        while at < last {
            let Some(mut best) = self.enter_and_match(at, HASHED_BYTES - 1) else {
                self.compressor.tokens.push(Token::literal(message[at]));
                at += 1;
                continue;
            };
            let mut entered = at + 1;
            while best.length < self.effort.lazy && entered < last {
                let later = self.enter_and_match(entered, best.length);
                entered += 1;
                let Some(later) = later else { break };
                self.compressor.tokens.push(Token::literal(message[at]));
                at += 1;
                best = later;
            }
            debug_assert!(
                best.distance <= self.window,
                "the peer keeps no more; the fuzz target tries all windows"
            );
            self.compressor.tokens.push(Token::of_match(best.length, best.distance));
            at += best.length;
            for place in (entered..at.min(last)).step_by(self.effort.step) {
                self.enter(place);
            }
        }
        for byte in &message[at..] {
            self.compressor.tokens.push(Token::literal(*byte));
        }
    }

    /// Enters a place into the tables; the one before it with the same hash, plus one.
    #[inline]
    fn enter(&mut self, at: usize) -> u16 {
        let WholeCompressor { heads, earlier, base, .. } = &mut *self.compressor;
        let Some(bytes) = self.message.get(at..).and_then(<[u8]>::first_chunk) else { return 0 };
        let hash = u32::from_le_bytes(*bytes).wrapping_mul(HASH_FACTOR) >> (32 - HASH_BITS);
        let head = &mut heads[hash as usize];
        let before = if *head >= *base { (*head - *base) as u16 + 1 } else { 0 };
        *head = *base + at as u32;
        earlier[at % MAX_BYTES] = before;
        before
    }

    /// Enters a place into the tables, and finds the longest match for it that is longer than `than`.
    #[inline]
    fn enter_and_match(&mut self, at: usize, than: usize) -> Option<Match> {
        let mut next = self.enter(at);
        let rest = &self.message[at..];
        let most = rest.len().min(MAX_MATCH_BYTES);
        if than >= most {
            return None;
        }
        let mut best = None;
        let mut length = than;
        for _ in 0..self.effort.places {
            let Some(place) = usize::from(next).checked_sub(1).filter(|place| at - place <= self.window)
            else {
                break;
            };
            let candidate = &self.message[place..];
            if candidate[length] == rest[length] {
                let same = common(&candidate[..most], &rest[..most]);
                if same > length {
                    length = same;
                    best = Some(Match { length, distance: at - place });
                    if same == most || same >= self.effort.nice {
                        break;
                    }
                }
            }
            next = self.compressor.earlier[place % MAX_BYTES];
        }
        best
    }
}

/// How many bytes are the same at the start of two slices of one length.
#[inline]
fn common(a: &[u8], b: &[u8]) -> usize {
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, b_rest) = b.as_chunks::<8>();
    for (index, (x, y)) in a_words.iter().zip(b_words).enumerate() {
        let differences = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differences != 0 {
            return index * 8 + (differences.trailing_zeros() / 8) as usize;
        }
    }
    a_words.len() * 8 + a_rest.iter().zip(b_rest).take_while(|(x, y)| x == y).count()
}

/// Longer messages are for a compressor of streams: clearing its tables is a small part of the work on them.
pub(super) const MAX_BYTES: usize = 16 << 10;

/// A match is at least as long as what is hashed.
const HASHED_BYTES: usize = 4;
const MAX_MATCH_BYTES: usize = 258;

const HASH_BITS: u32 = 13;
const HASHES: usize = 1 << HASH_BITS;

/// 2^32 divided by the golden ratio, after Knuth.
const HASH_FACTOR: u32 = 0x9E37_79B1;

/// For the levels 1 to 9.
const EFFORTS: [Effort; 9] = [
    Effort { lazy: 0, nice: 8, places: 4, step: 2 },
    Effort { lazy: 0, nice: 16, places: 8, step: 2 },
    Effort { lazy: 0, nice: 32, places: 32, step: 2 },
    Effort { lazy: 4, nice: 16, places: 16, step: 2 },
    Effort { lazy: 16, nice: 32, places: 32, step: 2 },
    Effort { lazy: 16, nice: 128, places: 128, step: 2 },
    Effort { lazy: 32, nice: 128, places: 256, step: 1 },
    Effort { lazy: 128, nice: 258, places: 1024, step: 1 },
    Effort { lazy: 258, nice: 258, places: 4096, step: 1 },
];

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

    use super::{super::tests as streams, *};

    fn sample(random: &mut StdRng) -> Vec<u8> {
        let length = match random.random_range(0..4) {
            0 => random.random_range(0..40),
            1 => random.random_range(0..600),
            2 => random.random_range(0..3000),
            _ => random.random_range(0..=MAX_BYTES),
        };
        let kind = random.random_range(0..6);
        if kind == 5 {
            // What repeats is far away.
            return streams::sample(random, length);
        }
        let period = random.random_range(1..200);
        let base: Vec<u8> = (0..period).map(|_| random.random()).collect();
        let bytes = (0..length).map(|i| match kind {
            0 => random.random(),
            1 => random.random_range(0..4),
            2 => base[0],
            // Frequencies that make long codes.
            3 => random.random::<f64>().powi(12).mul_add(255.0, 0.5) as u8,
            _ if random.random_range(0..50) == 0 => random.random(),
            _ => base[i % period],
        });
        bytes.collect()
    }

    /// What zlib makes of it.
    fn inflated(compressed: &[u8], length: usize) -> Vec<u8> {
        let mut input = compressed.to_vec();
        input.extend([0x00, 0x00, 0xff, 0xff]);
        let (mut inflate, mut output) = (Inflate::new(false, 15), vec![0; length + 1]);
        inflate.decompress(&input, &mut output, InflateFlush::SyncFlush).unwrap();
        assert_eq!(inflate.total_in(), input.len() as u64);
        output.truncate(inflate.total_out() as usize);
        output
    }

    #[test]
    fn messages_come_back_and_are_no_longer_than_those_of_zlib() {
        let mut random = StdRng::seed_from_u64(5);
        let mut compressor = WholeCompressor::new();
        let (mut ours, mut zlibs, mut at_the_limit) = (0, 0, 0);
        for round in 0..1500 {
            let message = sample(&mut random);
            let (level, window_bits) = (random.random_range(1..=9), random.random_range(9..=15));
            if round == 700 {
                // The count of places is at its end.
                compressor.base = u32::MAX - MAX_BYTES as u32 - 10;
            }
            let mut compressed = BytesMut::new();
            compressor.compress(&message, level, 1 << window_bits, &mut compressed);
            assert_eq!(inflated(&compressed, message.len()), message, "round {round}");
            // The peer may keep no more than that, while zlib-rs inflates with 32 KiB whatever it is told.
            let farthest = compressor.tokens.farthest();
            assert!(farthest <= 1 << window_bits, "a match is {farthest} away, window bits {window_bits}");
            at_the_limit += usize::from(farthest > 15 << (window_bits - 4));
            if level >= 4 && !message.is_empty() {
                let mut deflate = Deflate::new(level.into(), false, window_bits);
                let mut output = vec![0; message.len() + 1000];
                deflate.compress(&message, &mut output, DeflateFlush::SyncFlush).unwrap();
                ours += compressed.len() + 4;
                zlibs += deflate.total_out() as usize;
            }
        }
        assert!(at_the_limit > 100, "{at_the_limit} messages needed nearly all of the window");
        assert!(ours * 100 < zlibs * 101, "{ours} bytes are more than one in a hundred above {zlibs}");
    }

    #[test]
    fn the_example_of_rfc_7692_is_what_comes_out() {
        let mut output = BytesMut::new();
        WholeCompressor::new().compress(b"Hello", 6, 1 << 15, &mut output);
        assert_eq!(output[..], [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    }
}
