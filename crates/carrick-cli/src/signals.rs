//! Ctrl-C, and what a service manager sends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    thread,
    time::Duration,
};

use tokio::sync::Notify;

use crate::{exit::Exit, terminal};

/// Waits for Ctrl-C or SIGTERM. Another Ctrl-C stops at once then.
pub(crate) async fn stop() {
    let mut signals = Signals::new();
    signals.next().await;
    tokio::spawn(async move {
        signals.next().await;
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
        // From when this returns on, and on a thread of its own: all others may be held up by whoever does not read.
        let (ready, watching) = channel();
        thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                let mut signals = Signals::new();
                let _ = ready.send(());
                loop {
                    signals.next().await;
                    pressed.press();
                }
            });
        });
        let _ = watching.recv();
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

/// Ctrl-C and SIGTERM from now on.
#[cfg(unix)]
struct Signals {
    /// `None` where the system refuses to tell.
    streams: Option<[tokio::signal::unix::Signal; 2]>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt());
        let streams = interrupt.and_then(|interrupt| Ok([interrupt, signal(SignalKind::terminate())?]));
        Signals { streams: streams.ok() }
    }

    async fn next(&mut self) {
        match &mut self.streams {
            Some([interrupt, terminate]) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Signals {
        Signals
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

/// Ends without waiting for anybody.
fn cut(exit: Exit) -> ! {
    let (sender, restored) = channel();
    thread::spawn(move || {
        terminal::restore();
        let _ = sender.send(());
    });
    // A terminal that takes nothing cannot be left clean.
    let _ = restored.recv_timeout(PATIENCE);
    std::process::exit(exit as i32)
}

const PATIENCE: Duration = Duration::from_secs(2);
