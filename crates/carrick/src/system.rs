//! The only clock, and the only place that asks the operating system for anything but I/O.

use std::time::Instant;

/// The time now, on the clock that the timers run by: a test that stops tokio's clock stops this one.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What an environment variable says; `None` if it is not set, or says no text.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
