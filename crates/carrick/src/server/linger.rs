//! The end of a connection over which the peer may still be sending.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Sleep, sleep},
};

/// Ends our side of a stream so that what was written arrives.
pub(super) async fn end(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.shutdown().await?;
    let mut linger = Linger::new();
    poll_fn(|cx| linger.poll(cx, stream)).await;
    Ok(())
}

/// Reads and throws away what still comes once our side of a stream has ended: to close it with unread bytes would make
/// the kernel reset the connection, and the peer lose the answer that is on its way (RFC 9112 §9.6).
#[derive(Debug)]
pub(super) struct Linger {
    timer: Pin<Box<Sleep>>,
    left: usize,
}

impl Linger {
    pub(super) fn new() -> Linger {
        Linger { timer: Box::pin(sleep(LINGER)), left: LINGER_BYTES }
    }

    /// Ready when the peer has ended its side too, or has been given enough.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, stream: &mut (impl AsyncRead + Unpin)) -> Poll<()> {
        let mut thrown = [0; 1024];
        while self.left > 0 {
            let mut buffer = ReadBuf::new(&mut thrown);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return self.timer.as_mut().poll(cx),
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.left = self.left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(Ok(()) | Err(_)) => break,
            }
        }
        Poll::Ready(())
    }
}

/// How long a peer may take to read the last answer.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// How much of what it still sends is thrown away.
const LINGER_BYTES: usize = 256 * 1024;
