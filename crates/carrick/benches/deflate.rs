//! What permessage-deflate costs and brings: the resident memory of one compressor and one decompressor, and how small a
//! feed of similar messages gets. The guide on deflate has these numbers. `cargo bench -p carrick --bench deflate`, on
//! Linux.

use bytes::{Bytes, BytesMut};
use carrick::protocol::{Compressor, CompressorSettings, Decompressor, Pool, Scratch};

#[expect(clippy::print_stdout)]
fn main() {
    println!("memory of a decompressor: {} KB", kilobytes_of_one(decompressor));
    for memory_level in [1, 5, 8] {
        for window_bits in [9, 12, 15] {
            let settings = CompressorSettings { level: 3, memory_level, window_bits };
            let size = kilobytes_of_one(|| compressor(settings));
            println!("memory of a compressor, window {window_bits}, memory level {memory_level}: {size} KB");
        }
    }
    let messages: Vec<String> = (0..1000).map(tick).collect();
    let plain: usize = messages.iter().map(String::len).sum();
    println!("{} messages of {} bytes on average", messages.len(), plain / messages.len());
    for level in [1, 3, 6, 9] {
        for (window_bits, memory_level) in [(12, 5), (15, 8)] {
            let settings = CompressorSettings { level, memory_level, window_bits };
            let (alone, together) =
                (deflated(&messages, settings, false), deflated(&messages, settings, true));
            println!(
                "level {level}, window {window_bits}: {} % without takeover, {} % with it",
                alone * 100 / plain,
                together * 100 / plain,
            );
        }
    }
}

/// A message of a feed of prices: the names repeat, the values do not.
fn tick(n: u64) -> String {
    let noise = n.wrapping_mul(6_364_136_223_846_793_005) >> 33;
    format!(
        r#"{{"type":"trade","symbol":"CRK-{}","price":{}.{:02},"volume":{},"time":{},"venue":"XCRK","side":"{}"}}"#,
        noise % 50,
        noise % 900 + 100,
        noise % 97,
        noise % 10_000,
        1_790_000_000_000 + n * 250,
        if noise.is_multiple_of(2) { "buy" } else { "sell" },
    )
}

fn deflated(messages: &[String], settings: CompressorSettings, takeover: bool) -> usize {
    let mut pool = Pool::new();
    let mut compressor = pool.lease_compressor(settings);
    let mut total = 0;
    for message in messages {
        let mut output = BytesMut::new();
        compressor.finish(message.as_bytes(), pool.scratch(), &mut output);
        total += output.len();
        if !takeover {
            pool.return_compressor(compressor);
            compressor = pool.lease_compressor(settings);
        }
    }
    total
}

fn compressor(settings: CompressorSettings) -> Compressor {
    let mut compressor = Compressor::new(settings);
    compressor.finish(&noise(), &mut Scratch::new(), &mut BytesMut::new());
    compressor
}

fn decompressor() -> Decompressor {
    let settings = CompressorSettings { level: 3, memory_level: 8, window_bits: 15 };
    let mut compressed = BytesMut::new();
    Compressor::new(settings).finish(&noise(), &mut Scratch::new(), &mut compressed);
    let mut decompressor = Decompressor::new();
    let (mut scratch, mut output) = (Scratch::new(), BytesMut::new());
    let inflated = decompressor.write(&compressed, 1 << 20, &mut scratch, &mut output);
    inflated
        .and_then(|()| decompressor.finish(1 << 20, &mut scratch, &mut output))
        .expect("it was compressed so");
    decompressor
}

/// Enough of it to fill every window, so that all the memory that is allocated is also used.
fn noise() -> Bytes {
    (0..200_000_u64).map(|n| (n.wrapping_mul(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59) as u8).collect()
}

/// How much the resident set grows for each of many.
fn kilobytes_of_one<T>(make: impl Fn() -> T) -> u64 {
    let warm = make();
    let before = resident_bytes();
    let many: Vec<T> = (0..MANY).map(|_| make()).collect();
    let grown = resident_bytes() - before;
    drop((warm, many));
    grown / MANY / 1000
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells about the process there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has a resident set");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("the set is a number");
    kibibytes * 1024
}

const MANY: u64 = 200;
