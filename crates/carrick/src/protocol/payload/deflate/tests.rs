use super::*;

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
