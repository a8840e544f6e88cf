//! Wakes connections when their messages of a fixed rate are due.
//!
//! On a thread of its own, because the timers of tokio count in milliseconds, and messages are due more often than that.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Instant,
};

use super::{round::Round, schedule::Schedule, worker::Shared};
use crate::failure::Failure;

/// The thread at work. It ends when this is dropped, and lets all connections look once more.
#[derive(Debug)]
pub(super) struct Pacer {
    _stop: Sender<()>,
}

/// Starts it, for a round that has times.
pub(super) fn start(round: &Arc<Round>, shared: &Arc<Shared>) -> Result<Option<Pacer>, Failure> {
    let Some(schedule) = round.schedule else { return Ok(None) };
    let (stop, stopped) = channel();
    let (round, shared) = (Arc::clone(round), Arc::clone(shared));
    thread::Builder::new().name("bench pace".to_owned()).spawn(move || {
        be_exact();
        run(&round, &shared, &schedule, &stopped);
        for &connection in round.connections() {
            wake(&shared, connection);
        }
    })?;
    Ok(Some(Pacer { _stop: stop }))
}

fn run(round: &Round, shared: &Shared, schedule: &Schedule, stopped: &Receiver<()>) {
    let mut message = 0;
    while message < schedule.end() && !round.is_stopped() {
        let now = Instant::now();
        let Some(due) = round.begins.checked_add(schedule.due(message)) else { return };
        if due <= now {
            if let Some(&connection) = round.connections().get(schedule.connection(message) as usize) {
                wake(shared, connection);
            }
            message += 1;
            continue;
        }
        match stopped.recv_timeout(due - now) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn wake(shared: &Shared, connection: usize) {
    if let Some(pace) = shared.paces.get(connection) {
        pace.notify_one();
    }
}

/// Linux lets a thread sleep 50 µs longer than it asks for, unless it says otherwise.
#[cfg(target_os = "linux")]
fn be_exact() {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

#[cfg(not(target_os = "linux"))]
fn be_exact() {}
