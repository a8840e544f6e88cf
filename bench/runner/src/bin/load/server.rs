//! The process that is measured.

use std::{thread, time::Duration};

use bench::process;

/// Its CPU time and its memory; without a process both are zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server(pub(crate) Option<u32>);

impl Server {
    pub(crate) fn cpu_nanos(self) -> anyhow::Result<u64> {
        self.0.map_or(Ok(0), process::cpu_nanos)
    }

    pub(crate) fn anonymous_bytes(self) -> anyhow::Result<u64> {
        self.0.map_or(Ok(0), process::anonymous_bytes)
    }

    /// Waits until the server has nothing more to do.
    pub(crate) fn settle(self) -> anyhow::Result<()> {
        let mut before = self.cpu_nanos()?;
        let mut quiet = 0;
        for _ in 0..MOST_PAUSES {
            thread::sleep(PAUSE);
            let now = self.cpu_nanos()?;
            quiet = if now - before < NEXT_TO_NOTHING { quiet + 1 } else { 0 };
            if quiet == QUIET_PAUSES {
                break;
            }
            before = now;
        }
        Ok(())
    }
}

const PAUSE: Duration = Duration::from_millis(10);
const QUIET_PAUSES: usize = 3;
const MOST_PAUSES: usize = 300;
/// Programs with timers are never quite still.
const NEXT_TO_NOTHING: u64 = 300_000;
