//! `carrick bench`.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use clap::{Args as ClapArgs, ValueEnum, value_parser};

use super::{opening::Opening, parse};
use crate::exit;

#[derive(Debug, ClapArgs)]
#[command(after_help = after_help())]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) opening: Opening,

    #[command(flatten)]
    pub(crate) load: Load,

    #[command(flatten)]
    pub(crate) report: Report,
}

/// What is sent, and how much of it.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Load")]
pub(crate) struct Load {
    /// Connections that are open at the same time
    #[arg(short = 'c', long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) connections: u32,

    /// Connections to begin per second. Without it as many as the server takes, of which 128 are on their way at a time
    #[arg(long, value_name = "N", value_parser = per_second)]
    pub(crate) ramp: Option<f64>,

    /// Seconds to measure each size for; with --count at most so long. Without both it is 10
    #[arg(short = 'd', long, value_name = "SECONDS", value_parser = up_to_a_day)]
    pub(crate) duration: Option<Duration>,

    /// Messages to measure of each size, over all connections
    #[arg(short = 'n', long, value_name = "N", value_parser = value_parser!(u64).range(1..=MOST_MESSAGES))]
    pub(crate) count: Option<u64>,

    /// Seconds of the same load before the measurement, which do not count
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = parse::seconds)]
    pub(crate) warm_up: Duration,

    /// Bytes of a message, for example 125, 16K or 1M; of several, as in 20,1K,16K, one is measured after the other
    #[arg(long = "size", value_name = "SIZES", default_value = "20", value_delimiter = ',')]
    pub(crate) sizes: Vec<Size>,

    /// Send text messages; without it they are binary
    #[arg(long)]
    pub(crate) text: bool,

    /// Messages that wait for their reply on a connection at the same time, at most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) pipeline: u32,

    /// Send so many messages per second over all connections, each at its time. Without it the next message leaves when
    /// a reply has come
    #[arg(short = 'r', long, value_name = "N", value_parser = per_second)]
    pub(crate) rate: Option<f64>,

    /// Threads that send and receive. Without it one less than there are processors, and at least one
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,

    /// Seconds to wait for a reply before the connection is given up
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = up_to_a_day)]
    pub(crate) reply_timeout: Duration,

    /// Take any message for a reply. Without it the first reply on each connection has to be equal to what was sent, and
    /// the others have to be of the same kind and length
    #[arg(long)]
    pub(crate) no_check: bool,

    /// Do not compress messages (permessage-deflate)
    #[arg(long)]
    pub(crate) no_deflate: bool,
}

/// How it is told.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Report")]
pub(crate) struct Report {
    /// What is printed
    #[arg(short = 'O', long, value_enum, default_value_t = BenchOutput::Text)]
    pub(crate) output: BenchOutput,

    /// Write a page with plots of latency and throughput to this file too
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchOutput {
    /// A table
    Text,
    /// One JSON object, times in microseconds
    Json,
}

/// How long a message is: `0 <= bytes <= 1 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: usize,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let (digits, unit) = match text.char_indices().next_back() {
            Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
            Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
            _ => (text, 1),
        };
        let bytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
        match bytes {
            Some(bytes) if bytes <= MOST_BYTES => Ok(Size { bytes }),
            Some(bytes) => Err(format!("{bytes} bytes are too many, limit is {MOST_BYTES}")),
            None => Err("not a number of bytes, for example 125, 16K or 1M".to_owned()),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes {
            bytes if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => write!(f, "{} MiB", bytes >> 20),
            bytes if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => write!(f, "{} KiB", bytes >> 10),
            bytes => write!(f, "{bytes} B"),
        }
    }
}

fn per_second(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (LEAST_PER_SECOND..=MOST_PER_SECOND).contains(&number) => Ok(number),
        _ => Err(format!("not a number from {LEAST_PER_SECOND} to {MOST_PER_SECOND}, for example 5000")),
    }
}

fn up_to_a_day(text: &str) -> Result<Duration, String> {
    match parse::some_seconds(text)? {
        duration if duration <= DAY => Ok(duration),
        duration => Err(format!("{} s are too long, limit is {} s", duration.as_secs(), DAY.as_secs())),
    }
}

fn after_help() -> String {
    format!("{NOTES}\n\n{}", exit::DESCRIPTION)
}

const NOTES: &str = "\
What is measured:
  The server has to send every message back, as `carrick serve` does at /echo.
  A latency is the time from the message to its reply. Messages are made of
  random words; --no-deflate leaves out what compressing them costs.

  Without --rate a connection sends its next message when a reply has come
  (closed loop). That finds out how many messages a server can do. A server
  that pauses is sent nothing meanwhile, so its pauses hardly show in the
  percentiles.

  With --rate every message has its time, whatever the server does, and its
  latency counts from that time on, also when it had to wait for replies that
  were late. So a pause shows in all messages that were due in it: the figures
  are corrected for coordinated omission. What is due takes turns over the
  connections. `sent late` tells how late this machine itself was with messages
  that had to wait for nothing; where that is not small beside the latencies,
  use more --threads or another machine.

  A handshake is DNS, TCP, TLS and the opening handshake together. MB/s counts
  what the messages carry, in one direction. Ctrl-C ends early and prints what
  was measured until then.

Examples:
  carrick bench ws://127.0.0.1:9000/echo
  carrick bench -c 1000 --size 20,1K,16K --html report.html wss://example.org/
  carrick bench --rate 5000 --duration 60 ws://127.0.0.1:9000/echo
  carrick bench --count 100000 --pipeline 32 -O json ws://127.0.0.1:9000/echo";

const DAY: Duration = Duration::from_secs(86_400);
const LEAST_PER_SECOND: f64 = 0.001;
const MOST_PER_SECOND: f64 = 10_000_000.0;
const MOST_BYTES: usize = 1 << 30;
const MOST_MESSAGES: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_may_have_a_unit_and_is_shown_with_the_largest_that_fits() {
        for (text, bytes, shown) in [
            ("0", 0, "0 B"),
            ("125", 125, "125 B"),
            ("1K", 1 << 10, "1 KiB"),
            ("16k", 16 << 10, "16 KiB"),
            ("1025", 1025, "1025 B"),
            ("1M", 1 << 20, "1 MiB"),
            ("1536K", 1536 << 10, "1536 KiB"),
            ("1024M", 1 << 30, "1024 MiB"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.bytes, &*size.to_string()), (bytes, shown));
        }
        for text in ["", "K", "-1", "1.5K", "1G", "1KK", "99999999999999999999M"] {
            assert!(text.parse::<Size>().unwrap_err().starts_with("not a number of bytes"), "{text}");
        }
        let error = "1025M".parse::<Size>().unwrap_err();
        assert_eq!(error, "1074790400 bytes are too many, limit is 1073741824");
    }

    #[test]
    fn a_rate_is_positive_and_finite() {
        assert_eq!(per_second("0.5"), Ok(0.5));
        for text in ["0", "-1", "inf", "NaN", "1e8", "fast"] {
            assert!(per_second(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_is_the_longest_time() {
        assert_eq!(up_to_a_day("86400"), Ok(DAY));
        assert!(up_to_a_day("86401").is_err() && up_to_a_day("0").is_err());
    }
}
