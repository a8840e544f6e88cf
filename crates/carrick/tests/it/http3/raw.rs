//! Peers that speak QUIC, and above it what a test writes.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use carrick::{ClientBuilder, Error, Http, ServerTls, WebSocket};
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream, ServerConfig, VarInt,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{RootCertStore, crypto::ring::default_provider, pki_types::PrivateKeyDer};
use tokio::{task::JoinHandle, time::timeout};

use crate::versions::ways::Site;

/// SETTINGS that allow WebSockets, on a control stream.
pub(crate) const SETTINGS: &[u8] = &[0x00, 0x04, 2, 0x08, 1];

/// HEADERS with `:status: 200`, and with 421.
pub(crate) const OK: &[u8] = &[0x01, 3, 0, 0, 0xc0 | 25];
pub(crate) const MISDIRECTED: &[u8] = &[0x01, 4, 0, 0, 0xff, 69 - 63];

/// HEADERS of `GET https://a/`.
pub(crate) const GET: &[u8] = &[0x01, 8, 0, 0, 0xc0 | 17, 0xc0 | 23, 0x50, 1, b'a', 0xc0 | 1];

/// A server whose streams are those of a test.
pub(crate) struct RawServer {
    endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    certificate: String,
    key: String,
}

impl RawServer {
    pub(crate) fn start() -> RawServer {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
        let endpoint = Endpoint::server(config, SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = endpoint.local_addr().unwrap();
        RawServer { endpoint, address, certificate: cert.pem(), key: signing_key.serialize_pem() }
    }

    /// Its certificate, for a server on TCP beside it.
    pub(crate) fn tls(&self) -> ServerTls {
        ServerTls::from_pem(self.certificate.as_bytes(), self.key.as_bytes()).unwrap()
    }

    /// A client of the server at `address`, which shows this certificate.
    pub(crate) fn client_of(&self, address: SocketAddr) -> ClientBuilder {
        let client = ClientBuilder::new(&format!("wss://{address}/echo")).unwrap().no_proxy();
        client.root_certificates(&self.certificate).unwrap().system_roots(false)
    }

    /// A client that asks this one for HTTP/3.
    pub(crate) fn client(&self) -> ClientBuilder {
        self.client_of(self.address).http(Http::Http3)
    }

    pub(crate) async fn accept(&self) -> Connection {
        soon(async { self.endpoint.accept().await.unwrap().await.unwrap() }).await
    }

    /// A connection on which the settings are said, on a stream that stays open with what is returned.
    pub(crate) async fn accept_with(&self, control: &[u8]) -> (Connection, SendStream) {
        let connection = self.accept().await;
        let mut stream = connection.open_uni().await.unwrap();
        stream.write_all(control).await.unwrap();
        (connection, stream)
    }

    /// A connection on which the settings are said and a request has come.
    pub(crate) async fn asked(&self) -> Asked {
        let (connection, control) = self.accept_with(SETTINGS).await;
        let (send, recv) = request(&connection).await;
        Asked { connection, control, send, recv }
    }
}

/// A request, and what it came over.
pub(crate) struct Asked {
    pub(crate) connection: Connection,
    pub(crate) control: SendStream,
    pub(crate) send: SendStream,
    pub(crate) recv: RecvStream,
}

/// A client that is about to open a WebSocket, while the test goes on.
pub(crate) fn connecting(client: ClientBuilder) -> JoinHandle<Result<WebSocket, Error>> {
    tokio::spawn(async move { client.connect().await })
}

/// The WebSocket that comes of it.
pub(crate) async fn opened(connecting: JoinHandle<Result<WebSocket, Error>>) -> WebSocket {
    soon(connecting).await.unwrap().unwrap()
}

/// The error of the network that comes of it.
pub(crate) async fn failed(connecting: JoinHandle<Result<WebSocket, Error>>) -> io::Error {
    match soon(connecting).await.unwrap().unwrap_err() {
        Error::Io(error) => error,
        other => panic!("it is of the network: {other:?}"),
    }
}

/// The stream of the next request.
pub(crate) async fn request(connection: &Connection) -> (SendStream, RecvStream) {
    soon(connection.accept_bi()).await.unwrap()
}

/// A connection with a server that shows a certificate of its own.
pub(crate) async fn connect(site: &Site) -> (Connection, Endpoint) {
    let mut roots = RootCertStore::empty();
    let pem = site.trusted.as_deref().unwrap();
    let chain = <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::pem_slice_iter(
        pem.as_bytes(),
    );
    roots.add_parsable_certificates(chain.map(Result::unwrap));
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let connecting = endpoint.connect_with(config, site.running.address, "localhost").unwrap();
    (soon(connecting).await.unwrap(), endpoint)
}

/// The code that the other end has closed the connection with.
pub(crate) async fn code_of_close(connection: &Connection) -> u64 {
    match soon(connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("{other}"),
    }
}

/// What a test waits for comes at once, or never.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), future).await.expect("it comes")
}

/// A code as quinn takes it.
pub(crate) fn code(number: u32) -> VarInt {
    VarInt::from_u32(number)
}
