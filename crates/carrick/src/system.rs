//! The only clock, and the only place that asks the operating system for anything but I/O.

use std::time::Instant;

/// The time now. It is the clock of the timers, so that it stands still where a test stops them.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The value of an environment variable, if it is set to something that is text.
#[expect(clippy::disallowed_methods)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
