//! What is to be done, settled before the first connection.

use std::{thread, time::Duration};

use carrick::{ClientBuilder, protocol::Kind};

use super::schedule::Extent;
use crate::args::Size;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// For people.
    pub(crate) url: String,
    pub(crate) builder: ClientBuilder,
    pub(crate) connections: usize,
    /// Connections to begin per second.
    pub(crate) ramp: Option<f64>,
    pub(crate) threads: usize,
    pub(crate) sizes: Vec<Size>,
    pub(crate) kind: Kind,
    /// Most messages that wait for their reply on a connection.
    pub(crate) pipeline: usize,
    /// Messages per second over all connections.
    pub(crate) rate: Option<f64>,
    pub(crate) warm_up: Duration,
    /// One of these two is there.
    pub(crate) duration: Option<Duration>,
    pub(crate) count: Option<u64>,
    pub(crate) reply_timeout: Duration,
    /// Whether replies have to be what was sent.
    pub(crate) check: bool,
}

impl Plan {
    pub(super) fn extent(&self) -> Extent {
        Extent { warm_up: self.warm_up, duration: self.duration, count: self.count }
    }
}

/// One less than there are processors, which is left to the server if that is on the same machine.
pub(crate) fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, |processors| processors.get().saturating_sub(1).max(1))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One connection, no warm-up, and neither a duration nor a count.
    pub(in crate::bench) fn plan() -> Plan {
        Plan {
            url: "ws://127.0.0.1/".to_owned(),
            builder: ClientBuilder::new("ws://127.0.0.1/").unwrap(),
            connections: 1,
            ramp: None,
            threads: 1,
            sizes: Vec::new(),
            kind: Kind::Binary,
            pipeline: 1,
            rate: None,
            warm_up: Duration::ZERO,
            duration: None,
            count: None,
            reply_timeout: Duration::from_secs(10),
            check: true,
        }
    }
}
