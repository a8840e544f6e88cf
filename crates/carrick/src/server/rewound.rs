//! A stream that hyper reads from its beginning, although some of it was read before.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{linger::Linger, patience::Patience};
use crate::transport::{NetStream, Prefixed};

/// A stream of which some bytes were read already, and whose peer has to read.
pub(super) struct Rewound {
    stream: Prefixed,
    patience: Patience,
    /// There once our side has ended.
    linger: Option<Linger>,
}

impl Rewound {
    pub(super) fn new(received: Bytes, stream: NetStream) -> Rewound {
        Rewound { stream: Prefixed { received, stream }, patience: Patience::default(), linger: None }
    }

    /// The stream, and what of those bytes was not read again.
    pub(super) fn into_parts(self) -> (NetStream, Bytes) {
        (self.stream.stream, self.stream.received)
    }

    /// Bounds how long a write makes no progress.
    fn bound<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.patience.bound(cx, written).map(|written| written?)
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bound(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.bound(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_flush(cx);
        self.bound(cx, written)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            let written = Pin::new(&mut self.stream).poll_shutdown(cx);
            ready!(self.bound(cx, written))?;
        }
        let Rewound { stream, linger, .. } = &mut *self;
        linger.get_or_insert_with(Linger::new).poll(cx, stream).map(Ok)
    }
}
