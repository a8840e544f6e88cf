//! Sends the answer to an ordinary request.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
};

use http::Response;
use hyper::body::{Body as _, Frame};

use super::super::{hyper::ResponseBody, multiplexed::fit, patience::Patience};
use crate::transport::http3::Sending;

/// Sends the head and the body of an answer, as fast as the client takes it, and waits until it has it.
///
/// # Errors
///
/// If the client does not want it any more, or takes nothing of it for too long.
pub(super) async fn send(
    mut sending: Sending,
    response: Response<ResponseBody>,
    is_head: bool,
) -> io::Result<()> {
    let (mut head, mut body) = response.into_parts();
    let ends = fit(&mut head, &body, is_head);
    bounded(sending.write_response(&Response::from_parts(head, ()))).await??;
    if !ends {
        send_body(&mut sending, &mut body).await?;
    }
    bounded(poll_fn(|cx| sending.poll_shutdown(cx))).await?
}

async fn send_body(sending: &mut Sending, body: &mut ResponseBody) -> io::Result<()> {
    // The service may take its time.
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        // The stream is reset as it is dropped, so that the client knows that something is missing.
        match frame.map_err(io::Error::other)?.into_data().map_err(Frame::into_trailers) {
            Ok(data) if data.is_empty() => {}
            Ok(data) => bounded(sending.write_data(data)).await??,
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
