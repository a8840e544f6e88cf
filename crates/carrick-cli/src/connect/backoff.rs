//! How long to wait before the next attempt.

use std::time::Duration;

/// Delays that grow from [`FIRST`] to [`LONGEST`].
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Backoff {
        Backoff { next: FIRST }
    }

    /// The next delay, between half of it and all of it: many clients of a server that restarts do not come at once (RFC
    /// 6455 §7.2.3). `fraction` is from 0 to 1.
    pub(crate) fn delay(&mut self, fraction: f64) -> Duration {
        let delay = self.next;
        self.next = delay.mul_f64(GROWTH).min(LONGEST);
        delay.mul_f64(0.5 + fraction.clamp(0.0, 1.0) / 2.0)
    }

    /// A connection was open: the next loss is a new one.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
const GROWTH: f64 = 1.618;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit_and_start_again_after_a_connection() {
        let mut backoff = Backoff::new();
        let delays: Vec<_> = (0..20).map(|_| backoff.delay(1.0)).collect();
        assert_eq!(delays[0], FIRST);
        assert!(delays.is_sorted());
        assert_eq!(delays[19], LONGEST);
        backoff.reset();
        assert_eq!(backoff.delay(0.0), FIRST / 2);
    }
}
