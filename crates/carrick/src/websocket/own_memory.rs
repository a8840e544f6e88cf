//! Messages that are received where they stay, on a connection whose messages are about as long as each other.
//!
//! What comes is read into the buffer of the thread, and a message that the application is to keep is copied out of it.
//! For long messages that copy is a good part of what they cost, and nobody knows how long the next one will be; but most
//! who send long ones send the same again and again.

use std::cell::Cell;

use bytes::BytesMut;

/// How long the next message is likely to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Habit(u16);

impl Habit {
    /// A read has brought one whole message and nothing else: `bytes` with its header.
    #[inline]
    pub(super) fn note(&mut self, bytes: usize) {
        if (LEAST_BYTES..=MOST_BYTES).contains(&bytes) { self.note_long(bytes) } else { self.forget() }
    }

    #[inline(never)]
    fn note_long(&mut self, bytes: usize) {
        // The cast keeps the value.
        let units = (bytes / UNIT) as u16;
        let before = self.0 & !TWICE;
        let is_like_before = units.abs_diff(before) <= before / SLACK;
        self.0 = if is_like_before { units | TWICE } else { units };
    }

    /// A read has brought something else.
    pub(super) fn forget(&mut self) {
        self.0 = 0;
    }

    /// How much memory to read the next message into; `None` if nothing is known about it.
    pub(super) fn capacity(self) -> Option<usize> {
        let units = self.0 & !TWICE;
        // One byte more than can come, or the read would seem to have been cut short.
        (self.0 & TWICE != 0).then(|| usize::from(units + units / SLACK + 2) * UNIT)
    }
}

/// Lends memory of at least this capacity for the length of the call, which may take it away.
pub(super) fn with_own_memory<R>(capacity: usize, call: impl FnOnce(&mut BytesMut) -> R) -> R {
    let fits = |memory: &BytesMut| (capacity..=2 * capacity).contains(&memory.capacity());
    let spare = SPARE.take().filter(fits);
    let mut memory = spare.unwrap_or_else(|| BytesMut::with_capacity(capacity));
    let result = call(&mut memory);
    memory.clear();
    if memory.capacity() > 0 {
        SPARE.set(Some(memory));
    }
    result
}

thread_local! {
    /// What nothing came into.
    static SPARE: Cell<Option<BytesMut>> = const { Cell::new(None) };
}

/// From this length on the copy counts, and the memory beside the payload does not.
pub(super) const LEAST_BYTES: usize = 4096;

/// Longer ones take another way anyhow.
const MOST_BYTES: usize = 64 << 10;

/// What lengths are counted in here.
const UNIT: usize = 16;

/// Which part of its length a message may be longer or shorter than the one before.
const SLACK: u16 = 8;

/// Set if it was so twice.
const TWICE: u16 = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity_behind(reads: &[usize]) -> Option<usize> {
        let mut habit = Habit::default();
        reads.iter().for_each(|bytes| habit.note(*bytes));
        habit.capacity()
    }

    #[test]
    fn two_long_messages_of_about_one_length_make_a_habit() {
        for bytes in [LEAST_BYTES, 5000, 16_392, MOST_BYTES] {
            assert_eq!(capacity_behind(&[bytes]), None);
            let capacity = capacity_behind(&[bytes, bytes]).unwrap();
            assert!(capacity > bytes + bytes / 9 && capacity < bytes + bytes / 7, "{capacity} for {bytes}");
            assert!(
                capacity_behind(&[bytes, bytes + bytes / 9, bytes]).is_none_or(|capacity| capacity > bytes)
            );
        }
        assert_eq!(capacity_behind(&[16_000, 16_000, 8_000]), None);
        assert_eq!(capacity_behind(&[16_000, 16_000, 32_000]), None);
        for bytes in [0, 20, LEAST_BYTES - 1, MOST_BYTES + 1] {
            assert_eq!(capacity_behind(&[bytes, bytes]), None);
            assert_eq!(capacity_behind(&[8000, 8000, bytes, 8000]), None);
        }
    }

    #[test]
    fn memory_that_nothing_came_into_is_lent_again_and_what_is_taken_is_not() {
        let place = |memory: &mut BytesMut| memory.as_ptr();
        let first = with_own_memory(5000, place);
        assert_eq!(with_own_memory(5000, place), first);
        let taken = with_own_memory(5000, std::mem::take);
        assert_ne!(with_own_memory(5000, place), taken.as_ptr());
        // Far more than is asked for would be pinned by what is short.
        with_own_memory(64 << 10, |_| {});
        assert!(with_own_memory(5000, |memory| memory.capacity()) <= 10_000);
    }
}
