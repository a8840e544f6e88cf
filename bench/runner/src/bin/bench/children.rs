//! Programs in the background. Whatever happens none of them outlives this one: each is killed when it is dropped, and
//! all are on Ctrl-C.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts it on one core; what it says to stderr goes to `log`.
    pub(crate) fn start(command: &mut Command, core: usize, log: &Path) -> anyhow::Result<Running> {
        let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut children = children();
        // A program begins on the cores of the thread that starts it.
        let everywhere = sched_getaffinity(None)?;
        sched_setaffinity(None, &only(core))?;
        let child = command.spawn();
        sched_setaffinity(None, &everywhere)?;
        let mut child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        children.insert(child.id());
        drop(children);

        let stdout = child.stdout.take().expect("it is piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Ok(Running { child, lines })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line on its stdout; `None` if it ended without one.
    pub(crate) fn line(&mut self, given: Duration) -> anyhow::Result<Option<String>> {
        match self.lines.recv_timeout(given) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => bail!("it said nothing for {given:?}"),
        }
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, given: Duration) -> anyhow::Result<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < given {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(PAUSE);
        }
        bail!("it did not end within {given:?}")
    }

    /// Waits until it has ended, but leaves the kernel's figures about it where they are.
    pub(crate) fn wait_for_exit(&self, given: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < given {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
            if stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('Z')) {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        bail!("it did not end within {given:?}")
    }

    pub(crate) fn interrupt(&self) -> anyhow::Result<()> {
        Ok(signal(self.id(), Signal::INT)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        children().remove(&self.child.id());
    }
}

/// From now on Ctrl-C and a termination end all children and then this program.
pub(crate) fn end_with_us() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        // The lock is kept, so that nothing is started any more.
        let children = children();
        for &child in &*children {
            let _ = signal(child, Signal::KILL);
        }
        std::process::exit(INTERRUPTED);
    })?;
    Ok(())
}

fn signal(process: u32, signal: Signal) -> rustix::io::Result<()> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or(rustix::io::Errno::SRCH)?;
    kill_process(process, signal)
}

fn children() -> std::sync::MutexGuard<'static, BTreeSet<u32>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn only(core: usize) -> CpuSet {
    let mut cores = CpuSet::new();
    cores.set(core);
    cores
}

static CHILDREN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
const PAUSE: Duration = Duration::from_millis(2);
const INTERRUPTED: i32 = 130;
