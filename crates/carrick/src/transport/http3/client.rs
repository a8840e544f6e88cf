//! A connection of a client, which many streams share.

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response, Version};
use quinn::{ClientConfig, Endpoint};
use tokio::{sync::watch, time::timeout};
use url::Host;

use super::{
    connection::Http3,
    control::End,
    io_error::{connection_error, is_rejection},
    quic::{CLIENT_STREAMS, any_address, client_config, section_bytes},
    receiving::{ReceiveError, Receiving},
    sending::Sending,
    stream::Http3Stream,
};
use crate::{
    error::Error,
    protocol::{ConnectProtocol, HeadLimits, ResponseError},
    transport::{
        address::Address,
        alternative::Place,
        connect_event::ConnectEvent,
        dial::Dialer,
        lease::{AskError, Lease, Multiplexed},
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
    /// The task that ends it waits for it to be dropped.
    _used: watch::Receiver<()>,
}

/// A stream on it, on which nothing is sent yet.
pub(crate) struct Http3Lease {
    connection: Arc<Http3Connection>,
    halves: (Sending, Receiving),
    seat: Seat,
}

/// Counts a stream as long as it is used.
pub(super) struct Seat {
    connection: Arc<Http3Connection>,
}

impl Http3Connection {
    /// Connects to the server at `address` where it speaks HTTP/3, and waits for what it says about itself.
    pub(crate) async fn open(
        dialer: &Dialer,
        address: &Address,
        place: &Place,
        limits: HeadLimits,
    ) -> Result<Arc<Http3Connection>, Error> {
        let Place { host, port } = place;
        let host = host.as_ref().unwrap_or(&address.host);
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
            dialer.first(host, *port, |address| shake_hands(config.clone(), address, &name, limits)).await?;
        let peer = http3.peer_addr();
        let (used, in_use) = watch::channel(());
        tokio::spawn(end(endpoint, Arc::clone(&http3), used));
        let settings = http3.settings().await?;
        dialer.observer.tell(&ConnectEvent::Http3 { settings: &settings.received });
        if !settings.enable_connect_protocol {
            let text = "server has no websockets over http/3, try another version";
            return Err(Error::Io(io::Error::new(io::ErrorKind::Unsupported, text)));
        }
        Ok(Arc::new(Http3Connection { http3, open: AtomicUsize::new(0), limits, peer, _used: in_use }))
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
        !self.http3.is_leaving()
    }

    fn lease(self: Arc<Http3Connection>) -> Option<Lease> {
        if self.streams() >= CLIENT_STREAMS as usize {
            return None;
        }
        // As many as the server allows can be opened at once.
        let opened = pin!(self.http3.open()).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Ok(halves)) = opened else { return None };
        self.open.fetch_add(1, Ordering::Relaxed);
        let seat = Seat { connection: Arc::clone(&self) };
        Some(Lease::Http3(Box::new(Http3Lease { connection: self, halves, seat })))
    }
}

impl Http3Lease {
    /// Sends a request whose stream stays open, and reads the head of its answer.
    pub(crate) async fn ask(self, request: &Request<()>) -> Result<(Response<()>, NetStream), AskError> {
        let Http3Lease { connection, halves: (mut sending, mut receiving), seat } = self;
        let protocol = request.extensions().get().map(ConnectProtocol::as_str);
        let id = sending.id();
        let asking = async {
            sending.write_request(request, protocol).await.map_err(ReceiveError::Io)?;
            receiving.read_response().await
        };
        let response = tokio::select! {
            biased;
            answered = asking => answered.map_err(|error| ask_error(error, connection.limits))?,
            // "The client … MUST NOT expect them to be processed" (RFC 9114 §5.2).
            () = connection.http3.left_out(id) => {
                let text = "server goes away and takes no more requests";
                return Err(AskError::NotProcessed(io::Error::new(io::ErrorKind::ConnectionAborted, text)));
            }
        };
        let limit = connection.limits.max_headers;
        if response.headers().len() > limit {
            return Err(AskError::Failed(ResponseError::TooManyHeaders { limit }.into()));
        }
        let mut stream = Http3Stream::new(sending, receiving).kept(seat);
        if response.status().is_success() {
            stream.expect_tunnel();
        }
        Ok((response, NetStream::of(Version::HTTP_3, stream, Some(connection.peer))))
    }
}

fn ask_error(error: ReceiveError, limits: HeadLimits) -> AskError {
    match error {
        ReceiveError::Io(error) if is_rejection(&error) => AskError::NotProcessed(error),
        ReceiveError::HeadTooLarge => {
            AskError::Failed(ResponseError::HeadTooLarge { limit: limits.max_head_bytes }.into())
        }
        ReceiveError::Breach(_) | ReceiveError::Io(_) => AskError::Failed(Error::Io(error.into())),
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

impl fmt::Debug for Http3Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http3Lease").field("peer", &self.connection.peer).finish_non_exhaustive()
    }
}

/// How long a connection may take to say goodbye.
const LAST_WORDS: Duration = Duration::from_secs(2);
