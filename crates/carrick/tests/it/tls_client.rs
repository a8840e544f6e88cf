//! TLS of the client against real servers on loopback, with certificates made for the test.

use std::sync::Arc;

use carrick::{
    ClientBuilder, Error,
    protocol::{CloseCode, Message, Role},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::support::{Scripted, close, switching, text};

pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { chain: certificate.pem(), key: key.serialize_pem() }
    }
}

/// What a client has to show.
pub(crate) enum Asked<'a> {
    Nothing,
    /// A certificate of this authority, or none.
    Perhaps(&'a Authority),
    /// A certificate of this authority.
    Certificate(&'a Authority),
}

/// TLS of a server with `identity` that speaks HTTP/1.1.
pub(crate) fn acceptor(identity: &Identity, asked: &Asked<'_>) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(config(identity, asked)))
}

/// TLS of a server with `identity` that speaks these protocols.
#[cfg(feature = "http2")]
pub(crate) fn acceptor_for(identity: &Identity, protocols: &[&[u8]]) -> TlsAcceptor {
    let mut config = config(identity, &Asked::Nothing);
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

fn config(identity: &Identity, asked: &Asked<'_>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match asked {
        Asked::Nothing => config.with_no_client_auth(),
        Asked::Perhaps(authority) | Asked::Certificate(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match asked {
                Asked::Perhaps(_) => verifier.allow_unauthenticated(),
                Asked::Nothing | Asked::Certificate(_) => verifier,
            };
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(identity.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let mut config = config.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// A server with `identity` that wants a certificate of `clients`, if there is such an authority; sends one message
/// and waits for the client's close frame, and ends the stream with or without a close_notify.
pub(crate) async fn serve(
    identity: &Identity,
    clients: Option<&Authority>,
    notify: bool,
) -> Scripted<Result<Seen, String>> {
    let acceptor = acceptor(identity, &clients.map_or(Asked::Nothing, Asked::Certificate));
    Scripted::start(async move |tcp| {
        let mut stream = acceptor.accept(tcp).await.map_err(|error| error.to_string())?;
        let seen = Seen {
            alpn: stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec),
            sni: stream.get_ref().1.server_name().map(str::to_owned),
        };
        switching(&mut stream, "", &text(Role::Server, "Hello")).await;
        let mut frame = [0; 8];
        stream.read_exact(&mut frame).await.map_err(|error| error.to_string())?;
        stream.write_all(&close(Role::Server, CloseCode::NORMAL, "")).await.unwrap();
        stream.flush().await.unwrap();
        if notify {
            stream.shutdown().await.unwrap();
        }
        Ok(seen)
    })
    .await
}

#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    alpn: Option<Vec<u8>>,
    sni: Option<String>,
}

fn builder(port: u16) -> ClientBuilder {
    ClientBuilder::new(&format!("wss://localhost:{port}/")).unwrap()
}

async fn greeted_and_closed(builder: &ClientBuilder) {
    let mut client = builder.connect().await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("Hello"));
    let closed = client.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(closed.is_clean(), "{closed}");
    assert!(client.recv().await.is_none());
}

#[tokio::test]
async fn an_authority_of_our_own_is_trusted_with_and_without_those_of_the_system() {
    let authority = Authority::new();
    for system in [true, false] {
        let server = serve(&authority.issue("localhost"), None, true).await;
        let builder = builder(server.port).root_certificates(authority.pem()).unwrap().system_roots(system);
        greeted_and_closed(&builder).await;
        let expected = Seen { alpn: Some(b"http/1.1".to_vec()), sni: Some("localhost".to_owned()) };
        assert_eq!(server.result().await, Ok(expected));
    }
}

#[tokio::test]
async fn a_stream_that_ends_without_close_notify_behind_the_closing_handshake_is_fine() {
    let authority = Authority::new();
    let server = serve(&authority.issue("localhost"), None, false).await;
    greeted_and_closed(&builder(server.port).root_certificates(authority.pem()).unwrap()).await;
}

#[tokio::test]
async fn an_address_is_a_name_too() {
    let authority = Authority::new();
    let server = serve(&authority.issue("127.0.0.1"), None, true).await;
    let url = format!("wss://127.0.0.1:{}/", server.port);
    let builder = ClientBuilder::new(&url).unwrap().root_certificates(authority.pem()).unwrap();
    greeted_and_closed(&builder).await;
    assert_eq!(server.result().await.unwrap().sni, None);
}

#[tokio::test]
async fn an_unknown_authority_and_a_wrong_name_are_refused_and_danger_takes_both() {
    let (issuer, stranger) = (Authority::new(), Authority::new());
    for (name, trusted) in [("localhost", &stranger), ("other.example", &issuer)] {
        let identity = issuer.issue(name);
        let server = serve(&identity, None, true).await;
        let result = builder(server.port).root_certificates(trusted.pem()).unwrap().connect().await;
        assert!(matches!(result, Err(Error::Tls(_))), "{name}: {result:?}");
        assert!(server.result().await.is_err());

        let server = serve(&identity, None, true).await;
        greeted_and_closed(&builder(server.port).danger_accept_invalid_certs(true)).await;
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_ours() {
    let authority = Authority::new();
    let us = authority.issue("client");
    let server = serve(&authority.issue("localhost"), Some(&authority), true).await;
    let builder = builder(server.port)
        .root_certificates(authority.pem())
        .unwrap()
        .client_certificate(&us.chain, &us.key)
        .unwrap();
    greeted_and_closed(&builder).await;
}

#[tokio::test]
async fn a_client_without_a_certificate_is_told_that_it_needs_one() {
    let authority = Authority::new();
    let server = serve(&authority.issue("localhost"), Some(&authority), true).await;
    let result = builder(server.port).root_certificates(authority.pem()).unwrap().connect().await;
    match result {
        Err(Error::Tls(error)) => assert!(error.to_string().contains("CertificateRequired"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_together_fail_before_anything_is_sent() {
    let authority = Authority::new();
    let (one, other) = (authority.issue("one"), authority.issue("other"));
    for builder in
        [builder(1).client_certificate(&one.chain, &other.key).unwrap(), builder(1).system_roots(false)]
    {
        let result = builder.connect().await;
        assert!(matches!(result, Err(Error::Tls(_))), "{result:?}");
    }
}
