//! A certificate is replaced under open connections.

use std::{sync::Arc, time::Duration};

use carrick::{
    ClientBuilder, ReloadableTls, ServerTls, WebSocket,
    protocol::{Config, Message},
};
use futures_util::future::join_all;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::support::{Running, assert_echoes, echo_server, next};

/// So many are open while the certificate changes.
const CONNECTIONS: usize = 1000;

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// The certificate that the server shows to a client that trusts `trusted`; `None` if they cannot agree.
async fn shown(server: &Running, trusted: &[&str]) -> Option<CertificateDer<'static>> {
    let mut roots = RootCertStore::empty();
    for pem in trusted {
        roots.add(der(pem)).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.ok()?;
    Some(stream.get_ref().1.peer_certificates()?.first()?.clone().into_owned())
}

/// Neither side gives up one that waits until the others are there.
fn patient() -> Config {
    let mut config = Config::default();
    (config.ping_interval, config.idle_timeout) = (None, None);
    config
}

async fn open(server: &Running, trusted: &str) -> WebSocket {
    let url = format!("wss://localhost:{}/echo", server.address.port());
    let builder = ClientBuilder::new(&url).unwrap().config(patient()).root_certificates(trusted).unwrap();
    builder.handshake_timeout(Duration::from_secs(120)).connect().await.unwrap()
}

#[tokio::test]
async fn a_thousand_open_connections_outlive_the_certificate_they_began_with() {
    rlimit::increase_nofile_limit(4 * CONNECTIONS as u64).unwrap();
    let (old, new) = (ServerTls::self_signed().unwrap(), ServerTls::self_signed().unwrap());
    let (old_pem, new_pem) = (old.certificates_pem(), new.certificates_pem());
    let tls = ReloadableTls::new(old);
    let server = echo_server().await.tls(tls.clone()).config(patient());
    let server = Running::start(server.handshake_timeout(Duration::from_secs(120)));
    assert_eq!(shown(&server, &[&old_pem, &new_pem]).await, Some(der(&old_pem)));

    let mut websockets = Vec::new();
    while websockets.len() < CONNECTIONS {
        websockets.extend(join_all((0..50).map(|_| open(&server, &old_pem))).await);
    }
    tls.replace(new);

    for (i, websocket) in websockets.iter_mut().enumerate() {
        websocket.send(i.to_string()).await.unwrap();
    }
    for (i, websocket) in websockets.iter_mut().enumerate() {
        assert_eq!(next(websocket).await, Message::from(i.to_string()));
    }
    assert_eq!(shown(&server, &[&old_pem, &new_pem]).await, Some(der(&new_pem)));
    assert_eq!(shown(&server, &[&old_pem]).await, None, "the old certificate is not shown any more");
    assert_echoes(&mut open(&server, &new_pem).await).await;
}

#[tokio::test]
async fn files_that_are_no_certificate_leave_the_server_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let write = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        made.cert.pem()
    };
    let files = || ServerTls::from_pem_files(&certificate, &key);
    let first = write();
    let tls = ReloadableTls::new(files().unwrap());
    let server = Running::start(echo_server().await.tls(tls.clone()));
    std::fs::write(&key, "half of a ke").unwrap();
    assert!(files().map(|renewed| tls.replace(renewed)).is_err());
    assert_eq!(shown(&server, &[&first]).await, Some(der(&first)));
    let second = write();
    tls.replace(files().unwrap());
    assert_eq!(shown(&server, &[&first, &second]).await, Some(der(&second)));
}
