//! What is typed.

use std::time::Duration;

use anyhow::ensure;

/// Measures echoes through a network of our own that delays, loses and reorders packets, over each version of HTTP.
///
/// It needs Linux, /dev/net/tun, and the right to make network namespaces (CAP_NET_ADMIN and CAP_SYS_ADMIN).
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "cargo xtask loss", bin_name = "cargo xtask loss")]
pub(crate) struct Args {
    /// How many percent of the packets are lost, each way.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) loss: f64,
    /// How long a packet takes, each way, in milliseconds.
    #[arg(long, default_value_t = 50, value_name = "MS")]
    pub(crate) delay: u64,
    /// How many percent of the packets take half as long, so that they overtake others.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) reorder: f64,
    /// Loses everything between these two moments, in seconds from the start of each version, as `5..6`.
    #[arg(long, value_parser = cut, value_name = "FROM..TO")]
    pub(crate) cut: Option<Cut>,
    /// What decides about each packet; the same seed treats the n-th packet of a direction alike.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many WebSockets there are.
    #[arg(long, default_value_t = 20)]
    pub(crate) sockets: u32,
    /// How long each of them sends, in seconds.
    #[arg(long, default_value_t = 30.0)]
    pub(crate) seconds: f64,
    /// How long after a message its WebSocket sends the next one, in milliseconds, whether its echo is there or not.
    #[arg(long, default_value_t = 50, value_name = "MS")]
    pub(crate) every: u64,
    /// How long a message is, in bytes.
    #[arg(long, default_value_t = 64)]
    pub(crate) bytes: usize,
    /// Which versions of HTTP are measured, one after the other.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["http1", "http2", "http3"])]
    pub(crate) http: Vec<Version>,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Version {
    Http1,
    Http2,
    Http3,
}

/// When nothing comes through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

impl Args {
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        for percent in [self.loss, self.reorder] {
            ensure!((0.0..=100.0).contains(&percent), "{percent} percent of the packets there are not");
        }
        ensure!(self.loss + self.reorder <= 100.0, "--loss and --reorder are more than all packets");
        ensure!(
            self.bytes >= 4,
            "a message of {} bytes has no room for its number, which takes 4",
            self.bytes
        );
        ensure!(self.every > 0 && self.sockets > 0, "--every and --sockets cannot be 0");
        ensure!((0.0..=3600.0).contains(&self.seconds), "--seconds is 3600 at most");
        Ok(())
    }

    /// How many messages each WebSocket sends.
    pub(crate) fn messages(&self) -> u32 {
        (self.seconds * 1000.0 / self.every as f64).ceil() as u32
    }
}

fn cut(typed: &str) -> Result<Cut, String> {
    let parsed = typed.split_once("..").and_then(|(from, to)| {
        let seconds = |text: &str| Duration::try_from_secs_f64(text.parse().ok()?).ok();
        Some(Cut { from: seconds(from)?, to: seconds(to)? })
    });
    parsed
        .filter(|cut| cut.from < cut.to)
        .ok_or_else(|| "two moments in seconds are wanted, as `5..6`".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn a_cut_has_a_beginning_and_an_end() {
        let wanted = Cut { from: Duration::from_millis(500), to: Duration::from_secs(2) };
        assert_eq!(cut("0.5..2"), Ok(wanted));
        for typed in ["5", "6..5", "-1..2", "a..b"] {
            assert!(cut(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn more_than_all_packets_are_refused() {
        let checked = |typed: &[&str]| Args::parse_from([&["loss"], typed].concat()).check();
        assert!(checked(&[]).is_ok());
        assert!(checked(&["--loss", "60", "--reorder", "60"]).is_err());
        assert!(checked(&["--loss", "101"]).is_err());
    }
}
