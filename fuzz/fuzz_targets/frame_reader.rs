//! Any bytes, read whole and cut anywhere, are the same frames; unmasking equals the sentence of the RFC.
#![no_main]

mod support;

use arbitrary::Arbitrary;
use carrick::protocol::{FrameReader, Header, HeaderRules, Violation};
use libfuzzer_sys::fuzz_target;

use support::Cuts;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    masked: bool,
    rsv1: bool,
    max_frame_bytes: u16,
    cuts: u16,
    bytes: &'a [u8],
}

#[derive(Debug, PartialEq, Eq)]
struct Frame {
    header: Header,
    payload: Vec<u8>,
    complete: bool,
}

fuzz_target!(|input: Input<'_>| {
    let whole = read(&input, &[input.bytes]);
    let cut = read(&input, &Cuts::new(input.cuts).chunks(input.bytes));
    assert_eq!(whole, cut);
    let bytes: Vec<&[u8]> = input.bytes.chunks(1).collect();
    assert_eq!(whole, read(&input, &bytes));
});

fn read(input: &Input<'_>, chunks: &[&[u8]]) -> (Vec<Frame>, Option<Violation>) {
    let rules =
        HeaderRules { masked: input.masked, rsv1: input.rsv1, max_frame_bytes: input.max_frame_bytes.into() };
    let mut reader = FrameReader::new();
    let mut frames: Vec<Frame> = Vec::new();
    for chunk in chunks {
        let mut received = chunk.to_vec();
        let mut start = 0;
        loop {
            let (n, piece) = match reader.read(&mut received[start..], rules) {
                Ok(read) => read,
                Err(violation) => return (frames, Some(violation)),
            };
            let Some(piece) = piece else {
                assert_eq!(start + n, received.len(), "without a frame everything is consumed");
                break;
            };
            assert_eq!(piece.payload.end, n, "a payload ends where the consumed bytes end");
            assert_eq!(piece.first, frames.last().is_none_or(|frame| frame.complete));
            if piece.first {
                assert!(piece.header.length <= input.max_frame_bytes.into());
                frames.push(Frame { header: piece.header, payload: Vec::new(), complete: false });
            }
            let frame = frames.last_mut().expect("a first piece came");
            for i in start + piece.payload.start..start + piece.payload.end {
                let key = piece.header.mask.map_or(0, |key| key[frame.payload.len() % 4]);
                assert_eq!(received[i], chunk[i] ^ key);
                frame.payload.push(received[i]);
            }
            frame.complete = piece.last;
            assert_eq!(piece.last, frame.payload.len() as u64 == piece.header.length);
            start += n;
        }
        let inside = frames.last().is_some_and(|frame| !frame.complete);
        assert!(!inside || reader.is_inside_frame());
    }
    (frames, None)
}
