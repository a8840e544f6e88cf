//! Raw DEFLATE in both directions, with what RFC 7692 §7.2 adds to it, and a pool for the memory it takes.

use std::{collections::VecDeque, fmt, mem};

use bytes::{Bytes, BytesMut};
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

mod block;
mod whole;

use super::assembly::Spares;
use whole::WholeCompressor;

/// What a [`Compressor`] is made with.
///
/// More of each costs memory or time and saves bytes on the wire. A value outside its range counts as the nearest end of
/// the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CompressorSettings {
    /// 0 (stored) to 9 (smallest).
    pub level: u8,
    /// 1 to 9: the size of the tables beside the window.
    pub memory_level: u8,
    /// 9 to 15: the window is 2 to this power, in bytes. What the handshake settled on for this direction.
    pub window_bits: u8,
}

/// Compresses the messages of one direction, RFC 7692 §7.2.1.
///
/// From message to message the window is kept ("context takeover") until [`Compressor::reset`].
///
/// ```
/// use bytes::BytesMut;
/// use carrick::protocol::{Compressor, CompressorSettings, Scratch};
///
/// let settings = CompressorSettings { level: 6, memory_level: 8, window_bits: 15 };
/// let mut compressor = Compressor::new(settings);
/// let mut output = BytesMut::new();
/// compressor.finish(b"Hello", &mut Scratch::new(), &mut output);
/// // The example of RFC 7692 §7.2.3.1.
/// assert_eq!(output[..], [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
/// ```
pub struct Compressor {
    state: Box<CompressorState>,
}

struct CompressorState {
    deflate: Deflate,
    settings: CompressorSettings,
    /// Whether the message that is being written has had any bytes.
    in_message: bool,
}

impl Compressor {
    /// A compressor with an empty window.
    #[must_use]
    pub fn new(settings: CompressorSettings) -> Compressor {
        let deflate = Deflate::new_with_config(DeflateConfig {
            level: settings.level.min(9).into(),
            mem_level: settings.memory_level.clamp(1, 9).into(),
            // Negative is zlib's word for raw DEFLATE, without header and checksum.
            window_bits: -i32::from(settings.window_bits.clamp(9, 15)),
            ..DeflateConfig::default()
        });
        Compressor { state: Box::new(CompressorState { deflate, settings, in_message: false }) }
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> CompressorSettings {
        self.state.settings
    }

    /// Forgets the window and a message that was not finished.
    pub fn reset(&mut self) {
        self.state.deflate.reset();
        self.state.in_message = false;
    }

    /// Compresses a part of a message and appends to `output` what is ready of it, which may be nothing.
    pub fn write(&mut self, input: &[u8], scratch: &mut Scratch, output: &mut BytesMut) {
        if !input.is_empty() {
            self.state.in_message = true;
            self.compress(input, DeflateFlush::NoFlush, scratch, output);
        }
    }

    /// Compresses the last part of a message, or all of it, and appends to `output` everything up to the end of the message.
    ///
    /// An empty message becomes one byte 0x00 (RFC 7692 §7.2.3.6).
    pub fn finish(&mut self, input: &[u8], scratch: &mut Scratch, output: &mut BytesMut) {
        if input.is_empty() && !self.state.in_message {
            // DEFLATE refuses to flush twice in a row. This is the header of an empty stored block, and it may stand here
            // because every message ends on a byte boundary.
            output.extend_from_slice(&[0x00]);
            return;
        }
        self.state.in_message = false;
        self.compress(input, DeflateFlush::SyncFlush, scratch, output);
        // RFC 7692 §7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
        debug_assert!(output.ends_with(&TAIL), "a sync flush ends with an empty stored block");
        output.truncate(output.len().saturating_sub(TAIL.len()));
    }

    fn compress(&mut self, input: &[u8], flush: DeflateFlush, scratch: &mut Scratch, output: &mut BytesMut) {
        let deflate = &mut self.state.deflate;
        let mut rest = input;
        loop {
            let block = scratch.block();
            let room = block.len();
            let before = (deflate.total_in(), deflate.total_out());
            deflate
                .compress(rest, block, flush)
                .expect("only a finished stream fails, and this one never finishes");
            let consumed = (deflate.total_in() - before.0) as usize;
            let produced = (deflate.total_out() - before.1) as usize;
            output.extend_from_slice(block.get(..produced).unwrap_or_default());
            rest = rest.get(consumed..).unwrap_or_default();
            // Only a full block may have left something inside.
            if produced < room {
                return;
            }
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("settings", &self.state.settings).finish_non_exhaustive()
    }
}

/// Inflates the messages of one direction, RFC 7692 §7.2.2.
///
/// From message to message the window is kept ("context takeover") until [`Decompressor::reset`]. Its window has the
/// largest size, so it inflates what was compressed with any. After an error it has to be reset.
///
/// A block with BFINAL ends a DEFLATE stream but not the message (RFC 7692 §7.2.3.4). What follows it is inflated as a
/// new stream, with an empty window: an encoder that can set BFINAL has forgotten its own.
///
/// ```
/// use bytes::BytesMut;
/// use carrick::protocol::{Decompressor, InflateError, Scratch};
///
/// let compressed = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// let (mut scratch, mut output) = (Scratch::new(), BytesMut::new());
///
/// let mut decompressor = Decompressor::new();
/// decompressor.write(&compressed, 5, &mut scratch, &mut output)?;
/// decompressor.finish(0, &mut scratch, &mut output)?;
/// assert_eq!(output[..], *b"Hello");
///
/// let result = Decompressor::new().write(&compressed, 4, &mut scratch, &mut output);
/// assert_eq!(result, Err(InflateError::TooLarge));
/// # Ok::<(), InflateError>(())
/// ```
pub struct Decompressor {
    state: Box<DecompressorState>,
}

struct DecompressorState {
    inflate: Inflate,
    /// Whether bytes have come since the start of the message, or since the last end of a DEFLATE stream in it.
    in_stream: bool,
}

impl Decompressor {
    /// A decompressor with an empty window.
    #[must_use]
    pub fn new() -> Decompressor {
        Decompressor {
            state: Box::new(DecompressorState { inflate: Inflate::new(false, 15), in_stream: false }),
        }
    }

    /// Forgets the window, an unfinished message and an error.
    pub fn reset(&mut self) {
        self.state.inflate.reset(false);
        self.state.in_stream = false;
    }

    /// Inflates a part of a message and appends the result to `output`.
    ///
    /// `allowance` is how many bytes this call may append. No more than one byte above it is ever inflated, whatever the
    /// input promises.
    ///
    /// # Errors
    ///
    /// [`InflateError::Invalid`] when the input is not DEFLATE, [`InflateError::TooLarge`] when it inflates to more than
    /// `allowance` bytes. What stands before the error is appended, at most `allowance` bytes.
    pub fn write(
        &mut self,
        input: &[u8],
        allowance: u64,
        scratch: &mut Scratch,
        output: &mut BytesMut,
    ) -> Result<(), InflateError> {
        let mut rest = input;
        let mut allowance = allowance;
        loop {
            let room = allowance.saturating_add(1).min(SCRATCH_BYTES as u64) as usize;
            let block = scratch.block().get_mut(..room).unwrap_or_default();
            let step = self.state.step(rest, block, InflateFlush::NoFlush);
            // What came before an error is handed over, so that the caller judges the bytes in their order.
            let appended = allowance.min(step.produced as u64);
            output.extend_from_slice(block.get(..appended as usize).unwrap_or_default());
            allowance = allowance.checked_sub(step.produced as u64).ok_or(InflateError::TooLarge)?;
            rest = rest.get(step.consumed..).unwrap_or_default();

            match step.end {
                End::Invalid => return Err(InflateError::Invalid),
                End::Stream => self.reset(),
                End::None if step.consumed > 0 => self.state.in_stream = true,
                End::None => {}
            }
            // Only a full block may have left something inside.
            if rest.is_empty() && step.produced < room {
                return Ok(());
            }
            if step.consumed == 0 && step.produced == 0 {
                return Err(InflateError::Invalid);
            }
        }
    }

    /// Ends a message: inflates what is left of it, and checks that its compressed bytes were complete.
    ///
    /// `allowance` is how many bytes this call may append; a complete message leaves none.
    ///
    /// Two endings beside the one that RFC 7692 §7.2.1 asks for are taken, because peers send them and they say nothing
    /// else: a message without any byte is empty (zlib flushes nothing after a flush), and a message may end with a block
    /// that has BFINAL.
    ///
    /// # Errors
    ///
    /// [`InflateError::Invalid`] when the message ended inside a block.
    pub fn finish(
        &mut self,
        allowance: u64,
        scratch: &mut Scratch,
        output: &mut BytesMut,
    ) -> Result<(), InflateError> {
        self.write(&[], allowance, scratch, output)?;
        if !mem::take(&mut self.state.in_stream) {
            return Ok(());
        }
        // RFC 7692 §7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message." They
        // are the rest of the empty stored block that the message ends with; in any other block they would be something
        // else. So the inflater has to take exactly these four, and to stop there by itself although more bytes follow.
        let (tail, probe) = PROBE.split_at(TAIL.len());
        let block = scratch.block();
        let step = self.state.step(&PROBE, block, InflateFlush::Block);
        if step != (Step { consumed: tail.len(), produced: 0, end: End::None }) {
            return Err(InflateError::Invalid);
        }
        // It stopped behind a block. An empty stored block changes nothing there, and only there: if bits of the tail were
        // still to be read, they would be the header of something else.
        let step = self.state.step(probe, block, InflateFlush::Block);
        if step == (Step { consumed: probe.len(), produced: 0, end: End::None }) {
            return Ok(());
        }
        // The empty stored block had BFINAL itself.
        if step == (Step { consumed: 0, produced: 0, end: End::Stream }) {
            self.reset();
            return Ok(());
        }
        Err(InflateError::Invalid)
    }
}

impl DecompressorState {
    fn step(&mut self, input: &[u8], block: &mut [u8], flush: InflateFlush) -> Step {
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, block, flush);
        Step {
            consumed: (self.inflate.total_in() - before.0) as usize,
            produced: (self.inflate.total_out() - before.1) as usize,
            end: match status {
                Ok(Status::StreamEnd) => End::Stream,
                Ok(Status::Ok | Status::BufError) => End::None,
                Err(_) => End::Invalid,
            },
        }
    }
}

/// What one call of the inflater has done.
#[derive(PartialEq, Eq)]
struct Step {
    consumed: usize,
    produced: usize,
    end: End,
}

#[derive(PartialEq, Eq)]
enum End {
    /// The stream goes on.
    None,
    /// A block with BFINAL has ended.
    Stream,
    /// What follows is not DEFLATE.
    Invalid,
}

impl Default for Decompressor {
    fn default() -> Decompressor {
        Decompressor::new()
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

/// Why a message could not be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// The bytes are not DEFLATE, or end inside a block.
    Invalid,
    /// The bytes inflate to more than was allowed.
    TooLarge,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InflateError::Invalid => "compressed bytes are not valid DEFLATE",
            InflateError::TooLarge => "compressed bytes inflate to more than is allowed",
        })
    }
}

impl std::error::Error for InflateError {}

/// Working memory that [`Compressor`] and [`Decompressor`] write through, allocated at its first use.
///
/// It holds nothing from one call to the next, so one per thread is enough.
#[derive(Default)]
pub struct Scratch {
    block: Vec<u8>,
}

impl Scratch {
    /// Working memory that is not yet allocated.
    #[must_use]
    pub fn new() -> Scratch {
        Scratch::default()
    }

    fn block(&mut self) -> &mut [u8] {
        if self.block.is_empty() {
            self.block = vec![0; SCRATCH_BYTES];
        }
        &mut self.block
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("bytes", &self.block.len()).finish()
    }
}

/// Compressors and decompressors that no connection uses at the moment, and the [`Scratch`] for those that are in use.
///
/// A connection without context takeover leases one for a message and returns it. The shell keeps one pool per thread and
/// lends it to its connections. Beside them stands the memory in which large messages were put together, compressed or
/// not: up to 4 MiB of it are kept for the next ones.
///
/// ```
/// use bytes::BytesMut;
/// use carrick::protocol::{CompressorSettings, Pool};
///
/// let mut pool = Pool::new();
/// let settings = CompressorSettings { level: 6, memory_level: 5, window_bits: 12 };
/// let mut compressor = pool.lease_compressor(settings);
/// let mut output = BytesMut::new();
/// compressor.finish(b"Hello", pool.scratch(), &mut output);
/// pool.return_compressor(compressor);
/// ```
#[derive(Debug)]
pub struct Pool {
    compressors: VecDeque<Compressor>,
    decompressors: Vec<Decompressor>,
    max_free: usize,
    scratch: Scratch,
    whole: Option<Box<WholeCompressor>>,
    spares: Spares,
}

impl Pool {
    /// An empty pool that keeps at most 8 free compressors and 8 free decompressors.
    #[must_use]
    pub fn new() -> Pool {
        Pool::with_max_free(DEFAULT_MAX_FREE)
    }

    /// An empty pool that keeps at most `max_free` free compressors, and as many decompressors.
    ///
    /// A decompressor takes about 47 KB, a compressor up to 400 KB, depending on its settings. 0 keeps none: every lease
    /// then allocates.
    #[must_use]
    pub fn with_max_free(max_free: usize) -> Pool {
        Pool {
            compressors: VecDeque::new(),
            decompressors: Vec::new(),
            max_free,
            scratch: Scratch::new(),
            whole: None,
            spares: Spares::default(),
        }
    }

    /// The working memory for calls on what was leased.
    pub fn scratch(&mut self) -> &mut Scratch {
        &mut self.scratch
    }

    /// Compresses a whole message that refers to nothing before it, as [`Compressor::finish`] does with an empty window.
    ///
    /// Small messages, up to 16 KiB, are compressed without a [`Compressor`], whose tables would have to be cleared for
    /// each of them: that takes half the time and no more bytes.
    ///
    /// ```
    /// use carrick::protocol::{CompressorSettings, Pool};
    ///
    /// let settings = CompressorSettings { level: 6, memory_level: 8, window_bits: 15 };
    /// let compressed = Pool::new().compress(b"Hello", settings);
    /// assert_eq!(compressed[..], [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    /// ```
    pub fn compress(&mut self, message: &[u8], settings: CompressorSettings) -> Bytes {
        let mut output = BytesMut::new();
        // Level 0 is to store everything, which zlib does.
        if settings.level > 0 && (1..=whole::MAX_BYTES).contains(&message.len()) {
            let window = 1 << settings.window_bits.clamp(9, 15);
            let whole = self.whole.get_or_insert_with(|| Box::new(WholeCompressor::new()));
            whole.compress(message, settings.level, window, &mut output);
        } else {
            let mut compressor = self.lease_compressor(settings);
            output.reserve(message.len() / 2);
            compressor.finish(message, self.scratch(), &mut output);
            self.return_compressor(compressor);
        }
        output.freeze()
    }

    /// The memory for messages that come in several reads.
    pub(crate) fn spares(&self) -> &Spares {
        &self.spares
    }

    /// A compressor with these settings and an empty window: a free one, or else a new one.
    pub fn lease_compressor(&mut self, settings: CompressorSettings) -> Compressor {
        let free = self.compressors.iter().rposition(|compressor| compressor.settings() == settings);
        free.and_then(|i| self.compressors.remove(i)).unwrap_or_else(|| Compressor::new(settings))
    }

    /// Takes a compressor back, in whatever state. When the pool is full, the one that has been free longest is dropped.
    pub fn return_compressor(&mut self, mut compressor: Compressor) {
        if self.max_free == 0 {
            return;
        }
        if self.compressors.len() == self.max_free {
            self.compressors.pop_front();
        }
        compressor.reset();
        self.compressors.push_back(compressor);
    }

    /// A decompressor with an empty window: a free one, or else a new one.
    pub fn lease_decompressor(&mut self) -> Decompressor {
        self.decompressors.pop().unwrap_or_default()
    }

    /// Takes a decompressor back, in whatever state, also after an error. When the pool is full, it is dropped.
    pub fn return_decompressor(&mut self, mut decompressor: Decompressor) {
        if self.decompressors.len() < self.max_free {
            decompressor.reset();
            self.decompressors.push(decompressor);
        }
    }
}

impl Default for Pool {
    fn default() -> Pool {
        Pool::new()
    }
}

/// What a sender strips from the end of each message, and a receiver puts back.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The tail, and behind it an empty stored block that has to be left for the next call.
const PROBE: [u8; 9] = [0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff];

/// Large enough that the calls do not matter, small enough to stay in the cache.
const SCRATCH_BYTES: usize = 16 * 1024;

/// The messages that one thread compresses at the same time are few: those that wait for the next part of a message.
const DEFAULT_MAX_FREE: usize = 8;

#[cfg(test)]
mod tests;
