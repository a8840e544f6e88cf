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

use super::error_code::ErrorCode;
use crate::{error::Error, protocol::HeadLimits, transport::reload::ReloadableTls};

/// The certificate of a server, in the words of QUIC.
#[derive(Debug)]
pub(crate) struct QuicTls {
    tls: ReloadableTls,
    /// For the clients of each connection.
    max_streams: u32,
    /// What was made of it last: for each connection anew it would be work, and addresses could not be told apart from
    /// forged ones.
    made: Mutex<Option<(Arc<rustls::ServerConfig>, Arc<ServerConfig>)>>,
}

impl QuicTls {
    pub(crate) fn new(tls: ReloadableTls, max_streams: u32) -> QuicTls {
        QuicTls { tls, max_streams, made: Mutex::new(None) }
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
        let config = server_config(&tls, self.max_streams).map_err(|error| Error::Config(error.into()))?;
        let config = Arc::new(config);
        *made = Some((tls, Arc::clone(&config)));
        Ok(config)
    }
}

/// How a server takes connections, with the certificate and the rules for clients' certificates of `tls`.
///
/// Data that comes before the handshake is complete (0-RTT) could be replayed, so none is taken.
pub(super) fn server_config(
    tls: &rustls::ServerConfig,
    max_streams: u32,
) -> Result<ServerConfig, NoInitialCipherSuite> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.max_early_data_size = 0;
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport(max_streams, SERVER_KEEP_ALIVE)));
    Ok(config)
}

/// How a client makes connections, with what `tls` trusts and shows.
pub(super) fn client_config(tls: &rustls::ClientConfig) -> Result<ClientConfig, NoInitialCipherSuite> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.enable_early_data = false;
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport(CLIENT_STREAMS, KEEP_ALIVE)));
    Ok(config)
}

/// How large a head may be: each field counts 32 bytes more than HTTP/1.1 has on the wire (RFC 9114 §4.2.2).
pub(crate) fn section_bytes(limits: HeadLimits) -> usize {
    limits.max_head_bytes.saturating_add(limits.max_headers.saturating_mul(32))
}

/// Any address of this machine that reaches the other one.
pub(super) fn any_address(peer: SocketAddr) -> SocketAddr {
    match peer {
        SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
    }
}

fn transport(max_streams: u32, keep_alive: Duration) -> TransportConfig {
    // As much as all streams together may hold: one that nobody reads takes nothing from the others.
    let window = max_streams.saturating_mul(STREAM_WINDOW_BYTES);
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(max_streams))
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_ONE_WAY_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(window))
        // What the network has not acknowledged: readers that stand still have what they do not read, so it is no sum.
        .send_window(SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::try_from(IDLE).expect("it is less than 2^62 ms")))
        .keep_alive_interval(Some(keep_alive));
    config
}

impl ErrorCode {
    /// The number as quinn takes it.
    pub(super) fn quic(self) -> VarInt {
        VarInt::try_from(self.number()).expect("all of them are small")
    }
}

/// The name of HTTP/3 in a TLS handshake (RFC 9114 §3.1).
const ALPN: &[u8] = b"h3";

/// How many streams a client has on one connection, whatever the server allows: as many may have something to be read.
pub(super) const CLIENT_STREAMS: u32 = 1024;

/// The control stream, those of QPACK, and a few that mean nothing (RFC 9114 §6.2).
const MAX_ONE_WAY_STREAMS: u32 = 8;

/// How much of a stream waits unread before its sender has to wait.
const STREAM_WINDOW_BYTES: u32 = 128 << 10;

/// How much a connection keeps of what it has sent until that has arrived: enough for 1 Gbit/s over 64 ms.
const SEND_WINDOW_BYTES: u64 = 8 << 20;

/// After so long without a packet the peer counts as gone.
const IDLE: Duration = Duration::from_secs(30);

/// A client sends something that often.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// And so does a server, for clients that do not, whose WebSockets may have nothing to say for longer than that. Connections
/// without streams do not last that long.
const SERVER_KEEP_ALIVE: Duration = Duration::from_secs(20);
