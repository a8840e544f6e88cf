//! How long a peer may stand still while a page waits for it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

/// Counts from the first time that something has to wait, and anew after each time that it goes on.
#[derive(Debug, Default)]
pub(super) struct Patience {
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Passes on what is ready; what has been pending for too long is an error.
    pub(super) fn bound<T>(&mut self, cx: &mut Context<'_>, polled: Poll<T>) -> Poll<io::Result<T>> {
        if let Poll::Ready(ready) = polled {
            self.timer = None;
            return Poll::Ready(Ok(ready));
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
