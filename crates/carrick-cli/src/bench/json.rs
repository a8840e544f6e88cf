//! The results as one JSON object, times in microseconds.

use std::time::Duration;

use serde::Serialize;

use super::{
    plan::Plan,
    results::{Measured, Results},
    tally::Times,
};

/// A line for standard output.
pub(crate) fn json(results: &Results) -> String {
    serde_json::to_string(&Report::new(results)).unwrap_or_default()
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    url: &'a str,
    connections: usize,
    threads: usize,
    kind: &'static str,
    pipeline: usize,
    /// Messages per second that were asked for.
    rate: Option<f64>,
    deflate: bool,
    warm_up_seconds: f64,
    interrupted: bool,
    opening: Opening,
    rounds: Vec<Round>,
    errors: Vec<Error<'a>>,
}

#[derive(Debug, Serialize)]
struct Opening {
    opened: u64,
    seconds: f64,
    per_second: f64,
    handshake_us: Microseconds,
}

#[derive(Debug, Serialize)]
struct Round {
    bytes: usize,
    seconds: f64,
    messages: u64,
    messages_per_second: f64,
    megabytes_per_second: f64,
    latency_us: Microseconds,
    /// Only with a fixed rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_late_us: Option<Microseconds>,
    unanswered: u64,
    unsent: u64,
    throughput: Throughput,
}

/// `null` where nothing was measured.
#[derive(Debug, Serialize)]
struct Microseconds {
    min: Option<f64>,
    mean: Option<f64>,
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    #[serde(rename = "p99.9")]
    p999: Option<f64>,
    max: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Throughput {
    step_seconds: f64,
    messages: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct Error<'a> {
    error: &'a str,
    count: u64,
}

impl Report<'_> {
    fn new(results: &Results) -> Report<'_> {
        let Plan { url, connections, threads, pipeline, rate, warm_up, .. } = &*results.plan;
        Report {
            url,
            connections: *connections,
            threads: *threads,
            kind: results.kind(),
            pipeline: *pipeline,
            rate: *rate,
            deflate: results.opened.compressed > 0,
            warm_up_seconds: warm_up.as_secs_f64(),
            interrupted: results.is_interrupted,
            opening: Opening {
                opened: results.opened.count,
                seconds: results.opened.elapsed.as_secs_f64(),
                per_second: results.opened.per_second(),
                handshake_us: Microseconds::new(&results.opened.handshake),
            },
            rounds: results.rounds.iter().map(Round::new).collect(),
            errors: results
                .troubles
                .kinds()
                .into_iter()
                .map(|(error, kind)| Error { error, count: kind.count })
                .collect(),
        }
    }
}

impl Round {
    fn new(round: &Measured) -> Round {
        let throughput = round.tally.timeline.condensed(round.elapsed, MOST_STEPS);
        let late = &round.tally.late;
        Round {
            bytes: round.size.bytes,
            seconds: round.elapsed.as_secs_f64(),
            messages: round.messages(),
            messages_per_second: round.per_second(),
            megabytes_per_second: round.megabytes_per_second(),
            latency_us: Microseconds::new(&round.tally.latency),
            sent_late_us: (late.count() > 0).then(|| Microseconds::new(late)),
            unanswered: round.tally.unanswered,
            unsent: round.tally.unsent,
            throughput: Throughput {
                step_seconds: throughput.step.as_secs_f64(),
                messages: throughput.replies,
            },
        }
    }
}

impl Microseconds {
    fn new(times: &Times) -> Microseconds {
        let microseconds = |time: Option<Duration>| time.map(|time| time.as_nanos() as f64 / 1e3);
        let at = |percentile| microseconds(times.percentile(percentile));
        Microseconds {
            min: microseconds(times.min()),
            mean: microseconds(times.mean()),
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p999: at(99.9),
            max: at(100.0),
        }
    }
}

const MOST_STEPS: usize = 100;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json as value};

    use super::*;
    use crate::bench::results::tests::results;

    #[test]
    fn times_are_microseconds_and_null_where_there_are_none() {
        let mut results = results();
        let parsed: Value = serde_json::from_str(&json(&results)).unwrap();
        assert_eq!(parsed["rounds"][0]["latency_us"]["p99.9"], Value::Null);
        assert_eq!(parsed["rounds"][0]["messages_per_second"], value!(500.0));
        assert_eq!(parsed["rounds"][0]["throughput"]["messages"].as_array().unwrap().len(), 20);
        assert!(parsed["rounds"][0].get("sent_late_us").is_none());
        assert!((parsed["opening"]["handshake_us"]["min"].as_f64().unwrap() - 1000.0).abs() < 2.0);
        results.rounds[0].tally.latency.record(Duration::from_micros(100));
        results.rounds[0].tally.late.record(Duration::ZERO);
        let parsed: Value = serde_json::from_str(&json(&results)).unwrap();
        assert!((parsed["rounds"][0]["latency_us"]["p50"].as_f64().unwrap() - 100.0).abs() < 1.0);
        assert!(parsed["rounds"][0]["sent_late_us"]["max"].is_f64());
    }
}
