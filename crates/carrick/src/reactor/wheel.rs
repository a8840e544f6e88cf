//! When each connection of a thread has to be looked at, for any number of them at the cost of one.

use std::time::{Duration, Instant};

/// A hierarchical timing wheel: the first circle has a bucket for each of the next 64 milliseconds, and a bucket of each
/// further circle spans all of the one before. What is far away moves inwards as its time comes near.
///
/// Each key has one alarm at most, in a ring of those in the same bucket, so that setting and unsetting one cost the
/// same however many there are, and what has no alarm costs nothing.
#[derive(Debug)]
pub(crate) struct Wheel {
    start: Instant,
    /// Everything before this tick has been taken.
    now: u64,
    /// The tick at which the first bucket begins that is not empty, or an earlier one.
    next: u64,
    /// The buckets of all circles, then one node a key. A bucket is the head of its ring.
    nodes: Vec<Node>,
    /// Which buckets of a circle are not empty.
    occupied: [u64; CIRCLES],
}

/// A place in a ring; alone it is its own neighbour.
#[derive(Clone, Copy, Debug)]
struct Node {
    previous: u32,
    next: u32,
    /// When, in ticks; only of a key in a bucket.
    tick: u64,
}

impl Wheel {
    /// A wheel without alarms.
    pub(crate) fn new(start: Instant) -> Wheel {
        let mut nodes = Vec::with_capacity(NODES);
        nodes.extend((0..BUCKETS).map(Node::alone));
        Wheel { start, now: 0, next: NEVER, nodes, occupied: [0; CIRCLES] }
    }

    /// Sets the alarm of a key, in place of the one it had. Nothing happens before `at`, and for what is due already it
    /// happens at once.
    pub(crate) fn set(&mut self, key: u32, at: Instant) {
        let node = BUCKETS + key;
        while self.nodes.len() <= node as usize {
            self.nodes.push(Node::alone(self.nodes.len() as u32));
        }
        self.unlink(node);
        self.link(node, self.tick_behind(at));
    }

    /// Takes back the alarm of a key, if it has one.
    pub(crate) fn unset(&mut self, key: u32) {
        if (BUCKETS + key) < self.nodes.len() as u32 {
            self.unlink(BUCKETS + key);
            self.next = self.first().map_or(NEVER, |(_, begins)| begins);
        }
    }

    /// The alarm of a key. It may be a millisecond later than it was set.
    pub(crate) fn alarm(&self, key: u32) -> Option<Instant> {
        let place = BUCKETS + key;
        let node = self.nodes.get(place as usize).filter(|node| node.next != place)?;
        self.start.checked_add(Duration::from_millis(node.tick))
    }

    /// When to call [`pop`](Wheel::pop), if ever. For what is far away it is too early; nothing is due then.
    #[inline]
    pub(crate) fn next(&self) -> Option<Instant> {
        if self.next == NEVER { None } else { self.start.checked_add(Duration::from_millis(self.next)) }
    }

    /// Takes a key whose alarm is due at `now`.
    #[inline]
    pub(crate) fn pop(&mut self, now: Instant) -> Option<u32> {
        if self.next()? > now { None } else { self.take_due(now) }
    }

    #[inline(never)]
    fn take_due(&mut self, now: Instant) -> Option<u32> {
        let now = now.saturating_duration_since(self.start).as_millis() as u64;
        loop {
            let first = self.first();
            self.next = first.map_or(NEVER, |(_, begins)| begins);
            let Some((bucket, begins)) = first.filter(|(_, begins)| *begins <= now) else {
                self.now = self.now.max(now);
                return None;
            };
            self.now = self.now.max(begins);
            let node = self.node(bucket).next;
            let tick = self.node(node).tick;
            self.unlink(node);
            if tick <= now {
                return Some(node - BUCKETS);
            }
            self.link(node, tick);
        }
    }

    /// The first bucket of all that is not empty, and the tick at which it begins.
    fn first(&self) -> Option<(u32, u64)> {
        (0..CIRCLES).filter_map(|circle| self.first_bucket(circle)).min_by_key(|found| found.1)
    }

    /// The first bucket of a circle that is not empty, and the tick at which it begins.
    fn first_bucket(&self, circle: usize) -> Option<(u32, u64)> {
        let occupied = self.occupied[circle];
        if occupied == 0 {
            return None;
        }
        let shift = BITS * circle as u32;
        let turn = self.now >> shift;
        // How far ahead, counted from the bucket that it is now.
        let ahead = occupied.rotate_right((turn % SLOTS) as u32).trailing_zeros();
        let slot = (turn + u64::from(ahead)) % SLOTS;
        Some(((circle as u64 * SLOTS + slot) as u32, (turn + u64::from(ahead)) << shift))
    }

    /// The first tick that is not before `at`.
    fn tick_behind(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        u64::try_from(since.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    fn link(&mut self, node: u32, tick: u64) {
        // What lies beyond the last circle waits at its end and is looked at anew then.
        let near = tick.clamp(self.now, self.now + MOST_AHEAD);
        let circle = (0..CIRCLES - 1)
            .find(|circle| (near >> (BITS * *circle as u32)) - (self.now >> (BITS * *circle as u32)) < SLOTS)
            .unwrap_or(CIRCLES - 1);
        let shift = BITS * circle as u32;
        self.next = self.next.min((near >> shift) << shift);
        let slot = (near >> shift) % SLOTS;
        self.occupied[circle] |= 1 << slot;
        let head = (circle as u64 * SLOTS + slot) as u32;
        let last = self.node(head).previous;
        *self.node(node) = Node { previous: last, next: head, tick };
        self.node(last).next = node;
        self.node(head).previous = node;
    }

    fn unlink(&mut self, node: u32) {
        let Node { previous, next, .. } = *self.node(node);
        self.node(previous).next = next;
        self.node(next).previous = previous;
        *self.node(node) = Node::alone(node);
        if previous == next && previous < BUCKETS {
            let (circle, slot) = (u64::from(previous) / SLOTS, u64::from(previous) % SLOTS);
            self.occupied[circle as usize] &= !(1 << slot);
        }
    }

    fn node(&mut self, index: u32) -> &mut Node {
        &mut self.nodes[index as usize]
    }
}

impl Node {
    fn alone(index: u32) -> Node {
        Node { previous: index, next: index, tick: 0 }
    }
}

/// For so many there is room from the start. It is memory that is not touched, and from this size on it grows by pages,
/// which leaves no holes behind.
const NODES: usize = 16 << 10;

const BITS: u32 = 6;
const SLOTS: u64 = 1 << BITS;
/// The last circle spans 12 days.
const CIRCLES: usize = 5;
const BUCKETS: u32 = CIRCLES as u32 * SLOTS as u32;
/// No tick that comes.
const NEVER: u64 = u64::MAX;
/// One bucket less than the last circle has, so that none is taken for the one that it is now.
const MOST_AHEAD: u64 = (SLOTS - 1) << (BITS * (CIRCLES as u32 - 1));

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::system;

    fn due(wheel: &mut Wheel, now: Instant) -> Vec<u32> {
        std::iter::from_fn(|| wheel.pop(now)).collect()
    }

    #[test]
    fn an_alarm_comes_once_and_neither_early_nor_late() {
        let start = system::now();
        for millis in [0, 1, 63, 64, 65, 4095, 4096, 20_000, 300_000, 20_000_000, 2_000_000_000] {
            let mut wheel = Wheel::new(start);
            let at = start + Duration::from_millis(millis);
            wheel.set(7, at);
            assert_eq!(wheel.alarm(7), Some(at));
            // As the loop does it: sleeps until the wheel wants to be asked.
            let mut now = start;
            let mut asked = 0;
            while due(&mut wheel, now).is_empty() {
                let next = wheel.next().unwrap();
                assert!(next > now && next <= at, "{millis} ms");
                now = next;
                asked += 1;
            }
            assert_eq!(now, at);
            assert!(asked < 100, "{asked} looks for {millis} ms");
            assert_eq!((wheel.next(), wheel.alarm(7)), (None, None));
        }
    }

    #[test]
    fn a_fraction_of_a_millisecond_is_waited_for() {
        let start = system::now();
        let mut wheel = Wheel::new(start);
        wheel.set(0, start + Duration::from_micros(1500));
        assert_eq!(wheel.pop(start + Duration::from_millis(1)), None);
        assert_eq!(wheel.pop(start + Duration::from_millis(2)), Some(0));
    }

    #[test]
    fn it_agrees_with_a_list_however_alarms_are_set_and_taken_back() {
        let start = system::now();
        let mut random = StdRng::seed_from_u64(7);
        let mut wheel = Wheel::new(start);
        let mut list = [None; 50];
        let mut now = start;
        for _ in 0..20_000 {
            let key = random.random_range(0..50);
            let magnitude = random.random_range(0..24);
            let at = now + Duration::from_millis(random.random_range(0..1 << magnitude));
            match random.random_range(0..4) {
                0 => {
                    wheel.unset(key);
                    list[key as usize] = None;
                }
                1 => now += Duration::from_millis((at - now).as_millis() as u64 / 64),
                _ => {
                    wheel.set(key, at);
                    list[key as usize] = Some(at);
                }
            }
            let mut found = due(&mut wheel, now);
            found.sort_unstable();
            let expected: Vec<_> =
                (0..50).filter(|key| list[*key as usize].is_some_and(|at| at <= now)).collect();
            assert_eq!(found, expected);
            for key in found {
                list[key as usize] = None;
            }
            let earliest = list.iter().flatten().min().map(|at| *at + Duration::from_millis(1));
            assert_eq!(wheel.next().is_some(), earliest.is_some());
            assert!(wheel.next() < earliest || earliest.is_none());
        }
    }

    #[test]
    fn an_alarm_that_has_passed_when_it_is_set_comes_at_once() {
        let start = system::now();
        let mut wheel = Wheel::new(start);
        let later = start + Duration::from_secs(100);
        assert_eq!(wheel.pop(later), None);
        wheel.set(3, start);
        assert!(wheel.next().unwrap() <= later);
        assert_eq!(wheel.pop(later), Some(3));
    }
}
