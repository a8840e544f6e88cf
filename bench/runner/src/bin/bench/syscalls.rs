//! How many calls send for each call that received something, counted by strace on a short run.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, path::Path};

use anyhow::{Context, ensure};

use crate::args::Effort;
use crate::children::Running;
use crate::peers::Peer;
use crate::rows::Row;
use crate::stage::{Server, Stage};

/// The row in which it is counted.
pub(crate) const ROW: &str = "d32";

/// Counts while the generator runs for a moment.
pub(crate) fn sends_per_read(stage: &Stage, peer: &Peer, server: &Server, row: &Row) -> anyhow::Result<f64> {
    let (summary, process) = (stage.log("strace"), server.running.id());
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-p", &process.to_string(), "-e"]);
    strace.arg(format!("trace={},{}", READS.join(","), SENDS.join(","))).arg("-o").arg(&summary);
    let mut strace = Running::start(&mut strace, stage.load_core, &stage.log("strace-words"))?;
    wait_until_traced(process)?;
    let bounded = stage.with_effort(Effort { seconds: COUNTED, warm_up: 0.0, ..stage.effort });
    let loaded = row.loads().iter().try_for_each(|args| bounded.load(peer, server, row.mode, args).map(drop));
    strace.interrupt()?;
    strace.wait(FOR_AN_END)?;
    loaded?;
    counted(&summary)
}

fn wait_until_traced(process: u32) -> anyhow::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < FOR_AN_END {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
        if tracer.is_some_and(|tracer| tracer.trim() != "0") {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    anyhow::bail!("strace does not come to trace the server")
}

fn counted(summary: &Path) -> anyhow::Result<f64> {
    let summary = fs::read_to_string(summary).context("strace left no summary")?;
    let calls = |names: &[&str]| summary.lines().map(|line| successes(line, names)).sum::<u64>();
    let (reads, sends) = (calls(READS), calls(SENDS));
    ensure!(reads > 0, "strace saw nothing received");
    Ok(sends as f64 / reads as f64)
}

/// The calls of a line of the summary that did not fail, if it is about one of `names`.
fn successes(line: &str, names: &[&str]) -> u64 {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((name, numbers)) = words.split_last() else { return 0 };
    if !names.contains(name) {
        return 0;
    }
    // The share, the seconds and the microseconds of a call; the calls; and the errors, if there were any.
    let number =
        |index: usize| numbers.get(index).and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
    number(3).saturating_sub(number(4))
}

const READS: &[&str] = &["read", "readv", "recvfrom", "recvmsg"];
const SENDS: &[&str] = &["write", "writev", "sendto", "sendmsg", "sendmmsg"];
const COUNTED: f64 = 0.3;
const FOR_AN_END: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_failed_do_not_count() {
        let line = " 51.27    0.081234          12      6400       128 recvfrom";
        assert_eq!(successes(line, READS), 6272);
        assert_eq!(successes(line, SENDS), 0);
        let line = " 48.73    0.077210          12      6400           sendto";
        assert_eq!(successes(line, SENDS), 6400);
        assert_eq!(successes("% time     seconds  usecs/call     calls    errors syscall", READS), 0);
    }
}
