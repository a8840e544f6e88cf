//! Messages to frames: compressed if that was agreed on and pays, whole or in fragments.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{
    config::Config,
    message::{Kind, Message},
    prepared::Prepared,
    shell::Shell,
    trace::{Ledger, SentFrame},
};
use crate::protocol::{
    frame::{Frame, FrameWriter, MAX_CONTROL_BYTES, Opcode},
    handshake::DeflateParams,
    payload::{Compressor, CompressorSettings, Utf8},
    role::Role,
};

/// Whether a message may be compressed, where permessage-deflate was agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As the connection is configured: from a threshold of bytes on, and only if the message gets smaller.
    #[default]
    Auto,
    /// Always, even if the message gets larger by it. For an echo that answers as it was asked.
    Always,
    /// Never, for this message. For a secret beside text that an attacker chooses, whose compressed length would tell
    /// about it, and for data that is compressed already.
    Never,
}

/// Why a message was not queued. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// A close frame was sent or received, or the connection failed.
    Closed,
    /// Too many bytes wait to be written; try again when they are.
    QueueFull {
        /// Bytes that wait.
        queued: usize,
        /// [`Config::high_water_bytes`].
        limit: usize,
    },
    /// A message sent in pieces is not finished.
    MessageOpen,
    /// The message sent in pieces began as the other kind. Holds the kind it has.
    OtherKind(Kind),
    /// A piece of a text makes it something that is no UTF-8, or the last piece ends inside a character.
    NotText,
    /// The payload of a ping is longer than 125 bytes. Holds its length.
    PingTooLong(usize),
}

/// Writes the messages of one side.
#[derive(Debug)]
pub(super) struct MessageWriter {
    deflate: Option<Deflate>,
    /// A message that is sent in pieces.
    open: Option<Box<OpenMessage>>,
}

/// What was agreed on for what we send.
#[derive(Debug)]
struct Deflate {
    takeover: bool,
    window_bits: u8,
    /// The compressor between two messages; only with takeover.
    kept: Option<Compressor>,
}

#[derive(Debug)]
struct OpenMessage {
    kind: Kind,
    utf8: Utf8,
    compressor: Option<Compressor>,
    /// Whether a frame of it has been written.
    begun: bool,
}

/// A piece of a message to send.
pub(super) struct OutgoingPiece {
    pub(super) kind: Kind,
    pub(super) bytes: Bytes,
    pub(super) last: bool,
    /// Counts in the first piece of a message.
    pub(super) compression: Compression,
}

/// Where frames go: counted, masked, queued.
pub(super) struct FrameSink<'a, 'b> {
    pub(super) role: Role,
    pub(super) ledger: &'a mut Ledger,
    pub(super) shell: &'a mut Shell<'b>,
}

impl FrameSink<'_, '_> {
    pub(super) fn write(&mut self, frame: Frame) {
        self.note(frame.fin, frame.rsv1, frame.opcode, &frame.payload);
        FrameWriter::new(self.role).write(frame, self.shell.random, self.shell.output);
    }

    /// Writes an unfragmented plain frame with a copy of `payload`.
    #[cfg(feature = "net")]
    fn write_copy(&mut self, opcode: Opcode, payload: &[u8]) {
        self.note(true, false, opcode, payload);
        FrameWriter::new(self.role).write_copy(opcode, payload, self.shell.random, self.shell.output);
    }

    fn note(&mut self, fin: bool, compressed: bool, opcode: Opcode, payload: &[u8]) {
        let masked = self.role.masks();
        self.ledger.note_sent(&SentFrame { opcode, fin, compressed, masked, payload }, self.shell.now);
    }
}

impl MessageWriter {
    pub(super) fn new(params: Option<&DeflateParams>) -> MessageWriter {
        // Our compressor cannot work in a window of 8 bits; sending every message plain keeps that agreement too.
        let deflate = params.filter(|params| params.own_max_window_bits >= 9).map(|params| Deflate {
            takeover: params.own_context_takeover,
            window_bits: params.own_max_window_bits,
            kept: None,
        });
        MessageWriter { deflate, open: None }
    }

    /// Whether a message that is sent in pieces is not whole.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Queues a whole message.
    pub(super) fn write(
        &mut self,
        message: Message,
        compression: Compression,
        config: &Config,
        sink: &mut FrameSink<'_, '_>,
    ) -> Result<(), SendError> {
        let opcode = opcode_of(message.kind());
        let plain = message.into_bytes();
        let compressed = self.compress(&plain, compression, config, sink.shell)?;
        let rsv1 = compressed.is_some();
        sink.write(Frame { fin: true, rsv1, opcode, payload: compressed.unwrap_or(plain) });
        Ok(())
    }

    /// Queues a copy of a whole message, of which the bytes of a text are UTF-8.
    #[cfg(feature = "net")]
    pub(super) fn write_copy(
        &mut self,
        kind: Kind,
        plain: &[u8],
        compression: Compression,
        config: &Config,
        sink: &mut FrameSink<'_, '_>,
    ) -> Result<(), SendError> {
        let opcode = opcode_of(kind);
        match self.compress(plain, compression, config, sink.shell)? {
            Some(payload) => sink.write(Frame { fin: true, rsv1: true, opcode, payload }),
            None => sink.write_copy(opcode, plain),
        }
        Ok(())
    }

    /// A whole message compressed, if it is to be.
    #[inline]
    fn compress(
        &mut self,
        plain: &[u8],
        compression: Compression,
        config: &Config,
        shell: &mut Shell<'_>,
    ) -> Result<Option<Bytes>, SendError> {
        if self.open.is_some() {
            return Err(SendError::MessageOpen);
        }
        let is_long = plain.len() >= config.deflate.threshold_bytes();
        Ok(self.deflate.as_mut().and_then(|deflate| match compression {
            Compression::Auto if is_long => deflate.compress(plain, config, shell),
            Compression::Always => Some(deflate.compress_always(plain, config, shell)),
            Compression::Auto | Compression::Never => None,
        }))
    }

    /// Queues a prepared message, by reference where we do not mask.
    pub(super) fn write_prepared(
        &mut self,
        prepared: &Prepared,
        sink: &mut FrameSink<'_, '_>,
    ) -> Result<(), SendError> {
        if self.open.is_some() {
            return Err(SendError::MessageOpen);
        }
        let framed =
            prepared.framed(self.deflate.as_ref().map(|deflate| deflate.window_bits), sink.shell.pool);
        if framed.rsv1
            && let Some(Deflate { kept: Some(compressor), .. }) = &mut self.deflate
        {
            // The prepared message went through the peer's window and not through ours: forget ours.
            compressor.reset();
        }
        let opcode = opcode_of(prepared.message().kind());
        if sink.role.masks() {
            sink.write(Frame { fin: true, rsv1: framed.rsv1, opcode, payload: framed.payload() });
        } else {
            sink.note(true, framed.rsv1, opcode, &framed.payload());
            sink.shell.output.push(framed.bytes);
        }
        Ok(())
    }

    /// Queues the next piece of a message, which becomes a fragment of its own unless it brings no bytes.
    pub(super) fn write_piece(
        &mut self,
        piece: OutgoingPiece,
        config: &Config,
        sink: &mut FrameSink<'_, '_>,
    ) -> Result<(), SendError> {
        let OutgoingPiece { kind, bytes, last, .. } = &piece;
        let utf8 = self.check_piece(*kind, bytes, *last)?;
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open_message(&piece, config, sink.shell),
        };
        open.utf8 = utf8;
        let OutgoingPiece { kind, bytes, last, .. } = piece;
        let payload = match &mut open.compressor {
            None => bytes,
            Some(compressor) => {
                let mut compressed = BytesMut::new();
                let scratch = sink.shell.pool.scratch();
                if last {
                    compressor.finish(&bytes, scratch, &mut compressed);
                } else {
                    compressor.write(&bytes, scratch, &mut compressed);
                }
                compressed.freeze()
            }
        };
        if last || !payload.is_empty() {
            let opcode = if open.begun { Opcode::Continuation } else { opcode_of(kind) };
            let rsv1 = !open.begun && open.compressor.is_some();
            open.begun = true;
            sink.write(Frame { fin: last, rsv1, opcode, payload });
        }
        if last {
            self.give_back(open.compressor, sink.shell);
        } else {
            self.open = Some(open);
        }
        Ok(())
    }

    /// Whether the piece may follow what is open; how far the text is checked then.
    fn check_piece(&self, kind: Kind, bytes: &[u8], last: bool) -> Result<Utf8, SendError> {
        let mut utf8 = Utf8::new();
        if let Some(open) = &self.open {
            if open.kind != kind {
                return Err(SendError::OtherKind(open.kind));
            }
            utf8 = open.utf8;
        }
        if kind == Kind::Text {
            utf8.check(bytes).map_err(|_| SendError::NotText)?;
            if last {
                utf8.finish().map_err(|_| SendError::NotText)?;
            }
        }
        Ok(utf8)
    }

    fn open_message(
        &mut self,
        first: &OutgoingPiece,
        config: &Config,
        shell: &mut Shell<'_>,
    ) -> Box<OpenMessage> {
        let compress = match first.compression {
            Compression::Auto => !first.last || first.bytes.len() >= config.deflate.threshold_bytes(),
            Compression::Always => true,
            Compression::Never => false,
        };
        let deflate = self.deflate.as_mut().filter(|_| compress);
        let compressor = deflate.map(|deflate| deflate.lease(config, shell));
        Box::new(OpenMessage { kind: first.kind, utf8: Utf8::new(), compressor, begun: false })
    }

    /// Nothing more will be sent: compressors go back to the pool.
    pub(super) fn stop(&mut self, shell: &mut Shell<'_>) {
        let open = self.open.take().and_then(|open| open.compressor);
        let kept = self.deflate.take().and_then(|deflate| deflate.kept);
        for compressor in [open, kept].into_iter().flatten() {
            shell.pool.return_compressor(compressor);
        }
    }

    fn give_back(&mut self, compressor: Option<Compressor>, shell: &mut Shell<'_>) {
        if let (Some(deflate), Some(compressor)) = (&mut self.deflate, compressor) {
            deflate.give_back(compressor, shell);
        }
    }
}

impl Deflate {
    /// The message compressed; `None` if it does not get smaller and may therefore stay plain.
    fn compress(&mut self, plain: &[u8], config: &Config, shell: &mut Shell<'_>) -> Option<Bytes> {
        let compressed = self.compress_always(plain, config, shell);
        // With takeover the message is in the compressor's window now, so it has to be in the peer's too.
        (self.takeover || compressed.len() < plain.len()).then_some(compressed)
    }

    fn compress_always(&mut self, plain: &[u8], config: &Config, shell: &mut Shell<'_>) -> Bytes {
        let mut compressor = self.lease(config, shell);
        let mut compressed = BytesMut::with_capacity(plain.len() / 2);
        compressor.finish(plain, shell.pool.scratch(), &mut compressed);
        self.give_back(compressor, shell);
        compressed.freeze()
    }

    fn lease(&mut self, config: &Config, shell: &mut Shell<'_>) -> Compressor {
        self.kept.take().unwrap_or_else(|| {
            shell.pool.lease_compressor(CompressorSettings {
                level: config.deflate.level(),
                memory_level: config.deflate.memory_level(),
                window_bits: self.window_bits,
            })
        })
    }

    fn give_back(&mut self, compressor: Compressor, shell: &mut Shell<'_>) {
        if self.takeover {
            self.kept = Some(compressor);
        } else {
            shell.pool.return_compressor(compressor);
        }
    }
}

fn opcode_of(kind: Kind) -> Opcode {
    match kind {
        Kind::Text => Opcode::Text,
        Kind::Binary => Opcode::Binary,
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Closed => f.write_str("connection is closed for sending"),
            SendError::QueueFull { queued, limit } => {
                write!(f, "{queued} bytes wait to be written, limit is {limit}; flush and try again")
            }
            SendError::MessageOpen => {
                f.write_str("a message sent in pieces is open; send its last piece first")
            }
            SendError::OtherKind(kind) => {
                write!(f, "the message sent in pieces is {kind:?}; finish it as that")
            }
            SendError::NotText => f.write_str("text sent in pieces is not UTF-8; send it as binary"),
            SendError::PingTooLong(length) => {
                write!(f, "payload of the ping is {length} bytes, limit is {MAX_CONTROL_BYTES}")
            }
        }
    }
}

impl std::error::Error for SendError {}
