//! What the ends of a connection tell each other about themselves (RFC 9114 §7.2.4).

use super::{
    error_code::{Breach, ErrorCode},
    varint,
};

/// What one end says. Whatever else is in the frame is unknown or of no use here, and has to be ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How large the fields of a message may be, counted as RFC 9114 §4.2.2 does; `None` is no limit.
    pub(crate) max_field_section_bytes: Option<u64>,
    /// Whether extended CONNECT may be used (RFC 9220 §3).
    pub(crate) enable_connect_protocol: bool,
    /// Everything as it was received, for people.
    pub(crate) received: Vec<(u64, u64)>,
}

impl Settings {
    /// Reads the payload of a SETTINGS frame.
    pub(crate) fn read(mut payload: &[u8]) -> Result<Settings, Breach> {
        let mut settings = Settings::default();
        while !payload.is_empty() {
            let id = take(&mut payload)?;
            let value = take(&mut payload)?;
            // "The same setting identifier MUST NOT occur more than once in the SETTINGS frame." (RFC 9114 §7.2.4)
            if settings.received.iter().any(|(seen, _)| *seen == id) {
                return Err(ErrorCode::SettingsError.because("a setting came twice"));
            }
            // Bounds what the check above costs; there are not that many settings.
            if settings.received.len() == MOST {
                return Err(ErrorCode::ExcessiveLoad.because("more settings than there can be"));
            }
            settings.received.push((id, value));
            match id {
                MAX_FIELD_SECTION_SIZE => settings.max_field_section_bytes = Some(value),
                ENABLE_CONNECT_PROTOCOL => settings.enable_connect_protocol = flag(value)?,
                // "These reserved settings MUST NOT be sent, and their receipt MUST be treated as a connection error"
                // (RFC 9114 §7.2.4.1): they are those of HTTP/2.
                0x00 | 0x02..=0x05 => {
                    return Err(ErrorCode::SettingsError.because("a setting of HTTP/2 came"));
                }
                _ => {}
            }
        }
        Ok(settings)
    }

    /// Appends the payload of a SETTINGS frame. The QPACK table stays at its default, which is none.
    pub(crate) fn write(&self, into: &mut Vec<u8>) {
        if let Some(bytes) = self.max_field_section_bytes {
            varint::write(MAX_FIELD_SECTION_SIZE, into);
            varint::write(bytes, into);
        }
        if self.enable_connect_protocol {
            varint::write(ENABLE_CONNECT_PROTOCOL, into);
            varint::write(1, into);
        }
    }
}

fn take(payload: &mut &[u8]) -> Result<u64, Breach> {
    let (value, length) = varint::read(payload)
        .ok_or(ErrorCode::FrameError.because("SETTINGS end in the middle of a setting"))?;
    *payload = payload.get(length..).unwrap_or_default();
    Ok(value)
}

/// "The value of the parameter MUST be 0 or 1" (RFC 8441 §3, by RFC 9220 §3 for HTTP/3 too).
fn flag(value: u64) -> Result<bool, Breach> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ErrorCode::SettingsError.because("SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1")),
    }
}

const MAX_FIELD_SECTION_SIZE: u64 = 0x06;
const ENABLE_CONNECT_PROTOCOL: u64 = 0x08;

const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(pairs: &[(u64, u64)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (id, value) in pairs {
            varint::write(*id, &mut bytes);
            varint::write(*value, &mut bytes);
        }
        bytes
    }

    fn code(pairs: &[(u64, u64)]) -> ErrorCode {
        Settings::read(&payload(pairs)).unwrap_err().code
    }

    #[test]
    fn what_is_written_is_read_again() {
        let received = vec![(6, 16_384), (8, 1)];
        let settings =
            Settings { max_field_section_bytes: Some(16_384), enable_connect_protocol: true, received };
        let mut bytes = Vec::new();
        settings.write(&mut bytes);
        assert_eq!(Settings::read(&bytes), Ok(settings));
        for cut in 1..bytes.len() {
            let read = Settings::read(&bytes[..cut]);
            assert!(
                read.is_ok() == (cut == 6 || cut == 5) || read.unwrap_err().code == ErrorCode::FrameError
            );
        }
        assert_eq!(Settings::read(&[]), Ok(Settings::default()));
    }

    #[test]
    fn unknown_settings_and_grease_are_ignored() {
        let known = [(0x1f * 7 + 0x21, 5), (0x33, 1), (0x08, 1), (0x01, 0), (0x07, 0)];
        assert!(Settings::read(&payload(&known)).unwrap().enable_connect_protocol);
    }

    #[test]
    fn what_may_not_be_sent_is_refused() {
        assert_eq!(code(&[(6, 1), (6, 1)]), ErrorCode::SettingsError);
        assert_eq!(code(&[(0x21, 1), (0x21, 2)]), ErrorCode::SettingsError);
        for reserved in [0x00, 0x02, 0x03, 0x04, 0x05] {
            assert_eq!(code(&[(reserved, 0)]), ErrorCode::SettingsError, "{reserved:#x}");
        }
        assert_eq!(code(&[(8, 2)]), ErrorCode::SettingsError);
        let pairs = |n| (0..n).map(|n| (0x100 + n, 0)).collect::<Vec<_>>();
        assert!(Settings::read(&payload(&pairs(64))).is_ok());
        assert_eq!(code(&pairs(65)), ErrorCode::ExcessiveLoad);
    }
}
