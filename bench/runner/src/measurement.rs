//! What the load generator found out, as one line of JSON on its standard output.

use serde::{Deserialize, Serialize};

/// One round of one row with one peer. What a row does not measure is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Messages that came back (fan-out: were delivered), or handshakes.
    pub messages: u64,
    /// How long that took.
    pub seconds: f64,
    /// CPU time of the server meanwhile.
    pub cpu_nanos: u64,
    /// Half of the messages took at most so long.
    pub p50_nanos: u64,
    /// All but one of a hundred messages took at most so long.
    pub p99_nanos: u64,
    /// User memory that each connection took.
    pub idle_bytes: f64,
}

impl Measurement {
    /// CPU time of the server for each message.
    #[must_use]
    pub fn cpu_per_message(&self) -> f64 {
        self.cpu_nanos as f64 / self.messages.max(1) as f64
    }

    /// Messages in a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.messages as f64 / self.seconds } else { 0.0 }
    }
}
