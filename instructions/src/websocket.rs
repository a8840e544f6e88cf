//! The rows of the async `WebSocket`, over a stream that stands in memory.

use std::{
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use anyhow::ensure;
use bytes::BytesMut;
use carrick::{
    WebSocket,
    protocol::{Agreement, Config, Role},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::Builder,
};

use crate::{
    count,
    protocol::{MANY, SMALL, small_frames},
};

/// 1,000 masked messages of 20 B, 32 in a read, received and fed back.
pub(crate) fn echo() -> anyhow::Result<()> {
    echo_in_reads_of(32)
}

/// 1,000 masked messages of 20 B, each in a read of its own, received and fed back.
pub(crate) fn ping_pong() -> anyhow::Result<()> {
    echo_in_reads_of(1)
}

fn echo_in_reads_of(messages: usize) -> anyhow::Result<()> {
    let frames = small_frames(MANY)?;
    let read_bytes = frames.len() / MANY * messages;
    let runtime = Builder::new_current_thread().enable_time().build()?;
    // The timers of keepalive find it; the tasks are polled here, so that what tokio does beside them is not counted.
    let _entered = runtime.enter();
    count(
        MANY,
        || {
            let stream =
                Canned { incoming: frames.clone(), position: 0, read_bytes, is_readable: true, written: 0 };
            let config = Arc::new(Config::default());
            WebSocket::new(stream, Role::Server, config, Agreement::default(), BytesMut::new())
        },
        |websocket| {
            poll_until_pending_reads(MANY.div_ceil(messages), echo_forever(websocket))?;
            ensure!(websocket.stream().written == MANY * ANSWER_BYTES, "not everything was written");
            Ok(usize::try_from(websocket.sent().messages)?)
        },
    )
}

async fn echo_forever(websocket: &mut WebSocket<Canned>) -> anyhow::Result<()> {
    while let Some(message) = websocket.recv().await {
        websocket.feed(message?).await?;
    }
    Ok(())
}

/// Each read is followed by a wait, so that many polls are what the reads take.
fn poll_until_pending_reads(
    reads: usize,
    task: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut task = pin!(task);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..reads {
        ensure!(task.as_mut().poll(&mut context)?.is_pending(), "the connection ended");
    }
    Ok(())
}

/// A stream that has a read and then none, in turns, and takes whatever is written.
struct Canned {
    incoming: Vec<u8>,
    /// 0 <= position <= incoming.len()
    position: usize,
    read_bytes: usize,
    is_readable: bool,
    written: usize,
}

impl AsyncRead for Canned {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_readable = !self.is_readable;
        if self.is_readable {
            return Poll::Pending;
        }
        let end = self.incoming.len().min(self.position + self.read_bytes);
        buffer.put_slice(&self.incoming[self.position..end]);
        self.position = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Canned {
    fn poll_write(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        self.written += length;
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A frame of a server: two bytes of header and the payload.
const ANSWER_BYTES: usize = 2 + SMALL.len();
