//! The half of a request stream that is sent.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, Response};
use quinn::SendStream;

use super::{
    connection::Http3,
    error_code::ErrorCode,
    frame::{self, FrameKind},
    head,
    io_error::write_error,
};

/// A head, and then data. Dropped before [`finish`](Sending::finish) the stream is reset, so that the peer knows that
/// something is missing.
#[derive(Debug)]
pub(crate) struct Sending {
    connection: Arc<Http3>,
    send: SendStream,
    /// What of the header of the DATA frame that is being written has not left yet.
    header: Bytes,
    /// How much payload of that frame is still to come.
    promised: usize,
    end: Ending,
}

/// How far the end of what is sent has come.
enum Ending {
    Open,
    /// The end is sent, behind which there is somebody who waits until all of it has arrived.
    Finished(Option<Arrival>),
    /// All of it has arrived, or was taken back.
    Over,
}

type Arrival = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl Sending {
    pub(super) fn new(connection: Arc<Http3>, send: SendStream) -> Sending {
        connection.occupy();
        Sending { connection, send, header: Bytes::new(), promised: 0, end: Ending::Open }
    }

    /// The connection that it is on.
    pub(crate) fn connection(&self) -> &Arc<Http3> {
        &self.connection
    }

    /// The number of the stream.
    pub(crate) fn id(&self) -> u64 {
        self.send.id().into()
    }

    /// Sends the head of a request.
    pub(crate) async fn write_request(
        &mut self,
        request: &Request<()>,
        protocol: Option<&str>,
    ) -> io::Result<()> {
        let mut section = Vec::new();
        head::write_request(request, protocol, &mut section);
        self.write_frame(FrameKind::Headers, section.into()).await
    }

    /// What is wrong with a head of an answer that the peer does not take.
    pub(crate) fn check_response<B>(&self, response: &Response<B>) -> Result<(), String> {
        let bytes = head::response_bytes(response);
        match self.connection.limit_exceeded(bytes) {
            Some(most) => Err(format!("the head of the answer is {bytes} bytes, the client takes {most}")),
            None => Ok(()),
        }
    }

    /// Sends the head of an answer.
    pub(crate) async fn write_response<B>(&mut self, response: &Response<B>) -> io::Result<()> {
        let mut section = Vec::new();
        head::write_response(response, &mut section);
        self.write_frame(FrameKind::Headers, section.into()).await
    }

    /// Sends trailers.
    pub(crate) async fn write_trailers(&mut self, trailers: &HeaderMap) -> io::Result<()> {
        let mut section = Vec::new();
        head::write_trailers(trailers, &mut section);
        self.write_frame(FrameKind::Headers, section.into()).await
    }

    /// Sends data of the body.
    pub(crate) async fn write_data(&mut self, bytes: Bytes) -> io::Result<()> {
        self.write_frame(FrameKind::Data, bytes).await
    }

    /// Ends what is sent.
    pub(crate) fn finish(&mut self) {
        if matches!(self.end, Ending::Open) {
            self.end = Ending::Finished(None);
            // The peer may want no more of it.
            let _ = self.send.finish();
        }
    }

    /// Takes back what was sent.
    pub(crate) fn cancel(&mut self, code: ErrorCode) {
        if matches!(self.end, Ending::Open) {
            self.end = Ending::Over;
            let _ = self.send.reset(code.quic());
        }
    }

    /// Ends what is sent behind what was written, unless that is the start of a frame.
    pub(super) fn abandon(&mut self) {
        if self.promised == 0 { self.finish() } else { self.cancel(ErrorCode::RequestCancelled) }
    }

    /// Ready when the peer wants no more of it.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + Sync + use<> {
        arrival_of(&self.send)
    }

    async fn write_frame(&mut self, kind: FrameKind, payload: Bytes) -> io::Result<()> {
        let mut header = Vec::new();
        frame::write_header(kind, payload.len(), &mut header);
        self.send.write_all_chunks(&mut [header.into(), payload]).await.map_err(write_error)
    }

    /// Writes as much as there is room for, of which all is one DATA frame.
    ///
    /// Once it was pending, the bytes of the next call have to begin with those of this one: their frame is announced.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if length == 0 {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_frame(cx, length))?;
        let mut written = 0;
        for slice in slices {
            if self.promised == 0 {
                break;
            }
            match self.poll_payload(cx, slice) {
                Poll::Ready(Ok(n)) => {
                    written += n;
                    if n < slice.len() {
                        break;
                    }
                }
                // An error comes again.
                Poll::Ready(Err(_)) | Poll::Pending if written > 0 => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(written))
    }

    /// Ends what is sent, and waits until it has arrived or the peer wants no more of it. That cannot be within a frame: the
    /// peer would have to take it for an error of the connection.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.promised > 0 {
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        }
        self.finish();
        if let Ending::Finished(arrival) = &mut self.end {
            let arrival = arrival.get_or_insert_with(|| Box::pin(arrival_of(&self.send)));
            ready!(arrival.as_mut().poll(cx));
            self.end = Ending::Over;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when a frame is open that has room for some of so many bytes, and its header has left.
    fn poll_frame(&mut self, cx: &mut Context<'_>, length: usize) -> Poll<io::Result<()>> {
        if self.promised == 0 {
            let mut header = Vec::with_capacity(HEADER_BYTES);
            frame::write_header(FrameKind::Data, length, &mut header);
            self.header = header.into();
            self.promised = length;
        }
        while !self.header.is_empty() {
            let n = ready!(Pin::new(&mut self.send).poll_write(cx, &self.header)).map_err(write_error)?;
            self.header.advance(n);
        }
        self.header = Bytes::new();
        Poll::Ready(Ok(()))
    }

    fn poll_payload(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = bytes.get(..self.promised).unwrap_or(bytes);
        let n = ready!(Pin::new(&mut self.send).poll_write(cx, bytes)).map_err(write_error)?;
        self.promised -= n;
        Poll::Ready(Ok(n))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.cancel(ErrorCode::RequestCancelled);
        if matches!(self.end, Ending::Finished(_)) {
            let (arrival, connection) = (arrival_of(&self.send), Arc::clone(&self.connection));
            self.connection.runtime().spawn(async move {
                arrival.await;
                connection.vacate();
            });
        } else {
            self.connection.vacate();
        }
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ending::Open => "Open",
            Ending::Finished(_) => "Finished",
            Ending::Over => "Over",
        })
    }
}

/// Ready when all of it has arrived, or the peer wants no more of it, or the connection is over.
fn arrival_of(send: &SendStream) -> impl Future<Output = ()> + Send + Sync + use<> {
    let stopped = send.stopped();
    async move { drop(stopped.await) }
}

/// A type of one byte and a length of eight.
const HEADER_BYTES: usize = 9;
