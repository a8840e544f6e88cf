//! The ways from a client to a server, behind one API.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use carrick::{ClientBuilder, Http, Server, ServerTls, WebSocket};
use http::{Request, Version};

use crate::server::support::{Running, echo, free_server};

/// A version of HTTP, with or without TLS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    Http1,
    Http1Tls,
    Http2,
    Http2Tls,
    /// Always with TLS.
    #[cfg(feature = "http3")]
    Http3,
}

pub(crate) const WAYS: &[Way] = &[
    Way::Http1,
    Way::Http1Tls,
    Way::Http2,
    Way::Http2Tls,
    #[cfg(feature = "http3")]
    Way::Http3,
];

/// Those on which WebSockets share a connection.
pub(crate) fn sharing() -> impl Iterator<Item = Way> {
    WAYS.iter().copied().filter(|way| way.shares())
}

impl Way {
    pub(crate) fn version(self) -> Version {
        match self {
            Way::Http1 | Way::Http1Tls => Version::HTTP_11,
            Way::Http2 | Way::Http2Tls => Version::HTTP_2,
            #[cfg(feature = "http3")]
            Way::Http3 => Version::HTTP_3,
        }
    }

    /// Whether WebSockets share a connection.
    pub(crate) fn shares(self) -> bool {
        self.version() > Version::HTTP_11
    }

    /// A server that runs, and where it is.
    pub(crate) async fn serve(self, settings: impl FnOnce(Server) -> Server) -> Site {
        let tls = ServerTls::self_signed().unwrap();
        let trusted = Some(tls.certificates_pem());
        let (server, trusted) = match self {
            Way::Http1 | Way::Http2 => (free_server().await, None),
            Way::Http1Tls | Way::Http2Tls => (free_server().await.tls(tls), trusted),
            #[cfg(feature = "http3")]
            Way::Http3 => (server_with_http3(tls).await, trusted),
        };
        Site { way: self, running: Running::start(settings(server)), trusted }
    }

    /// A server that echoes at `/echo` and notes who comes.
    pub(crate) async fn serve_noting(self, settings: impl FnOnce(Server) -> Server) -> (Site, Callers) {
        let callers = Callers::default();
        let noted = callers.clone();
        let site = self
            .serve(|server| {
                settings(server).route("/echo", move |websocket: WebSocket, request: Request<()>| {
                    noted.note(&request);
                    echo(websocket, request)
                })
            })
            .await;
        (site, callers)
    }
}

/// A server that is reached one way.
pub(crate) struct Site {
    pub(crate) way: Way,
    pub(crate) running: Running,
    pub(crate) trusted: Option<String>,
}

impl Site {
    /// A client that goes this way. Over TLS it leaves the choice of HTTP/2 to ALPN.
    pub(crate) fn client(&self, path: &str) -> ClientBuilder {
        let scheme = if self.trusted.is_some() { "wss" } else { "ws" };
        let builder = ClientBuilder::new(&format!("{scheme}://{}{path}", self.running.address)).unwrap();
        let builder = match &self.trusted {
            None => builder,
            Some(pem) => builder.root_certificates(pem).unwrap().system_roots(false),
        };
        builder.no_proxy().http(match self.way {
            Way::Http1 | Way::Http1Tls => Http::Http1,
            Way::Http2 => Http::Http2,
            Way::Http2Tls => Http::Auto,
            #[cfg(feature = "http3")]
            Way::Http3 => Http::Http3,
        })
    }

    pub(crate) async fn open(&self, path: &str) -> WebSocket {
        let websocket = self.client(path).connect().await.unwrap();
        assert_eq!(websocket.stream().http_version(), self.way.version(), "{:?}", self.way);
        websocket
    }
}

/// A server whose UDP port, which has the number of its TCP port, was free too.
#[cfg(feature = "http3")]
pub(crate) async fn server_with_http3(tls: impl Into<carrick::ReloadableTls>) -> Server {
    let tls = tls.into();
    for _ in 0..10 {
        if let Ok(server) = free_server().await.http3(tls.clone()) {
            return server;
        }
    }
    panic!("no port is free for both TCP and UDP");
}

/// The addresses that clients came from: one for each connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callers {
    addresses: Arc<Mutex<HashSet<SocketAddr>>>,
}

impl Callers {
    pub(crate) fn note(&self, request: &Request<()>) {
        let address = request.extensions().get::<SocketAddr>().expect("it comes over the network");
        self.addresses.lock().unwrap().insert(*address);
    }

    pub(crate) fn count(&self) -> usize {
        self.addresses.lock().unwrap().len()
    }
}
