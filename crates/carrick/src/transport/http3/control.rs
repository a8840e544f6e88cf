//! The peer's control stream (RFC 9114 §6.2.1), and what the first bytes of its other one-way streams say.

use super::{
    error_code::{Breach, ErrorCode},
    frame::{FrameKind, FramePart, FrameReader},
    settings::Settings,
    varint,
};

/// Which end of a connection this is: some frames may come to one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Client,
    Server,
}

/// What a control stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ControlEvent {
    Settings(Settings),
    /// The peer takes no request from this stream on, if it is a server, and wants no push from this one on, if a client.
    GoAway(u64),
}

/// Reads the peer's control stream.
#[derive(Debug)]
pub(crate) struct ControlReader {
    end: End,
    frames: FrameReader,
    /// The payload of a frame that is not complete.
    payload: Vec<u8>,
    has_settings: bool,
    latest_go_away: Option<u64>,
    max_push_id: Option<u64>,
}

impl ControlReader {
    /// `end` is the one that reads.
    pub(crate) fn new(end: End) -> ControlReader {
        ControlReader {
            end,
            frames: FrameReader::default(),
            payload: Vec::new(),
            has_settings: false,
            latest_go_away: None,
            max_push_id: None,
        }
    }

    /// The next thing that is said; `None` if more bytes are needed for that.
    pub(crate) fn read(&mut self, received: &mut &[u8]) -> Result<Option<ControlEvent>, Breach> {
        loop {
            let bytes = *received;
            let (consumed, part) = self.frames.read(bytes);
            *received = bytes.get(consumed..).unwrap_or_default();
            let Some(part) = part else { return Ok(None) };
            self.check(&part)?;
            if part.kind == FrameKind::Unknown {
                continue;
            }
            self.payload.extend_from_slice(bytes.get(part.payload).unwrap_or_default());
            if part.last {
                let payload = std::mem::take(&mut self.payload);
                if let Some(event) = self.handle_frame(part.kind, &payload)? {
                    return Ok(Some(event));
                }
            }
        }
    }

    /// Whether a frame of this kind may come now, and be of this length.
    fn check(&mut self, part: &FramePart) -> Result<(), Breach> {
        if !self.has_settings && part.kind != FrameKind::Settings {
            return Err(ErrorCode::MissingSettings.because("the control stream does not begin with SETTINGS"));
        }
        let most = match part.kind {
            FrameKind::Settings if self.has_settings => return Err(unexpected("SETTINGS came twice")),
            FrameKind::Settings => MOST_SETTINGS_BYTES,
            FrameKind::GoAway | FrameKind::CancelPush => INTEGER_BYTES,
            FrameKind::MaxPushId if self.end == End::Server => INTEGER_BYTES,
            FrameKind::MaxPushId => return Err(unexpected("MAX_PUSH_ID came to a client")),
            FrameKind::Data | FrameKind::Headers | FrameKind::PushPromise => {
                return Err(unexpected("a frame of a message came on the control stream"));
            }
            FrameKind::Reserved => return Err(unexpected("a frame of HTTP/2 came")),
            FrameKind::Unknown => u64::MAX,
        };
        if part.length <= most {
            return Ok(());
        }
        Err(match part.kind {
            FrameKind::Settings => ErrorCode::ExcessiveLoad.because("SETTINGS are longer than they can be"),
            _ => ErrorCode::FrameError.because("a frame is longer than its integer"),
        })
    }

    fn handle_frame(&mut self, kind: FrameKind, payload: &[u8]) -> Result<Option<ControlEvent>, Breach> {
        match kind {
            FrameKind::Settings => {
                self.has_settings = true;
                return Ok(Some(ControlEvent::Settings(Settings::read(payload)?)));
            }
            FrameKind::GoAway => return self.handle_go_away(integer(payload)?).map(Some),
            // Nothing was promised and nothing may be, so there is nothing to be cancelled.
            FrameKind::CancelPush => {
                integer(payload)?;
                return Err(ErrorCode::IdError.because("a push was cancelled that there was not"));
            }
            FrameKind::MaxPushId => {
                let id = integer(payload)?;
                // "A MAX_PUSH_ID frame cannot reduce the maximum push ID" (RFC 9114 §7.2.7).
                if self.max_push_id.is_some_and(|known| id < known) {
                    return Err(ErrorCode::IdError.because("MAX_PUSH_ID went down"));
                }
                self.max_push_id = Some(id);
            }
            FrameKind::Data
            | FrameKind::Headers
            | FrameKind::PushPromise
            | FrameKind::Reserved
            | FrameKind::Unknown => {}
        }
        Ok(None)
    }

    fn handle_go_away(&mut self, id: u64) -> Result<ControlEvent, Breach> {
        // A server names a stream that a client opened, in both directions: a multiple of four (RFC 9000 §2.1).
        if self.end == End::Client && !id.is_multiple_of(4) {
            return Err(ErrorCode::IdError.because("GOAWAY names a stream that carries no request"));
        }
        // "Receiving a GOAWAY containing a larger identifier than previously received MUST be treated as a connection
        // error of type H3_ID_ERROR." (RFC 9114 §5.2)
        if self.latest_go_away.is_some_and(|known| id > known) {
            return Err(ErrorCode::IdError.because("the identifier in GOAWAY went up"));
        }
        self.latest_go_away = Some(id);
        Ok(ControlEvent::GoAway(id))
    }
}

/// What a one-way stream is for (RFC 9114 §6.2, RFC 9204 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamKind {
    Control,
    Push,
    QpackEncoder,
    QpackDecoder,
    /// Of no use here. It is refused or thrown away, and never an error.
    Unknown,
}

impl StreamKind {
    /// How a control stream begins.
    pub(super) const CONTROL: u64 = 0x00;

    /// The kind at the start of a stream's bytes, and how many of them tell it.
    pub(crate) fn read(bytes: &[u8]) -> Option<(StreamKind, usize)> {
        let (number, length) = varint::read(bytes)?;
        let kind = match number {
            StreamKind::CONTROL => StreamKind::Control,
            0x01 => StreamKind::Push,
            0x02 => StreamKind::QpackEncoder,
            0x03 => StreamKind::QpackDecoder,
            _ => StreamKind::Unknown,
        };
        Some((kind, length))
    }
}

/// The one-way streams of a peer of which there may be one each.
#[derive(Debug, Default)]
pub(crate) struct CriticalStreams {
    control: bool,
    encoder: bool,
    decoder: bool,
}

impl CriticalStreams {
    /// A stream of this kind was opened to this end.
    pub(crate) fn open(&mut self, kind: StreamKind, end: End) -> Result<(), Breach> {
        let known = match (kind, end) {
            (StreamKind::Control, _) => &mut self.control,
            (StreamKind::QpackEncoder, _) => &mut self.encoder,
            (StreamKind::QpackDecoder, _) => &mut self.decoder,
            (StreamKind::Push, End::Client) => {
                return Err(ErrorCode::IdError.because("a push came that nobody allowed"));
            }
            (StreamKind::Push, End::Server) => {
                return Err(ErrorCode::StreamCreationError.because("a client cannot push"));
            }
            (StreamKind::Unknown, _) => return Ok(()),
        };
        match std::mem::replace(known, true) {
            false => Ok(()),
            true => Err(ErrorCode::StreamCreationError.because("a stream of which there is one came twice")),
        }
    }
}

/// The payload of a frame that is one integer.
fn integer(payload: &[u8]) -> Result<u64, Breach> {
    match varint::read(payload) {
        Some((value, length)) if length == payload.len() => Ok(value),
        _ => Err(ErrorCode::FrameError.because("a frame is not one integer")),
    }
}

fn unexpected(what: &'static str) -> Breach {
    ErrorCode::FrameUnexpected.because(what)
}

const INTEGER_BYTES: u64 = 8;

/// 64 settings of 16 bytes.
const MOST_SETTINGS_BYTES: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::{super::frame, *};

    const SETTINGS: &[u8] = &[0x04, 2, 0x08, 1];

    fn go_away(id: u64) -> Vec<u8> {
        let (mut payload, mut bytes) = (Vec::new(), Vec::new());
        varint::write(id, &mut payload);
        frame::write(FrameKind::GoAway, &payload, &mut bytes);
        bytes
    }

    fn read(end: End, bytes: &[u8], cut: usize) -> Result<Vec<ControlEvent>, Breach> {
        let (mut reader, mut events) = (ControlReader::new(end), Vec::new());
        for mut piece in [&bytes[..cut], &bytes[cut..]] {
            while let Some(event) = reader.read(&mut piece)? {
                events.push(event);
            }
        }
        Ok(events)
    }

    fn code(end: End, behind_settings: &[u8]) -> ErrorCode {
        let bytes = [SETTINGS, behind_settings].concat();
        let codes = (0..=bytes.len()).map(|cut| read(end, &bytes, cut).unwrap_err().code);
        codes.reduce(|one, other| if one == other { one } else { panic!("{one:?} or {other:?}") }).unwrap()
    }

    #[test]
    fn settings_and_go_away_are_told_and_unknown_frames_are_not() {
        let grease = [0x21, 3, 1, 2, 3];
        let bytes = [SETTINGS, &grease, &go_away(8), &go_away(4), &[0x0d, 1, 5], &[0x0d, 1, 5]].concat();
        let settings =
            Settings { enable_connect_protocol: true, received: vec![(8, 1)], ..Settings::default() };
        let expected =
            vec![ControlEvent::Settings(settings), ControlEvent::GoAway(8), ControlEvent::GoAway(4)];
        for cut in 0..=bytes.len() {
            assert_eq!(read(End::Server, &bytes, cut), Ok(expected.clone()));
        }
    }

    #[test]
    fn settings_come_first_and_once() {
        for first in [&go_away(0)[..], &[0x21, 0], &[0x00, 0], &[0x02, 0]] {
            let error = read(End::Client, first, 0).unwrap_err();
            assert_eq!(error.code, ErrorCode::MissingSettings);
        }
        assert_eq!(code(End::Client, SETTINGS), ErrorCode::FrameUnexpected);
        let long = [&[0x04, 0x44, 0x01][..], &[0; 1025]].concat();
        assert_eq!(read(End::Client, &long, 2).unwrap_err().code, ErrorCode::ExcessiveLoad);
    }

    #[test]
    fn frames_that_do_not_belong_here_are_unexpected() {
        for kind in [0x00, 0x01, 0x05, 0x02, 0x06, 0x08, 0x09] {
            assert_eq!(code(End::Server, &[kind, 0]), ErrorCode::FrameUnexpected, "{kind}");
        }
        assert_eq!(code(End::Client, &[0x0d, 1, 0]), ErrorCode::FrameUnexpected);
    }

    #[test]
    fn identifiers_obey_their_rules() {
        assert_eq!(code(End::Client, &[go_away(4), go_away(8)].concat()), ErrorCode::IdError);
        assert_eq!(code(End::Client, &go_away(5)), ErrorCode::IdError);
        assert_eq!(code(End::Server, &[0x0d, 1, 5, 0x0d, 1, 4]), ErrorCode::IdError);
        assert_eq!(code(End::Server, &[0x03, 1, 0]), ErrorCode::IdError);
        for wrong in [&[0x07, 0][..], &[0x07, 2, 0, 0], &[0x07, 1, 0x40], &[0x07, 9, 0], &[0x0d, 0]] {
            assert_eq!(code(End::Server, wrong), ErrorCode::FrameError, "{wrong:?}");
        }
    }

    #[test]
    fn of_each_critical_stream_there_is_one_and_nobody_pushes() {
        for kind in [StreamKind::Control, StreamKind::QpackEncoder, StreamKind::QpackDecoder] {
            let mut streams = CriticalStreams::default();
            streams.open(kind, End::Server).unwrap();
            let again = streams.open(kind, End::Server).unwrap_err();
            assert_eq!(again.code, ErrorCode::StreamCreationError);
        }
        let mut streams = CriticalStreams::default();
        assert_eq!(streams.open(StreamKind::Push, End::Client).unwrap_err().code, ErrorCode::IdError);
        let by_client = streams.open(StreamKind::Push, End::Server).unwrap_err();
        assert_eq!(by_client.code, ErrorCode::StreamCreationError);
        for _ in 0..2 {
            streams.open(StreamKind::Unknown, End::Client).unwrap();
        }
        assert_eq!(StreamKind::read(&[0x40, 0x02, 9]), Some((StreamKind::QpackEncoder, 2)));
        assert_eq!(StreamKind::read(&[0x21]), Some((StreamKind::Unknown, 1)));
        assert_eq!(StreamKind::read(&[0x40]), None);
    }
}
