//! A process that runs beside us and never outlives us.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::{shell, workspace};

/// How long a process may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often a process, a file or a port is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A started process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Background {
    child: Child,
    shown: String,
    log: PathBuf,
}

impl Background {
    /// Starts the command; both of its outputs go to the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Background> {
        let shown = shell::shown(command);
        let file = File::create(log).with_context(|| format!("cannot write {}", workspace::shown(log)))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start `{shown}`"))?;
        Ok(Background { child, shown, log: log.to_owned() })
    }

    /// Waits until the process has ended, at most `limit`; after that it is killed, which is an error.
    pub(crate) fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                self.child.kill()?;
                bail!(
                    "`{}` was still running after {} s\n{}",
                    self.shown,
                    limit.as_secs(),
                    self.last_words()
                );
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits, for a bounded time, until something listens on `address`.
    pub(crate) fn wait_until_listening(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        self.wait_for(|_| TcpStream::connect_timeout(&address, LOOK_AGAIN).is_ok().then_some(()))
            .with_context(|| format!("nothing listens on {address}"))
    }

    /// Waits, for a bounded time, until the process has printed a line that starts with `prefix`; answers with its rest.
    pub(crate) fn wait_for_line(&mut self, prefix: &str) -> anyhow::Result<String> {
        self.wait_for(|printed| {
            let (complete, _) = printed.rsplit_once('\n')?;
            complete.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned)
        })
        .with_context(|| format!("waited for a line `{prefix}…`"))
    }

    /// Fails if the process has ended by itself.
    pub(crate) fn expect_running(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("`{}` ended: {status}\n{}", self.shown, self.last_words());
        }
        Ok(())
    }

    /// Everything the process has printed so far.
    pub(crate) fn printed(&self) -> String {
        fs::read(&self.log)
            .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The last lines the process has printed, and where the others are.
    pub(crate) fn last_words(&self) -> String {
        let printed = self.printed();
        let lines: Vec<&str> = printed.lines().collect();
        let last = lines[lines.len().saturating_sub(15)..].join("\n");
        format!("{last}\n(all of it: {})", workspace::shown(&self.log))
    }

    fn wait_for<T>(&mut self, mut look: impl FnMut(&str) -> Option<T>) -> anyhow::Result<T> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(found) = look(&self.printed()) {
                return Ok(found);
            }
            self.expect_running()?;
            if Instant::now() >= deadline {
                bail!(
                    "`{}` was not ready after {} s\n{}",
                    self.shown,
                    START_LIMIT.as_secs(),
                    self.last_words()
                );
            }
            thread::sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Both fail only for a process that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address on loopback that was free a moment ago.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> (tempfile::TempDir, Background) {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        let process = Background::start(command.args(["-c", script]), &dir.path().join("log")).unwrap();
        (dir, process)
    }

    #[test]
    fn a_printed_line_is_found_by_its_prefix() {
        let (_dir, mut process) = sh("echo starting; echo listening on 4242; sleep 30");
        assert_eq!(process.wait_for_line("listening on ").unwrap(), "4242");
    }

    #[test]
    fn a_process_that_ends_before_it_listens_is_reported_with_its_last_words() {
        let (_dir, mut process) = sh("echo no such flag >&2; exit 2");
        let error = process.wait_until_listening(free_address().unwrap()).unwrap_err();
        assert!(format!("{error:#}").contains("no such flag"), "{error:#}");
    }

    #[test]
    fn a_process_that_outstays_its_limit_is_killed() {
        let (_dir, mut process) = sh("exec sleep 30");
        assert!(process.wait(Duration::from_millis(50)).is_err());
    }
}
