//! Inflation never exceeds its allowance and does not depend on the cut; what was compressed inflates to itself.
#![no_main]

mod support;

use arbitrary::Arbitrary;
use bytes::BytesMut;
use carrick::protocol::{Compressor, CompressorSettings, Decompressor, InflateError, Pool, Scratch};
use libfuzzer_sys::fuzz_target;

use support::Cuts;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    round_trip: bool,
    allowance: u16,
    level: u8,
    memory_level: u8,
    window_bits: u8,
    cuts: u16,
    bytes: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    if input.round_trip {
        round_trip(&input);
    } else {
        inflate_anything(&input);
    }
});

fn inflate_anything(input: &Input<'_>) {
    let (whole, result) = inflate(&mut Decompressor::new(), &[input.bytes], input.allowance.into());
    assert!(whole.len() <= input.allowance.into());
    let chunks = Cuts::new(input.cuts).chunks(input.bytes);
    let mut decompressor = Decompressor::new();
    let cut = inflate(&mut decompressor, &chunks, input.allowance.into());
    assert_eq!(cut, (whole, result));

    decompressor.reset();
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let (after, result) = inflate(&mut decompressor, &[&hello], 5);
    assert_eq!((&after[..], result), (&b"Hello"[..], Ok(())), "a reset forgets everything");
}

fn inflate(
    decompressor: &mut Decompressor,
    chunks: &[&[u8]],
    allowance: u64,
) -> (BytesMut, Result<(), InflateError>) {
    let (mut scratch, mut output) = (Scratch::new(), BytesMut::new());
    for chunk in chunks {
        let left = allowance - output.len() as u64;
        if let Err(error) = decompressor.write(chunk, left, &mut scratch, &mut output) {
            return (output, Err(error));
        }
    }
    let result = decompressor.finish(allowance - output.len() as u64, &mut scratch, &mut output);
    (output, result)
}

/// The bytes as several messages with one window, each written in parts.
fn round_trip(input: &Input<'_>) {
    let settings = CompressorSettings {
        level: input.level % 10,
        memory_level: input.memory_level % 9 + 1,
        window_bits: input.window_bits % 7 + 9,
    };
    let mut compressor = Compressor::new(settings);
    let mut decompressor = Decompressor::new();
    let mut pool = Pool::new();
    let (mut scratch, mut cuts) = (Scratch::new(), Cuts::new(input.cuts));
    let mut messages: Vec<Vec<u8>> = cuts.chunks(input.bytes).into_iter().take(8).map(Vec::from).collect();
    messages.push(input.bytes.to_vec());
    // Long enough to leave the working memory and the window behind.
    messages.push(input.bytes.repeat(input.allowance as usize % 64));
    messages.push(input.bytes.to_vec());
    for message in messages {
        let mut compressed = BytesMut::new();
        for part in cuts.chunks(&message) {
            compressor.write(part, &mut scratch, &mut compressed);
        }
        compressor.finish(&[], &mut scratch, &mut compressed);
        let (inflated, result) = inflate(&mut decompressor, &cuts.chunks(&compressed), message.len() as u64);
        assert_eq!(result, Ok(()));
        assert!(inflated == message, "a message of {} bytes changed", message.len());

        let compressed = pool.compress(&message, settings);
        let (inflated, result) = inflate(&mut Decompressor::new(), &[&compressed], message.len() as u64);
        assert_eq!(result, Ok(()));
        assert!(inflated == message, "a message of {} bytes changed as a whole", message.len());
    }
}
