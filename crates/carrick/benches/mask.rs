//! What `mask` makes of where a payload lies and of what the processor has, beside a plain loop over 8 bytes at a time, in
//! one run. `cargo bench -p carrick --bench mask`.

use std::{hint::black_box, time::Instant};

use carrick::protocol::mask;

#[expect(clippy::disallowed_methods, clippy::print_stdout)]
fn main() {
    let mut memory = vec![7; (1 << 20) + 128];
    for (name, length) in
        [("20 B", 20), ("125 B", 125), ("1 KiB", 1 << 10), ("16 KiB", 16 << 10), ("1 MiB", 1 << 20)]
    {
        // Behind a header of 8 bytes, in a buffer that begins with a line of the cache.
        let start = memory.as_ptr().align_offset(64) + 8;
        let payload = &mut memory[start..start + length];
        let rounds = (16 << 20) / length;
        let mut time = |mask: &dyn Fn(&mut [u8])| {
            let begun = Instant::now();
            for _ in 0..rounds {
                mask(black_box(payload));
            }
            begun.elapsed().as_secs_f64()
        };
        let mut ratios: Vec<f64> = (0..15)
            .map(|_| {
                let ours = time(&|payload| {
                    let _ = mask(payload, KEY, 0);
                });
                let plain = time(&plain);
                plain / ours
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!("{name:>7}: a plain loop takes {:.2} times as long (median of 15)", ratios[7]);
    }
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

#[inline(never)]
fn plain(payload: &mut [u8]) {
    let half = u32::from_le_bytes(KEY);
    let word = u64::from(half) << 32 | u64::from(half);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_le_bytes(*bytes) ^ word).to_le_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(KEY.iter().cycle()) {
        *byte ^= key;
    }
}
