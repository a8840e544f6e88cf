//! What a server says about its side of a connection in the first frame.

/// Reads the first SETTINGS frame (RFC 9113 §6.5) out of bytes that pass by on their way to their parser.
#[derive(Debug, Default)]
pub(super) struct SettingsReader {
    /// The start of the frame. At most `FRAME_HEADER_BYTES + MAX_PAYLOAD_BYTES`.
    seen: Vec<u8>,
    /// What it said, once it is there.
    found: Option<Settings>,
    /// Whether there is nothing more to look at.
    done: bool,
}

/// Identifiers and values in the order in which they came.
pub(super) type Settings = Vec<(u16, u32)>;

impl SettingsReader {
    /// Looks at bytes that were received.
    pub(super) fn handle_bytes(&mut self, bytes: &[u8]) {
        if self.done {
            return;
        }
        let room = FRAME_HEADER_BYTES + MAX_PAYLOAD_BYTES - self.seen.len();
        self.seen.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let Some((&[high, middle, low, kind, ..], payload)) =
            self.seen.split_first_chunk::<FRAME_HEADER_BYTES>()
        else {
            return;
        };
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if kind != SETTINGS || length > MAX_PAYLOAD_BYTES {
            // Whoever parses the connection knows better what is wrong with it.
            self.done = true;
        } else if let Some(payload) = payload.get(..length) {
            self.found = Some(
                payload
                    .chunks_exact(6)
                    .map(|setting| {
                        let (id, value) = setting.split_at(2);
                        let id = u16::from_be_bytes([id[0], id[1]]);
                        (id, u32::from_be_bytes([value[0], value[1], value[2], value[3]]))
                    })
                    .collect(),
            );
        }
        self.done |= self.found.is_some();
        if self.done {
            self.seen = Vec::new();
        }
    }

    /// Whether the frame is there, or what is there is none.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn found(&self) -> Option<&Settings> {
        self.found.as_ref()
    }
}

/// Whether a server opens WebSockets on its connection (RFC 8441 §3).
pub(super) fn enables_connect_protocol(settings: &Settings) -> bool {
    settings.iter().rev().find(|(id, _)| *id == ENABLE_CONNECT_PROTOCOL).is_some_and(|(_, value)| *value == 1)
}

const FRAME_HEADER_BYTES: usize = 9;

/// The type of the frame.
const SETTINGS: u8 = 4;

/// Servers send about six settings of six bytes each.
const MAX_PAYLOAD_BYTES: usize = 64 * 6;

const ENABLE_CONNECT_PROTOCOL: u16 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = &[0, 0, 12, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 3, 232, 0, 8, 0, 0, 0, 1, 0, 0];

    #[test]
    fn the_first_frame_is_read_wherever_its_bytes_are_cut() {
        for step in 1..=FRAME.len() {
            let mut reader = SettingsReader::default();
            for bytes in FRAME.chunks(step) {
                reader.handle_bytes(bytes);
            }
            let found = reader.found().unwrap();
            assert_eq!(*found, [(3, 1000), (8, 1)]);
            assert!(enables_connect_protocol(found));
        }
        let mut reader = SettingsReader::default();
        reader.handle_bytes(&FRAME[..20]);
        assert_eq!(reader.found(), None);
    }

    #[test]
    fn what_is_no_such_frame_says_nothing() {
        for bytes in [&b"HTTP/1.1 400 Bad Request\r\n"[..], &[0, 255, 0, 4, 0, 0, 0, 0, 0]] {
            let mut reader = SettingsReader::default();
            reader.handle_bytes(bytes);
            assert_eq!((reader.is_done(), reader.found()), (true, None));
        }
    }
}
