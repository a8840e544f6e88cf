//! Clients of a callback server that break TLS.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use carrick::{ServerTls, WebSocketServer};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{PATIENCE, Running};
use crate::server::support::request;

type Client = StreamOwned<ClientConnection, TcpStream>;

fn start() -> (Running, Arc<ClientConfig>) {
    let tls = ServerTls::self_signed().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(tls.certificates_pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = WebSocketServer::new("wss://127.0.0.1:0/ws").tls(tls).threads(1);
    (Running::start(server), Arc::new(config))
}

/// A client that has sent a request, and the first line of the answer.
fn ask(running: &Running, config: &Arc<ClientConfig>, request: &str) -> (Client, String) {
    let stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let connection = ClientConnection::new(Arc::clone(config), "localhost".try_into().unwrap()).unwrap();
    let mut client = StreamOwned::new(connection, stream);
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    (client, String::from_utf8(answer).unwrap())
}

/// A record of a few bytes that nobody can decrypt.
const DAMAGED: [u8; 29] = {
    let mut record = [0x5a; 29];
    (record[0], record[1], record[2], record[3], record[4]) = (23, 3, 3, 0, 24);
    record
};

#[test]
fn what_comes_behind_a_refusal_costs_nobody_else_anything() {
    let (running, config) = start();
    let (mut client, answer) = ask(&running, &config, "no request\r\n\r\n");
    assert_eq!(answer, "HTTP/1.1 400 Bad Request\r\n");
    client.read_to_end(&mut Vec::new()).unwrap();
    client.sock.write_all(&DAMAGED).unwrap();
    let (_, answer) = ask(&running, &config, &request("/ws", ""));
    assert_eq!(answer, "HTTP/1.1 101 Switching Protocols\r\n");
    running.stop();
}

#[test]
fn who_damages_a_record_is_told_why_it_is_the_end() {
    let (running, config) = start();
    let (mut client, answer) = ask(&running, &config, &request("/ws", ""));
    assert_eq!(answer, "HTTP/1.1 101 Switching Protocols\r\n");
    client.sock.write_all(&DAMAGED).unwrap();
    let error = client.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    assert!(error.to_string().contains("fatal alert"), "{error}");
    running.stop();
}
