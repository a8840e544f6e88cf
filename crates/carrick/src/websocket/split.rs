//! Two halves of one WebSocket for two tasks.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    agreed::Agreed,
    driver::Driver,
    piece::Piece,
    websocket::{poll_message, poll_piece},
};
use crate::{
    error::Error,
    protocol::{
        Agreement, CloseCode, CloseFrame, Closed, Compression, Kind, Message, Prepared, SendError, Traffic,
    },
};

/// The sending half of a split [`WebSocket`](crate::WebSocket).
///
/// What it [`feed`](Sender::feed)s leaves with the next [`flush`](Sender::flush) at the latest. The closing handshake
/// and the answers to pings are the work of the [`Receiver`], so keep that one awaited.
///
/// ```
/// # async fn example(websocket: carrick::WebSocket) -> Result<(), carrick::Error> {
/// let (mut sender, mut receiver) = websocket.split();
/// tokio::spawn(async move { while let Some(Ok(message)) = receiver.recv().await { println!("{message:?}") } });
/// sender.send("from another task").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Sender<S> {
    shared: Arc<Shared<S>>,
    /// A message that the sink took although pongs had filled the queue since it said that it was ready.
    held: Option<Message>,
}

/// The receiving half of a split [`WebSocket`](crate::WebSocket).
#[derive(Debug)]
pub struct Receiver<S> {
    shared: Arc<Shared<S>>,
}

#[derive(Debug)]
struct Shared<S> {
    driver: Mutex<Driver<S>>,
    agreement: Agreed,
    wakers: Arc<Wakers>,
    /// `wakers` as the stream sees it.
    waker: Waker,
}

/// A stream remembers one task that waits to read and one that waits to write, but receiving has to write pongs and
/// the closing handshake, and TLS may have to read in order to write. So the stream is told of one waker that wakes
/// whichever half waits.
#[derive(Debug, Default)]
struct Wakers {
    sender: Mutex<Option<Waker>>,
    receiver: Mutex<Option<Waker>>,
}

pub(super) fn split<S: AsyncRead + AsyncWrite + Unpin>(mut driver: Driver<S>) -> (Sender<S>, Receiver<S>) {
    let agreement = driver.take_agreement();
    let wakers = Arc::new(Wakers::default());
    let waker = Waker::from(Arc::clone(&wakers));
    let shared = Arc::new(Shared { driver: Mutex::new(driver), agreement, wakers, waker });
    (Sender { shared: Arc::clone(&shared), held: None }, Receiver { shared })
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        wake(&self.sender);
        wake(&self.receiver);
    }
}

fn wake(slot: &Mutex<Option<Waker>>) {
    let waker = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<S> Shared<S> {
    /// Polls the driver for the half whose slot is `slot`.
    fn poll<T>(
        &self,
        slot: &Mutex<Option<Waker>>,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // First the slot, then the look: a wake between the two is not lost.
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        poll(&mut self.lock(), &mut Context::from_waker(&self.waker))
    }

    fn lock(&self) -> MutexGuard<'_, Driver<S>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// Sends a message: [`feed`](Sender::feed), then [`flush`](Sender::flush).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the message is queued whole or not at all.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Queues a message, and waits while too much is unsent.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the message is not queued.
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed_with(message, Compression::Auto).await
    }

    /// Queues a message, with a choice for this message about compression.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Sender::feed).
    pub async fn feed_with(
        &mut self,
        message: impl Into<Message>,
        compression: Compression,
    ) -> Result<(), Error> {
        let mut message = Some(message.into());
        poll_fn(|cx| {
            self.poll_queue(cx, |driver| match message.take() {
                Some(message) => {
                    driver.queue(|connection, shell| connection.send(message, compression, shell))
                }
                None => Ok(()),
            })
        })
        .await
    }

    /// Queues a message that was prepared for many connections.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Sender::feed).
    pub async fn feed_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        poll_fn(|cx| {
            self.poll_queue(cx, |driver| {
                driver.queue(|connection, shell| connection.send_prepared(prepared, shell))
            })
        })
        .await
    }

    /// Queues a piece of a message, see [`WebSocket::feed_piece`](crate::WebSocket::feed_piece).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::feed_piece`](crate::WebSocket::feed_piece).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Sender::feed).
    pub async fn feed_piece(&mut self, kind: Kind, bytes: impl Into<Bytes>, last: bool) -> Result<(), Error> {
        self.feed_piece_with(kind, bytes, last, Compression::Auto).await
    }

    /// Queues a piece of a message, with a choice about compression that counts in the first piece of a message.
    ///
    /// # Errors
    ///
    /// As [`feed_piece`](Sender::feed_piece).
    ///
    /// # Cancel safety
    ///
    /// As [`feed`](Sender::feed).
    pub async fn feed_piece_with(
        &mut self,
        kind: Kind,
        bytes: impl Into<Bytes>,
        last: bool,
        compression: Compression,
    ) -> Result<(), Error> {
        let bytes = bytes.into();
        poll_fn(|cx| {
            self.poll_queue(cx, |driver| {
                let piece = bytes.clone();
                driver.queue(|connection, shell| connection.send_piece(kind, piece, last, compression, shell))
            })
        })
        .await
    }

    /// Sends a piece of a message, see [`WebSocket::send_piece`](crate::WebSocket::send_piece).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send_piece`](crate::WebSocket::send_piece).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the piece is queued whole or not at all.
    pub async fn send_piece(&mut self, kind: Kind, bytes: impl Into<Bytes>, last: bool) -> Result<(), Error> {
        self.feed_piece(kind, bytes, last).await?;
        self.flush().await
    }

    /// Sends a ping with up to 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::ping`](crate::WebSocket::ping).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the ping is queued whole or not at all.
    pub async fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), Error> {
        let payload = payload.into();
        poll_fn(|cx| {
            self.poll_queue(cx, |driver| {
                driver.with_shell(|connection, shell| connection.ping(payload.clone(), shell))
            })
        })
        .await?;
        self.flush().await
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::flush`](crate::WebSocket::flush).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not written stays queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush_half(cx)).await
    }

    /// Sends a close frame behind what is queued. The [`Receiver`] hands out what the peer still sends, and ends with
    /// the closing handshake. Does nothing if a close frame was sent before.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a code or a reason that cannot be sent, and as [`flush`](Sender::flush).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the close frame is queued.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let frame = close_frame(code, reason)?;
        let _ = poll_fn(|cx| self.poll_held(cx)).await;
        self.start_close(&frame);
        self.flush().await
    }

    /// How the connection was closed; `None` as long as it is not.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.lock().connection().closed().cloned()
    }

    /// What the opening handshake ended in.
    #[must_use]
    pub fn agreement(&self) -> &Agreement {
        &self.shared.agreement
    }

    /// What was sent since the opening handshake.
    #[must_use]
    pub fn sent(&self) -> Traffic {
        self.shared.lock().connection().sent()
    }

    fn start_close(&mut self, frame: &CloseFrame) {
        self.shared.lock().with_shell(|connection, shell| connection.close(frame, shell));
        // The receiver has a deadline to watch now.
        wake(&self.shared.wakers.receiver);
    }

    fn poll_queue(
        &mut self,
        cx: &mut Context<'_>,
        queue: impl FnOnce(&mut Driver<S>) -> Result<(), SendError>,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_held(cx))?;
        self.shared.poll(&self.shared.wakers.sender, cx, |driver, cx| {
            ready!(driver.poll_ready(cx))?;
            Poll::Ready(Ok(queue(driver)?))
        })
    }

    /// Queues the message that is held, if one is.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Sender { shared, held } = self;
        if held.is_none() {
            return Poll::Ready(Ok(()));
        }
        shared.poll(&shared.wakers.sender, cx, |driver, cx| {
            ready!(driver.poll_ready(cx))?;
            let Some(message) = held.take() else { return Poll::Ready(Ok(())) };
            Poll::Ready(Ok(
                driver.queue(|connection, shell| connection.send(message, Compression::Auto, shell))?
            ))
        })
    }

    fn poll_flush_half(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_held(cx))?;
        self.shared.poll(&self.shared.wakers.sender, cx, Driver::poll_flush)
    }
}

fn close_frame(code: CloseCode, reason: &str) -> Result<CloseFrame, Error> {
    CloseFrame::new(code, reason).map_err(|error| Error::Config(error.into()))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receiver<S> {
    /// The next message, see [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next piece of a message, see [`WebSocket::recv_piece`](crate::WebSocket::recv_piece).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn recv_piece(&mut self) -> Option<Result<Piece, Error>> {
        poll_fn(|cx| self.poll(cx, poll_piece)).await
    }

    /// How the connection was closed; `None` as long as it is not.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.shared.lock().connection().closed().cloned()
    }

    /// What the opening handshake ended in.
    #[must_use]
    pub fn agreement(&self) -> &Agreement {
        &self.shared.agreement
    }

    /// The latest round-trip time that a ping and its pong measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.lock().connection().round_trip()
    }

    /// What was received since the opening handshake.
    #[must_use]
    pub fn received(&self) -> Traffic {
        self.shared.lock().connection().received()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        self.poll(cx, poll_message)
    }

    fn poll<T>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<Option<Result<T, Error>>>,
    ) -> Poll<Option<Result<T, Error>>> {
        let polled = self.shared.poll(&self.shared.wakers.receiver, cx, poll);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            // A sender may wait for room that the stream will not have any more.
            wake(&self.shared.wakers.sender);
        }
        polled
    }
}

/// Ends with `None` as [`recv`](Receiver::recv) does.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Receiver<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        self.poll_recv(cx)
    }
}

/// `start_send` is [`feed`](Sender::feed); closing sends 1000.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Sender<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_queue(cx, |_| Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let Sender { shared, held } = &mut *self;
        let copy = message.clone();
        let sent =
            shared.lock().queue(|connection, shell| connection.send(message, Compression::Auto, shell));
        match sent {
            Err(SendError::QueueFull { .. }) if held.is_none() => *held = Some(copy),
            sent => sent?,
        }
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_flush_half(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let frame = close_frame(CloseCode::NORMAL, "")?;
        let _ = ready!(self.poll_held(cx));
        self.start_close(&frame);
        self.poll_flush_half(cx)
    }
}
