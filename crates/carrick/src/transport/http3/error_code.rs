//! How HTTP/3 and QPACK call what went wrong (RFC 9114 §8.1, RFC 9204 §6).

use std::fmt;

/// The code that a connection is closed or a stream is reset with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum ErrorCode {
    NoError = 0x100,
    GeneralProtocolError = 0x101,
    InternalError = 0x102,
    StreamCreationError = 0x103,
    ClosedCriticalStream = 0x104,
    FrameUnexpected = 0x105,
    FrameError = 0x106,
    ExcessiveLoad = 0x107,
    IdError = 0x108,
    SettingsError = 0x109,
    MissingSettings = 0x10a,
    RequestRejected = 0x10b,
    RequestCancelled = 0x10c,
    RequestIncomplete = 0x10d,
    MessageError = 0x10e,
    ConnectError = 0x10f,
    VersionFallback = 0x110,
    QpackDecompressionFailed = 0x200,
    QpackEncoderStreamError = 0x201,
    QpackDecoderStreamError = 0x202,
}

/// A rule that the peer broke: the whole connection ends, or one stream of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) code: ErrorCode,
    /// What the peer did, for a trace and for the reason of the close.
    pub(crate) what: &'static str,
}

impl ErrorCode {
    /// The number on the wire.
    pub(crate) fn number(self) -> u64 {
        self as u64
    }

    /// Says what the peer did.
    pub(crate) fn because(self, what: &'static str) -> Breach {
        Breach { code: self, what }
    }

    /// The code with this number, if it is a known one.
    pub(super) fn of(number: u64) -> Option<ErrorCode> {
        ALL.into_iter().find(|code| code.number() == number)
    }

    /// The name in the registry.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ErrorCode::NoError => "H3_NO_ERROR",
            ErrorCode::GeneralProtocolError => "H3_GENERAL_PROTOCOL_ERROR",
            ErrorCode::InternalError => "H3_INTERNAL_ERROR",
            ErrorCode::StreamCreationError => "H3_STREAM_CREATION_ERROR",
            ErrorCode::ClosedCriticalStream => "H3_CLOSED_CRITICAL_STREAM",
            ErrorCode::FrameUnexpected => "H3_FRAME_UNEXPECTED",
            ErrorCode::FrameError => "H3_FRAME_ERROR",
            ErrorCode::ExcessiveLoad => "H3_EXCESSIVE_LOAD",
            ErrorCode::IdError => "H3_ID_ERROR",
            ErrorCode::SettingsError => "H3_SETTINGS_ERROR",
            ErrorCode::MissingSettings => "H3_MISSING_SETTINGS",
            ErrorCode::RequestRejected => "H3_REQUEST_REJECTED",
            ErrorCode::RequestCancelled => "H3_REQUEST_CANCELLED",
            ErrorCode::RequestIncomplete => "H3_REQUEST_INCOMPLETE",
            ErrorCode::MessageError => "H3_MESSAGE_ERROR",
            ErrorCode::ConnectError => "H3_CONNECT_ERROR",
            ErrorCode::VersionFallback => "H3_VERSION_FALLBACK",
            ErrorCode::QpackDecompressionFailed => "QPACK_DECOMPRESSION_FAILED",
            ErrorCode::QpackEncoderStreamError => "QPACK_ENCODER_STREAM_ERROR",
            ErrorCode::QpackDecoderStreamError => "QPACK_DECODER_STREAM_ERROR",
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#x}): {}", self.code.name(), self.code.number(), self.what)
    }
}

impl std::error::Error for Breach {}

const ALL: [ErrorCode; 20] = [
    ErrorCode::NoError,
    ErrorCode::GeneralProtocolError,
    ErrorCode::InternalError,
    ErrorCode::StreamCreationError,
    ErrorCode::ClosedCriticalStream,
    ErrorCode::FrameUnexpected,
    ErrorCode::FrameError,
    ErrorCode::ExcessiveLoad,
    ErrorCode::IdError,
    ErrorCode::SettingsError,
    ErrorCode::MissingSettings,
    ErrorCode::RequestRejected,
    ErrorCode::RequestCancelled,
    ErrorCode::RequestIncomplete,
    ErrorCode::MessageError,
    ErrorCode::ConnectError,
    ErrorCode::VersionFallback,
    ErrorCode::QpackDecompressionFailed,
    ErrorCode::QpackEncoderStreamError,
    ErrorCode::QpackDecoderStreamError,
];
