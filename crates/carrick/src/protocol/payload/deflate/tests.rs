use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

const SETTINGS: CompressorSettings = CompressorSettings { level: 6, memory_level: 8, window_bits: 15 };

fn compressed(message: &[u8]) -> BytesMut {
    let mut output = BytesMut::new();
    Compressor::new(SETTINGS).finish(message, &mut Scratch::new(), &mut output);
    output
}

/// A message that ends its DEFLATE stream, by a block with BFINAL, and nothing behind it.
fn compressed_as_final(message: &[u8]) -> Vec<u8> {
    let mut deflate = Deflate::new(6, false, 15);
    let mut output = vec![0; message.len() + 64];
    assert_eq!(deflate.compress(message, &mut output, DeflateFlush::Finish), Ok(Status::StreamEnd));
    output.truncate(deflate.total_out() as usize);
    output
}

fn inflate_with(
    decompressor: &mut Decompressor,
    compressed: &[u8],
    allowance: u64,
) -> Result<BytesMut, InflateError> {
    let (mut scratch, mut output) = (Scratch::new(), BytesMut::new());
    decompressor.write(compressed, allowance, &mut scratch, &mut output)?;
    decompressor.finish(allowance - output.len() as u64, &mut scratch, &mut output)?;
    Ok(output)
}

fn inflated(compressed: &[u8]) -> Result<BytesMut, InflateError> {
    inflate_with(&mut Decompressor::new(), compressed, 1 << 30)
}

/// Bytes of which about every second run repeats an earlier one, up to 40,000 bytes back.
pub(super) fn sample(random: &mut StdRng, length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::with_capacity(length);
    while bytes.len() < length {
        let run = random.random_range(1..300).min(length - bytes.len());
        if !bytes.is_empty() && random.random() {
            let back = random.random_range(1..=bytes.len().min(40_000));
            for _ in 0..run {
                bytes.push(bytes[bytes.len() - back]);
            }
        } else {
            bytes.extend((0..run).map(|_| random.random::<u8>()));
        }
    }
    bytes
}

#[test]
fn the_examples_of_rfc_7692_inflate_to_hello() {
    let examples: &[(&str, &[u8])] = &[
        ("7.2.3.1", &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
        ("7.2.3.3", &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]),
        ("7.2.3.4", &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
        ("7.2.3.5", &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]),
    ];
    for (section, bytes) in examples {
        assert_eq!(inflated(bytes).unwrap(), "Hello", "§{section}");
    }
}

#[test]
fn the_second_hello_of_rfc_7692_refers_to_the_first() {
    let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let second = [0xf2, 0x00, 0x11, 0x00, 0x00];

    let mut compressor = Compressor::new(SETTINGS);
    for expected in [&first[..], &second] {
        let mut output = BytesMut::new();
        compressor.finish(b"Hello", &mut Scratch::new(), &mut output);
        assert_eq!(output[..], *expected);
    }

    let mut decompressor = Decompressor::new();
    assert_eq!(inflate_with(&mut decompressor, &first, 5).unwrap(), "Hello");
    assert_eq!(inflate_with(&mut decompressor, &second, 5).unwrap(), "Hello");
    decompressor.reset();
    assert_eq!(
        inflate_with(&mut decompressor, &second, 5),
        Err(InflateError::Invalid),
        "the window is empty"
    );
}

#[test]
fn an_empty_message_is_one_byte_also_twice_in_a_row_and_between_others() {
    let (mut compressor, mut scratch) = (Compressor::new(SETTINGS), Scratch::new());
    let mut decompressor = Decompressor::new();
    for message in ["", "", "text", "", "", "text", ""] {
        let mut output = BytesMut::new();
        compressor.write(b"", &mut scratch, &mut output);
        compressor.finish(message.as_bytes(), &mut scratch, &mut output);
        if message.is_empty() {
            assert_eq!(output[..], [0x00]);
        }
        assert_eq!(inflate_with(&mut decompressor, &output, 4).unwrap(), message);
    }
}

#[test]
fn a_message_whose_last_part_is_empty_is_still_flushed() {
    let (mut compressor, mut scratch, mut output) =
        (Compressor::new(SETTINGS), Scratch::new(), BytesMut::new());
    compressor.write(b"Hello", &mut scratch, &mut output);
    compressor.finish(b"", &mut scratch, &mut output);
    assert_eq!(inflated(&output).unwrap(), "Hello");
}

#[test]
fn a_compressed_message_without_bytes_is_empty_and_leaves_the_window() {
    let mut decompressor = Decompressor::new();
    for message in [&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], &[], &[0xf2, 0x00, 0x11, 0x00, 0x00]] {
        let expected = if message.is_empty() { "" } else { "Hello" };
        assert_eq!(inflate_with(&mut decompressor, message, 5).unwrap(), expected);
    }
}

#[test]
fn the_tail_is_stripped_wherever_the_scratch_block_ends() {
    let mut random = StdRng::seed_from_u64(1);
    for level in [0, 1, 6] {
        let settings = CompressorSettings { level, ..SETTINGS };
        // Incompressible, so that the compressed length sweeps over the length of the block, and of two.
        for around in [SCRATCH_BYTES, 2 * SCRATCH_BYTES] {
            let message: Vec<u8> = (0..around + 10).map(|_| random.random()).collect();
            for length in around - 40..around + 10 {
                let (mut scratch, mut output) = (Scratch::new(), BytesMut::from(&b"head"[..]));
                let mut compressor = Compressor::new(settings);
                compressor.finish(&message[..length], &mut scratch, &mut output);
                assert_eq!(output[..4], *b"head");
                assert_eq!(
                    inflated(&output[4..]).unwrap(),
                    message[..length],
                    "level {level}, {length} bytes"
                );
            }
        }
    }
}

#[test]
fn the_allowance_is_exact() {
    let lengths = [0, 1, 2, 1000, SCRATCH_BYTES - 1, SCRATCH_BYTES, SCRATCH_BYTES + 1, 3 * SCRATCH_BYTES];
    for length in lengths {
        let message = vec![b'a'; length];
        for bytes in [compressed(&message).to_vec(), compressed_as_final(&message)] {
            for (allowance, fits) in [(length + 1, true), (length, true), (length.wrapping_sub(1), false)] {
                if allowance == usize::MAX {
                    continue;
                }
                let result = inflate_with(&mut Decompressor::new(), &bytes, allowance as u64);
                let expected =
                    if fits { Ok(BytesMut::from(&message[..])) } else { Err(InflateError::TooLarge) };
                assert_eq!(result, expected, "{length} bytes, {allowance} allowed");
            }
        }
    }
}

#[test]
fn no_more_than_one_byte_above_the_allowance_is_inflated() {
    let bomb = compressed(&vec![0; 10 << 20]);
    for allowance in [0, 1, 1000, SCRATCH_BYTES as u64, 1 << 20] {
        let (mut decompressor, mut output) = (Decompressor::new(), BytesMut::new());
        let result = decompressor.write(&bomb, allowance, &mut Scratch::new(), &mut output);
        assert_eq!(result, Err(InflateError::TooLarge));
        assert!(output.len() as u64 <= allowance);
        assert_eq!(decompressor.state.inflate.total_out(), allowance + 1);
    }
}

#[test]
fn an_unlimited_allowance_does_not_overflow() {
    let mut output = BytesMut::new();
    let mut decompressor = Decompressor::new();
    decompressor.write(&compressed(b"Hello"), u64::MAX, &mut Scratch::new(), &mut output).unwrap();
    assert_eq!(output, "Hello");
}

#[test]
fn a_message_cut_short_is_refused() {
    let mut random = StdRng::seed_from_u64(2);
    let stored: &[u8] = &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    let long = compressed(&sample(&mut random, 5000));
    for message in [&compressed(b"Hello"), stored, &long, &[0x00]] {
        for cut in 0..message.len() {
            // These are empty messages.
            if matches!(&message[..cut], [] | [0x00]) {
                continue;
            }
            assert_eq!(inflated(&message[..cut]), Err(InflateError::Invalid), "cut at {cut}");
        }
    }
}

#[test]
fn a_stored_block_does_not_take_the_tail_for_its_data() {
    // It announces nine bytes and has five; the tail would be the rest of them.
    let block = [0x00, 0x09, 0x00, 0xf6, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(inflated(&block), Err(InflateError::Invalid));
}

#[test]
fn bytes_that_are_no_deflate_are_refused() {
    let invalid: &[&[u8]] = &[b"\x06", b"\x07", b"\x00\x05\x00\x00\x00Hello\x00", b"\xff\xff\xff\xff"];
    for bytes in invalid {
        assert_eq!(inflated(bytes), Err(InflateError::Invalid), "{bytes:x?}");
    }
}

#[test]
fn a_block_with_bfinal_may_end_a_message_or_stand_before_more() {
    let last = compressed_as_final(b"Hello");
    let cases: &[(&[&[u8]], &str)] = &[
        (&[&last], "Hello"),
        (&[&last, &[0x00]], "Hello"),
        (&[&last, &[0x01]], "Hello"),
        (&[&last, &last], "HelloHello"),
        (&[&last, &last, &compressed(b" world")], "HelloHello world"),
        (&[&[0x01]], ""),
        (&[&compressed_as_final(b"")], ""),
    ];
    for (parts, expected) in cases {
        let mut decompressor = Decompressor::new();
        for round in 0..3 {
            let result = inflate_with(&mut decompressor, &parts.concat(), 100);
            assert_eq!(result.unwrap(), *expected, "{parts:x?}, round {round}");
        }
        assert_eq!(inflate_with(&mut decompressor, &compressed(b"next"), 4).unwrap(), "next");
    }
}

#[test]
fn garbage_behind_a_block_with_bfinal_is_refused() {
    let last = compressed_as_final(b"Hello");
    for garbage in [&b"\xff"[..], b"\x00\x00", b"garbage", b"\x02"] {
        assert_eq!(inflated(&[&last, garbage].concat()), Err(InflateError::Invalid), "{garbage:x?}");
    }
}

#[test]
fn whatever_is_taken_for_a_whole_message_leaves_the_next_one_readable() {
    let mut random = StdRng::seed_from_u64(3);
    let next = compressed(b"next");
    let mut taken = 0;
    for _ in 0..40_000 {
        let mut bytes: Vec<u8> = (0..random.random_range(1..24)).map(|_| random.random()).collect();
        // Lean towards dynamic blocks, and towards bytes that look like the tail.
        if random.random() {
            bytes[0] = bytes[0] & 0xf8 | 0x04;
        }
        if let Some(last) = bytes.last_mut().filter(|_| random.random()) {
            *last &= 0x01;
        }
        let mut decompressor = Decompressor::new();
        if inflate_with(&mut decompressor, &bytes, 1 << 20).is_ok() {
            taken += 1;
            assert_eq!(inflate_with(&mut decompressor, &next, 4).unwrap(), "next", "behind {bytes:x?}");
        }
    }
    assert!(taken > 100, "{taken}");
}

#[test]
fn messages_come_back_however_they_are_cut() {
    let mut random = StdRng::seed_from_u64(4);
    for window_bits in 9..=15 {
        for level in 0..=9 {
            let settings =
                CompressorSettings { level, memory_level: random.random_range(1..=9), window_bits };
            for takeover in [false, true] {
                round_trip(&mut random, settings, takeover);
            }
        }
    }
}

fn round_trip(random: &mut StdRng, settings: CompressorSettings, takeover: bool) {
    let (mut compressor, mut decompressor, mut scratch) =
        (Compressor::new(settings), Decompressor::new(), Scratch::new());
    // Another inflater. It does not hold the window: zlib-rs keeps 32 KiB whatever it is told.
    let mut frugal = Inflate::new(false, settings.window_bits);
    for _ in 0..4 {
        let length = *[0, 1, 20, 700, SCRATCH_BYTES, 50_000].get(random.random_range(0..6)).unwrap();
        let message = sample(random, length);

        let mut output = BytesMut::new();
        let mut rest = &message[..];
        while random.random_range(0..3) > 0 {
            let (part, after) = rest.split_at(random.random_range(0..=rest.len()));
            compressor.write(part, &mut scratch, &mut output);
            rest = after;
        }
        compressor.finish(rest, &mut scratch, &mut output);

        let mut text = BytesMut::new();
        let mut rest = &output[..];
        while !rest.is_empty() {
            let (part, after) = rest.split_at(random.random_range(0..=rest.len()));
            let allowance = (message.len() - text.len()) as u64;
            decompressor.write(part, allowance, &mut scratch, &mut text).unwrap();
            rest = after;
        }
        decompressor.finish(0, &mut scratch, &mut text).unwrap();
        assert!(text == message, "{settings:?}, {length} bytes");

        output.extend_from_slice(&TAIL);
        assert!(inflate_in_small_steps(&mut frugal, &output) == message, "{settings:?}, {length} bytes");

        if !takeover {
            compressor.reset();
            decompressor.reset();
            frugal = Inflate::new(false, settings.window_bits);
        }
    }
}

/// Leaves at most 100 bytes to refer to outside the window.
fn inflate_in_small_steps(inflate: &mut Inflate, compressed: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    let mut rest = compressed;
    loop {
        let mut block = [0; 100];
        let before = (inflate.total_in(), inflate.total_out());
        inflate.decompress(rest, &mut block, InflateFlush::NoFlush).unwrap();
        rest = &rest[(inflate.total_in() - before.0) as usize..];
        let produced = (inflate.total_out() - before.1) as usize;
        output.extend_from_slice(&block[..produced]);
        if produced < block.len() {
            return output;
        }
    }
}

#[test]
fn settings_out_of_range_count_as_the_end_of_the_range() {
    for settings in [
        CompressorSettings { level: 255, memory_level: 255, window_bits: 255 },
        CompressorSettings { level: 0, memory_level: 0, window_bits: 0 },
    ] {
        let mut output = BytesMut::new();
        Compressor::new(settings).finish(b"Hello", &mut Scratch::new(), &mut output);
        assert_eq!(inflated(&output).unwrap(), "Hello");
    }
}

#[test]
fn what_the_pool_lends_again_has_forgotten_everything() {
    let mut pool = Pool::new();
    for _ in 0..3 {
        let mut compressor = pool.lease_compressor(SETTINGS);
        let mut output = BytesMut::new();
        compressor.finish(b"Hello", pool.scratch(), &mut output);
        assert_eq!(output[..], [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        compressor.write(b"not finished", pool.scratch(), &mut output);
        pool.return_compressor(compressor);

        let mut decompressor = pool.lease_decompressor();
        assert_eq!(inflate_with(&mut decompressor, &output[..7], 5).unwrap(), "Hello");
        assert!(inflate_with(&mut decompressor, b"\x06", 5).is_err());
        pool.return_decompressor(decompressor);
    }
    assert_eq!((pool.compressors.len(), pool.decompressors.len()), (1, 1));
}

#[test]
fn the_pool_keeps_no_more_than_it_may_and_prefers_what_was_used_last() {
    let with_level = |level| CompressorSettings { level, ..SETTINGS };
    for max_free in 0..=3 {
        let mut pool = Pool::with_max_free(max_free);
        for level in 1..=4 {
            pool.return_compressor(Compressor::new(with_level(level)));
            pool.return_decompressor(Decompressor::new());
        }
        assert_eq!((pool.compressors.len(), pool.decompressors.len()), (max_free, max_free));
        for level in (5 - max_free as u8)..=4 {
            let free = pool.compressors.len();
            assert_eq!(pool.lease_compressor(with_level(level)).settings(), with_level(level));
            assert_eq!(pool.compressors.len(), free - 1, "level {level} was free");
        }
    }
}
