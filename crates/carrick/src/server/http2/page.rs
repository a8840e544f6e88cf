//! Sends the answer to an ordinary request.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{SendStream, server::SendResponse};
use http::Response;
use hyper::body::{Body as _, Frame};

use super::super::{hyper::ResponseBody, multiplexed::fit, patience::Patience};
use crate::transport::poll_room;

/// Sends the head and the body of an answer, as fast as the client takes it.
///
/// # Errors
///
/// If the client does not want it any more, or takes nothing of it for too long.
pub(super) async fn send(
    mut respond: SendResponse<Bytes>,
    response: Response<ResponseBody>,
    is_head: bool,
) -> io::Result<()> {
    let (mut head, body) = response.into_parts();
    let ends = fit(&mut head, &body, is_head);
    let sending = respond.send_response(Response::from_parts(head, ()), ends).map_err(io::Error::other)?;
    if ends {
        return Ok(());
    }
    let mut pump = Pump { sending, body, rest: Bytes::new(), patience: Patience::default() };
    poll_fn(|cx| pump.poll(cx)).await
}

/// A body on its way.
struct Pump {
    sending: SendStream<Bytes>,
    body: ResponseBody,
    /// What is not sent yet of the last frame of the body.
    rest: Bytes,
    patience: Patience,
}

impl Pump {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_rest(cx))?;
            if let Poll::Ready(reset) = self.sending.poll_reset(cx) {
                return Poll::Ready(Err(io::Error::other(format!("{reset:?}"))));
            }
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => {
                    return Poll::Ready(self.sending.send_data(Bytes::new(), true).map_err(io::Error::other));
                }
                // The stream is reset as this is dropped, so that the client knows that something is missing.
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                Some(Ok(frame)) => frame,
            };
            match frame.into_data().map_err(Frame::into_trailers) {
                Ok(data) => self.rest = data,
                Err(Ok(trailers)) => {
                    return Poll::Ready(self.sending.send_trailers(trailers).map_err(io::Error::other));
                }
                Err(Err(_)) => {}
            }
        }
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let room = poll_room(&mut self.sending, cx, self.rest.len());
            let room = ready!(self.patience.bound(cx, room))??;
            self.sending.send_data(self.rest.split_to(room), false).map_err(io::Error::other)?;
        }
        Poll::Ready(Ok(()))
    }
}
