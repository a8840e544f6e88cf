//! What Linux tells about another process.

use std::fs;

use anyhow::Context;

/// CPU time of all threads of a process, in nanoseconds.
///
/// # Errors
///
/// If the process is gone.
pub fn cpu_nanos(process: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{process}/task")).with_context(|| format!("process {process}"))? {
        let path = task?.path();
        match fs::read_to_string(path.join("schedstat")) {
            Ok(text) => sum += first_number(&text).context("schedstat")?,
            // The thread is gone; or the kernel was built without this file, then `stat` has it in ticks.
            Err(_) if path.exists() => return cpu_ticks(process),
            Err(_) => {}
        }
    }
    Ok(sum)
}

/// CPU time of a process from `/proc/PID/stat`, in nanoseconds but no finer than a tick of 10 ms.
fn cpu_ticks(process: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the name of the program, in parentheses; it may contain anything.
    let (_, fields) = text.rsplit_once(')').context("stat")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let (user, system) = ticks().zip(ticks()).context("stat")?;
    Ok((user + system) * 10_000_000)
}

/// User memory of a process that is its own, in bytes.
///
/// # Errors
///
/// If the process is gone.
pub fn anonymous_bytes(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon in status")?;
    Ok(first_number(line).context("RssAnon")? * 1024)
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_some_of_both() {
        let this = std::process::id();
        assert!(cpu_nanos(this).unwrap() > 0);
        assert!(anonymous_bytes(this).unwrap() > 0);
        cpu_ticks(this).unwrap();
    }
}
