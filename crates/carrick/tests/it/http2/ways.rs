//! The four ways from a client to a server, behind one API.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use carrick::{ClientBuilder, Http, Server, ServerTls, WebSocket};
use http::{Request, Version};

use crate::server::support::{Running, free_server};

/// A version of HTTP, with or without TLS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    Http1,
    Http1Tls,
    Http2,
    Http2Tls,
}

pub(crate) const WAYS: [Way; 4] = [Way::Http1, Way::Http1Tls, Way::Http2, Way::Http2Tls];

impl Way {
    pub(crate) fn is_http2(self) -> bool {
        matches!(self, Way::Http2 | Way::Http2Tls)
    }

    pub(crate) fn version(self) -> Version {
        if self.is_http2() { Version::HTTP_2 } else { Version::HTTP_11 }
    }

    fn has_tls(self) -> bool {
        matches!(self, Way::Http1Tls | Way::Http2Tls)
    }

    /// A server that runs, and where it is.
    pub(crate) async fn serve(self, settings: impl FnOnce(Server) -> Server) -> Site {
        let server = settings(free_server().await);
        if !self.has_tls() {
            return Site { way: self, running: Running::start(server), trusted: None };
        }
        let tls = ServerTls::self_signed().unwrap();
        let trusted = Some(tls.certificates_pem());
        Site { way: self, running: Running::start(server.tls(tls)), trusted }
    }
}

/// A server that is reached one way.
pub(crate) struct Site {
    pub(crate) way: Way,
    pub(crate) running: Running,
    trusted: Option<String>,
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
        })
    }

    pub(crate) async fn open(&self, path: &str) -> WebSocket {
        let websocket = self.client(path).connect().await.unwrap();
        assert_eq!(websocket.stream().http_version(), self.way.version(), "{:?}", self.way);
        websocket
    }
}

/// The addresses that clients came from: one for each connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callers {
    addresses: Arc<Mutex<HashSet<SocketAddr>>>,
}

impl Callers {
    pub(crate) fn note(&self, request: &Request<()>) {
        let address = request.extensions().get::<SocketAddr>().expect("it comes over TCP");
        self.addresses.lock().unwrap().insert(*address);
    }

    pub(crate) fn count(&self) -> usize {
        self.addresses.lock().unwrap().len()
    }
}
