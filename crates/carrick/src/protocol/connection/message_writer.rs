//! Messages to frames: compressed if that was agreed on and pays, whole or in fragments.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{
    config::Config,
    message::{Kind, Message},
    prepared::Prepared,
    shell::Shell,
    terms::{Compressing, Terms},
    trace::{Ledger, SentFrame},
};
use crate::protocol::{
    frame::{Frame, FrameWriter, MAX_CONTROL_BYTES, Opcode},
    payload::{Compressor, CompressorSettings, Utf8},
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

/// Writes the messages of one side. Between two messages it is one word, unless a compressor is kept.
#[derive(Debug, Default)]
pub(super) struct MessageWriter {
    held: Option<Box<Held>>,
}

/// What a writer has on the heap, at least one of the two.
#[derive(Debug, Default)]
struct Held {
    /// A message that is sent in pieces.
    open: Option<OpenMessage>,
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

/// A whole message that a shell has only borrowed.
#[cfg(feature = "net")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Borrowed<'a> {
    pub(crate) kind: Kind,
    /// UTF-8 if it is a text.
    pub(crate) payload: &'a [u8],
    pub(crate) compression: Compression,
    /// Whether the shell can write the payload from where it is, so that only the header need be queued. It is copied all
    /// the same if it has to be masked.
    pub(crate) follows: bool,
}

/// Where frames go: counted, masked, queued.
pub(super) struct FrameSink<'a, 'b> {
    pub(super) terms: Terms,
    pub(super) ledger: &'a mut Ledger,
    pub(super) shell: &'a mut Shell<'b>,
}

impl FrameSink<'_, '_> {
    pub(super) fn write(&mut self, frame: Frame) {
        self.note(frame.fin, frame.rsv1, frame.opcode, &frame.payload);
        FrameWriter::new(self.terms.role).write(frame, self.shell.random, self.shell.output);
    }

    fn note(&mut self, fin: bool, compressed: bool, opcode: Opcode, payload: &[u8]) {
        let masked = self.terms.role.masks();
        self.ledger.note_sent(&SentFrame { opcode, fin, compressed, masked, payload }, self.shell.now);
    }
}

impl MessageWriter {
    /// Whether a message that is sent in pieces is not whole.
    pub(super) fn is_open(&self) -> bool {
        self.open().is_some()
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
        let compressed = self.compressed(&plain, compression, config, sink)?;
        let rsv1 = compressed.is_some();
        sink.write(Frame { fin: true, rsv1, opcode, payload: compressed.unwrap_or(plain) });
        Ok(())
    }

    /// Queues a whole message that is only borrowed: whether its payload is still to come.
    #[cfg(feature = "net")]
    pub(super) fn write_borrowed(
        &mut self,
        message: Borrowed<'_>,
        config: &Config,
        sink: &mut FrameSink<'_, '_>,
    ) -> Result<bool, SendError> {
        let Borrowed { kind, payload, compression, follows } = message;
        let opcode = opcode_of(kind);
        if let Some(payload) = self.compressed(payload, compression, config, sink)? {
            sink.write(Frame { fin: true, rsv1: true, opcode, payload });
            return Ok(false);
        }
        sink.note(true, false, opcode, payload);
        let role = sink.terms.role;
        let follows = follows && !role.masks();
        if follows {
            FrameWriter::write_head(opcode, payload.len(), sink.shell.output);
        } else {
            FrameWriter::new(role).write_copy(opcode, payload, sink.shell.random, sink.shell.output);
        }
        Ok(follows)
    }

    /// A whole message compressed, if it is to be.
    #[inline]
    fn compressed(
        &mut self,
        plain: &[u8],
        compression: Compression,
        config: &Config,
        sink: &mut FrameSink<'_, '_>,
    ) -> Result<Option<Bytes>, SendError> {
        if self.is_open() {
            return Err(SendError::MessageOpen);
        }
        let is_long = plain.len() >= config.deflate.threshold_bytes();
        Ok(sink.terms.compressing().and_then(|by| match compression {
            Compression::Auto if is_long => self.compress(by, plain, config, sink.shell),
            Compression::Always => Some(self.compress_always(by, plain, config, sink.shell)),
            Compression::Auto | Compression::Never => None,
        }))
    }

    /// Queues a prepared message, by reference where we do not mask.
    pub(super) fn write_prepared(
        &mut self,
        prepared: &Prepared,
        sink: &mut FrameSink<'_, '_>,
    ) -> Result<(), SendError> {
        if self.is_open() {
            return Err(SendError::MessageOpen);
        }
        let framed = prepared.framed(sink.terms.compressing().map(|by| by.window_bits), sink.shell.pool);
        if framed.rsv1 {
            self.forget_window();
        }
        let opcode = opcode_of(prepared.message().kind());
        if sink.terms.role.masks() {
            sink.write(Frame { fin: true, rsv1: framed.rsv1, opcode, payload: framed.payload() });
        } else {
            sink.note(true, framed.rsv1, opcode, &framed.payload());
            sink.shell.output.push(framed.bytes);
        }
        Ok(())
    }

    /// A prepared message went through the peer's window and not through ours: forgets ours.
    pub(super) fn forget_window(&mut self) {
        if let Some(Held { kept: Some(compressor), .. }) = self.held.as_deref_mut() {
            compressor.reset();
        }
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
        let mut open = match self.held.as_mut().and_then(|held| held.open.take()) {
            Some(open) => open,
            None => self.open_message(&piece, config, sink),
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
        if !last {
            self.held.get_or_insert_default().open = Some(open);
        } else if let (Some(by), Some(compressor)) = (sink.terms.compressing(), open.compressor) {
            self.give_back(by, compressor, sink.shell);
        }
        self.tidy();
        Ok(())
    }

    /// Whether the piece may follow what is open; how far the text is checked then.
    fn check_piece(&self, kind: Kind, bytes: &[u8], last: bool) -> Result<Utf8, SendError> {
        let mut utf8 = Utf8::new();
        if let Some(open) = self.open() {
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
        sink: &mut FrameSink<'_, '_>,
    ) -> OpenMessage {
        let compress = match first.compression {
            Compression::Auto => !first.last || first.bytes.len() >= config.deflate.threshold_bytes(),
            Compression::Always => true,
            Compression::Never => false,
        };
        let by = sink.terms.compressing().filter(|_| compress);
        let compressor = by.map(|by| self.lease(by, config, sink.shell));
        OpenMessage { kind: first.kind, utf8: Utf8::new(), compressor, begun: false }
    }

    /// Nothing more will be sent: compressors go back to the pool.
    pub(super) fn stop(&mut self, shell: &mut Shell<'_>) {
        let Some(held) = self.held.take() else { return };
        let open = held.open.and_then(|open| open.compressor);
        for compressor in [open, held.kept].into_iter().flatten() {
            shell.pool.return_compressor(compressor);
        }
    }

    /// The message compressed; `None` if it does not get smaller and may therefore stay plain.
    fn compress(
        &mut self,
        by: Compressing,
        plain: &[u8],
        config: &Config,
        shell: &mut Shell<'_>,
    ) -> Option<Bytes> {
        let compressed = self.compress_always(by, plain, config, shell);
        // With takeover the message is in the compressor's window now, so it has to be in the peer's too.
        (by.takeover || compressed.len() < plain.len()).then_some(compressed)
    }

    fn compress_always(
        &mut self,
        by: Compressing,
        plain: &[u8],
        config: &Config,
        shell: &mut Shell<'_>,
    ) -> Bytes {
        if !by.takeover {
            return shell.pool.compress(plain, settings(by, config));
        }
        let mut compressor = self.lease(by, config, shell);
        let mut compressed = BytesMut::with_capacity(plain.len() / 2);
        compressor.finish(plain, shell.pool.scratch(), &mut compressed);
        self.give_back(by, compressor, shell);
        compressed.freeze()
    }

    fn lease(&mut self, by: Compressing, config: &Config, shell: &mut Shell<'_>) -> Compressor {
        self.held
            .as_mut()
            .and_then(|held| held.kept.take())
            .unwrap_or_else(|| shell.pool.lease_compressor(settings(by, config)))
    }

    fn give_back(&mut self, by: Compressing, compressor: Compressor, shell: &mut Shell<'_>) {
        if by.takeover {
            self.held.get_or_insert_default().kept = Some(compressor);
        } else {
            shell.pool.return_compressor(compressor);
        }
    }

    fn open(&self) -> Option<&OpenMessage> {
        self.held.as_ref()?.open.as_ref()
    }

    /// Gives up what holds nothing.
    fn tidy(&mut self) {
        self.held.take_if(|held| held.open.is_none() && held.kept.is_none());
    }
}

fn settings(by: Compressing, config: &Config) -> CompressorSettings {
    CompressorSettings {
        level: config.deflate.level(),
        memory_level: config.deflate.memory_level(),
        window_bits: by.window_bits,
    }
}

#[inline]
pub(super) fn opcode_of(kind: Kind) -> Opcode {
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
