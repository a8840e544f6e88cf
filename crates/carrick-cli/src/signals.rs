//! Ctrl-C, and what a service manager sends.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use crate::{exit::Exit, terminal};

/// Waits for Ctrl-C or SIGTERM. Another Ctrl-C stops at once then.
pub(crate) async fn stop() {
    interrupted().await;
    tokio::spawn(async {
        interrupted().await;
        cut(Exit::Failed);
    });
}

/// Tells of the first interruption; the second one ends the process.
#[derive(Clone, Debug)]
pub(crate) struct Interruptions {
    first: Arc<Notify>,
    presses: Arc<AtomicUsize>,
}

impl Interruptions {
    /// Watches the signals from now on.
    pub(crate) fn watch() -> Interruptions {
        let interruptions = Interruptions { first: Arc::default(), presses: Arc::default() };
        let pressed = interruptions.clone();
        tokio::spawn(async move {
            loop {
                interrupted().await;
                pressed.press();
            }
        });
        interruptions
    }

    /// Ctrl-C, as a signal or as a key that the editor got.
    pub(crate) fn press(&self) {
        match self.presses.fetch_add(1, Ordering::SeqCst) {
            0 => self.first.notify_one(),
            _ => cut(Exit::Cut),
        }
    }

    /// Waits for the first one.
    pub(crate) async fn first(&self) {
        self.first.notified().await;
    }
}

async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Ends without waiting for anybody.
fn cut(exit: Exit) -> ! {
    terminal::restore();
    std::process::exit(exit as i32)
}
