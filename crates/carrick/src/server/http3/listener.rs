//! The UDP socket of a server, beside its TCP listener.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use quinn::{Endpoint, EndpointConfig, TokioRuntime};
use tokio::{task::coop::consume_budget, time::timeout};

use super::{
    super::{connection::Service, connections::Connections, linger::LINGER, stage::Stage},
    connection,
};
use crate::{
    error::Error,
    transport::{
        ReloadableTls,
        http3::{ErrorCode, QuicTls},
    },
};

/// A socket that takes packets from now on, and answers them once it is served.
#[derive(Debug)]
pub(in super::super) struct QuicListener {
    socket: UdpSocket,
    address: SocketAddr,
    tls: ReloadableTls,
}

impl QuicListener {
    /// Takes the port of the TCP listener at this address.
    pub(super) fn bind(address: SocketAddr, tls: ReloadableTls) -> io::Result<QuicListener> {
        let socket = UdpSocket::bind(address)?;
        let address = socket.local_addr()?;
        Ok(QuicListener { socket, address, tls })
    }

    /// What `Alt-Svc` says of it (RFC 7838 §3).
    pub(in super::super) fn alternative(&self) -> String {
        format!("h3=\":{}\"; ma={FRESH_SECONDS}", self.address.port())
    }

    /// An endpoint that serves.
    pub(in super::super) fn open(self, max_streams: u32) -> Result<QuicServer, Error> {
        let tls = QuicTls::new(self.tls, max_streams);
        let config = (*tls.config()?).clone();
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), self.socket, runtime)?;
        Ok(QuicServer { endpoint, tls })
    }
}

/// An endpoint at work.
#[derive(Debug)]
pub(in super::super) struct QuicServer {
    endpoint: Endpoint,
    tls: QuicTls,
}

impl QuicServer {
    /// Accepts connections, until the socket fails.
    pub(in super::super) async fn accept_all(&self, service: &Arc<Service>, connections: &Arc<Connections>) {
        let beginning = Arc::new(AtomicUsize::new(0));
        let unproven = UNPROVEN.min(connections.most() / PART_UNPROVEN);
        while let Some(incoming) = self.endpoint.accept().await {
            // A flood is not to keep those who share this task from their turn.
            consume_budget().await;
            // Whoever forges addresses does not see what is sent to them, and so cannot come back with it.
            if beginning.load(Ordering::Relaxed) >= unproven && incoming.may_retry() {
                // It is gone if it cannot be sent.
                let _ = incoming.retry();
                continue;
            }
            let peer = incoming.remote_address();
            let Some(place) = connections.add_if_room() else {
                incoming.refuse();
                continue;
            };
            // A certificate that was replaced by one that QUIC cannot use serves nobody here.
            let Ok(config) = self.tls.config() else { continue };
            let service = Arc::clone(service);
            let begun = Begun::count(&beginning);
            let all = Arc::clone(connections);
            place.start(|stop| {
                let of_it = (all, Arc::clone(stop), begun);
                Stage::last(connection::serve(service, (incoming, config), peer, of_it))
            });
        }
    }

    #[cfg(test)]
    pub(super) fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Takes no new connection, as long as those that are there go on.
    pub(in super::super) fn close_door(&self) {
        self.endpoint.set_server_config(None);
    }

    /// Lets what was said last leave.
    pub(in super::super) async fn close(&self) {
        self.endpoint.close(u32::try_from(ErrorCode::NoError.number()).unwrap_or_default().into(), b"");
        let _ = timeout(LINGER, self.endpoint.wait_idle()).await;
    }
}

/// A handshake that is under way, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Begun(Arc<AtomicUsize>);

impl Begun {
    fn count(of: &Arc<AtomicUsize>) -> Begun {
        of.fetch_add(1, Ordering::Relaxed);
        Begun(Arc::clone(of))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// With so many handshakes under way a client has to show that it is where it says (RFC 9000 §8.1.2).
const UNPROVEN: usize = 256;

/// And with so large a part of the places of the server in their hands: the others are for those who are where they say,
/// over TCP too.
const PART_UNPROVEN: usize = 8;

/// How long a browser may remember that there is HTTP/3.
const FRESH_SECONDS: u32 = 86_400;
