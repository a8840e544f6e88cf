//! The handshake of the libraries that leave it to hyper.

use std::convert::Infallible;
use std::future::ready;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Gives the request that comes on `stream` to `answer`.
///
/// # Errors
///
/// If it is no HTTP, or breaks off.
pub async fn upgrade<S, F>(stream: S, answer: F) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(&mut Request<Incoming>) -> Response<Empty<Bytes>> + Send,
{
    let service = service_fn(|mut request| ready(Ok::<_, Infallible>(answer(&mut request))));
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await
}
