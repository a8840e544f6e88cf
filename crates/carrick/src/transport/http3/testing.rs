//! A client whose requests are those of a test.

use std::{net::SocketAddr, sync::Arc};

use quinn::Endpoint;

use super::{connection::Http3, control::End, quic};
use crate::transport::ClientTls;

/// A connection with the server at `address`, whoever that is. The endpoint has to live as long.
pub(crate) async fn connect(address: SocketAddr) -> (Arc<Http3>, Endpoint) {
    let mut tls = ClientTls::default();
    tls.set_accept_invalid(true);
    let config = quic::client_config(&tls.config().unwrap()).unwrap();
    let endpoint = Endpoint::client(quic::any_address(address)).unwrap();
    let connection = endpoint.connect_with(config, address, "localhost").unwrap().await.unwrap();
    (Http3::start(connection, End::Client, 10_000).await.unwrap(), endpoint)
}
