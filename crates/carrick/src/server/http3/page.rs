//! The answer to an ordinary request.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
};

use http::Response;
use hyper::body::{Body as _, Frame};

use super::super::{hyper::ResponseBody, multiplexed::fit, patience::Patience};
use crate::transport::http3::Sending;

/// An answer as it is sent.
pub(super) struct Page {
    pub(super) head: Response<()>,
    body: ResponseBody,
    /// Whether it ends with its head.
    ends: bool,
}

impl Page {
    pub(super) fn new(response: Response<ResponseBody>, is_head: bool) -> Page {
        let (mut head, body) = response.into_parts();
        let ends = fit(&mut head, &body, is_head);
        Page { head: Response::from_parts(head, ()), body, ends }
    }

    /// Sends it as fast as the client takes it, and waits until it has it.
    ///
    /// # Errors
    ///
    /// If the client does not want it any more, or takes nothing of it for too long.
    pub(super) async fn send(self, sending: Sending) -> io::Result<()> {
        let stopped = sending.stopped();
        tokio::select! {
            biased;
            sent = self.send_all(sending) => sent,
            // The service may take its time over the next data, and nobody waits for that any more.
            () = stopped => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    async fn send_all(mut self, mut sending: Sending) -> io::Result<()> {
        bounded(sending.write_response(&self.head)).await??;
        if !self.ends {
            send_body(&mut sending, &mut self.body).await?;
        }
        sending.finish();
        // It is answered, however long the client takes over what is on its way.
        let _ = bounded(poll_fn(|cx| sending.poll_shutdown(cx))).await;
        Ok(())
    }
}

async fn send_body(sending: &mut Sending, body: &mut ResponseBody) -> io::Result<()> {
    // The service may take its time.
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        // The stream is reset as it is dropped, so that the client knows that something is missing.
        match frame.map_err(io::Error::other)?.into_data().map_err(Frame::into_trailers) {
            Ok(mut data) => {
                // Each piece is waited for anew: a client that takes all of it in time is slow and does not stand still.
                while !data.is_empty() {
                    let piece = data.split_to(data.len().min(PIECE_BYTES));
                    bounded(sending.write_data(piece)).await??;
                }
            }
            Err(Ok(trailers)) => bounded(sending.write_trailers(&trailers)).await??,
            Err(Err(_)) => {}
        }
    }
    Ok(())
}

/// For as long as a peer may stand still.
async fn bounded<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let (mut future, mut patience) = (pin!(future), Patience::default());
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        patience.bound(cx, polled)
    })
    .await
}

/// How much of a body is sent at a time.
const PIECE_BYTES: usize = 16 << 10;
