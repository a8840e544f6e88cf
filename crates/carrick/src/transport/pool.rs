//! Which connection of a client carries the next stream.

#[cfg(not(all(feature = "http2", feature = "http3")))]
use std::future::{Ready, ready};
use std::{
    fmt, io,
    path::PathBuf,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http::{HeaderMap, Version};
use tokio::{
    runtime::{self, Handle},
    sync::Mutex as AsyncMutex,
    time::sleep,
};
use url::Host;

#[cfg(feature = "http2")]
use super::http2::Http2Connection;
#[cfg(feature = "http3")]
use super::http3::Http3Connection;
use super::{
    ClientTls,
    address::Address,
    alternative::{Alternative, Alternatives},
    connect_event::ConnectEvent,
    dial::Dialer,
    http::Http,
    lease::{Lease, Multiplexed},
    proxy::Proxy,
    stream::NetStream,
};
use crate::{error::Error, protocol::HeadLimits, system};

/// The HTTP/2 and HTTP/3 connections of a client. Clones share them.
///
/// A connection lives as long as a stream of it does, so that nothing has to be kept alive and nothing closed for being idle.
#[derive(Clone, Default)]
pub(crate) struct Pool {
    servers: Arc<Mutex<Vec<(Key, Shared)>>>,
    alternatives: Alternatives,
}

/// What has to be the same for two streams to share a connection.
#[derive(Clone, PartialEq)]
struct Key {
    /// The task of a connection stops with its runtime.
    runtime: runtime::Id,
    secure: bool,
    host: Host<String>,
    port: u16,
    socket: Option<PathBuf>,
    proxy: Option<Proxy>,
    /// The certificates that are trusted and shown.
    tls: ClientTls,
    limits: HeadLimits,
}

/// Held while a connection is made, so that whoever asks meanwhile shares it.
type Shared = Arc<AsyncMutex<Connections>>;

/// The connections with a server.
#[derive(Default)]
struct Connections {
    made: Vec<Weak<dyn Multiplexed>>,
    /// It has said that it opens no WebSockets over HTTP/2.
    lacks_http2: bool,
}

/// How a server was reached.
pub(crate) enum Reached {
    /// A stream of its own, for HTTP/1.1.
    Http1(NetStream),
    /// One of several on a connection.
    Shared(Box<dyn Lease>),
}

/// Whom to reach, and how.
struct Journey<'a> {
    dialer: &'a Dialer,
    address: &'a Address,
    http: Http,
    limits: HeadLimits,
    alternatives: &'a Alternatives,
}

impl Pool {
    /// Reaches the server at `address` by the best version of HTTP that `http` allows.
    pub(crate) async fn reach(
        &self,
        dialer: &Dialer,
        address: &Address,
        http: Http,
        limits: HeadLimits,
    ) -> Result<Reached, Error> {
        let journey = Journey { dialer, address, http, limits, alternatives: &self.alternatives };
        match http {
            Http::Http2 if !HAS_HTTP2 => return Err(missing("HTTP/2", "http2")),
            Http::Http3 if !HAS_HTTP3 => return Err(missing("HTTP/3", "http3")),
            Http::Auto | Http::Http1 | Http::Http2 | Http::Http3 => {}
        }
        let is_plain = http == Http::Auto && (!address.secure || !(HAS_HTTP2 || HAS_HTTP3));
        if http == Http::Http1 || is_plain {
            return journey.dial_http1().await;
        }
        let key = journey.key()?;
        let may_be_http3 = journey.check_http3(key.proxy.as_ref())?;
        let shared = self.shared(key);
        let mut connections = shared.lock().await;
        match connections.reach(&journey, may_be_http3).await? {
            Some(reached) => Ok(reached),
            None => {
                drop(connections);
                journey.dial_http1().await
            }
        }
    }

    /// Takes in where else the server is, as the headers of its answer say.
    pub(crate) fn learn(&self, address: &Address, http: Http, headers: &HeaderMap) {
        // Without TLS anybody on the way could have said it.
        if HAS_HTTP3 && address.secure && http != Http::Http1 {
            self.alternatives.of(address, |known| known.learn(headers, &address.host, system::now()));
        }
    }

    /// The server is not where it has said (RFC 7838 §6); whether it had said something.
    pub(crate) fn forget(&self, address: &Address) -> bool {
        self.alternatives.of(address, Alternative::forget)
    }

    fn shared(&self, key: Key) -> Shared {
        let mut servers = self.servers();
        if let Some((_, shared)) = servers.iter().find(|(known, _)| *known == key) {
            return Arc::clone(shared);
        }
        if servers.len() >= MAX_SERVERS {
            // Those that somebody asks are kept; a connection whose server is forgotten lives on and is not shared.
            servers.retain(|(_, shared)| Arc::strong_count(shared) > 1);
        }
        let shared = Shared::default();
        servers.push((key, Arc::clone(&shared)));
        shared
    }

    fn servers(&self) -> MutexGuard<'_, Vec<(Key, Shared)>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journey<'_> {
    fn key(&self) -> Result<Key, Error> {
        Ok(Key {
            runtime: Handle::current().id(),
            secure: self.address.secure,
            host: self.address.host.clone(),
            port: self.address.port,
            socket: self.address.socket.clone(),
            proxy: self.dialer.proxy_to(self.address)?,
            tls: self.dialer.tls.clone(),
            limits: self.limits,
        })
    }

    /// Whether there may be HTTP/3.
    ///
    /// # Errors
    ///
    /// If it is asked for and cannot be.
    fn check_http3(&self, proxy: Option<&Proxy>) -> Result<bool, Error> {
        let obstacle = match (self.address.secure, &self.address.socket, proxy) {
            (false, ..) => "HTTP/3 is always encrypted, use a wss:// URL",
            (true, Some(_), _) => "HTTP/3 does not go over a Unix socket",
            (true, None, Some(_)) => "HTTP/3 does not go through a proxy",
            (true, None, None) => return Ok(true),
        };
        if self.http == Http::Http3 { Err(Error::Config(obstacle.into())) } else { Ok(false) }
    }

    /// Looks at what is known of HTTP/3 there, or changes it.
    fn known<T>(&self, look: impl FnOnce(&mut Alternative) -> T) -> T {
        self.alternatives.of(self.address, look)
    }

    async fn dial_http1(&self) -> Result<Reached, Error> {
        let (stream, _) = self.dialer.dial(self.address, Http::Http1).await?;
        Ok(Reached::Http1(stream))
    }

    /// A connection of HTTP/2, or what there is instead: nothing if it has to be HTTP/1.1 on a connection of its own.
    async fn dial(&self, lacks_http2: &mut bool) -> Result<Dialed, Error> {
        let is_auto = self.http == Http::Auto;
        if is_auto && (*lacks_http2 || !HAS_HTTP2) {
            return Ok(Dialed::Nothing);
        }
        let (stream, chosen) = self.dialer.dial(self.address, self.http).await?;
        if !chosen {
            *lacks_http2 = is_auto;
            let text = "server does not choose http/2 in its tls handshake";
            return if is_auto { Ok(Dialed::Http1(stream)) } else { Err(unsupported(text)) };
        }
        if let Some(connection) = self.start_http2(stream).await? {
            return Ok(Dialed::Connection(connection));
        }
        *lacks_http2 = is_auto;
        self.fall_back("server has no websockets over http/2")?;
        Ok(Dialed::Nothing)
    }

    /// A connection of HTTP/2 on a stream, if the server opens WebSockets over it.
    #[cfg(feature = "http2")]
    async fn start_http2(&self, stream: NetStream) -> Result<Option<Arc<dyn Multiplexed>>, Error> {
        let connection = Http2Connection::start(stream, self.limits).await.map_err(no_http2)?;
        self.dialer.observer.tell(&ConnectEvent::Http2 { settings: connection.settings() });
        Ok(if connection.opens_websockets() { Some(connection) } else { None })
    }

    #[cfg(not(feature = "http2"))]
    fn start_http2(&self, _: NetStream) -> Ready<Result<Option<Arc<dyn Multiplexed>>, Error>> {
        ready(Err(missing("HTTP/2", "http2")))
    }

    /// A connection of HTTP/3.
    #[cfg(feature = "http3")]
    async fn dial_http3(&self, port: u16) -> Result<Arc<dyn Multiplexed>, Error> {
        let record = self.alternatives.record(self.address);
        let connection =
            Http3Connection::open(self.dialer, self.address, (port, record), self.limits).await?;
        Ok(connection)
    }

    #[cfg(not(feature = "http3"))]
    fn dial_http3(&self, _: u16) -> Ready<Result<Arc<dyn Multiplexed>, Error>> {
        ready(Err(missing("HTTP/3", "http3")))
    }

    /// A connection of HTTP/3 where the server has said that there is one, or else on the port of the URL, which waits a
    /// moment for that.
    async fn dial_asked_http3(&self) -> Result<Arc<dyn Multiplexed>, Error> {
        let own = self.address.port;
        let learned = self.known(|known| known.fresh(system::now())).filter(|port| *port != own);
        let Some(learned) = learned else { return self.dial_http3(own).await };
        let mut there = pin!(self.dial_http3(learned));
        let early = tokio::select! {
            biased;
            made = &mut there => Some(made),
            () = sleep(HEAD_START) => None,
        };
        match early {
            Some(Ok(connection)) => return Ok(connection),
            // What the place that was named fails with is told if there is no other.
            Some(Err(error)) => return self.dial_http3(own).await.map_err(|_| error),
            None => {}
        }
        let mut here = pin!(self.dial_http3(own));
        tokio::select! {
            biased;
            made = &mut there => match made {
                Ok(connection) => Ok(connection),
                Err(error) => here.await.map_err(|_| error),
            },
            made = &mut here => match made {
                Ok(connection) => Ok(connection),
                Err(_) => there.await,
            },
        }
    }

    /// It has to be HTTP/1.1, which is an error if the caller has not left it to us.
    fn fall_back(&self, reason: &str) -> Result<(), Error> {
        if self.http != Http::Auto {
            return Err(unsupported(reason));
        }
        self.dialer.observer.tell(&ConnectEvent::FellBack { reason });
        Ok(())
    }
}

/// What came of dialing over TCP.
enum Dialed {
    Connection(Arc<dyn Multiplexed>),
    Http1(NetStream),
    Nothing,
}

impl Connections {
    /// `None` if it has to be HTTP/1.1, on a connection of its own.
    async fn reach(&mut self, journey: &Journey<'_>, may_be_http3: bool) -> Result<Option<Reached>, Error> {
        if let Some(lease) = self.lease(journey) {
            return Ok(Some(Reached::Shared(lease)));
        }
        if self.made.len() >= MAX_CONNECTIONS {
            let text = format!("{MAX_CONNECTIONS} connections have as many streams as the server allows");
            return journey.fall_back(&text).map(|()| None);
        }
        let now = system::now();
        let dialed = if journey.http == Http::Http3 {
            Dialed::Connection(journey.dial_asked_http3().await?)
        } else {
            let may_be_http3 = may_be_http3 && journey.http == Http::Auto;
            let port = journey.known(|known| known.port(now).filter(|_| may_be_http3));
            match port {
                Some(port) => self.race(journey, port).await?,
                None => journey.dial(&mut self.lacks_http2).await?,
            }
        };
        match dialed {
            Dialed::Nothing => Ok(None),
            Dialed::Http1(stream) => Ok(Some(Reached::Http1(stream))),
            Dialed::Connection(connection) => {
                let lease = Arc::clone(&connection).lease();
                self.made.push(Arc::downgrade(&connection));
                match lease {
                    Some(lease) => Ok(Some(Reached::Shared(lease))),
                    None => journey.fall_back("server allows no stream on its connection").map(|()| None),
                }
            }
        }
    }

    /// HTTP/3 if there is a way for it, and else what there is over TCP, which waits a moment for HTTP/3.
    async fn race(&mut self, journey: &Journey<'_>, port: u16) -> Result<Dialed, Error> {
        let mut quic = pin!(journey.dial_http3(port));
        let early = tokio::select! {
            biased;
            made = &mut quic => Some(made),
            () = sleep(HEAD_START) => None,
        };
        match early {
            Some(Ok(connection)) => {
                journey.known(Alternative::allow);
                return Ok(Dialed::Connection(connection));
            }
            Some(Err(_)) => {
                journey.known(|known| known.avoid(system::now()));
                return journey.dial(&mut self.lacks_http2).await;
            }
            None => {}
        }
        let mut tcp = pin!(async {
            match journey.dial(&mut self.lacks_http2).await? {
                // One that is known to be there for HTTP/1.1 has to be reached to win.
                Dialed::Nothing => match journey.dial_http1().await? {
                    Reached::Http1(stream) => Ok(Dialed::Http1(stream)),
                    Reached::Shared(_) => Ok(Dialed::Nothing),
                },
                dialed => Ok(dialed),
            }
        });
        let first = tokio::select! {
            biased;
            made = &mut quic => made.map(Dialed::Connection),
            dialed = &mut tcp => {
                match dialed {
                    Ok(dialed) => {
                        journey.known(|known| known.avoid(system::now()));
                        return Ok(dialed);
                    }
                    // What TCP has failed with is told if QUIC fails too.
                    Err(error) => return quic.await.map(Dialed::Connection).map_err(|_| error),
                }
            }
        };
        match first {
            Ok(dialed) => Ok(dialed),
            Err(_) => {
                journey.known(|known| known.avoid(system::now()));
                tcp.await
            }
        }
    }

    /// A place on a connection that is there already, over the latest version of HTTP.
    fn lease(&mut self, journey: &Journey<'_>) -> Option<Box<dyn Lease>> {
        let mut sound = Vec::new();
        self.made.retain(|connection| {
            let found = connection.upgrade().filter(|connection| connection.is_sound());
            let is_sound = found.is_some();
            sound.extend(found);
            is_sound
        });
        sound.retain(|connection| match journey.http {
            Http::Http2 => connection.version() == Version::HTTP_2,
            Http::Http3 => connection.version() == Version::HTTP_3,
            Http::Auto | Http::Http1 => true,
        });
        sound.sort_by_key(|connection| std::cmp::Reverse(connection.version()));
        sound.into_iter().find_map(|connection| {
            let (version, others) = (connection.version(), connection.streams());
            let peer = connection.peer_addr();
            let lease = connection.lease()?;
            let to = peer.map_or_else(|| "the server".to_owned(), |peer| peer.to_string());
            journey.dialer.observer.tell(&ConnectEvent::Shared { version, to: &to, others });
            Some(lease)
        })
    }
}

fn unsupported(reason: &str) -> Error {
    Error::Io(io::Error::new(io::ErrorKind::Unsupported, format!("{reason}, try http/1.1")))
}

/// The error of a caller who asks for what is left out of this build.
fn missing(version: &str, feature: &str) -> Error {
    let text = format!("{version} needs the feature `{feature}` of carrick, which is not compiled in");
    Error::Config(text.into())
}

#[cfg(feature = "http2")]
fn no_http2(error: Error) -> Error {
    match error {
        Error::Io(error) => {
            Error::Io(io::Error::new(error.kind(), format!("server does not speak http/2: {error}")))
        }
        other => other,
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("servers", &self.servers().len()).finish()
    }
}

/// Whether it is compiled in.
const HAS_HTTP2: bool = cfg!(feature = "http2");

/// Whether it is compiled in.
const HAS_HTTP3: bool = cfg!(feature = "http3");

/// How long TCP waits for HTTP/3, as one address waits for another (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Most connections with one server. More WebSockets than they carry go over HTTP/1.1.
const MAX_CONNECTIONS: usize = 16;

/// Most servers that are remembered. A client has one, and those that it redirects to.
const MAX_SERVERS: usize = 64;
