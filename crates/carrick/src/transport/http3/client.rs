//! A connection of a client, which many streams share.

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use http::{HeaderMap, Request, Response, StatusCode, Version, header::CONTENT_LENGTH};
use quinn::{ClientConfig, Endpoint};
use tokio::{sync::watch, time::timeout};
use url::Host;

use super::{
    connection::Http3,
    control::End,
    head,
    io_error::{connection_error, is_rejection, is_version_fallback},
    quic::{CLIENT_STREAMS, any_address, client_config, section_bytes},
    receiving::{ReceiveError, Receiving},
    sending::Sending,
    stream::Http3Stream,
};
use crate::{
    error::Error,
    protocol::{ConnectProtocol, HeadLimits, ResponseError},
    system,
    transport::{
        address::Address,
        alternative::Record,
        connect_event::ConnectEvent,
        dial::Dialer,
        lease::{AskError, Asking, Lease, Multiplexed},
        stream::NetStream,
    },
};

/// A connection as long as somebody uses it: with the last one it ends.
pub(crate) struct Http3Connection {
    http3: Arc<Http3>,
    /// How many streams there are.
    open: AtomicUsize,
    limits: HeadLimits,
    peer: SocketAddr,
    /// No request goes over it any more, whatever goes on on it.
    retired: AtomicBool,
    record: Record,
    /// The task that ends it waits for it to be dropped.
    _used: watch::Receiver<()>,
}

/// A stream on it, on which nothing is sent yet.
struct Http3Lease {
    connection: Arc<Http3Connection>,
    halves: (Sending, Receiving),
    seat: Seat,
}

/// Counts a stream as long as it is used.
pub(super) struct Seat {
    connection: Arc<Http3Connection>,
}

impl Http3Connection {
    /// Connects to the server at `address` where it speaks HTTP/3, on `port`, and waits for what it says about itself. That it
    /// does not answer there goes into `record`.
    pub(crate) async fn open(
        dialer: &Dialer,
        address: &Address,
        (port, record): (u16, Record),
        limits: HeadLimits,
    ) -> Result<Arc<Http3Connection>, Error> {
        let host = &address.host;
        dialer.observer.tell(&ConnectEvent::TryingHttp3 { at: &format!("{host}:{port}") });
        dialer.tls.prepare().await?;
        let tls = dialer.tls.config()?;
        let config = client_config(&tls).map_err(|error| Error::Config(error.into()))?;
        // Whoever speaks for the server has to show the certificate of the server (RFC 7838 §2.1).
        let name = match &address.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let (http3, endpoint) =
            dialer.first(host, port, |address| shake_hands(config.clone(), address, &name, limits)).await?;
        let peer = http3.peer_addr();
        let (used, in_use) = watch::channel(());
        tokio::spawn(end(endpoint, Arc::clone(&http3), used));
        let settings = http3.settings().await?;
        dialer.observer.tell(&ConnectEvent::Http3 { settings: &settings.received });
        if !settings.enable_connect_protocol {
            let text = "server has no websockets over http/3, try another version";
            return Err(Error::Io(io::Error::new(io::ErrorKind::Unsupported, text)));
        }
        Ok(Arc::new(Http3Connection {
            http3,
            open: AtomicUsize::new(0),
            limits,
            peer,
            retired: AtomicBool::new(false),
            record,
            _used: in_use,
        }))
    }
}

/// A connection through a socket of its own.
async fn shake_hands(
    config: ClientConfig,
    address: SocketAddr,
    name: &str,
    limits: HeadLimits,
) -> io::Result<(Arc<Http3>, Endpoint)> {
    let endpoint = Endpoint::client(any_address(address))?;
    let connecting = endpoint.connect_with(config, address, name).map_err(io::Error::other)?;
    let connection = connecting.await.map_err(connection_error)?;
    Ok((Http3::start(connection, End::Client, section_bytes(limits)).await?, endpoint))
}

/// Ends a connection that nobody uses any more, once what was sent last has arrived.
async fn end(endpoint: Endpoint, http3: Arc<Http3>, used: watch::Sender<()>) {
    tokio::select! {
        _ = http3.closed() => return,
        () = used.closed() => {}
    }
    let _ = timeout(LAST_WORDS, http3.vacant()).await;
    http3.close();
    let _ = timeout(LAST_WORDS, endpoint.wait_idle()).await;
}

impl Multiplexed for Http3Connection {
    fn version(&self) -> Version {
        Version::HTTP_3
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        Some(self.peer)
    }

    fn streams(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn is_sound(&self) -> bool {
        !self.http3.is_leaving() && !self.retired.load(Ordering::Relaxed)
    }

    fn lease(self: Arc<Http3Connection>) -> Option<Box<dyn Lease>> {
        if self.streams() >= CLIENT_STREAMS as usize {
            return None;
        }
        // As many as the server allows can be opened at once.
        let opened = pin!(self.http3.open()).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Ok(halves)) = opened else { return None };
        self.open.fetch_add(1, Ordering::Relaxed);
        let seat = Seat { connection: Arc::clone(&self) };
        Some(Box::new(Http3Lease { connection: self, halves, seat }))
    }
}

impl Lease for Http3Lease {
    fn version(&self) -> Version {
        Version::HTTP_3
    }

    fn ask<'a>(self: Box<Http3Lease>, request: &'a Request<()>) -> Asking<'a> {
        Box::pin(self.exchange(request))
    }
}

impl Http3Lease {
    async fn exchange(self, request: &Request<()>) -> Result<(Response<()>, NetStream), AskError> {
        let Http3Lease { connection, halves: (mut sending, mut receiving), seat } = self;
        let protocol = request.extensions().get().map(ConnectProtocol::as_str);
        connection.check_size(request, protocol)?;
        let silence = Silence::begin(&connection);
        let id = sending.id();
        let asking = async {
            sending.write_request(request, protocol).await.map_err(ReceiveError::Io)?;
            receiving.read_response().await
        };
        let response = tokio::select! {
            biased;
            answered = asking => answered,
            // "The client … MUST NOT expect them to be processed" (RFC 9114 §5.2).
            () = connection.http3.left_out(id) => {
                let text = "server goes away and takes no more requests";
                let error = io::Error::new(io::ErrorKind::ConnectionAborted, text);
                silence.end();
                return Err(AskError::NotProcessed(error));
            }
        };
        silence.end();
        if let Err(ReceiveError::Breach(breach)) = &response {
            sending.cancel(breach.code);
        }
        let response = response.map_err(|error| connection.ask_error(error))?;
        if response.status() == StatusCode::MISDIRECTED_REQUEST {
            // "The 421 … indicates that the request was directed at a server that is unable or unwilling to produce an
            // authoritative response" (RFC 9110 §15.5.20), and so is the next one here.
            connection.retire();
            connection.record.avoid();
        }
        let limit = connection.limits.max_headers;
        if response.headers().len() > limit {
            return Err(AskError::Failed(ResponseError::TooManyHeaders { limit }.into()));
        }
        let mut stream = Http3Stream::new(sending, receiving).kept(seat);
        match response.status() {
            status if status.is_success() => stream.expect_tunnel(),
            // It never has a body, whatever Content-Length says (RFC 9110 §8.6).
            StatusCode::NOT_MODIFIED => {}
            _ => stream.expect_body(length(response.headers())),
        }
        Ok((response, NetStream::of(Version::HTTP_3, stream, Some(connection.peer))))
    }
}

impl Http3Connection {
    fn check_size(&self, request: &Request<()>, protocol: Option<&str>) -> Result<(), AskError> {
        let bytes = head::request_bytes(request, protocol);
        let Some(most) = self.http3.limit_exceeded(bytes) else { return Ok(()) };
        let text = format!("the head of the request is {bytes} bytes, the server takes {most}");
        Err(AskError::Failed(Error::Io(io::Error::new(io::ErrorKind::InvalidInput, text))))
    }

    fn ask_error(&self, error: ReceiveError) -> AskError {
        match error {
            ReceiveError::Io(error) if is_rejection(&error) => AskError::NotProcessed(error),
            ReceiveError::Io(error) if is_version_fallback(&error) => {
                self.retire();
                self.record.avoid();
                AskError::VersionFallback(error)
            }
            ReceiveError::HeadTooLarge => {
                AskError::Failed(ResponseError::HeadTooLarge { limit: self.limits.max_head_bytes }.into())
            }
            ReceiveError::Breach(_) | ReceiveError::Io(_) => AskError::Failed(Error::Io(error.into())),
        }
    }

    fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }
}

/// What a head says of the length of its body. It has been checked to be a number.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The time in which a request waits for its answer. Whoever gives up on that may have found out that nothing gets through
/// any more, which QUIC itself says only when the connection has been idle for long.
struct Silence {
    connection: Arc<Http3Connection>,
    /// How many packets had come before.
    packets: u64,
    start: Instant,
    is_over: bool,
}

impl Silence {
    fn begin(connection: &Arc<Http3Connection>) -> Silence {
        let (packets, start) = (connection.http3.packets_received(), system::now());
        Silence { connection: Arc::clone(connection), packets, start, is_over: false }
    }

    fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let heard = self.connection.http3.packets_received() > self.packets;
        if !self.is_over && (!heard || self.start + LONG < system::now()) {
            self.connection.retire();
            self.connection.record.avoid();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connection.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("peer", &self.connection.peer).finish_non_exhaustive()
    }
}

/// A server that acknowledges what it is sent and does not answer for so long may do so over TCP.
const LONG: Duration = Duration::from_secs(5);

/// How long a connection may take to say goodbye.
const LAST_WORDS: Duration = Duration::from_secs(2);
