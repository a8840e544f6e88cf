//! The only clock, and the only place that asks the operating system for anything but I/O.

use std::time::Instant;

/// The time now, on the clock that the timers run by: a test that stops tokio's clock stops this one.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
