//! The frames of one request or one answer (RFC 9114 §4.1).

use bytes::Bytes;

use super::{
    control::End,
    error_code::{Breach, ErrorCode},
    frame::{FrameKind, FramePart, FrameReader},
};

/// What a stream brings, in this order: heads, then data, then perhaps trailers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MessagePart {
    /// The field section of a head. An answer may have several: each but the last is an interim one, which is for whoever
    /// decodes them to tell, with [`expect_head`](MessageReader::expect_head).
    Head(Vec<u8>),
    Data(Bytes),
    /// The field section of the trailers.
    Trailers(Vec<u8>),
}

/// Why there is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageError {
    /// A rule was broken, which ends the connection.
    Breach(Breach),
    /// A field section has more bytes than the limit, which ends the message.
    HeadTooLarge,
    /// The stream ended before the message did, which ends the message.
    Incomplete,
}

/// Reads the frames of a stream that carries a message.
#[derive(Debug)]
pub(crate) struct MessageReader {
    frames: FrameReader,
    /// A field section that is not complete.
    section: Vec<u8>,
    max_section_bytes: usize,
    end: End,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Body,
    /// Behind the head of a CONNECT there is data and nothing else (RFC 9114 §4.4).
    Tunnel,
    Trailers,
}

impl MessageReader {
    /// One of a server. Field sections may have this many bytes as they are encoded.
    pub(crate) fn new(max_section_bytes: usize) -> MessageReader {
        MessageReader {
            frames: FrameReader::default(),
            section: Vec::new(),
            max_section_bytes,
            end: End::Server,
            stage: Stage::Head,
        }
    }

    /// The end that reads is this one.
    pub(crate) fn at(self, end: End) -> MessageReader {
        MessageReader { end, ..self }
    }

    /// The last head was an interim one.
    pub(crate) fn expect_head(&mut self) {
        self.stage = Stage::Head;
    }

    /// The last head was that of a CONNECT or of the answer that grants it.
    pub(crate) fn expect_tunnel(&mut self) {
        self.stage = Stage::Tunnel;
    }

    pub(crate) fn is_tunnel(&self) -> bool {
        self.stage == Stage::Tunnel
    }

    /// The next part; `None` if more bytes are needed for one.
    pub(crate) fn read(&mut self, received: &mut Bytes) -> Result<Option<MessagePart>, MessageError> {
        loop {
            let (consumed, part) = self.frames.read(received);
            let bytes = received.split_to(consumed);
            let Some(part) = part else { return Ok(None) };
            self.check(&part)?;
            match part.kind {
                FrameKind::Data if part.payload.is_empty() => {}
                FrameKind::Data => return Ok(Some(MessagePart::Data(bytes.slice(part.payload)))),
                FrameKind::Headers => {
                    if part.length > self.max_section_bytes as u64 {
                        return Err(MessageError::HeadTooLarge);
                    }
                    self.section.extend_from_slice(bytes.get(part.payload).unwrap_or_default());
                    if part.last {
                        return Ok(Some(self.finish_section()));
                    }
                }
                // "Endpoints MUST NOT consider these frames to have any meaning" (RFC 9114 §7.2.8).
                FrameKind::Unknown
                | FrameKind::CancelPush
                | FrameKind::Settings
                | FrameKind::PushPromise
                | FrameKind::GoAway
                | FrameKind::MaxPushId
                | FrameKind::Reserved => {}
            }
        }
    }

    /// Leaves of the bytes of a tunnel the data alone, at their front, and tells how much that is.
    pub(crate) fn strip(&mut self, received: &mut [u8]) -> Result<usize, MessageError> {
        let (mut at, mut kept) = (0, 0);
        while let Some(bytes) = received.get(at..).filter(|bytes| !bytes.is_empty()) {
            let (consumed, part) = self.frames.read(bytes);
            if let Some(part) = part {
                self.check(&part)?;
                if part.kind == FrameKind::Data {
                    let payload = at + part.payload.start..at + part.payload.end;
                    received.copy_within(payload.clone(), kept);
                    kept += payload.len();
                }
            }
            at += consumed;
        }
        Ok(kept)
    }

    /// The stream is at its end.
    pub(crate) fn finish(&self) -> Result<(), MessageError> {
        if !self.frames.may_end() {
            // "a frame payload that terminates before the end of the identified fields" (RFC 9114 §7.1).
            return Err(MessageError::Breach(ErrorCode::FrameError.because("a stream ended within a frame")));
        }
        match self.stage {
            Stage::Head => Err(MessageError::Incomplete),
            Stage::Body | Stage::Tunnel | Stage::Trailers => Ok(()),
        }
    }

    fn finish_section(&mut self) -> MessagePart {
        let section = std::mem::take(&mut self.section);
        if self.stage == Stage::Head {
            self.stage = Stage::Body;
            return MessagePart::Head(section);
        }
        self.stage = Stage::Trailers;
        MessagePart::Trailers(section)
    }

    /// Whether a frame of this kind may come now.
    fn check(&self, part: &FramePart) -> Result<(), MessageError> {
        let what = match (part.kind, self.stage) {
            (FrameKind::Unknown, _)
            | (FrameKind::Headers, Stage::Head | Stage::Body)
            | (FrameKind::Data, Stage::Body | Stage::Tunnel) => return Ok(()),
            (FrameKind::Data, Stage::Head) => "DATA came before HEADERS",
            (FrameKind::Headers, Stage::Tunnel) => "HEADERS came behind the head of a CONNECT",
            (FrameKind::Headers | FrameKind::Data, Stage::Trailers) => "a frame came behind the trailers",
            // "A client MUST treat receipt of a PUSH_PROMISE frame that contains a larger push ID than the client has
            // advertised as a connection error of H3_ID_ERROR" (RFC 9114 §7.2.5): it has advertised none.
            (FrameKind::PushPromise, _) if self.end == End::Client => {
                let breach = ErrorCode::IdError.because("a push was promised that nobody allowed");
                return Err(MessageError::Breach(breach));
            }
            (FrameKind::PushPromise, _) => "a client cannot push",
            (FrameKind::Reserved, _) => "a frame of HTTP/2 came",
            (FrameKind::CancelPush | FrameKind::Settings | FrameKind::GoAway | FrameKind::MaxPushId, _) => {
                "a frame of the control stream came on another one"
            }
        };
        Err(MessageError::Breach(ErrorCode::FrameUnexpected.because(what)))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::frame, *};

    fn frames(frames: &[(FrameKind, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, payload) in frames {
            frame::write(*kind, payload, &mut bytes);
        }
        bytes
    }

    /// The parts with neighbouring data joined.
    fn read(bytes: &[u8], cut: usize, tunnel: bool) -> Result<Vec<MessagePart>, MessageError> {
        let (mut reader, mut parts) = (MessageReader::new(100), Vec::new());
        for piece in [&bytes[..cut], &bytes[cut..]] {
            let mut piece = Bytes::copy_from_slice(piece);
            while let Some(part) = reader.read(&mut piece)? {
                if tunnel && matches!(part, MessagePart::Head(_)) {
                    reader.expect_tunnel();
                }
                match (parts.last_mut(), part) {
                    (Some(MessagePart::Data(known)), MessagePart::Data(more)) => {
                        *known = [&known[..], &more].concat().into();
                    }
                    (_, part) => parts.push(part),
                }
            }
        }
        reader.finish().map(|()| parts)
    }

    fn error(bytes: &[u8], tunnel: bool) -> MessageError {
        let errors = (0..=bytes.len()).map(|cut| read(bytes, cut, tunnel).unwrap_err());
        errors.reduce(|one, other| if one == other { one } else { panic!("{one:?} or {other:?}") }).unwrap()
    }

    fn is_unexpected(bytes: &[u8], tunnel: bool) -> bool {
        matches!(error(bytes, tunnel), MessageError::Breach(breach) if breach.code == ErrorCode::FrameUnexpected)
    }

    #[test]
    fn a_message_is_a_head_data_and_perhaps_trailers() {
        let mut bytes =
            frames(&[(FrameKind::Headers, b"head"), (FrameKind::Data, b"some"), (FrameKind::Data, b"")]);
        bytes.extend_from_slice(&[0x21, 1, 9]);
        bytes.extend(frames(&[(FrameKind::Data, b" data"), (FrameKind::Headers, b"end")]));
        let expected = vec![
            MessagePart::Head(b"head".to_vec()),
            MessagePart::Data(Bytes::from_static(b"some data")),
            MessagePart::Trailers(b"end".to_vec()),
        ];
        for cut in 0..=bytes.len() {
            assert_eq!(read(&bytes, cut, false), Ok(expected.clone()), "{cut}");
        }
    }

    #[test]
    fn frames_out_of_order_are_unexpected() {
        const HEAD: (FrameKind, &[u8]) = (FrameKind::Headers, b"h");
        const DATA: (FrameKind, &[u8]) = (FrameKind::Data, b"d");
        assert!(is_unexpected(&frames(&[DATA]), false));
        assert!(is_unexpected(&frames(&[HEAD, HEAD, DATA]), false));
        assert!(is_unexpected(&frames(&[HEAD, HEAD, HEAD]), false));
        assert!(is_unexpected(&frames(&[HEAD, HEAD]), true));
        for kind in [0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0d] {
            assert!(is_unexpected(&[kind, 0], false), "{kind}");
            assert!(is_unexpected(&[&frames(&[HEAD])[..], &[kind, 0]].concat(), true), "{kind}");
        }
    }

    #[test]
    fn a_stream_that_ends_too_early_is_told() {
        let bytes = frames(&[(FrameKind::Headers, b"head"), (FrameKind::Data, b"data")]);
        for end in 0..bytes.len() {
            let result = read(&bytes[..end], 0, true);
            match end {
                0 => assert_eq!(result, Err(MessageError::Incomplete)),
                6 => assert!(result.is_ok()),
                _ => assert!(
                    matches!(result, Err(MessageError::Breach(breach)) if breach.code == ErrorCode::FrameError)
                ),
            }
        }
    }

    #[test]
    fn an_interim_head_is_followed_by_another_one() {
        let mut reader = MessageReader::new(100);
        let mut bytes = Bytes::from(frames(&[(FrameKind::Headers, b"103"), (FrameKind::Headers, b"200")]));
        assert_eq!(reader.read(&mut bytes), Ok(Some(MessagePart::Head(b"103".to_vec()))));
        reader.expect_head();
        assert_eq!(reader.finish(), Err(MessageError::Incomplete));
        assert_eq!(reader.read(&mut bytes), Ok(Some(MessagePart::Head(b"200".to_vec()))));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_tunnel_is_stripped_of_its_frames() {
        let mut bytes =
            frames(&[(FrameKind::Data, b"one "), (FrameKind::Data, b""), (FrameKind::Data, b"two ")]);
        bytes.extend_from_slice(&[0x21, 1, 9]);
        bytes.extend(frames(&[(FrameKind::Data, &[b'3'; 100])]));
        for cut in 0..=bytes.len() {
            let mut reader = MessageReader::new(0);
            reader.expect_tunnel();
            let mut data = Vec::new();
            for piece in [&bytes[..cut], &bytes[cut..]] {
                let mut piece = piece.to_vec();
                let kept = reader.strip(&mut piece).unwrap();
                data.extend_from_slice(&piece[..kept]);
            }
            assert_eq!(data, [&b"one two "[..], &[b'3'; 100]].concat());
            assert_eq!(reader.finish(), Ok(()));
        }
        let mut reader = MessageReader::new(0);
        reader.expect_tunnel();
        assert!(matches!(reader.strip(&mut [0x00, 1, 7, 0x01, 0]), Err(MessageError::Breach(_))));
    }

    #[test]
    fn a_head_beyond_the_limit_is_not_kept() {
        let head = |length: usize| frames(&[(FrameKind::Headers, &vec![0; length])]);
        assert!(read(&head(100), 0, false).is_ok());
        let mut announced = Bytes::from(head(101)).slice(..4);
        assert_eq!(MessageReader::new(100).read(&mut announced), Err(MessageError::HeadTooLarge));
    }
}
