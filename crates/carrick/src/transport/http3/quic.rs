//! The QUIC under HTTP/3: its TLS, its limits, its times.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quinn::{
    ClientConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt,
    crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig},
};

use crate::{error::Error, transport::reload::ReloadableTls};

/// The certificate of a server, in the words of QUIC.
#[derive(Debug)]
pub(crate) struct QuicTls {
    tls: ReloadableTls,
    /// What was made of it last: for each connection anew it would be work, and addresses could not be told apart from
    /// forged ones.
    made: Mutex<Option<(Arc<rustls::ServerConfig>, Arc<ServerConfig>)>>,
}

impl QuicTls {
    pub(crate) fn new(tls: ReloadableTls) -> QuicTls {
        QuicTls { tls, made: Mutex::new(None) }
    }

    /// As it is now, for one connection.
    pub(crate) fn config(&self) -> Result<Arc<ServerConfig>, Error> {
        let tls = self.tls.server_config();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, config)) = &*made
            && Arc::ptr_eq(of, &tls)
        {
            return Ok(Arc::clone(config));
        }
        let config = server_config(&tls).map_err(|error| Error::Config(error.into()))?;
        let config = Arc::new(config);
        *made = Some((tls, Arc::clone(&config)));
        Ok(config)
    }
}

/// How a server takes connections, with the certificate and the rules for clients' certificates of `tls`.
///
/// Data that comes before the handshake is complete (0-RTT) could be replayed, so none is taken.
pub(crate) fn server_config(tls: &rustls::ServerConfig) -> Result<ServerConfig, NoInitialCipherSuite> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.max_early_data_size = 0;
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport(None)));
    Ok(config)
}

/// How a client makes connections, with what `tls` trusts and shows.
pub(crate) fn client_config(tls: &rustls::ClientConfig) -> Result<ClientConfig, NoInitialCipherSuite> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.enable_early_data = false;
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    // The client is the one that knows whether the connection is still of use.
    config.transport_config(Arc::new(transport(Some(KEEP_ALIVE))));
    Ok(config)
}

/// Any address of this machine that reaches the other one.
pub(crate) fn any_address(peer: SocketAddr) -> SocketAddr {
    match peer {
        SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
    }
}

fn transport(keep_alive: Option<Duration>) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_ONE_WAY_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        // As much as all streams together may hold: one that nobody reads takes nothing from the others.
        .receive_window(VarInt::from_u32(MAX_STREAMS * STREAM_WINDOW_BYTES))
        .send_window(u64::from(MAX_STREAMS * STREAM_WINDOW_BYTES))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::try_from(IDLE).expect("it is less than 2^62 ms")))
        .keep_alive_interval(keep_alive);
    config
}

/// The name of HTTP/3 in a TLS handshake (RFC 9114 §3.1).
const ALPN: &[u8] = b"h3";

/// Requests at a time on one connection, WebSockets among them.
const MAX_STREAMS: u32 = 1024;

/// The control stream, those of QPACK, and a few that mean nothing (RFC 9114 §6.2).
const MAX_ONE_WAY_STREAMS: u32 = 8;

/// How much of a stream waits unread before its sender has to wait.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;

/// After so long without a packet the peer counts as gone.
const IDLE: Duration = Duration::from_secs(30);

const KEEP_ALIVE: Duration = Duration::from_secs(10);
