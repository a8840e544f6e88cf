use std::io::Read;

use rustls::{ClientConfig, ClientConnection, RootCertStore, pki_types::pem::PemObject};

use super::*;
use crate::transport::{ReloadableTls, ServerTls};

/// A client of rustls, and the server that is looked at.
struct Pair {
    client: ClientConnection,
    server: Tls,
    /// How many bytes the server is given at a time.
    step: usize,
    plain: Vec<u8>,
}

impl Pair {
    fn open(step: usize) -> Pair {
        let tls = ServerTls::self_signed().unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(
                rustls::pki_types::CertificateDer::from_pem_slice(tls.certificates_pem().as_bytes()).unwrap(),
            )
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        let server = Tls::new(ReloadableTls::new(tls).config()).unwrap();
        let mut pair = Pair { client, server, step, plain: Vec::new() };
        while pair.client.is_handshaking() || pair.client.wants_write() || pair.server.wants_write() {
            pair.send_to_server().unwrap();
            let mut wire = Vec::new();
            pair.server.flush(&mut wire).unwrap();
            pair.send_to_client(&wire);
        }
        assert!(!pair.server.is_handshaking());
        pair
    }

    /// Hands what the client has to say to the server; whether the client has said goodbye.
    fn send_to_server(&mut self) -> io::Result<bool> {
        let mut wire = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut wire).unwrap();
        }
        self.take_bytes(&mut wire)
    }

    fn take_bytes(&mut self, wire: &mut [u8]) -> io::Result<bool> {
        let mut ended = false;
        for piece in wire.chunks_mut(self.step) {
            let mut plain = vec![0; piece.len() + MOST_UNFINISHED];
            let (n, result) = self.server.decrypt(piece, &mut plain);
            self.plain.extend_from_slice(&plain[..n]);
            ended = result?;
        }
        Ok(ended)
    }

    /// What the client finds in `wire`.
    fn send_to_client(&mut self, mut wire: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        while !wire.is_empty() {
            self.client.read_tls(&mut wire).unwrap();
            let state = self.client.process_new_packets().unwrap();
            let start = plain.len();
            plain.resize(start + state.plaintext_bytes_to_read(), 0);
            self.client.reader().read_exact(&mut plain[start..]).unwrap();
        }
        plain
    }
}

/// Takes so many bytes in all, at most `step` at a time.
struct Narrow {
    taken: Vec<u8>,
    step: usize,
    room: usize,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.step).min(self.room);
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room -= n;
        self.taken.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|index| index as u8).collect()
}

#[test]
fn what_is_received_is_the_same_however_it_was_cut() {
    for step in [1, 7, 1000, 100_000] {
        let mut pair = Pair::open(step);
        for length in [1, 20, 16_384, 50_000] {
            pair.plain.clear();
            pair.client.writer().write_all(&sample(length)).unwrap();
            assert!(!pair.send_to_server().unwrap());
            assert_eq!(pair.plain, sample(length));
        }
        assert_eq!(
            pair.server.unfinished.capacity() + pair.server.unsent.capacity(),
            0,
            "it waits with a buffer"
        );
    }
}

#[test]
fn slices_arrive_in_their_order_whatever_the_socket_takes() {
    let lengths = [3, 20, 4096, 5000, 1, 0, 30_000, 4000, 4000];
    let all = sample(lengths.iter().sum());
    for (step, room) in [(1 << 20, 1 << 20), (1000, 1 << 20), (1, 40), (5000, 20_000)] {
        let mut pair = Pair::open(1 << 20);
        let mut slices = Vec::new();
        let mut rest = &all[..];
        for length in lengths {
            let (slice, behind) = rest.split_at(length);
            slices.push(IoSlice::new(slice));
            rest = behind;
        }
        let mut socket = Narrow { taken: Vec::new(), step, room };
        assert_eq!(pair.server.encrypt(&slices, &mut socket).unwrap(), all.len());
        assert_eq!(pair.server.wants_write(), room < all.len());
        while pair.server.wants_write() {
            socket.room = 30_000;
            let _ = pair.server.flush(&mut socket);
        }
        assert_eq!(pair.send_to_client(&socket.taken), all);
        assert_eq!(pair.server.unsent.capacity(), 0, "it waits with a buffer");
    }
}

#[test]
fn no_more_is_encrypted_than_may_wait() {
    let mut pair = Pair::open(1 << 20);
    let mut socket = Narrow { taken: Vec::new(), step: 1, room: 0 };
    let large = sample(MAX_UNSENT_BYTES + 1);
    let slices = [IoSlice::new(&large)];
    assert_eq!(pair.server.encrypt(&slices, &mut socket).unwrap(), MAX_UNSENT_BYTES);
    let error = pair.server.encrypt(&slices, &mut socket).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_socket_that_takes_nothing_is_not_taken_for_one_that_does() {
    let mut pair = Pair::open(1 << 20);
    let mut socket = Narrow { taken: Vec::new(), step: 1000, room: 100 };
    let slices = [IoSlice::new(b"four")];
    while !pair.server.wants_write() {
        assert_eq!(pair.server.encrypt(&slices, &mut socket).unwrap(), 4);
    }
    let error = pair.server.encrypt(&slices, &mut socket).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    socket.room = 1;
    assert_eq!(pair.server.encrypt(&slices, &mut socket).unwrap(), 4, "it has taken something");
}

#[test]
fn what_comes_behind_our_goodbye_is_thrown_away() {
    let mut pair = Pair::open(1 << 20);
    pair.client.writer().write_all(b"late").unwrap();
    pair.server.say_goodbye();
    assert!(!pair.send_to_server().unwrap());
    assert!(!pair.take_bytes(&mut [0xff; 100]).unwrap());
    pair.server.say_goodbye();
    assert_eq!((pair.plain.len(), pair.server.unfinished.capacity()), (0, 0));
}

#[test]
fn both_sides_say_goodbye_once() {
    let mut pair = Pair::open(1);
    pair.client.send_close_notify();
    assert!(pair.send_to_server().unwrap());
    pair.server.say_goodbye();
    pair.server.say_goodbye();
    let mut wire = Vec::new();
    pair.server.flush(&mut wire).unwrap();
    let mut rest = &wire[..];
    pair.client.read_tls(&mut rest).unwrap();
    assert!(rest.is_empty() && pair.client.process_new_packets().unwrap().peer_has_closed());
    // Behind that there is nothing to encrypt with.
    let error = pair.server.encrypt(&[IoSlice::new(b"late")], &mut wire).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn a_damaged_record_is_the_end_and_the_peer_is_told_why() {
    let mut pair = Pair::open(1 << 20);
    pair.client.writer().write_all(b"good").unwrap();
    pair.client.writer().write_all(b"damaged").unwrap();
    let mut wire = Vec::new();
    while pair.client.wants_write() {
        pair.client.write_tls(&mut wire).unwrap();
    }
    *wire.last_mut().unwrap() ^= 1;
    let error = pair.take_bytes(&mut wire).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(pair.plain, b"good", "what came before counts");
    assert!(pair.server.wants_write());
    let mut told = Vec::new();
    pair.server.flush(&mut told).unwrap();
    pair.client.read_tls(&mut &told[..]).unwrap();
    assert!(
        pair.client
            .process_new_packets()
            .is_err_and(|error| matches!(error, rustls::Error::AlertReceived(_)))
    );
}
