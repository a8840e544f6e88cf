//! When each message of a fixed rate is due.

use std::time::Duration;

/// The messages of all connections in the order of their times, numbered from 0. They take turns over the connections:
/// with three of them, the second has the messages 1, 4, 7 and so on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    per_second: f64,
    connections: u64,
    /// The first message that counts. Those before it are the warm-up.
    first: u64,
    /// The number behind that of the last message. `first <= end`
    end: u64,
}

/// How many messages there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) warm_up: Duration,
    /// `None` for as long as `count` takes.
    pub(super) duration: Option<Duration>,
    /// How many count. One of the two is there.
    pub(super) count: Option<u64>,
}

impl Schedule {
    pub(super) fn new(per_second: f64, connections: u64, extent: Extent) -> Schedule {
        let first = before(extent.warm_up, per_second);
        let by_time = extent.duration.map(|duration| before(extent.warm_up + duration, per_second));
        let by_count = extent.count.map(|count| first.saturating_add(count));
        let end = by_time.into_iter().chain(by_count).min().unwrap_or(first);
        Schedule { per_second, connections: connections.max(1), first, end: end.max(first) }
    }

    /// The number of the message that is the `turn`th of a connection, from 0; `None` behind the last one.
    pub(super) fn message(&self, connection: u64, turn: u64) -> Option<u64> {
        let number = turn.checked_mul(self.connections)?.checked_add(connection)?;
        (number < self.end).then_some(number)
    }

    /// How many messages that count a connection has from this one of its own on.
    pub(super) fn remaining(&self, message: u64) -> u64 {
        let turns_before = self.first.saturating_sub(message).div_ceil(self.connections);
        self.end.saturating_sub(message).div_ceil(self.connections).saturating_sub(turns_before)
    }

    /// When a message is due, from the start on.
    pub(super) fn due(&self, message: u64) -> Duration {
        seconds(message as f64 / self.per_second)
    }

    /// Whether a message counts, or belongs to the warm-up.
    pub(super) fn is_measured(&self, message: u64) -> bool {
        message >= self.first
    }

    /// The connection that has a message.
    pub(super) fn connection(&self, message: u64) -> u64 {
        message % self.connections
    }

    /// The number behind that of the last message.
    pub(super) fn end(&self) -> u64 {
        self.end
    }
}

/// How many messages are due before a time.
fn before(time: Duration, per_second: f64) -> u64 {
    (time.as_secs_f64() * per_second).ceil() as u64
}

/// Far beyond every duration that can be asked for, numbers of messages are still exact and their times finite.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(warm_up: u64, duration: Option<u64>, count: Option<u64>) -> Extent {
        let duration = duration.map(Duration::from_millis);
        Extent { warm_up: Duration::from_millis(warm_up), duration, count }
    }

    #[test]
    fn messages_take_turns_over_the_connections_at_even_times() {
        let schedule = Schedule::new(100.0, 3, extent(0, Some(100), None));
        let times = |connection| {
            let messages = (0..).map_while(move |turn| schedule.message(connection, turn));
            messages.map(|message| schedule.due(message).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(times(0), [0, 30, 60, 90]);
        assert_eq!(times(1), [10, 40, 70]);
        assert_eq!(times(2), [20, 50, 80]);
        assert_eq!(schedule.end(), 10);
        assert_eq!((0..4).map(|message| schedule.connection(message)).collect::<Vec<_>>(), [0, 1, 2, 0]);
    }

    #[test]
    fn what_is_due_in_the_warm_up_does_not_count() {
        let schedule = Schedule::new(10.0, 1, extent(250, Some(1000), None));
        assert!(!schedule.is_measured(2) && schedule.is_measured(3));
        assert_eq!(schedule.end(), 13);
    }

    #[test]
    fn the_end_is_what_comes_first_of_the_time_and_the_count() {
        let end = |duration, count| Schedule::new(10.0, 1, extent(500, duration, count)).end();
        assert_eq!(end(Some(1000), Some(3)), 8);
        assert_eq!(end(Some(1000), Some(30)), 15);
        assert_eq!(end(None, Some(30)), 35);
        assert_eq!(end(None, None), 5);
    }

    #[test]
    fn what_remains_of_a_connection_is_counted_from_its_next_message_on() {
        let schedule = Schedule::new(10.0, 3, extent(0, None, Some(10)));
        assert_eq!([0, 3, 9, 12].map(|message| schedule.remaining(message)), [4, 3, 1, 0]);
        assert_eq!([1, 7, 10].map(|message| schedule.remaining(message)), [3, 1, 0]);
        let warm = Schedule::new(10.0, 3, extent(500, None, Some(10)));
        assert_eq!([0, 3, 6, 15].map(|message| warm.remaining(message)), [3, 3, 3, 0]);
        assert_eq!([1, 4, 5].map(|message| warm.remaining(message)), [3, 3, 4]);
    }

    #[test]
    fn a_slow_rate_and_a_long_time_do_not_overflow() {
        let schedule = Schedule::new(0.001, 1, extent(0, None, Some(u64::MAX)));
        assert_eq!(schedule.end(), u64::MAX);
        assert_eq!(schedule.due(1), Duration::from_secs(1000));
        assert!(schedule.due(u64::MAX) > Duration::from_secs(1 << 60));
        assert_eq!(schedule.message(0, u64::MAX), None);
    }
}
