//! `wss://`.

use std::{error::Error as _, sync::Arc, time::Duration};

use carrick::{ClientCertificates, PeerCertificates, Server, ServerTls, WebSocket};
use http::Request;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::support::{Peer, Running, assert_echoes, echo_server, free_server, next, request};

/// A client that trusts one certificate, and shows one if it has any.
fn connector(trusted: &str, own: Option<(&str, &str)>, protocols: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(trusted.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn connect(
    server: &Running,
    connector: &TlsConnector,
    name: &'static str,
) -> std::io::Result<Peer<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(server.address).await?;
    Ok(Peer::new(connector.connect(name.try_into().unwrap(), stream).await?))
}

async fn tls_server(tls: ServerTls) -> (Running, String) {
    let trusted = tls.certificates_pem();
    (Running::start(echo_server().await.tls(tls)), trusted)
}

#[tokio::test]
async fn a_self_signed_certificate_serves_the_local_names() {
    let (server, trusted) = tls_server(ServerTls::self_signed().unwrap()).await;
    let connector = connector(&trusted, None, &["spdy/3", "http/1.1"]);
    for name in ["localhost", "127.0.0.1", "::1"] {
        let peer = connect(&server, &connector, name).await.unwrap();
        assert_eq!(peer.stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_echoes(&mut peer.open("/echo").await).await;
    }
    assert!(connect(&server, &connector, "example.com").await.is_err());
}

#[tokio::test]
async fn pages_of_https_are_of_the_same_origin() {
    let (server, trusted) = tls_server(ServerTls::self_signed_for(["example.com"]).unwrap()).await;
    let connector = connector(&trusted, None, &[]);
    for (origin, status) in [("https://example.com", 101), ("http://example.com", 403)] {
        let mut peer = connect(&server, &connector, "example.com").await.unwrap();
        peer.send(request("/echo", &format!("Origin: {origin}\r\n"))).await;
        assert_eq!(peer.answer().await.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn a_client_that_speaks_only_another_protocol_is_refused() {
    let (server, trusted) = tls_server(ServerTls::self_signed().unwrap()).await;
    assert!(connect(&server, &connector(&trusted, None, &["spdy/3"]), "localhost").await.is_err());
}

#[tokio::test]
async fn garbage_and_silence_in_place_of_tls_harm_nobody_else() {
    let tls = ServerTls::self_signed().unwrap();
    let trusted = tls.certificates_pem();
    let server = echo_server().await.tls(tls).handshake_timeout(Duration::from_millis(500));
    let server = Running::start(server);
    let connector = connector(&trusted, None, &[]);
    let mut bystander = connect(&server, &connector, "localhost").await.unwrap().open("/echo").await;
    for garbage in [&b"GET /echo HTTP/1.1\r\n\r\n"[..], &[0xff; 1000], b"\x16\x03\x01\xff\xff", b""] {
        let mut peer = server.connect().await;
        peer.send(garbage).await;
        // An alert, perhaps, and the end; a reset is an end too.
        let mut rest = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut peer.stream, &mut rest).await;
        assert!(!rest.starts_with(b"HTTP"));
        assert_echoes(&mut bystander).await;
    }
}

/// A certificate of the authority and its key, in PEM.
fn issued(issuer: &CertifiedIssuer<'_, KeyPair>, usage: ExtendedKeyUsagePurpose) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.extended_key_usages = vec![usage];
    (params.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem())
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

async fn echoes(server: &Running, connector: &TlsConnector) -> bool {
    // With TLS 1.3 the client learns of the refusal after its side of the handshake is done.
    let Ok(mut peer) = connect(server, connector, "localhost").await else { return false };
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    if peer.stream.write_all(request("/echo", "").as_bytes()).await.is_err() {
        return false;
    }
    let mut start = [0; 12];
    peer.stream.read_exact(&mut start).await.is_ok() && start.ends_with(b"101")
}

#[tokio::test]
async fn clients_show_a_certificate_where_the_server_asks_for_one() {
    let authority = authority();
    let ca = authority.pem();
    let (certificate, key) = issued(&authority, ExtendedKeyUsagePurpose::ServerAuth);
    let (client, client_key) = issued(&authority, ExtendedKeyUsagePurpose::ClientAuth);
    let stranger = self::authority();
    let (strange, strange_key) = issued(&stranger, ExtendedKeyUsagePurpose::ClientAuth);
    let plain = connector(&ca, None, &[]);
    let known = connector(&ca, Some((&client, &client_key)), &[]);
    let unknown = connector(&ca, Some((&strange, &strange_key)), &[]);
    for (whether, expected) in [
        (ClientCertificates::Required, [false, true, false]),
        (ClientCertificates::Optional, [true, true, false]),
    ] {
        let tls = ServerTls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let tls = tls.with_client_authorities(ca.as_bytes(), whether).unwrap();
        let server = Running::start(echo_server().await.tls(tls));
        for (connector, expected) in [&plain, &known, &unknown].into_iter().zip(expected) {
            assert_eq!(echoes(&server, connector).await, expected, "{whether:?}");
        }
    }
}

#[tokio::test]
async fn a_handler_is_told_which_certificate_the_client_showed() {
    let authority = authority();
    let ca = authority.pem();
    let (certificate, key) = issued(&authority, ExtendedKeyUsagePurpose::ServerAuth);
    let (client, client_key) = issued(&authority, ExtendedKeyUsagePurpose::ClientAuth);
    let tls = ServerTls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let tls = tls.with_client_authorities(ca.as_bytes(), ClientCertificates::Optional).unwrap();
    let tell = |mut websocket: WebSocket, request: Request<()>| async move {
        let shown = request.extensions().get::<PeerCertificates>();
        let der = shown.map_or(Vec::new(), |shown| shown.der()[0].clone());
        websocket.send(der).await.unwrap();
    };
    let server = Running::start(free_server().await.route("/", tell).tls(tls));
    let own = CertificateDer::from_pem_slice(client.as_bytes()).unwrap().to_vec();
    for (identity, expected) in [(None, Vec::new()), (Some((&*client, &*client_key)), own)] {
        let peer = connect(&server, &connector(&ca, identity, &[]), "localhost").await.unwrap();
        let mut websocket = peer.open("/").await;
        assert_eq!(next(&mut websocket).await, expected.into());
    }
}

#[tokio::test]
async fn an_error_says_which_file_is_wrong_and_how() {
    let authority = authority();
    let (certificate, key) = issued(&authority, ExtendedKeyUsagePurpose::ServerAuth);
    let (other, _) = issued(&authority, ExtendedKeyUsagePurpose::ServerAuth);
    let damaged = certificate.replace("MII", "!!!");
    let half_key = &key[..key.len() / 2];
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (good, good_key) = (file("good.pem", &certificate), file("key.pem", &key));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cases = [
        (folder.path().join("none.pem"), good_key.clone(), "none.pem\" cannot be read: "),
        (file("empty.pem", ""), good_key.clone(), "empty.pem\" has no -----BEGIN CERTIFICATE----- block"),
        (good_key.clone(), good_key.clone(), "key.pem\" has a private key and no certificate, exchange it"),
        (file("damaged.pem", &damaged), good_key.clone(), "damaged.pem\""),
        (file("other.pem", &other), good_key.clone(), "key.pem\" does not belong to certificate file"),
        (good.clone(), folder.path().join("nokey.pem"), "nokey.pem\" cannot be read: "),
        (good.clone(), good.clone(), "good.pem\" has a certificate and no private key, exchange it"),
        (good.clone(), file("crypt.pem", encrypted), "crypt.pem\" is encrypted, decrypt it first: openssl"),
        (
            good.clone(),
            file("half.pem", half_key),
            "half.pem\" is damaged: its -----END PRIVATE KEY----- line is missing",
        ),
        (good.clone(), file("text.pem", "hello"), "text.pem\" has no -----BEGIN PRIVATE KEY----- block"),
    ];
    for (certificate, key, expected) in cases {
        let error = ServerTls::from_pem_files(certificate, key).unwrap_err();
        assert_eq!(error.to_string(), "setting cannot be used");
        let reason = error.source().unwrap().to_string();
        assert!(reason.contains(expected), "{reason}");
    }
    let tls = ServerTls::from_pem_files(good, good_key).unwrap();
    let error = tls.with_client_authorities(b"", ClientCertificates::Required).unwrap_err();
    let reason = error.source().unwrap().to_string();
    assert_eq!(reason, "certificate of the client authority has no -----BEGIN CERTIFICATE----- block");
    assert!(ServerTls::self_signed_for(["not a n\u{e4}me"]).is_err());
}

/// What the tests above rely on: a server without the setting has none of it.
#[tokio::test]
async fn a_server_without_tls_does_not_speak_it() {
    let server: Server = echo_server().await;
    let server = Running::start(server);
    let connector = connector(&ServerTls::self_signed().unwrap().certificates_pem(), None, &[]);
    assert!(connect(&server, &connector, "localhost").await.is_err());
    let _: WebSocket<TcpStream> = server.open("/echo").await;
}
