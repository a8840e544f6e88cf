//! One timer for all connections of a server.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Instant,
};

use tokio::{sync::Notify, time};

use super::stop::Stop;
use crate::system;

/// Wakes each connection at the time that it has asked for.
///
/// A timer of tokio takes 128 bytes of each connection, this 24. It is exact too: one such timer runs for the earliest
/// of all alarms. Whoever owns the connections has to [`ring`](Alarms::ring); when that ends, so do the alarms, and
/// connections that live on take timers of their own.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    state: Mutex<State>,
    /// Told when an alarm is earlier than all others.
    earlier: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: BinaryHeap<Reverse<Alarm>>,
    /// How long `queue` may become before the alarms of connections that are gone are thrown out.
    tidy_length: usize,
    /// Whether somebody rings.
    ringing: bool,
}

#[derive(Debug)]
struct Alarm {
    at: Instant,
    whom: Weak<Stop>,
}

impl Alarms {
    /// Rings for `whom` at `at`; `false` if nobody will.
    pub(super) fn set(&self, at: Instant, whom: &Arc<Stop>) -> bool {
        let mut state = self.state();
        if !state.ringing {
            return false;
        }
        if state.queue.len() >= state.tidy_length {
            state.queue.retain(|Reverse(alarm)| alarm.whom.strong_count() > 0);
            state.tidy_length = (state.queue.len() * 2).max(LEAST_TIDY_LENGTH);
        }
        let is_earlier = state.queue.peek().is_none_or(|Reverse(first)| at < first.at);
        state.queue.push(Reverse(Alarm { at, whom: Arc::downgrade(whom) }));
        drop(state);
        if is_earlier {
            self.earlier.notify_one();
        }
        true
    }

    /// Rings until it is dropped. What lives on then is woken to take a timer of its own.
    pub(crate) async fn ring(&self) -> Infallible {
        self.state().ringing = true;
        let _ending = Ending(self);
        loop {
            let next = self.wake_due();
            let earlier = self.earlier.notified();
            match next {
                Some(at) => {
                    // Ready either way is reason enough to look again.
                    let _ = time::timeout_at(time::Instant::from_std(at), earlier).await;
                }
                None => earlier.await,
            }
        }
    }

    /// Wakes those whose time has come; tells when the next will.
    fn wake_due(&self) -> Option<Instant> {
        let now = system::now();
        loop {
            let mut state = self.state();
            let Reverse(first) = state.queue.peek()?;
            if first.at > now {
                return Some(first.at);
            }
            let due = state.queue.pop();
            drop(state);
            if let Some(Reverse(alarm)) = due
                && let Some(stop) = alarm.whom.upgrade()
            {
                stop.ring(alarm.at);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody rings any more.
struct Ending<'a>(&'a Alarms);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let queue = std::mem::take(&mut *self.0.state()).queue;
        for stop in queue.into_iter().filter_map(|Reverse(alarm)| alarm.whom.upgrade()) {
            stop.wake();
        }
    }
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Alarm) -> bool {
        self.at == other.at
    }
}

impl Eq for Alarm {}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Alarm) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alarm {
    fn cmp(&self, other: &Alarm) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

const LEAST_TIDY_LENGTH: usize = 64;

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll, time::Duration};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Waits until an alarm for `at` has rung; `false` if nobody rings.
    async fn alarm(stop: &Arc<Stop>, at: Instant) -> bool {
        poll_fn(|cx| {
            let waits = stop.is_armed(at, cx.waker());
            if !waits && system::now() >= at {
                return Poll::Ready(true);
            }
            if waits || stop.arm(at) { Poll::Pending } else { Poll::Ready(false) }
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn alarms_ring_in_the_order_of_their_times_whatever_the_order_of_setting_them() {
        let alarms = Arc::new(Alarms::default());
        let stop = || Arc::new(Stop::with_alarms(Arc::clone(&alarms)));
        let start = system::now();
        assert!(!alarm(&stop(), start + SECOND).await, "nobody rings yet");
        let heard = Mutex::new(Vec::new());
        let wait = async |seconds: u32| {
            assert!(alarm(&stop(), start + seconds * SECOND).await);
            heard.lock().unwrap().push((seconds, (system::now() - start).as_secs()));
        };
        tokio::select! {
            biased;
            never = alarms.ring() => match never {},
            _ = async { tokio::join!(wait(3), wait(1), wait(2)) } => {}
        }
        assert_eq!(*heard.lock().unwrap(), [(1, 1), (2, 2), (3, 3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn alarms_of_connections_that_are_gone_are_thrown_out() {
        let alarms = Arc::new(Alarms::default());
        let at = system::now() + SECOND;
        let many = async {
            for _ in 0..10 * LEAST_TIDY_LENGTH {
                assert!(Arc::new(Stop::with_alarms(Arc::clone(&alarms))).arm(at));
            }
        };
        tokio::select! {
            biased;
            never = alarms.ring() => match never {},
            () = many => {}
        }
        assert!(alarms.state().queue.capacity() <= 4 * LEAST_TIDY_LENGTH);
        assert!(Arc::strong_count(&alarms) == 1, "an alarm keeps no connection");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_when_the_ringing_ends_is_woken() {
        let alarms = Arc::new(Alarms::default());
        let stop = Arc::new(Stop::with_alarms(Arc::clone(&alarms)));
        let waiting = tokio::spawn(async move { alarm(&stop, system::now() + 60 * SECOND).await });
        let ringing = tokio::spawn({
            let alarms = Arc::clone(&alarms);
            async move { match alarms.ring().await {} }
        });
        tokio::time::timeout(SECOND, std::future::pending::<()>()).await.unwrap_err();
        ringing.abort();
        assert!(!waiting.await.unwrap());
    }
}
