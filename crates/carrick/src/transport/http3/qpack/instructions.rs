//! What may come on the streams of a peer's encoder and decoder, where no dynamic table is used (RFC 9204 §4.3, §4.4).

use super::{
    super::error_code::{Breach, ErrorCode},
    prefix_int::{self, PrefixInt},
};

/// The stream of the peer's encoder. It may say that it uses a table of no bytes, which is all there is.
#[derive(Debug, Default)]
pub(crate) struct EncoderInstructions(Vec<u8>);

/// The stream of the peer's decoder. It may cancel streams; there are no insertions that it could acknowledge.
#[derive(Debug, Default)]
pub(crate) struct DecoderInstructions(Vec<u8>);

impl EncoderInstructions {
    /// Takes what came on the stream.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(), Breach> {
        instructions(&mut self.0, bytes, ErrorCode::QpackEncoderStreamError, |first| {
            (first & 0b1110_0000 == 0b0010_0000).then_some(Instruction { bits: 5, most: 0 })
        })
    }
}

impl DecoderInstructions {
    /// Takes what came on the stream.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(), Breach> {
        instructions(&mut self.0, bytes, ErrorCode::QpackDecoderStreamError, |first| {
            (first & 0b1100_0000 == 0b0100_0000).then_some(Instruction { bits: 6, most: u64::MAX })
        })
    }
}

/// An instruction that is an integer and nothing else.
struct Instruction {
    bits: u32,
    most: u64,
}

/// Reads all instructions that are complete; `cut` keeps the start of the last one.
fn instructions(
    cut: &mut Vec<u8>,
    bytes: &[u8],
    code: ErrorCode,
    known: impl Fn(u8) -> Option<Instruction>,
) -> Result<(), Breach> {
    for byte in bytes {
        cut.push(*byte);
        let first = cut.first().copied().unwrap_or_default();
        let Some(Instruction { bits, most }) = known(first) else {
            return Err(code.because("an instruction is about a dynamic table that there is not"));
        };
        match prefix_int::read(cut, bits) {
            PrefixInt::Whole(value, _) if value <= most => cut.clear(),
            PrefixInt::Whole(..) => {
                return Err(code.because("the capacity of the dynamic table is above the limit of 0"));
            }
            PrefixInt::Cut => {}
            PrefixInt::TooLarge => return Err(code.because("an integer has more than 62 bits")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_no_bytes_and_cancelled_streams_are_all_that_may_come() {
        let mut encoder = EncoderInstructions::default();
        assert_eq!(encoder.receive(&[0b0010_0000, 0b0010_0000]), Ok(()));
        for wrong in [0b0010_0001, 0b1000_0000, 0b1100_0000, 0b0100_0000, 0b0000_0000] {
            let error = EncoderInstructions::default().receive(&[wrong]).unwrap_err();
            assert_eq!(error.code, ErrorCode::QpackEncoderStreamError, "{wrong:#b}");
        }
        let mut decoder = DecoderInstructions::default();
        assert_eq!(decoder.receive(&[0b0100_0100, 0b0111_1111, 0x80]), Ok(()));
        assert_eq!(decoder.receive(&[0x01, 0b0100_0000]), Ok(()));
        for wrong in [0b1000_0000, 0b0000_0001, 0b0000_0000] {
            let error = DecoderInstructions::default().receive(&[wrong]).unwrap_err();
            assert_eq!(error.code, ErrorCode::QpackDecoderStreamError, "{wrong:#b}");
        }
        let endless = [&[0b0111_1111][..], &[0xff; 20]].concat();
        assert!(DecoderInstructions::default().receive(&endless).is_err());
    }
}
