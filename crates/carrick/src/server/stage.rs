//! The task of a connection: the opening handshake, then the handler.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use super::connections::Place;

/// What a connection is about, and what it answers with is what comes next.
///
/// Each stage stands on the heap and leaves it when it is over. One future for all of them would be as large as the
/// largest for as long as the connection lives, and a task of its own for the handler would have to be started.
pub(super) struct Stage(Pin<Box<dyn Future<Output = Option<Stage>> + Send>>);

impl Stage {
    pub(super) fn new(future: impl Future<Output = Option<Stage>> + Send + 'static) -> Stage {
        Stage(Box::pin(future))
    }

    /// A stage after which nothing comes.
    pub(super) fn last(future: impl Future<Output = ()> + Send + 'static) -> Stage {
        Stage(Box::pin(Last { future }))
    }
}

/// All that a task of the server holds.
pub(super) struct Life {
    stage: Stage,
    _place: Place,
}

impl Life {
    pub(super) fn new(first: Stage, place: Place) -> Life {
        Life { stage: first, _place: place }
    }
}

impl Future for Life {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(next) = ready!(self.stage.0.as_mut().poll(cx)) {
            self.stage = next;
        }
        Poll::Ready(())
    }
}

pin_project! {
    /// Written out, since an `async` block would hold the future twice.
    pub(super) struct Last<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = ()>> Future for Last<F> {
    type Output = Option<Stage>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Stage>> {
        self.project().future.poll(cx).map(|()| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_of_tokio_holds_it_in_its_smallest_size() {
        // 104 bytes are tokio's, and tasks grow in steps of 128.
        assert!(size_of::<Life>() <= 24, "{}", size_of::<Life>());
    }
}
