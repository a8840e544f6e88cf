//! The time that is measured: first the warm-up, then the measurement.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bench::measurement::Measurement;
use hdrhistogram::Histogram;

use crate::{args::Args, server::Server};

/// Counts what is done.
#[derive(Debug)]
pub(crate) struct Round {
    server: Server,
    measured: Duration,
    /// So many messages are waited for: every connection should have had its turn.
    least: u64,
    begins: Instant,
    /// CPU time of the server when the measurement began; `None` before.
    cpu_before: Option<u64>,
    messages: u64,
    latencies: Histogram<u64>,
}

impl Round {
    /// The warm-up begins.
    pub(crate) fn new(args: &Args) -> Round {
        let latencies =
            Histogram::new_with_bounds(1, LONGEST_NANOS, DIGITS).expect("the bounds are in order");
        Round {
            server: Server(args.server),
            measured: args.measured(),
            least: (args.connections * args.batch) as u64,
            begins: Instant::now() + args.warm_up(),
            cpu_before: None,
            messages: 0,
            latencies,
        }
    }

    /// Counts messages that took as long.
    pub(crate) fn count(&mut self, messages: usize, took: Duration) {
        self.count_only(messages);
        self.took(took);
    }

    /// Counts messages of which it is not known how long they took.
    pub(crate) fn count_only(&mut self, messages: usize) {
        if self.cpu_before.is_some() {
            self.messages += messages as u64;
        }
    }

    /// Something took as long.
    pub(crate) fn took(&mut self, took: Duration) {
        if self.cpu_before.is_some() {
            self.latencies.saturating_record(took.as_nanos().try_into().unwrap_or(LONGEST_NANOS));
        }
    }

    /// Looks at the clock; what was measured, once it is over.
    pub(crate) fn tick(&mut self, now: Instant) -> anyhow::Result<Option<Measurement>> {
        let Some(cpu_before) = self.cpu_before else {
            if now >= self.begins {
                self.begins = now;
                self.cpu_before = Some(self.server.cpu_nanos()?);
            }
            return Ok(None);
        };
        let passed = now - self.begins;
        if passed < self.measured || self.messages < self.least {
            let (messages, least) = (self.messages, self.least);
            ensure!(passed < LONGEST, "{messages} messages came back in {passed:.1?}, {least} are needed");
            return Ok(None);
        }
        Ok(Some(Measurement {
            messages: self.messages,
            seconds: passed.as_secs_f64(),
            cpu_nanos: self.server.cpu_nanos()? - cpu_before,
            p50_nanos: self.latencies.value_at_quantile(0.5),
            p99_nanos: self.latencies.value_at_quantile(0.99),
            idle_bytes: 0.0,
        }))
    }
}

/// How long a round may be.
const LONGEST: Duration = Duration::from_secs(15);
const LONGEST_NANOS: u64 = 60_000_000_000;
const DIGITS: u8 = 3;
