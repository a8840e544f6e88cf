//! A connection of a client, which many streams share.

use std::{
    fmt,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use h2::{
    Reason,
    client::{Builder, Connection, SendRequest},
    ext::Protocol,
};
use http::{Request, Response, Version};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{
    SEND_BUFFER_BYTES, STREAM_WINDOW_BYTES,
    error::io_error,
    settings::{Settings, enables_connect_protocol},
    stream::Http2Stream,
    wire::{Tapped, Wire},
};
use crate::{
    error::Error,
    protocol::{ConnectProtocol, HeadLimits, ResponseError},
    transport::{
        lease::{AskError, Asking, Lease, Multiplexed},
        stream::NetStream,
    },
};

/// A connection as long as somebody uses it: with the last one its task ends.
pub(crate) struct Http2Connection {
    requests: SendRequest<Bytes>,
    wire: Arc<Wire>,
    /// How many streams there are.
    open: AtomicUsize,
    limits: HeadLimits,
    peer: Option<SocketAddr>,
    settings: Settings,
    /// The task waits for it to be dropped.
    _used: watch::Receiver<()>,
}

/// A place for one stream.
pub(super) struct Http2Lease {
    connection: Arc<Http2Connection>,
}

impl Http2Connection {
    /// Speaks HTTP/2 on a stream, and waits for what the server says about itself.
    pub(crate) async fn start(stream: NetStream, limits: HeadLimits) -> Result<Arc<Http2Connection>, Error> {
        let peer = stream.peer_addr();
        let wire = Arc::new(Wire::default());
        // RFC 9113 §6.5.2 counts 32 bytes more for each field than HTTP/1.1 has on the wire.
        let list_bytes = limits.max_head_bytes.saturating_add(limits.max_headers.saturating_mul(32));
        let handshake = Builder::new()
            .enable_push(false)
            .max_concurrent_streams(0)
            .initial_window_size(STREAM_WINDOW_BYTES)
            // Room for every stream at once, so that those that nobody reads take nothing from the others. Small DATA frames
            // that wait to be read may cost half of it.
            .initial_connection_window_size(STREAM_WINDOW_BYTES * MAX_STREAMS)
            .max_send_buffer_size(SEND_BUFFER_BYTES)
            .max_header_list_size(u32::try_from(list_bytes).unwrap_or(u32::MAX))
            .handshake(Tapped::new(stream, Arc::clone(&wire)));
        let (requests, connection) = handshake.await.map_err(failed)?;
        let (used, in_use) = watch::channel(());
        let (settled, settings) = oneshot::channel();
        let failure = Arc::new(Mutex::new(None));
        let work = Work {
            connection,
            wire: Arc::clone(&wire),
            requests: Some(requests.clone()),
            settled: Some(settled),
            failure: Arc::clone(&failure),
        };
        tokio::spawn(work.run(used));
        let Ok(settings) = settings.await else {
            let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
            return Err(failure.unwrap_or_else(|| Error::Io(io::ErrorKind::UnexpectedEof.into())));
        };
        let open = AtomicUsize::new(0);
        Ok(Arc::new(Http2Connection { requests, wire, open, limits, peer, settings, _used: in_use }))
    }

    /// What the server has said first.
    pub(crate) fn settings(&self) -> &[(u16, u32)] {
        &self.settings
    }

    /// Whether the server opens WebSockets on it.
    pub(crate) fn opens_websockets(&self) -> bool {
        enables_connect_protocol(&self.settings)
    }
}

impl Multiplexed for Http2Connection {
    fn version(&self) -> Version {
        Version::HTTP_2
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn streams(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn is_sound(&self) -> bool {
        let mut requests = self.requests.clone();
        matches!(requests.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
    }

    fn lease(self: Arc<Http2Connection>) -> Option<Box<dyn Lease>> {
        let allowed = self.requests.current_max_send_streams().min(MAX_STREAMS as usize);
        let more = |open: usize| (open < allowed).then(|| open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Box::new(Http2Lease { connection: self }))
    }
}

impl Lease for Http2Lease {
    fn version(&self) -> Version {
        Version::HTTP_2
    }

    fn ask<'a>(self: Box<Http2Lease>, request: &'a Request<()>) -> Asking<'a> {
        Box::pin(self.exchange(request))
    }
}

impl Http2Lease {
    async fn exchange(self, request: &Request<()>) -> Result<(Response<()>, NetStream), AskError> {
        let connection = Arc::clone(&self.connection);
        let mut request = request.clone();
        if let Some(protocol) = request.extensions_mut().remove::<ConnectProtocol>() {
            request.extensions_mut().insert(Protocol::from(protocol.as_str()));
        }
        let mut requests = connection.requests.clone();
        // A server whose limit has shrunk meanwhile lets us wait.
        poll_fn(|cx| requests.poll_ready(cx)).await.map_err(not_processed)?;
        let (response, sending) = requests.send_request(request, false).map_err(not_processed)?;
        let response = response.await.map_err(ask_error)?;
        let (head, receiving) = response.into_parts();
        let limit = connection.limits.max_headers;
        if head.headers.len() > limit {
            return Err(AskError::Failed(ResponseError::TooManyHeaders { limit }.into()));
        }
        let wire = Arc::clone(&connection.wire);
        let stream = Http2Stream::new(sending, receiving, wire, connection.peer).kept(self);
        Ok((Response::from_parts(head, ()), NetStream::of(Version::HTTP_2, stream, connection.peer)))
    }
}

impl Drop for Http2Lease {
    fn drop(&mut self) {
        self.connection.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Http2Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2Lease").field("peer", &self.connection.peer).finish_non_exhaustive()
    }
}

fn failed(error: h2::Error) -> Error {
    Error::Io(io_error(error))
}

fn not_processed(error: h2::Error) -> AskError {
    AskError::NotProcessed(io_error(error))
}

/// RFC 9113 §8.7: a request is known not to be processed if GOAWAY came before it, or if the code is REFUSED_STREAM.
fn ask_error(error: h2::Error) -> AskError {
    let refused = error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
    let left = error.is_remote() && error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
    if refused || left { not_processed(error) } else { AskError::Failed(failed(error)) }
}

/// The task of a connection.
struct Work {
    connection: Connection<Tapped<NetStream>, Bytes>,
    wire: Arc<Wire>,
    /// Until the settings are there.
    requests: Option<SendRequest<Bytes>>,
    settled: Option<oneshot::Sender<Settings>>,
    failure: Arc<Mutex<Option<Error>>>,
}

impl Work {
    /// Works until the connection has ended. Once nobody uses it that must not take long.
    async fn run(mut self, used: watch::Sender<()>) {
        let mut unused = false;
        loop {
            tokio::select! {
                biased;
                () = poll_fn(|cx| self.poll(cx)) => return,
                () = used.closed(), if !unused => unused = true,
            }
            if unused {
                let _ = timeout(LAST_WORDS, poll_fn(|cx| self.poll(cx))).await;
                return;
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.wire.start_round(cx.waker());
        let polled = Pin::new(&mut self.connection).poll(cx);
        if self.settled.is_some() {
            self.look_for_settings();
        }
        self.wire.end_round(polled.is_ready());
        polled.map(|ended| {
            if let Err(error) = ended {
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                *failure = Some(failed(error));
            }
            self.settled = None;
        })
    }

    /// Hands on the settings once they count.
    fn look_for_settings(&mut self) {
        let (Some(settings), Some(requests)) = (self.wire.settings(), &self.requests) else { return };
        if enables_connect_protocol(&settings) && !requests.is_extended_connect_protocol_enabled() {
            // They were read and are taken in once they can be acknowledged.
            return;
        }
        if let Some(settled) = self.settled.take() {
            let _ = settled.send(settings);
        }
        self.requests = None;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // A runtime that ends takes the task with it.
        self.wire.end_round(true);
    }
}

/// Most streams on one connection, whatever the server allows: their windows together are the window of the connection.
pub(super) const MAX_STREAMS: u32 = 1024;

/// How long a connection may take to say goodbye.
const LAST_WORDS: Duration = Duration::from_secs(2);
