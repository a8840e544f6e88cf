//! A client whose requests are those of a test.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use quinn::Endpoint;

use super::{connection::Http3, control::End, quic};
use crate::transport::ClientTls;

/// A connection with the server at `address`, whoever that is. The endpoint has to live as long.
pub(crate) async fn connect(address: SocketAddr) -> (Arc<Http3>, Endpoint) {
    connect_taking(address, 10_000).await
}

/// One that takes heads of so many bytes.
pub(crate) async fn connect_taking(address: SocketAddr, section_bytes: usize) -> (Arc<Http3>, Endpoint) {
    let mut tls = ClientTls::default();
    tls.set_accept_invalid(true);
    let config = quic::client_config(&tls.config().unwrap()).unwrap();
    let endpoint = Endpoint::client(quic::any_address(address)).unwrap();
    let connection = endpoint.connect_with(config, address, "localhost").unwrap().await.unwrap();
    (Http3::start(connection, End::Client, section_bytes).await.unwrap(), endpoint)
}

/// The first packet of a client that nobody hears any more of.
pub(crate) fn initial_packet() -> Vec<u8> {
    let catcher = UdpSocket::bind("127.0.0.1:0").unwrap();
    catcher.set_nonblocking(false).unwrap();
    catcher.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut tls = ClientTls::default();
    tls.set_accept_invalid(true);
    let config = quic::client_config(&tls.config().unwrap()).unwrap();
    let address = catcher.local_addr().unwrap();
    let mut packet = vec![0; 2000];
    // It sends from a task of its own runtime, for this one waits here.
    let length = std::thread::scope(|scope| {
        let catching = scope.spawn(|| catcher.recv(&mut packet).unwrap());
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let endpoint = Endpoint::client(quic::any_address(address)).unwrap();
                let connecting = endpoint.connect_with(config, address, "localhost").unwrap();
                let _ = tokio::time::timeout(Duration::from_millis(20), connecting).await;
            });
        });
        catching.join().unwrap()
    });
    packet.truncate(length);
    packet
}
