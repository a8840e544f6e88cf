//! What HTTP/2 says about a side of a connection, for people.

use std::fmt;

/// Settings by their names in the registry of IANA.
#[derive(Debug)]
pub(super) struct ShownSettings<'a>(pub(super) &'a [(u16, u32)]);

impl fmt::Display for ShownSettings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (id, value)) in self.0.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            match NAMES.iter().find(|(known, _)| known == id) {
                Some((_, name)) => write!(f, "{name}={value}")?,
                None => write!(f, "0x{id:x}={value}")?,
            }
        }
        Ok(())
    }
}

const NAMES: [(u16, &str); 8] = [
    (1, "HEADER_TABLE_SIZE"),
    (2, "ENABLE_PUSH"),
    (3, "MAX_CONCURRENT_STREAMS"),
    (4, "INITIAL_WINDOW_SIZE"),
    (5, "MAX_FRAME_SIZE"),
    (6, "MAX_HEADER_LIST_SIZE"),
    (8, "ENABLE_CONNECT_PROTOCOL"),
    (9, "NO_RFC7540_PRIORITIES"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_shown_by_their_names() {
        assert_eq!(
            ShownSettings(&[(3, 100), (8, 1), (0xfa, 7)]).to_string(),
            "MAX_CONCURRENT_STREAMS=100, ENABLE_CONNECT_PROTOCOL=1, 0xfa=7"
        );
    }
}
