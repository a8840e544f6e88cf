//! Frames to messages: in order, joined, inflated, checked for UTF-8 and size.

use bytes::{Bytes, BytesMut};

use super::{config::Config, message::Kind, terms::Terms};
use crate::protocol::{
    frame::{FramePiece, Header, Opcode},
    payload::{Assembly, Decompressor, InflateError, Pool, Utf8, check_whole},
    violation::Violation,
};

/// How received messages are handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Each message whole.
    #[default]
    Whole,
    /// Each message in pieces as they arrive, so that it never stands in memory as a whole.
    Pieces,
}

/// Reads the messages of the peer. Between two messages it is one word, unless a decompressor is kept.
#[derive(Debug, Default)]
pub(super) struct MessageReader {
    held: Option<Box<Held>>,
}

/// What a reader has on the heap, at least one of the two.
#[derive(Debug, Default)]
struct Held {
    /// A message of which some bytes are there and some are not.
    open: Option<OpenMessage>,
    /// The decompressor between two messages; only with takeover.
    kept: Option<Decompressor>,
}

/// What messages are read by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub(super) terms: Terms,
    pub(super) config: &'a Config,
    /// How the next message is handed over.
    pub(super) delivery: Delivery,
}

#[derive(Debug)]
struct OpenMessage {
    kind: Kind,
    delivery: Delivery,
    /// Whether a piece of it has been handed over.
    begun: bool,
    decompressor: Option<Decompressor>,
    fragments: u32,
    /// Empty fragments since the last that was not.
    empty_fragments: u32,
    /// Bytes so far, after inflation.
    length: u64,
    /// What has not been handed over yet of a plain message.
    plain: Assembly,
    /// And of a compressed one.
    inflated: BytesMut,
    utf8: Utf8,
}

/// What a piece of a frame completed.
#[derive(Debug)]
pub(super) enum Delivered {
    Message { kind: Kind, payload: Place, compressed: bool },
    Piece { kind: Kind, payload: Place, compressed: bool, first: bool, last: bool },
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Place {
    /// In the payload of the frame that was just read.
    Received,
    Assembled(Bytes),
}

impl MessageReader {
    /// Whether a message is being assembled.
    pub(super) fn is_open(&self) -> bool {
        self.open().is_some()
    }

    /// A message that is being assembled changes to pieces at once if that is how messages are handed over from now on;
    /// one that is handed over in pieces stays so to its end.
    pub(super) fn handle_delivery(&mut self, delivery: Delivery) {
        if let (Delivery::Pieces, Some(open)) = (delivery, self.open_mut()) {
            open.delivery = Delivery::Pieces;
        }
    }

    /// How many received bytes may be worked on at once. A compressed message in pieces is inflated a little at a
    /// time: each byte can become a thousand. Before its first frame, any message may be one.
    pub(super) fn step_bytes(&self, by: Reading<'_>) -> usize {
        let in_steps = match self.open() {
            Some(open) => open.delivery == Delivery::Pieces && open.decompressor.is_some(),
            None => by.delivery == Delivery::Pieces && by.terms.deflate.is_some(),
        };
        if in_steps { INFLATE_STEP_BYTES } else { usize::MAX }
    }

    /// Takes a piece of a data frame, whose payload is `payload`.
    #[inline]
    pub(super) fn handle_piece(
        &mut self,
        piece: &FramePiece,
        payload: &[u8],
        by: Reading<'_>,
        pool: &mut Pool,
    ) -> Result<Option<Delivered>, Violation> {
        let header = &piece.header;
        if piece.first {
            let is_open = self.open().is_some();
            check_order(header, is_open)?;
            if !is_open && header.fin && piece.last && !header.rsv1 {
                return whole(header, payload, by).map(Some);
            }
            self.begin_frame(header, by, pool)?;
        }
        let Some(open) = self.open_mut() else { return Ok(None) };
        let at_end = header.fin && piece.last;
        let in_place =
            open.delivery == Delivery::Pieces && open.decompressor.is_none() && open.waiting() == 0;
        if in_place {
            open.check_text(payload)?;
        } else {
            open.append(payload, at_end, by.config, pool)?;
        }
        if at_end {
            open.finish_text()?;
        }
        let compressed = open.decompressor.is_some();
        let delivered = match open.delivery {
            Delivery::Whole if !at_end => return Ok(None),
            Delivery::Whole => Delivered::Message { kind: open.kind, payload: open.take(), compressed },
            Delivery::Pieces => {
                let length = if in_place { payload.len() } else { open.waiting() };
                // The steps of inflation are joined to pieces that are worth a fragment.
                let enough = if compressed { INFLATED_PIECE_BYTES } else { 1 };
                if length < enough && !at_end {
                    return Ok(None);
                }
                let payload = if in_place { Place::Received } else { open.take() };
                open.piece(payload, at_end)
            }
        };
        if at_end {
            self.close_message(by.terms, pool);
        }
        Ok(Some(delivered))
    }

    /// Where the next bytes of a plain message can be received that is assembled as a whole; `missing` of its frame are
    /// still to come.
    pub(super) fn room(&mut self, missing: u64) -> Option<&mut [u8]> {
        let open = self.open_mut()?;
        let is_plain = open.delivery == Delivery::Whole && open.decompressor.is_none();
        if is_plain { open.plain.room(missing) } else { None }
    }

    /// The first `n` bytes of the room were received. They are still masked.
    pub(super) fn fill(&mut self, n: usize) -> &mut [u8] {
        self.open_mut().map(|open| open.plain.fill(n)).unwrap_or_default()
    }

    /// Takes a piece of a frame whose payload, `n` bytes, was received in the room.
    pub(super) fn handle_filled(
        &mut self,
        piece: &FramePiece,
        n: usize,
        by: Reading<'_>,
        pool: &mut Pool,
    ) -> Result<Option<Delivered>, Violation> {
        let Some(open) = self.open_mut() else { return Ok(None) };
        open.check_filled(n)?;
        if !piece.header.fin || !piece.last {
            return Ok(None);
        }
        open.finish_text()?;
        let delivered = Delivered::Message { kind: open.kind, payload: open.take(), compressed: false };
        self.close_message(by.terms, pool);
        Ok(Some(delivered))
    }

    /// The inflated bytes that wait for more to become a piece, because no more have been received.
    pub(super) fn take_waiting(&mut self) -> Option<Delivered> {
        let open = self.open_mut()?;
        if open.delivery == Delivery::Whole || open.waiting() == 0 {
            return None;
        }
        let payload = open.take();
        Some(open.piece(payload, false))
    }

    /// Nothing more will be read: decompressors go back to the pool.
    pub(super) fn stop(&mut self, pool: &mut Pool) {
        let Some(held) = self.held.take() else { return };
        let open = held.open.and_then(|open| open.decompressor);
        for decompressor in [open, held.kept].into_iter().flatten() {
            pool.return_decompressor(decompressor);
        }
    }

    /// Opens a message if this is its first frame, and counts the frame.
    fn begin_frame(&mut self, header: &Header, by: Reading<'_>, pool: &mut Pool) -> Result<(), Violation> {
        let Held { open, kept } = &mut **self.held.get_or_insert_default();
        let open = open.get_or_insert_with(|| {
            let decompressor = header.rsv1.then(|| kept.take().unwrap_or_else(|| pool.lease_decompressor()));
            OpenMessage {
                kind: kind_of(header.opcode),
                delivery: by.delivery,
                begun: false,
                decompressor,
                fragments: 0,
                empty_fragments: 0,
                length: 0,
                plain: Assembly::new(pool.spares()),
                inflated: BytesMut::new(),
                utf8: Utf8::new(),
            }
        });
        open.count_frame(header, by.config)?;
        if open.decompressor.is_none() && open.delivery == Delivery::Whole {
            open.plain.expect(open.length);
        }
        Ok(())
    }

    fn close_message(&mut self, terms: Terms, pool: &mut Pool) {
        let Some(held) = &mut self.held else { return };
        match held.open.take().and_then(|open| open.decompressor) {
            Some(decompressor) if terms.keeps_decompressor() => held.kept = Some(decompressor),
            Some(decompressor) => pool.return_decompressor(decompressor),
            None => {}
        }
        if held.kept.is_none() {
            self.held = None;
        }
    }

    fn open(&self) -> Option<&OpenMessage> {
        self.held.as_ref()?.open.as_ref()
    }

    fn open_mut(&mut self) -> Option<&mut OpenMessage> {
        self.held.as_mut()?.open.as_mut()
    }
}

/// "The fragments of one message MUST NOT be interleaved between the fragments of another message" (§5.4).
fn check_order(header: &Header, is_open: bool) -> Result<(), Violation> {
    match (header.opcode == Opcode::Continuation, is_open) {
        (true, false) => Err(Violation::ContinuationUnexpected),
        (false, true) => Err(Violation::ContinuationExpected),
        (true, true) | (false, false) => Ok(()),
    }
}

/// The common case: a plain message in one frame that is there as a whole.
fn whole(header: &Header, payload: &[u8], by: Reading<'_>) -> Result<Delivered, Violation> {
    let limit = by.config.max_message_bytes;
    if header.length > limit {
        return Err(Violation::MessageTooLarge { length: header.length, limit });
    }
    let kind = kind_of(header.opcode);
    if kind == Kind::Text {
        check_whole(payload).map_err(|_| Violation::TextNotUtf8)?;
    }
    let payload = Place::Received;
    Ok(match by.delivery {
        Delivery::Whole => Delivered::Message { kind, payload, compressed: false },
        Delivery::Pieces => Delivered::Piece { kind, payload, compressed: false, first: true, last: true },
    })
}

impl OpenMessage {
    fn count_frame(&mut self, header: &Header, config: &Config) -> Result<(), Violation> {
        // A message in one frame has no fragments; `whole` does not count it either.
        let unfragmented = header.fin && header.opcode != Opcode::Continuation;
        if !unfragmented && self.fragments >= config.max_fragments {
            return Err(Violation::TooManyFragments { limit: config.max_fragments });
        }
        self.fragments += 1;
        if header.length > 0 {
            self.empty_fragments = 0;
        } else if !header.fin {
            if self.empty_fragments >= config.max_empty_fragments {
                return Err(Violation::TooManyEmptyFragments { limit: config.max_empty_fragments });
            }
            self.empty_fragments += 1;
        }
        if self.decompressor.is_none() {
            self.length = self.length.saturating_add(header.length);
            if self.length > config.max_message_bytes {
                let limit = config.max_message_bytes;
                return Err(Violation::MessageTooLarge { length: self.length, limit });
            }
        }
        Ok(())
    }

    /// Adds the payload to what waits, inflated if it is compressed, and checks what was added.
    fn append(
        &mut self,
        payload: &[u8],
        at_end: bool,
        config: &Config,
        pool: &mut Pool,
    ) -> Result<(), Violation> {
        let Some(decompressor) = &mut self.decompressor else {
            self.plain.extend(payload);
            return self.check_text(payload);
        };
        let start = self.inflated.len();
        let scratch = pool.scratch();
        let allowance = config.max_message_bytes - self.length;
        let mut inflated = decompressor.write(payload, allowance, scratch, &mut self.inflated);
        if at_end && inflated.is_ok() {
            let allowance = allowance - (self.inflated.len() - start) as u64;
            inflated = decompressor.finish(allowance, scratch, &mut self.inflated);
        }
        let added = self.inflated.get(start..).unwrap_or_default();
        self.length += added.len() as u64;
        // The bytes in front of an error in the compression come first, so that the cut of the frames does not decide
        // which rule was broken.
        if self.kind == Kind::Text {
            self.utf8.check(added).map_err(|_| Violation::TextNotUtf8)?;
        }
        let limit = config.max_message_bytes;
        inflated.map_err(|error| match error {
            InflateError::Invalid => Violation::DeflateInvalid,
            InflateError::TooLarge => Violation::MessageTooLarge { length: limit.saturating_add(1), limit },
        })
    }

    /// How many bytes have not been handed over yet.
    fn waiting(&self) -> usize {
        self.plain.len() + self.inflated.len()
    }

    fn check_text(&mut self, payload: &[u8]) -> Result<(), Violation> {
        match self.kind {
            Kind::Text => self.utf8.check(payload).map_err(|_| Violation::TextNotUtf8),
            Kind::Binary => Ok(()),
        }
    }

    /// As `check_text` for the last `n` bytes of what waits.
    fn check_filled(&mut self, n: usize) -> Result<(), Violation> {
        if self.kind == Kind::Binary {
            return Ok(());
        }
        let waiting = self.plain.as_ref();
        let filled = waiting.get(waiting.len().saturating_sub(n)..).unwrap_or_default();
        self.utf8.check(filled).map_err(|_| Violation::TextNotUtf8)
    }

    fn finish_text(&mut self) -> Result<(), Violation> {
        match self.kind {
            Kind::Text => self.utf8.finish().map_err(|_| Violation::TextNotUtf8),
            Kind::Binary => Ok(()),
        }
    }

    fn piece(&mut self, payload: Place, last: bool) -> Delivered {
        let first = !std::mem::replace(&mut self.begun, true);
        let compressed = self.decompressor.is_some();
        Delivered::Piece { kind: self.kind, payload, compressed, first, last }
    }

    fn take(&mut self) -> Place {
        Place::Assembled(match self.decompressor {
            None => self.plain.take(),
            Some(_) => std::mem::take(&mut self.inflated).freeze(),
        })
    }
}

fn kind_of(opcode: Opcode) -> Kind {
    if opcode == Opcode::Text { Kind::Text } else { Kind::Binary }
}

/// At a thousandfold this is 1 MiB of output at once.
const INFLATE_STEP_BYTES: usize = 1024;

/// From this length on inflated bytes are handed over although more are there to inflate.
const INFLATED_PIECE_BYTES: usize = 16 << 10;
