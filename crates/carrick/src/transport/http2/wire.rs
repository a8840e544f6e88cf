//! What the streams of a connection know of the bytes below it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use h2::FlowControl;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::settings::{Settings, SettingsReader};

/// Shared by the task of a connection and its streams.
///
/// The task works in rounds: in each it writes everything that is queued, unless the network has no room. So what was
/// queued before a round began is written when a round has ended in which the network had room.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// Whether the network had no room when it was last written to.
    blocked: AtomicBool,
    rounds: Mutex<Rounds>,
    settings: Mutex<SettingsReader>,
}

#[derive(Debug, Default)]
struct Rounds {
    started: u64,
    /// The last one that left nothing to be written.
    finished: u64,
    /// Whether there will be no more.
    over: bool,
    /// Who waits for which one to finish.
    waiting: Vec<(u64, Waker)>,
    /// Streams that nobody uses any more, to be let go of when their last bytes are written: h2 forgets what is queued for a
    /// stream that it resets.
    dropped: Vec<(u64, FlowControl)>,
    /// Begins a round.
    task: Option<Waker>,
}

impl Wire {
    /// The first settings, once they are there.
    pub(super) fn settings(&self) -> Option<Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).found().cloned()
    }

    pub(crate) fn start_round(&self, task: &Waker) {
        let mut rounds = self.rounds();
        rounds.started += 1;
        if !rounds.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            rounds.task = Some(task.clone());
        }
    }

    /// `over` if it was the last one.
    pub(crate) fn end_round(&self, over: bool) {
        let mut rounds = self.rounds();
        rounds.over |= over;
        if over || !self.blocked.load(Ordering::Relaxed) {
            let finished = rounds.started;
            rounds.finished = finished;
            let (done, later) = std::mem::take(&mut rounds.waiting)
                .into_iter()
                .partition(|(round, _)| over || *round <= finished);
            rounds.waiting = later;
            let (gone, later): (Vec<_>, _) = std::mem::take(&mut rounds.dropped)
                .into_iter()
                .partition(|(round, _)| over || *round <= finished);
            rounds.dropped = later;
            drop(rounds);
            drop(gone);
            let done: Vec<(u64, Waker)> = done;
            for (_, waker) in done {
                waker.wake();
            }
        }
    }

    /// The round in which everything that is queued now is written.
    pub(super) fn next_round(&self) -> u64 {
        self.rounds().started + 1
    }

    /// Waits until `round` has finished, or there will be none any more.
    pub(super) fn poll_round(&self, cx: &mut Context<'_>, round: u64, waits: &mut Option<Waker>) -> Poll<()> {
        let mut rounds = self.rounds();
        if rounds.finished >= round || rounds.over {
            *waits = None;
            return Poll::Ready(());
        }
        if !waits.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waits = Some(cx.waker().clone());
            rounds.waiting.push((round, cx.waker().clone()));
            // The round that goes on may have taken what was queued before it asked to be told of more.
            if let Some(task) = &rounds.task {
                task.wake_by_ref();
            }
        }
        Poll::Pending
    }

    /// Keeps a stream until `round` has finished.
    pub(super) fn keep(&self, round: u64, stream: FlowControl) {
        let mut rounds = self.rounds();
        if rounds.finished < round && !rounds.over {
            rounds.dropped.push((round, stream));
            if let Some(task) = &rounds.task {
                task.wake_by_ref();
            }
        }
    }

    fn rounds(&self) -> MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream below a connection.
#[derive(Debug)]
pub(crate) struct Tapped<S> {
    stream: S,
    wire: Arc<Wire>,
    /// Whether the settings have passed.
    settled: bool,
}

impl<S> Tapped<S> {
    pub(crate) fn new(stream: S, wire: Arc<Wire>) -> Tapped<S> {
        Tapped { stream, wire, settled: false }
    }

    fn note<T>(&self, written: Poll<T>) -> Poll<T> {
        self.wire.blocked.store(written.is_pending(), Ordering::Relaxed);
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if !self.settled {
            let mut settings = self.wire.settings.lock().unwrap_or_else(PoisonError::into_inner);
            settings.handle_bytes(buffer.filled().get(before..).unwrap_or_default());
            let settled = settings.is_done();
            drop(settings);
            self.settled = settled;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_flush(cx);
        self.note(written)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
