//! Where a message that comes in several reads is put together, and the memory for that.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;

/// Memory in which messages were put together, kept for the next ones. Clones share it.
///
/// Memory that is new to the process has to be mapped page by page, which takes longer than to receive a message into it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spares {
    /// The latest one last: the caches still have the most of it.
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Spares {
    /// Memory for a message of so many bytes, if there is some that is not much larger: whoever keeps the message keeps
    /// all of it.
    fn take(&self, length: usize) -> Option<Vec<u8>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |bytes: &Vec<u8>| length <= bytes.len() && bytes.len() / 2 <= length;
        let found = free.iter().rposition(fits)?;
        Some(free.remove(found))
    }

    fn put(&self, bytes: Vec<u8>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: usize = free.iter().map(Vec::len).sum();
        if kept + bytes.len() <= MOST_SPARE_BYTES {
            free.push(bytes);
        }
    }
}

/// The bytes of a message of which some are there and some are not.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// What is there, and behind it room that is written already.
    bytes: Vec<u8>,
    /// `filled <= bytes.len()`
    filled: usize,
    spares: Spares,
}

impl Assembly {
    pub(crate) fn new(spares: &Spares) -> Assembly {
        Assembly { bytes: Vec::new(), filled: 0, spares: spares.clone() }
    }

    /// How many bytes are there.
    pub(crate) fn len(&self) -> usize {
        self.filled
    }

    /// The peer has announced a message of so many bytes, or more. No memory is made for that, but what is there already
    /// may be taken.
    pub(crate) fn expect(&mut self, length: u64) {
        if self.bytes.is_empty()
            && let Ok(length) = usize::try_from(length)
            && length >= LARGE_BYTES
            && let Some(spare) = self.spares.take(length)
        {
            self.bytes = spare;
        }
    }

    /// Appends bytes that stand elsewhere.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
        let n = room.len().min(bytes.len());
        let (first, rest) = bytes.split_at(n);
        room.split_at_mut(n).0.copy_from_slice(first);
        self.bytes.extend_from_slice(rest);
        self.filled += bytes.len();
    }

    /// Room behind what is there, for some of the bytes that are `missing`; `None` where it is not worth a read of its own.
    /// It is at most as much as is there already, unless it was made for an earlier message.
    pub(crate) fn room(&mut self, missing: u64) -> Option<&mut [u8]> {
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        let there = self.bytes.len() - self.filled;
        if there < missing.min(LARGE_BYTES) {
            if self.filled < LARGE_BYTES {
                return None;
            }
            let more = missing.min(self.filled);
            // No more than that, or the last of the message would stand in front of as much again.
            self.bytes.reserve_exact(more - there);
            self.bytes.resize(self.filled + more, 0);
        }
        let room = self.bytes.get_mut(self.filled..)?;
        let length = room.len().min(missing).min(MOST_ROOM_BYTES);
        room.get_mut(..length)
    }

    /// The first `n` bytes of the room are there now.
    pub(crate) fn fill(&mut self, n: usize) -> &mut [u8] {
        let start = self.filled;
        self.filled = self.bytes.len().min(start.saturating_add(n));
        self.bytes.get_mut(start..self.filled).unwrap_or_default()
    }

    /// What is there; nothing is any more. Large memory comes back once nobody holds the bytes.
    pub(crate) fn take(&mut self) -> Bytes {
        let filled = mem::take(&mut self.filled);
        if self.bytes.len() >= LARGE_BYTES {
            let (bytes, spares) = (mem::take(&mut self.bytes), self.spares.clone());
            return Bytes::from_owner(Assembly { bytes, filled, spares });
        }
        let mut bytes = mem::take(&mut self.bytes);
        bytes.truncate(filled);
        bytes.into()
    }
}

impl AsRef<[u8]> for Assembly {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }
}

impl Drop for Assembly {
    fn drop(&mut self) {
        if self.bytes.len() >= LARGE_BYTES {
            self.spares.put(mem::take(&mut self.bytes));
        }
    }
}

/// From this length on, in bytes, memory is worth keeping, and room is worth a read.
const LARGE_BYTES: usize = 64 << 10;

/// So much is received at once: what is done to it then finds it in the cache.
const MOST_ROOM_BYTES: usize = 256 << 10;

/// So much is kept, at most: some messages of a megabyte, which several connections are being sent at the same time.
const MOST_SPARE_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn assembled(spares: &Spares, length: usize) -> Bytes {
        let mut assembly = Assembly::new(spares);
        assembly.expect(length as u64);
        assembly.extend(&vec![7; length]);
        assembly.take()
    }

    /// How long what is kept is.
    fn kept(spares: &Spares) -> Vec<usize> {
        spares.free.lock().unwrap().iter().map(Vec::len).collect()
    }

    #[test]
    fn large_memory_comes_back_once_nobody_holds_the_bytes() {
        let spares = Spares::default();
        let large = assembled(&spares, LARGE_BYTES);
        let part = large.slice(1..2);
        drop((large, assembled(&spares, LARGE_BYTES - 1)));
        assert_eq!(kept(&spares), [0; 0]);
        drop(part);
        assert_eq!(kept(&spares), [LARGE_BYTES]);
        drop(Assembly { bytes: vec![0; 2 * LARGE_BYTES], filled: 1, spares: spares.clone() });
        assert_eq!(kept(&spares), [LARGE_BYTES, 2 * LARGE_BYTES]);
    }

    #[test]
    fn a_message_gets_memory_that_fits_it_the_latest_first() {
        let spares = Spares::default();
        for length in [4, 1, 2, 4] {
            spares.put(vec![0; length * LARGE_BYTES]);
        }
        drop(assembled(&spares, 4 * LARGE_BYTES + 1));
        assert_eq!(kept(&spares).last(), Some(&(4 * LARGE_BYTES + 1)), "none was long enough");
        assert_eq!(spares.take(4 * LARGE_BYTES + 1).map(|bytes| bytes.len()), Some(4 * LARGE_BYTES + 1));
        let large = assembled(&spares, 2 * LARGE_BYTES);
        assert_eq!(kept(&spares), [4, 1, 2].map(|length| length * LARGE_BYTES), "half is enough");
        drop(large);
        let next = spares.take(2 * LARGE_BYTES - 1).map(|bytes| bytes.len());
        assert_eq!(next, Some(2 * LARGE_BYTES), "the latest is more than twice as long");
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let spares = Spares::default();
        for _ in 0..5 {
            spares.put(vec![0; MOST_SPARE_BYTES / 4]);
        }
        assert_eq!(kept(&spares), [MOST_SPARE_BYTES / 4; 4]);
    }

    #[test]
    fn what_was_in_the_memory_before_is_not_seen() {
        let spares = Spares::default();
        drop(assembled(&spares, 2 * LARGE_BYTES));
        let mut assembly = Assembly::new(&spares);
        assembly.expect(2 * LARGE_BYTES as u64);
        assembly.extend(&[1, 2]);
        assembly.room(5).unwrap()[..2].copy_from_slice(&[3, 4]);
        assert_eq!(assembly.fill(2), [3, 4]);
        assert_eq!((assembly.len(), &assembly.take()[..]), (4, &[1, 2, 3, 4][..]));
        assert_eq!((assembly.len(), assembly.take()), (0, Bytes::new()));
    }
}
