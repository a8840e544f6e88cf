//! What HTTP/2 and HTTP/3 say about a side of a connection, for people.

use std::fmt;

/// Settings by their names in the registries of IANA.
#[derive(Debug)]
pub(super) struct ShownSettings<'a, I, V> {
    settings: &'a [(I, V)],
    names: &'static [(u64, &'static str)],
}

impl<'a> ShownSettings<'a, u16, u32> {
    /// Those of RFC 9113 §6.5.2.
    pub(super) fn http2(settings: &'a [(u16, u32)]) -> ShownSettings<'a, u16, u32> {
        ShownSettings { settings, names: &HTTP2 }
    }
}

impl<'a> ShownSettings<'a, u64, u64> {
    /// Those of RFC 9114 §7.2.4.1.
    pub(super) fn http3(settings: &'a [(u64, u64)]) -> ShownSettings<'a, u64, u64> {
        ShownSettings { settings, names: &HTTP3 }
    }
}

impl<I: Copy + Into<u64>, V: fmt::Display> fmt::Display for ShownSettings<'_, I, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (id, value)) in self.settings.iter().enumerate() {
            let id: u64 = (*id).into();
            f.write_str(if i == 0 { "" } else { ", " })?;
            match self.names.iter().find(|(known, _)| *known == id) {
                Some((_, name)) => write!(f, "{name}={value}")?,
                None => write!(f, "0x{id:x}={value}")?,
            }
        }
        Ok(())
    }
}

const HTTP2: [(u64, &str); 8] = [
    (1, "HEADER_TABLE_SIZE"),
    (2, "ENABLE_PUSH"),
    (3, "MAX_CONCURRENT_STREAMS"),
    (4, "INITIAL_WINDOW_SIZE"),
    (5, "MAX_FRAME_SIZE"),
    (6, "MAX_HEADER_LIST_SIZE"),
    (8, "ENABLE_CONNECT_PROTOCOL"),
    (9, "NO_RFC7540_PRIORITIES"),
];

const HTTP3: [(u64, &str); 5] = [
    (0x1, "QPACK_MAX_TABLE_CAPACITY"),
    (0x6, "MAX_FIELD_SECTION_SIZE"),
    (0x7, "QPACK_BLOCKED_STREAMS"),
    (0x8, "ENABLE_CONNECT_PROTOCOL"),
    (0x33, "H3_DATAGRAM"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_shown_by_their_names() {
        assert_eq!(
            ShownSettings::http2(&[(3, 100), (8, 1), (0xfa, 7)]).to_string(),
            "MAX_CONCURRENT_STREAMS=100, ENABLE_CONNECT_PROTOCOL=1, 0xfa=7"
        );
        assert_eq!(
            ShownSettings::http3(&[(6, 100), (8, 1), (0x1f, 7)]).to_string(),
            "MAX_FIELD_SECTION_SIZE=100, ENABLE_CONNECT_PROTOCOL=1, 0x1f=7"
        );
    }
}
