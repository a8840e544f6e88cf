//! Any bytes as a control stream, a message and a tunnel: wherever they are cut they mean the same.
#![no_main]

mod http3;

use bytes::Bytes;
use http3::{
    control::{ControlEvent, ControlReader, End},
    error_code::Breach,
    message_reader::{MessageError, MessagePart, MessageReader},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (usize, bool, &[u8])| {
    let (cut, is_client, data) = input;
    let cut = cut % (data.len() + 1);
    let end = if is_client { End::Client } else { End::Server };
    assert_eq!(said(end, data, cut), said(end, data, 0), "a control stream");
    let (events, message) = (parts(data, cut), parts(data, 0));
    assert_eq!(events, message, "a message");
    assert_eq!(tunnelled(data, cut), tunnelled(data, 0), "a tunnel");
});

fn said(end: End, data: &[u8], cut: usize) -> (Vec<ControlEvent>, Option<Breach>) {
    let (mut reader, mut events) = (ControlReader::new(end), Vec::new());
    for mut piece in [&data[..cut], &data[cut..]] {
        loop {
            match reader.read(&mut piece) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(breach) => return (events, Some(breach)),
            }
        }
    }
    (events, None)
}

/// The parts with neighbouring data joined.
fn parts(data: &[u8], cut: usize) -> (Vec<MessagePart>, Option<MessageError>) {
    let (mut reader, mut parts) = (MessageReader::new(1000), Vec::new());
    for piece in [&data[..cut], &data[cut..]] {
        let mut piece = Bytes::copy_from_slice(piece);
        loop {
            match reader.read(&mut piece) {
                Ok(Some(MessagePart::Data(more))) => match parts.last_mut() {
                    Some(MessagePart::Data(known)) => *known = [&known[..], &more].concat().into(),
                    _ => parts.push(MessagePart::Data(more)),
                },
                Ok(Some(part)) => parts.push(part),
                Ok(None) => break,
                Err(error) => return (parts, Some(error)),
            }
        }
    }
    (parts, reader.finish().err())
}

/// Nothing of the piece in which a rule is broken.
fn tunnelled(data: &[u8], cut: usize) -> Option<Vec<u8>> {
    let (mut reader, mut kept) = (MessageReader::new(1000), Vec::new());
    reader.expect_tunnel();
    for piece in [&data[..cut], &data[cut..]] {
        let mut piece = piece.to_vec();
        let length = reader.strip(&mut piece).ok()?;
        kept.extend_from_slice(&piece[..length]);
    }
    reader.finish().ok().map(|()| kept)
}
