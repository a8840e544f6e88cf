//! Which connection of a client carries the next stream.

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    runtime::{self, Handle},
    sync::Mutex as AsyncMutex,
};
use url::Host;

use super::client::{Http2Connection, Lease, WeakConnection};
use crate::{
    error::Error,
    protocol::HeadLimits,
    transport::{
        ClientTls, address::Address, connect_event::ConnectEvent, dial::Dialer, http::Http, proxy::Proxy,
        stream::NetStream,
    },
};

/// The HTTP/2 connections of a client. Clones share them.
///
/// A connection lives as long as a stream of it does, so that nothing has to be kept alive and nothing closed for being idle.
#[derive(Clone, Default)]
pub(crate) struct Pool {
    origins: Arc<Mutex<Vec<(Key, Shared)>>>,
}

type Shared = Arc<AsyncMutex<Origin>>;

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

/// What is known of a server.
#[derive(Default)]
struct Origin {
    connections: Vec<WeakConnection>,
    /// It has said that it opens no WebSockets over HTTP/2.
    lacks_http2: bool,
}

/// How a server was reached.
pub(crate) enum Reached {
    /// A stream of its own, for HTTP/1.1.
    Http1(NetStream),
    /// One of several on a connection.
    Http2(Lease),
}

impl Pool {
    /// Reaches the server at `address` by the best version of HTTP that `http` allows.
    ///
    /// Whoever asks while a connection is being made waits for it, and so shares it.
    pub(crate) async fn reach(
        &self,
        dialer: &Dialer,
        address: &Address,
        http: Http,
        limits: HeadLimits,
    ) -> Result<Reached, Error> {
        if http == Http::Http1 || (http == Http::Auto && !address.secure) {
            return Pool::dial_http1(dialer, address).await;
        }
        let origin = self.origin(Key {
            runtime: Handle::current().id(),
            secure: address.secure,
            host: address.host.clone(),
            port: address.port,
            socket: address.socket.clone(),
            proxy: dialer.proxy_to(address)?,
            tls: dialer.tls.clone(),
            limits,
        });
        let mut known = origin.lock().await;
        match known.reach(dialer, address, http, limits).await? {
            Some(reached) => Ok(reached),
            None => {
                drop(known);
                Pool::dial_http1(dialer, address).await
            }
        }
    }

    async fn dial_http1(dialer: &Dialer, address: &Address) -> Result<Reached, Error> {
        let (stream, _) = dialer.dial(address, Http::Http1).await?;
        Ok(Reached::Http1(stream))
    }

    fn origin(&self, key: Key) -> Shared {
        let mut origins = self.origins();
        if let Some((_, shared)) = origins.iter().find(|(known, _)| *known == key) {
            return Arc::clone(shared);
        }
        if origins.len() >= MAX_ORIGINS {
            // Those that somebody asks are kept; a connection whose origin is forgotten lives on and is not shared.
            origins.retain(|(_, shared)| Arc::strong_count(shared) > 1);
        }
        let shared = Shared::default();
        origins.push((key, Arc::clone(&shared)));
        shared
    }

    fn origins(&self) -> MutexGuard<'_, Vec<(Key, Shared)>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Origin {
    /// `None` if it has to be HTTP/1.1, on a connection of its own.
    async fn reach(
        &mut self,
        dialer: &Dialer,
        address: &Address,
        http: Http,
        limits: HeadLimits,
    ) -> Result<Option<Reached>, Error> {
        let is_auto = http == Http::Auto;
        if is_auto && self.lacks_http2 {
            return Ok(None);
        }
        if let Some(lease) = self.lease(dialer) {
            return Ok(Some(Reached::Http2(lease)));
        }
        if self.connections.len() >= MAX_CONNECTIONS {
            let text =
                format!("{MAX_CONNECTIONS} http/2 connections have as many streams as the server allows");
            return fall_back(is_auto, dialer, &text);
        }
        let (stream, chosen) = dialer.dial(address, http).await?;
        if !chosen {
            self.lacks_http2 = is_auto;
            let text = "server does not choose http/2 in its tls handshake";
            return if is_auto { Ok(Some(Reached::Http1(stream))) } else { Err(unsupported(text)) };
        }
        let connection = Http2Connection::start(stream, limits).await.map_err(no_http2)?;
        dialer.observer.tell(&ConnectEvent::Http2 { settings: connection.settings() });
        if !connection.opens_websockets() {
            self.lacks_http2 = is_auto;
            return fall_back(is_auto, dialer, "server has no websockets over http/2");
        }
        let lease = connection.lease();
        self.connections.push(connection.downgrade());
        match lease {
            Some(lease) => Ok(Some(Reached::Http2(lease))),
            None => fall_back(is_auto, dialer, "server allows no stream on its http/2 connection"),
        }
    }

    /// A place on a connection that is there already.
    fn lease(&mut self, dialer: &Dialer) -> Option<Lease> {
        let mut sound = Vec::new();
        self.connections.retain(|connection| {
            let found = connection.upgrade();
            let is_sound = found.is_some();
            sound.extend(found);
            is_sound
        });
        sound.into_iter().find_map(|connection: Http2Connection| {
            let others = connection.streams();
            let lease = connection.lease()?;
            let to = connection.peer_addr().map_or_else(|| "the server".to_owned(), |peer| peer.to_string());
            dialer.observer.tell(&ConnectEvent::Shared { to: &to, others });
            Some(lease)
        })
    }
}

/// HTTP/1.1, if the caller has left it to us.
fn fall_back(is_auto: bool, dialer: &Dialer, reason: &str) -> Result<Option<Reached>, Error> {
    if !is_auto {
        return Err(unsupported(reason));
    }
    dialer.observer.tell(&ConnectEvent::FellBack { reason });
    Ok(None)
}

fn unsupported(reason: &str) -> Error {
    Error::Io(io::Error::new(io::ErrorKind::Unsupported, format!("{reason}, try http/1.1")))
}

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
        f.debug_struct("Pool").field("origins", &self.origins().len()).finish()
    }
}

/// Most connections with one server. More WebSockets than they carry go over HTTP/1.1.
const MAX_CONNECTIONS: usize = 16;

/// Most servers that are remembered. A client has one, and those that it redirects to.
const MAX_ORIGINS: usize = 64;
