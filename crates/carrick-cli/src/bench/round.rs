//! One size: when it starts and ends, and who sends what.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{payload::Payload, plan::Plan, schedule::Schedule, tally::Tally};

/// What all connections do until they have nothing more to send. They share it.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) payload: Payload,
    pub(super) schedule: Option<Schedule>,
    /// The start of the warm-up.
    pub(super) begins: Instant,
    /// The start of the measurement. `begins <= from <= until`
    pub(super) from: Instant,
    /// Its end, if time decides.
    pub(super) until: Option<Instant>,
    /// How many messages may still be sent, if their number decides and they have no times.
    budget: Option<AtomicU64>,
    stopped: AtomicBool,
    /// The connections that take part, in ascending order.
    connections: Vec<usize>,
    /// What each thread measured.
    tallies: Vec<Mutex<Tally>>,
}

/// What comes next on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A message that was due then.
    Message { due: Instant, is_measured: bool },
    /// One that is not due yet.
    Later,
    /// Nothing; so many that were due will not be sent any more.
    Nothing { unsent: u64 },
}

impl Round {
    /// It begins now, or as good as now.
    pub(super) fn new(plan: &Plan, payload: Payload, connections: Vec<usize>, now: Instant) -> Round {
        let extent = plan.extent();
        let schedule = plan.rate.map(|rate| Schedule::new(rate, connections.len() as u64, extent));
        // The first messages of a fixed rate shall not be late because a connection is still waking up.
        let begins = if schedule.is_some() { now + LEAD } else { now };
        let from = begins + extent.warm_up;
        Round {
            payload,
            schedule,
            begins,
            from,
            until: extent.duration.map(|duration| from + duration),
            budget: extent.count.map(AtomicU64::new),
            stopped: AtomicBool::new(false),
            connections,
            tallies: (0..plan.threads).map(|_| Mutex::new(Tally::new())).collect(),
        }
    }

    pub(super) fn connections(&self) -> &[usize] {
        &self.connections
    }

    /// Which of the connections that take part this is.
    pub(super) fn place(&self, connection: usize) -> Option<u64> {
        self.connections.binary_search(&connection).ok().map(|place| place as u64)
    }

    /// The next message of the connection at `place`, which has sent `turn` of them. Where nobody waits for a reply
    /// longer than `patience`, what is still to be sent so long after the end is not sent any more.
    pub(super) fn next(&self, place: u64, turn: u64, now: Instant, patience: Duration) -> Next {
        if self.is_stopped() {
            return Next::Nothing { unsent: 0 };
        }
        let Some(schedule) = &self.schedule else { return self.next_at_once(now) };
        let Some(message) = schedule.message(place, turn) else { return Next::Nothing { unsent: 0 } };
        let is_over = |end: Instant| now > end + patience;
        if self.begins.checked_add(schedule.due(schedule.end())).is_some_and(is_over) {
            return Next::Nothing { unsent: schedule.remaining(message) };
        }
        match self.begins.checked_add(schedule.due(message)) {
            Some(due) if due <= now => Next::Message { due, is_measured: schedule.is_measured(message) },
            _ => Next::Later,
        }
    }

    /// How many messages that count the connection at `place` will not send any more, because it is lost.
    pub(super) fn remaining(&self, place: u64, turn: u64) -> u64 {
        let next =
            self.schedule.as_ref().and_then(|schedule| Some((schedule, schedule.message(place, turn)?)));
        next.map_or(0, |(schedule, message)| schedule.remaining(message))
    }

    fn next_at_once(&self, now: Instant) -> Next {
        let is_measured = now >= self.from;
        let is_allowed = self.until.is_none_or(|until| now < until)
            && match &self.budget {
                Some(budget) if is_measured => {
                    let take = |left: u64| left.checked_sub(1);
                    budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
                }
                _ => true,
            };
        if is_allowed { Next::Message { due: now, is_measured } } else { Next::Nothing { unsent: 0 } }
    }

    /// How long after the start of the measurement a moment in it is; `None` outside of it.
    pub(super) fn measured_at(&self, now: Instant) -> Option<Duration> {
        let is_before_end = self.until.is_none_or(|until| now < until);
        now.checked_duration_since(self.from).filter(|_| is_before_end)
    }

    /// Nothing more is sent from now on.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// What this thread measured.
    pub(super) fn tally(&self, thread: usize) -> MutexGuard<'_, Tally> {
        // There is one for each thread. Nobody else waits for it but whoever shows the progress.
        self.tallies[thread].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What all threads measured.
    pub(super) fn total(&self) -> Tally {
        let mut total = Tally::new();
        for thread in 0..self.tallies.len() {
            total.add(&self.tally(thread));
        }
        total
    }

    /// How many replies counted so far.
    pub(super) fn answered(&self) -> u64 {
        (0..self.tallies.len()).map(|thread| self.tally(thread).latency.count()).sum()
    }
}

const LEAD: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use carrick::protocol::Kind;

    use super::*;
    use crate::bench::plan::tests::plan;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn payload() -> Payload {
        Payload::new(Kind::Binary, 20)
    }

    fn is_measured(next: Next) -> Option<bool> {
        match next {
            Next::Message { is_measured, .. } => Some(is_measured),
            Next::Later | Next::Nothing { .. } => None,
        }
    }

    #[test]
    fn a_closed_loop_sends_at_once_until_the_time_is_over() {
        let mut plan = plan();
        plan.warm_up = Duration::from_secs(1);
        plan.duration = Some(Duration::from_secs(2));
        let now = Instant::now();
        let round = Round::new(&plan, payload(), vec![0, 1], now);
        let at =
            |milliseconds| is_measured(round.next(0, 0, now + Duration::from_millis(milliseconds), PATIENCE));
        assert_eq!(
            [0, 999, 1000, 2999, 3000].map(at),
            [Some(false), Some(false), Some(true), Some(true), None]
        );
        assert_eq!(round.measured_at(now + Duration::from_millis(999)), None);
        assert_eq!(round.measured_at(now + Duration::from_secs(2)), Some(Duration::from_secs(1)));
        assert_eq!(round.measured_at(now + Duration::from_secs(3)), None);
    }

    #[test]
    fn a_count_is_shared_by_all_connections() {
        let mut plan = plan();
        plan.count = Some(3);
        let now = Instant::now();
        let round = Round::new(&plan, payload(), vec![4, 9], now);
        let sent = (0..10).filter(|turn| is_measured(round.next(turn % 2, *turn, now, PATIENCE)).is_some());
        assert_eq!(sent.count(), 3);
        assert_eq!((round.place(9), round.place(5)), (Some(1), None));
    }

    #[test]
    fn a_message_of_a_fixed_rate_keeps_its_time_however_late_it_is_sent() {
        let mut plan = plan();
        plan.rate = Some(10.0);
        plan.duration = Some(Duration::from_secs(1));
        let round = Round::new(&plan, payload(), vec![0, 1], Instant::now());
        let begins = round.begins;
        let millisecond = Duration::from_millis(1);
        assert_eq!(round.next(1, 0, begins + 99 * millisecond, PATIENCE), Next::Later);
        let due = Next::Message { due: begins + 100 * millisecond, is_measured: true };
        assert_eq!(round.next(1, 0, begins + 100 * millisecond, PATIENCE), due);
        assert_eq!(round.next(1, 0, begins + 8000 * millisecond, PATIENCE), due);
        assert_eq!(round.next(1, 0, begins + 11_001 * millisecond, PATIENCE), Next::Nothing { unsent: 5 });
        assert_eq!(round.next(1, 5, begins + 8000 * millisecond, PATIENCE), Next::Nothing { unsent: 0 });
        assert_eq!((round.remaining(1, 0), round.remaining(1, 3), round.remaining(0, 5)), (5, 2, 0));
        round.stop();
        assert_eq!(round.next(1, 0, begins + 11_001 * millisecond, PATIENCE), Next::Nothing { unsent: 0 });
    }
}
