//! Clients that take back what they have asked for, all the time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::multiplexed::Outcome;
use crate::{
    system,
    transport::{FirstSign, Lookout},
};

/// How much more a client has taken back on its connection than it has used.
///
/// A client may change its mind now and then. One that does so all the time makes us work for nothing, and no limit of streams
/// bounds that work (rapid reset, CVE-2023-44487). What it has taken back is counted in the time after which it is
/// forgiven.
#[derive(Debug)]
pub(super) struct Haste {
    /// When all of it is forgiven.
    forgiven_at: Mutex<Instant>,
}

impl Haste {
    pub(super) fn new() -> Arc<Haste> {
        Arc::new(Haste { forgiven_at: Mutex::new(system::now()) })
    }

    /// Takes in what became of a request.
    pub(super) fn note(&self, outcome: Outcome) {
        match outcome {
            Outcome::TakenBack => {
                self.change(|ahead| ahead + REQUEST);
            }
            Outcome::Answered => self.forgive(),
            // Its first sign tells.
            Outcome::Opened => {}
        }
    }

    /// Who is to be told of the first sign on a WebSocket that is about to open.
    pub(super) fn lookout(self: &Arc<Haste>) -> Lookout {
        let (haste, opened) = (Arc::clone(self), system::now());
        Lookout::new(move |sign| match sign {
            FirstSign::Used => haste.forgive(),
            FirstSign::TakenBack if system::now() <= opened + RIGHT_BEHIND => {
                haste.change(|ahead| ahead + WEBSOCKET);
            }
            // It has waited for something that it would have been sent.
            FirstSign::TakenBack => {}
        })
    }

    /// Whether it is more than anybody may.
    pub(super) fn is_too_much(&self) -> bool {
        self.change(|ahead| ahead) > MOST
    }

    fn forgive(&self) {
        self.change(|ahead| ahead.saturating_sub(REQUEST));
    }

    /// Changes how long it takes until all of it is forgiven, and tells how long that is then.
    fn change(&self, change: impl FnOnce(Duration) -> Duration) -> Duration {
        let now = system::now();
        let mut forgiven_at = self.forgiven_at.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = change(forgiven_at.saturating_duration_since(now));
        *forgiven_at = now + ahead;
        ahead
    }
}

/// For a request that is taken back before its answer.
const REQUEST: Duration = Duration::from_millis(400);

/// For a WebSocket that is taken back right behind its answer, with nothing sent on it: its client may have waited for the
/// answer, as one that opens a few hundred and drops them does.
const WEBSOCKET: Duration = Duration::from_millis(100);

/// What is open for longer than that was wanted, though nothing is sent on it: a feed is.
const RIGHT_BEHIND: Duration = Duration::from_secs(1);

/// 200 requests, or 800 WebSockets.
const MOST: Duration = Duration::from_secs(80);

#[cfg(test)]
mod tests {
    use std::{io, task::Poll};

    use tokio::time::advance;

    use super::*;

    const TAKEN_BACK: Poll<io::Result<()>> = Poll::Ready(Ok(()));

    #[tokio::test(start_paused = true)]
    async fn two_hundred_requests_may_be_taken_back_beyond_those_that_were_answered() {
        let haste = Haste::new();
        haste.note(Outcome::Answered);
        for _ in 0..200 {
            haste.note(Outcome::TakenBack);
            haste.note(Outcome::Opened);
        }
        assert!(!haste.is_too_much());
        haste.note(Outcome::TakenBack);
        assert!(haste.is_too_much());
        haste.note(Outcome::Answered);
        assert!(!haste.is_too_much());
        haste.note(Outcome::TakenBack);
        advance(REQUEST).await;
        assert!(!haste.is_too_much());
    }

    #[tokio::test(start_paused = true)]
    async fn websockets_that_are_taken_back_at_once_count_for_a_quarter() {
        let haste = Haste::new();
        for _ in 0..800 {
            haste.lookout().note_read(&TAKEN_BACK, 0);
        }
        assert!(!haste.is_too_much());
        haste.lookout().note_written(&Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())));
        assert!(haste.is_too_much());
        haste.lookout().note_read(&TAKEN_BACK, 1);
        assert!(!haste.is_too_much());
    }

    #[tokio::test(start_paused = true)]
    async fn websockets_that_are_used_or_open_for_a_while_do_not_count() {
        let haste = Haste::new();
        let mut old: Vec<_> = (0..1000).map(|_| haste.lookout()).collect();
        advance(RIGHT_BEHIND + Duration::from_millis(1)).await;
        for lookout in &mut old {
            lookout.note_read(&Poll::Pending, 0);
            lookout.note_read(&TAKEN_BACK, 0);
        }
        for _ in 0..1000 {
            let mut lookout = haste.lookout();
            lookout.note_read(&Poll::Pending, 1);
            lookout.note_read(&TAKEN_BACK, 0);
        }
        assert_eq!(haste.change(|ahead| ahead), Duration::ZERO);
    }
}
