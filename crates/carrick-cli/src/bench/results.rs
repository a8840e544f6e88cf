//! What came out, as it is told.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use carrick::protocol::Kind;

use super::{
    plan::Plan,
    round::Round,
    tally::{Tally, Times},
    trouble::Troubles,
};
use crate::{args::Size, exit::Exit};

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Results {
    pub(super) plan: Arc<Plan>,
    pub(super) opened: Opened,
    pub(super) rounds: Vec<Measured>,
    pub(super) troubles: Troubles,
    pub(super) is_interrupted: bool,
}

/// How the connections were opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) elapsed: Duration,
    pub(super) count: u64,
    /// On how many permessage-deflate was agreed.
    pub(super) compressed: usize,
    pub(super) handshake: Times,
}

/// One size.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) size: Size,
    /// How long the measurement took.
    pub(super) elapsed: Duration,
    pub(super) tally: Tally,
}

impl Results {
    pub(crate) fn exit(&self) -> Exit {
        self.troubles.exit()
    }

    pub(crate) fn hint(&self) -> Option<&str> {
        self.troubles.hint()
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.plan.kind {
            Kind::Text => "text",
            Kind::Binary => "binary",
        }
    }

    /// What was done, in a line.
    pub(super) fn headline(&self) -> String {
        let Plan { url, pipeline, threads, rate, .. } = &*self.plan;
        let load = match rate {
            Some(rate) => format!("{rate} messages per second"),
            None => "closed loop".to_owned(),
        };
        let kind = self.kind();
        let deflate = if self.opened.compressed > 0 { ", permessage-deflate" } else { "" };
        format!(
            "{} to {url}, {load}, {pipeline} outstanding on each, {kind}{deflate}, {}",
            numbered(self.opened.count, "connection"),
            numbered(*threads as u64, "thread"),
        )
    }
}

impl Opened {
    pub(super) fn per_second(&self) -> f64 {
        per_second(self.count, self.elapsed)
    }
}

impl Measured {
    pub(super) fn new(plan: &Plan, round: &Round, size: Size, stopped: Option<Instant>) -> Measured {
        let tally = round.total();
        let ended = stopped.map(|stopped| stopped.saturating_duration_since(round.from));
        // Where the number of messages decides, it ends with the last reply.
        let sent = tally.latency.count() + tally.unanswered + tally.unsent;
        let by_time = plan.duration.filter(|_| plan.count.is_none_or(|count| sent < count));
        let elapsed = ended.into_iter().chain(by_time).min().unwrap_or_default();
        Measured { size, elapsed: elapsed.max(tally.last), tally }
    }

    /// Messages that were answered.
    pub(super) fn messages(&self) -> u64 {
        self.tally.latency.count()
    }

    pub(super) fn per_second(&self) -> f64 {
        per_second(self.tally.replies, self.elapsed)
    }

    /// Millions of payload bytes per second, in one direction.
    pub(super) fn megabytes_per_second(&self) -> f64 {
        self.per_second() * self.size.bytes as f64 / 1e6
    }
}

fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { count as f64 / elapsed.as_secs_f64() }
}

fn numbered(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::{payload::Payload, plan::tests::plan};

    /// Two connections, and one size of which nothing was measured yet but a thousand replies within 2 s.
    pub(in crate::bench) fn results() -> Results {
        let mut handshake = Times::new();
        handshake.record(Duration::from_millis(1));
        handshake.record(Duration::from_millis(3));
        let opened = Opened { elapsed: Duration::from_millis(100), count: 2, compressed: 0, handshake };
        let mut tally = Tally::new();
        for reply in 0..1000 {
            tally.reply(Duration::from_millis(2 * reply));
        }
        let rounds = vec![Measured { size: Size { bytes: 20 }, elapsed: Duration::from_secs(2), tally }];
        let troubles = Troubles::default();
        Results { plan: Arc::new(plan()), opened, rounds, troubles, is_interrupted: false }
    }

    #[test]
    fn the_measurement_takes_its_time_unless_the_messages_end_before_or_it_is_stopped() {
        let elapsed = |duration, count, stopped: Option<u64>| {
            let plan = Plan { duration: Some(Duration::from_secs(duration)), count, ..plan() };
            let round = Round::new(&plan, Payload::new(Kind::Binary, 20), vec![0], Instant::now());
            {
                let mut tally = round.tally(0);
                tally.latency.record(Duration::from_millis(1));
                tally.reply(Duration::from_secs(3));
            }
            let stopped = stopped.map(|seconds| round.from + Duration::from_secs(seconds));
            Measured::new(&plan, &round, Size { bytes: 20 }, stopped).elapsed.as_secs()
        };
        assert_eq!(elapsed(10, None, None), 10);
        assert_eq!(elapsed(10, Some(2), None), 10);
        assert_eq!(elapsed(10, Some(1), None), 3);
        assert_eq!(elapsed(10, None, Some(5)), 5);
        assert_eq!(elapsed(10, None, Some(2)), 3);
    }
}
