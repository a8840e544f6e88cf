//! What a connection goes by, beside its limits.

use crate::protocol::{
    handshake::{Agreement, DeflateParams},
    role::Role,
};

/// What is settled with the opening handshake.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) role: Role,
    /// `None` if messages travel uncompressed.
    pub(super) deflate: Option<DeflateParams>,
}

/// How we compress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compressing {
    pub(super) takeover: bool,
    pub(super) window_bits: u8,
}

impl Terms {
    pub(super) fn new(role: Role, agreement: &Agreement) -> Terms {
        Terms { role, deflate: agreement.deflate }
    }

    /// How we compress, if we may. Our compressor cannot work in a window of 8 bits; sending every message plain keeps
    /// that agreement too.
    pub(super) fn compressing(self) -> Option<Compressing> {
        let params = self.deflate.filter(|params| params.own_max_window_bits >= 9)?;
        Some(Compressing { takeover: params.own_context_takeover, window_bits: params.own_max_window_bits })
    }

    /// Whether the decompressor is kept from message to message.
    pub(super) fn keeps_decompressor(self) -> bool {
        self.deflate.is_some_and(|params| params.peer_context_takeover)
    }
}
