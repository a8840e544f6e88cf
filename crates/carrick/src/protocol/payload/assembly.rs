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
    /// Memory for a message of so many bytes of which so many are `there`, if there is some that is not much larger than
    /// either: whoever keeps the message keeps all of it, and the rest of it may never come.
    fn take(&self, length: usize, there: usize) -> Option<Vec<u8>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let most = length.saturating_mul(2).min(there.saturating_mul(MOST_AHEAD));
        let fits = |bytes: &Vec<u8>| length <= bytes.len() && bytes.capacity() <= most;
        let found = free.iter().rposition(fits)?;
        Some(free.remove(found))
    }

    fn put(&self, bytes: Vec<u8>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: usize = free.iter().map(Vec::capacity).sum();
        if kept + bytes.capacity() <= MOST_SPARE_BYTES {
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
    /// How long the message is going to be, as far as the peer has said. Nothing is made that long.
    expected: usize,
    spares: Spares,
}

impl Assembly {
    pub(crate) fn new(spares: &Spares) -> Assembly {
        Assembly { bytes: Vec::new(), filled: 0, expected: 0, spares: spares.clone() }
    }

    /// How many bytes are there.
    pub(crate) fn len(&self) -> usize {
        self.filled
    }

    /// The peer has announced a message of so many bytes, or more. No memory is made or taken for that.
    pub(crate) fn expect(&mut self, length: u64) {
        self.expected = usize::try_from(length).unwrap_or(usize::MAX);
    }

    /// Appends bytes that stand elsewhere.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let there = self.filled + bytes.len();
        if there > self.bytes.capacity() && !self.move_to_spare(there) {
            let more = there - self.bytes.len();
            self.reserve(more);
        }
        let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
        let n = room.len().min(bytes.len());
        let (first, rest) = bytes.split_at(n);
        room.split_at_mut(n).0.copy_from_slice(first);
        self.bytes.extend_from_slice(rest);
        self.filled = there;
    }

    /// Room behind what is there, for some of the bytes that are `missing`; `None` where it is not worth a read of its own.
    /// It is at most as much as is there already, unless it was made for an earlier message.
    pub(crate) fn room(&mut self, missing: u64) -> Option<&mut [u8]> {
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        let there = self.bytes.len() - self.filled;
        if there < missing.min(LARGE_BYTES) {
            // The last of a message is rather copied than all of it moved.
            if self.filled < LARGE_BYTES || missing < LARGE_BYTES.min(self.filled / 4) {
                return None;
            }
            if !self.move_to_spare(self.filled) {
                let more = missing.min(self.filled);
                self.reserve(more - there);
                self.bytes.resize(self.filled + more, 0);
            }
        }
        let room = self.bytes.get_mut(self.filled..)?;
        let length = room.len().min(missing).min(MOST_ROOM_BYTES);
        room.get_mut(..length)
    }

    /// Goes on in memory that was made for an earlier message, if there is some for all of this one, and enough of it is
    /// `there`; whether that is so.
    fn move_to_spare(&mut self, there: usize) -> bool {
        if there < LARGE_BYTES {
            return false;
        }
        let Some(mut spare) = self.spares.take(self.expected.max(there), there) else { return false };
        spare.split_at_mut(self.filled).0.copy_from_slice(self.as_ref());
        self.bytes = spare;
        true
    }

    /// Room for `more` bytes behind those that are written. Of a large message there is not much more than that, or the last
    /// of it would stand in front of as much again; but it is not moved for each little that comes.
    fn reserve(&mut self, more: usize) {
        if self.filled < LARGE_BYTES {
            self.bytes.reserve(more);
        } else if self.bytes.capacity() - self.bytes.len() < more {
            self.bytes.reserve_exact(more.max(self.filled / 4));
        }
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
            return Bytes::from_owner(Assembly { bytes, filled, expected: filled, spares });
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

/// So many times as long as what is there may be what is lent for the rest: a peer that announces a megabyte and sends
/// little of it shall not hold on to as much. A first read of 256 KiB is enough for two megabytes.
const MOST_AHEAD: usize = 8;

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
        let mut unfinished = Assembly::new(&spares);
        unfinished.bytes = vec![0; 2 * LARGE_BYTES];
        drop(unfinished);
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
        assert_eq!(
            spares.take(4 * LARGE_BYTES + 1, usize::MAX).map(|bytes| bytes.len()),
            Some(4 * LARGE_BYTES + 1)
        );
        let large = assembled(&spares, 2 * LARGE_BYTES);
        assert_eq!(kept(&spares), [4, 1, 2].map(|length| length * LARGE_BYTES), "half is enough");
        drop(large);
        let next = spares.take(2 * LARGE_BYTES - 1, usize::MAX).map(|bytes| bytes.len());
        assert_eq!(next, Some(2 * LARGE_BYTES), "the latest is more than twice as long");
    }

    #[test]
    fn nothing_is_lent_for_a_length_that_is_only_announced() {
        let spares = Spares::default();
        spares.put(vec![0; 1 << 20]);
        let mut assembly = Assembly::new(&spares);
        assembly.expect(1 << 20);
        assert!(assembly.room(1 << 20).is_none());
        for read in [1000, LARGE_BYTES - 1000, LARGE_BYTES - 1] {
            assembly.extend(&vec![1; read]);
            assert_eq!(kept(&spares), [1 << 20], "an eighth of it has not come");
        }
        assembly.extend(&[2]);
        assert_eq!(kept(&spares), [0; 0], "it is lent for the rest");
        assert_eq!(assembly.room(u64::MAX).map(|room| room.len()), Some(MOST_ROOM_BYTES));
        let message = assembly.take();
        assert_eq!((message.len(), message[0], message[2 * LARGE_BYTES - 1]), (2 * LARGE_BYTES, 1, 2));
        drop(message);
        assert_eq!(kept(&spares), [1 << 20]);
    }

    #[test]
    fn a_message_in_many_frames_is_moved_a_few_times_only() {
        let mut assembly = Assembly::new(&Spares::default());
        assembly.extend(&[0; LARGE_BYTES]);
        let (mut length, mut moves, mut capacity) = (LARGE_BYTES, 0, 0);
        for frame in [1, 5000, LARGE_BYTES].into_iter().cycle().take(600) {
            length += frame;
            assembly.expect(length as u64);
            while length > assembly.len() {
                let missing = length - assembly.len();
                match assembly.room(missing as u64).map(|room| room.len()) {
                    Some(n) => assert_eq!(assembly.fill(n).len(), n),
                    None => assembly.extend(&vec![0; missing]),
                }
            }
            let before = mem::replace(&mut capacity, assembly.bytes.capacity());
            moves += usize::from(before != capacity);
        }
        assert!(moves < 30, "it was moved {moves} times");
        assert!(assembly.bytes.capacity() < length / 4 * 5 + LARGE_BYTES);
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let spares = Spares::default();
        let mut roomy = Vec::with_capacity(MOST_SPARE_BYTES + 1);
        roomy.resize(LARGE_BYTES, 0);
        spares.put(roomy);
        assert_eq!(kept(&spares), [0; 0], "all of its memory counts");
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
        assembly.extend(&[1; LARGE_BYTES]);
        assert_eq!(kept(&spares), [0; 0]);
        assembly.room(5).unwrap()[..2].copy_from_slice(&[3, 4]);
        assert_eq!(assembly.fill(2), [3, 4]);
        assert_eq!((assembly.len(), &assembly.take()[LARGE_BYTES - 1..]), (LARGE_BYTES + 2, &[1, 3, 4][..]));
        assert_eq!((assembly.len(), assembly.take()), (0, Bytes::new()));
    }
}
