//! Sends and receives on one WebSocket at the same time, in one task.
//!
//! A task that waits until its message is sent, and does not read meanwhile, waits forever for a peer that does the same.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use carrick::{
    Error, WebSocket,
    protocol::{FrameRecord, Message, Prepared},
};
use futures_util::SinkExt;

/// What waits to be sent.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    Message(Message),
    /// To many at once.
    Prepared(Prepared),
    Ping(Bytes),
}

/// What happened next.
#[derive(Debug)]
pub(crate) enum Happened {
    /// This was queued, and leaves as soon as the stream takes it.
    Queued(Outgoing),
    /// Everything that was queued has left.
    Flushed,
    Received(Message),
    /// A frame went over the wire; only while tracing.
    Traced(FrameRecord),
    /// The connection is closed. `WebSocket::closed` tells how, this error why.
    Ended(Option<Error>),
}

/// What is wanted of the connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    /// To know when everything is written.
    pub(crate) flush: bool,
    /// To receive nothing for now: what came before is not dealt with yet.
    pub(crate) deaf: bool,
}

/// Waits for what happens next. What is in `outgoing` is taken when there is room for it; it stays when the connection
/// does not take it any more.
///
/// Cancel safe. None of the futures made here keeps anything, so each poll may make them anew: `feed_prepared` and `ping`
/// queue in their first poll where the sink is ready.
pub(crate) async fn next(websocket: &mut WebSocket, outgoing: &mut Option<Outgoing>, wish: Wish) -> Happened {
    let mut is_flushed = false;
    let mut send_error = None;
    poll_fn(|cx| {
        if let Some(record) = websocket.next_record() {
            return Poll::Ready(Happened::Traced(record));
        }
        if send_error.is_none() && outgoing.is_some() {
            match poll_queue(websocket, outgoing, cx) {
                Poll::Ready(Ok(queued)) => return Poll::Ready(Happened::Queued(queued)),
                Poll::Ready(Err(error)) => send_error = Some(error),
                Poll::Pending => {}
            }
        }
        if wish.flush
            && outgoing.is_none()
            && !is_flushed
            && let Poll::Ready(flushed) = pin!(websocket.flush()).poll(cx)
        {
            if flushed.is_ok() {
                return Poll::Ready(Happened::Flushed);
            }
            is_flushed = true;
        }
        if wish.deaf {
            return match send_error.take() {
                Some(error) => Poll::Ready(Happened::Ended(Some(error))),
                None => Poll::Pending,
            };
        }
        let received = pin!(websocket.recv()).poll(cx);
        match received {
            Poll::Ready(Some(Ok(message))) => Poll::Ready(Happened::Received(message)),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Happened::Ended(Some(error))),
            Poll::Ready(None) => Poll::Ready(Happened::Ended(None)),
            // A ping or a pong wakes the task and is no message.
            Poll::Pending => match websocket.next_record() {
                Some(record) => Poll::Ready(Happened::Traced(record)),
                None => Poll::Pending,
            },
        }
    })
    .await
}

/// Takes `outgoing`, which is there, as soon as the connection has room for it.
fn poll_queue(
    websocket: &mut WebSocket,
    outgoing: &mut Option<Outgoing>,
    cx: &mut Context<'_>,
) -> Poll<Result<Outgoing, Error>> {
    if let Err(error) = std::task::ready!(websocket.poll_ready_unpin(cx)) {
        return Poll::Ready(Err(error));
    }
    let Some(next) = outgoing.as_ref() else { return Poll::Pending };
    let queued = match next {
        Outgoing::Message(message) => websocket.start_send_unpin(message.clone()),
        Outgoing::Prepared(prepared) => queued(pin!(websocket.feed_prepared(prepared)).poll(cx)),
        Outgoing::Ping(payload) => queued(pin!(websocket.ping(payload.clone())).poll(cx)),
    };
    match (queued, outgoing.take()) {
        (Ok(()), Some(next)) => Poll::Ready(Ok(next)),
        (Err(error), next) => {
            *outgoing = next;
            Poll::Ready(Err(error))
        }
        (Ok(()), None) => Poll::Pending,
    }
}

/// It was queued; what is pending is its way out.
fn queued(polled: Poll<Result<(), Error>>) -> Result<(), Error> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Ok(()),
    }
}
