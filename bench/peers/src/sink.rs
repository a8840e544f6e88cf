//! What is the same for every library whose socket is a `Stream` of messages and a `Sink` for them.

use std::future::poll_fn;
use std::task::Poll;

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::sync::mpsc::UnboundedReceiver;

/// Returns each message that is data, until the connection ends.
///
/// What was answered is flushed when nothing more is there to be read or, with `each`, message by message.
///
/// # Errors
///
/// The library's.
pub async fn echo<S, M, E>(mut socket: S, each: bool, is_data: impl Fn(&M) -> bool) -> Result<(), E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    while let Some(message) = if each { socket.next().await } else { next_or_flush(&mut socket).await } {
        let message = message?;
        if !is_data(&message) {
            continue;
        }
        if each {
            socket.send(message).await?;
        } else {
            socket.feed(message).await?;
        }
    }
    Ok(())
}

/// The next message. While there is none, what was fed before leaves.
async fn next_or_flush<S, M, E>(socket: &mut S) -> Option<Result<M, E>>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    let mut flushed = false;
    poll_fn(|context| {
        let next = socket.poll_next_unpin(context);
        if next.is_pending() && !flushed {
            match socket.poll_flush_unpin(context) {
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                flush => flushed = flush.is_ready(),
            }
        }
        next
    })
    .await
}

/// Sends what is published, all that waits in one flush, until the subscriber is gone.
///
/// # Errors
///
/// The library's.
pub async fn subscribe<S, M, E>(mut socket: S, mut published: UnboundedReceiver<M>) -> Result<(), E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    poll_fn(|context| {
        while let Poll::Ready(ready) = socket.poll_ready_unpin(context) {
            ready?;
            match published.poll_recv(context) {
                Poll::Ready(Some(message)) => socket.start_send_unpin(message)?,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(Err(error)) = socket.poll_flush_unpin(context) {
            return Poll::Ready(Err(error));
        }
        loop {
            match socket.poll_next_unpin(context) {
                Poll::Ready(Some(message)) => drop(message?),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}
