//! What waits to be written: small frames side by side, large payloads as shared slices between them.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes, BytesMut};

/// Bytes for the peer, in order, that the shell lends to a connection and writes out.
///
/// Small frames are appended to one buffer, so that many of them leave in one write. A payload of
/// [`Output::SHARED_BYTES`] or more is not copied: it stands as a shared slice between the buffers and leaves in the
/// same vectored write.
///
/// ```
/// use bytes::Bytes;
/// use carrick::protocol::Output;
///
/// let mut output = Output::new();
/// output.extend(b"small");
/// output.push(Bytes::from(vec![0; 100_000]));
/// assert_eq!(output.len(), 100_005);
///
/// let mut slices = [std::io::IoSlice::new(&[]); 8];
/// assert_eq!(output.slices(&mut slices), 2);
/// output.advance(100_005);
/// assert!(output.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Output {
    /// Full chunks in front of `tail`.
    chunks: VecDeque<Bytes>,
    /// Where small frames are appended.
    tail: BytesMut,
    /// `chunks_length` is the sum of the lengths of `chunks`.
    chunks_length: usize,
}

impl Output {
    /// From this length on, in bytes, a payload is kept as a shared slice instead of being copied.
    pub const SHARED_BYTES: usize = 4096;

    /// An empty output, without an allocation.
    #[must_use]
    pub fn new() -> Output {
        Output::default()
    }

    /// Bytes that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks_length + self.tail.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a copy of `bytes`.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Appends `bytes`: shared if they are many, copied if they are few.
    pub fn push(&mut self, bytes: Bytes) {
        if bytes.len() < Output::SHARED_BYTES {
            self.tail.extend_from_slice(&bytes);
            return;
        }
        if !self.tail.is_empty() {
            let full = self.tail.split().freeze();
            self.push_chunk(full);
        }
        self.push_chunk(bytes);
    }

    /// The buffer that small frames are appended to.
    pub(crate) fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    /// Puts `bytes` in front of everything that waits.
    #[cfg(feature = "net")]
    pub(crate) fn put_first(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.chunks_length += bytes.len();
            self.chunks.push_front(bytes);
        }
    }

    /// How much memory it holds for what will be appended, in bytes.
    #[cfg(feature = "net")]
    pub(crate) fn capacity(&self) -> usize {
        self.tail.capacity()
    }

    fn push_chunk(&mut self, chunk: Bytes) {
        self.chunks_length += chunk.len();
        self.chunks.push_back(chunk);
    }

    /// All that waits, if it is small frames only, which stand side by side.
    #[must_use]
    pub fn only_slice(&self) -> Option<&[u8]> {
        (self.chunks.is_empty() && !self.tail.is_empty()).then_some(&self.tail[..])
    }

    /// Fills `slices` from the front of what waits, for one vectored write, and says how many are filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail = (!self.tail.is_empty()).then_some(&self.tail[..]);
        let waiting = self.chunks.iter().map(|chunk| &chunk[..]).chain(tail);
        let mut filled = 0;
        for (slot, bytes) in slices.iter_mut().zip(waiting) {
            *slot = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    /// Takes `n` bytes from the front, because they are written.
    ///
    /// # Panics
    ///
    /// If fewer than `n` bytes wait.
    pub fn advance(&mut self, mut n: usize) {
        while let Some(chunk) = self.chunks.front_mut() {
            if n < chunk.len() {
                chunk.advance(n);
                self.chunks_length -= n;
                return;
            }
            n -= chunk.len();
            self.chunks_length -= chunk.len();
            self.chunks.pop_front();
        }
        if n == self.tail.len() {
            // Keeps the memory, while `advance` would give up what lies in front.
            self.tail.clear();
        } else {
            self.tail.advance(n);
        }
    }

    /// Gives the memory back if nothing waits, unless it is little: for an output that goes on to another connection.
    #[cfg_attr(not(feature = "net"), expect(dead_code, reason = "only a shell of many connections needs it"))]
    pub(crate) fn recycle(&mut self) {
        if self.tail.capacity() > KEPT_BYTES || self.chunks.capacity() > KEPT_CHUNKS {
            self.release();
        }
    }

    /// Gives the memory back if nothing waits. A connection that idles owns no buffer.
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Output::new();
        }
    }
}

/// What `recycle` leaves for small frames.
const KEPT_BYTES: usize = 16 << 10;

/// And for large ones.
const KEPT_CHUNKS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(output: &Output) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 16];
        let filled = output.slices(&mut slices);
        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn bytes_leave_in_order_whatever_the_sizes_of_the_writes() {
        for step in [1, 7, 4095, 4096, 4097, 20_000] {
            let mut output = Output::new();
            let mut expected = Vec::new();
            for (value, length) in [(1, 5), (2, 4095), (3, 4096), (4, 0), (5, 4097), (6, 3)] {
                output.push(Bytes::from(vec![value; length]));
                expected.extend(vec![value; length]);
            }
            let mut written = Vec::new();
            while !output.is_empty() {
                assert_eq!(output.len(), expected.len() - written.len());
                let waiting = collect(&output);
                let n = step.min(waiting.len());
                written.extend_from_slice(&waiting[..n]);
                output.advance(n);
            }
            assert_eq!(written, expected);
        }
    }

    #[test]
    fn release_keeps_what_waits() {
        let mut output = Output::new();
        output.extend(b"kept");
        output.release();
        assert_eq!((collect(&output), output.only_slice()), (b"kept".to_vec(), Some(&b"kept"[..])));
        output.advance(4);
        output.release();
        assert_eq!(output.tail.capacity(), 0);
    }
}
