//! What was measured of one size: by one thread, and added up by all.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::timeline::Timeline;

/// Latencies and counts. Only what was due in the measurement is here; the replies of `timeline` may be to messages of
/// the warm-up.
#[derive(Debug)]
pub(super) struct Tally {
    /// Nanoseconds from a message to its reply; with a fixed rate from when it was due.
    pub(super) latency: Times,
    /// Nanoseconds by which messages that had to wait for no reply left late. Empty without a fixed rate.
    pub(super) late: Times,
    /// Replies within the measurement.
    pub(super) replies: u64,
    pub(super) timeline: Timeline,
    /// Messages whose reply did not come.
    pub(super) unanswered: u64,
    /// Messages that were due and were not sent in time.
    pub(super) unsent: u64,
    /// When the last reply came, from the start of the measurement on.
    pub(super) last: Duration,
}

impl Tally {
    pub(super) fn new() -> Tally {
        Tally {
            latency: Times::new(),
            late: Times::new(),
            replies: 0,
            timeline: Timeline::default(),
            unanswered: 0,
            unsent: 0,
            last: Duration::ZERO,
        }
    }

    /// A reply came within the measurement, so long after its start.
    pub(super) fn reply(&mut self, after: Duration) {
        self.replies += 1;
        self.timeline.count(after);
        self.last = self.last.max(after);
    }

    pub(super) fn add(&mut self, other: &Tally) {
        self.latency.add(&other.latency);
        self.late.add(&other.late);
        self.replies += other.replies;
        self.timeline.add(&other.timeline);
        self.unanswered += other.unanswered;
        self.unsent += other.unsent;
        self.last = self.last.max(other.last);
    }
}

/// Times, each within a thousandth of its size.
#[derive(Clone, Debug)]
pub(super) struct Times {
    nanoseconds: Histogram<u64>,
}

impl Times {
    pub(super) fn new() -> Times {
        let nanoseconds = Histogram::new_with_bounds(1, LONGEST, 3);
        Times { nanoseconds: nanoseconds.expect("the bounds are constants that hdrhistogram takes") }
    }

    /// Times beyond a day and a bit count as that.
    pub(super) fn record(&mut self, time: Duration) {
        self.nanoseconds.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(LONGEST));
    }

    pub(super) fn add(&mut self, other: &Times) {
        // They have the same bounds, so it cannot fail.
        let _ = self.nanoseconds.add(&other.nanoseconds);
    }

    pub(super) fn count(&self) -> u64 {
        self.nanoseconds.len()
    }

    /// A time that so many of a hundred do not exceed; `None` if there are none at all.
    pub(super) fn percentile(&self, percentile: f64) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.nanoseconds.value_at_percentile(percentile)))
    }

    pub(super) fn min(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.nanoseconds.min()))
    }

    pub(super) fn mean(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.nanoseconds.mean() as u64))
    }
}

/// In nanoseconds: 100,000 s.
const LONGEST: u64 = 100_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_all_that_were_added() {
        let (mut one, mut other) = (Tally::new(), Tally::new());
        for milliseconds in 1..=99 {
            one.latency.record(Duration::from_millis(milliseconds));
        }
        other.latency.record(Duration::from_secs(3));
        other.reply(Duration::from_secs(4));
        one.add(&other);
        let is_about = |percentile, expected: Duration| {
            let found = one.latency.percentile(percentile).unwrap();
            found.abs_diff(expected) < expected / 500
        };
        assert!(is_about(50.0, Duration::from_millis(50)));
        assert!(is_about(90.0, Duration::from_millis(90)));
        assert!(is_about(100.0, Duration::from_secs(3)));
        assert_eq!((one.latency.count(), one.replies, one.last), (100, 1, Duration::from_secs(4)));
    }

    #[test]
    fn there_are_no_percentiles_of_nothing_and_no_time_is_too_long() {
        let mut times = Times::new();
        assert_eq!((times.percentile(50.0), times.min(), times.mean()), (None, None, None));
        times.record(Duration::MAX);
        times.record(Duration::ZERO);
        assert_eq!(times.count(), 2);
        assert!(times.percentile(100.0).unwrap() >= Duration::from_secs(99_000));
    }
}
