//! Accepts connections until it is told to stop, and then sees the open ones to their end.

use std::{convert::Infallible, future::pending, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, ToSocketAddrs, lookup_host},
    time,
};

#[cfg(feature = "http3")]
use super::http3::QuicServer;
#[cfg(not(feature = "http3"))]
use super::no_http3::QuicServer;
#[cfg(unix)]
use super::unix::SocketFile;
use super::{caller::PeerAddress, connection::Service, connections::Connections, stage::Stage};
use crate::{
    error::Error,
    reactor::INHERITS_NODELAY,
    transport::{NetStream, Remedy},
};

/// Where connections come from.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp {
        listener: TcpListener,
        /// Whether what is accepted has `TCP_NODELAY` from the listener.
        inherits_nodelay: bool,
    },
    #[cfg(unix)]
    Unix {
        /// The path, if it is ours to remove when the server stops. It is dropped before the listener: as long as somebody
        /// listens nobody replaces the path, so it is not the path of another server that is removed.
        _file: Option<SocketFile>,
        listener: tokio::net::UnixListener,
    },
}

impl Listener {
    /// One on TCP that somebody else has made, for whom clients may wait already.
    pub(super) fn tcp(listener: TcpListener) -> Listener {
        Listener::Tcp { listener, inherits_nodelay: false }
    }

    /// `None` for a Unix socket.
    pub(super) fn local_addr(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Listener::Tcp { listener, .. } => listener.local_addr().map(Some),
            #[cfg(unix)]
            Listener::Unix { .. } => Ok(None),
        }
    }

    async fn accept(&self) -> io::Result<(NetStream, PeerAddress)> {
        match self {
            Listener::Tcp { listener, inherits_nodelay } => {
                let (stream, address) = listener.accept().await?;
                if !inherits_nodelay {
                    let _ = stream.set_nodelay(true);
                }
                Ok((NetStream::tcp(stream), PeerAddress::Ip(address)))
            }
            #[cfg(unix)]
            Listener::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((NetStream::unix(stream), PeerAddress::Unix))
            }
        }
    }
}

/// Listens at the first of the addresses that can be had.
pub(super) async fn bind(addresses: impl ToSocketAddrs) -> io::Result<Listener> {
    let mut latest = io::Error::new(io::ErrorKind::InvalidInput, "name has no address");
    for address in lookup_host(addresses).await? {
        match listen(address) {
            Ok(listener) => return Ok(Listener::Tcp { listener, inherits_nodelay: INHERITS_NODELAY }),
            Err(error) => latest = error,
        }
    }
    Err(latest)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if cfg!(unix) {
        // Connections of a server that has ended do not keep the next from its address.
        socket.set_reuseaddr(true)?;
    }
    // A message that waits for the acknowledgement of an earlier one is late for no gain.
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A server that is about to serve.
pub(super) struct Opened {
    pub(super) listener: Listener,
    pub(super) quic: Option<QuicServer>,
    pub(super) service: Arc<Service>,
    pub(super) max_connections: usize,
    pub(super) drain_timeout: Duration,
}

impl Opened {
    /// Serves until `shutdown` is ready, then gives the open connections their time; tells how many were cut.
    pub(super) async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<usize, Error> {
        let Opened { listener, quic, service, max_connections, drain_timeout } = self;
        let connections = CutWhenDropped(Arc::new(Connections::new(max_connections)));
        let mut ringing = pin!(connections.0.alarms().ring());
        tokio::select! {
            biased;
            () = shutdown => {}
            never = &mut ringing => match never {},
            error = accept_all(&listener, &service, &connections.0) => return Err(error.into()),
            never = accept_quic(quic.as_ref(), &service, &connections.0) => match never {},
        }
        drop(listener);
        if let Some(quic) = &quic {
            quic.close_door();
        }
        connections.0.stop();
        let drained = tokio::select! {
            drained = time::timeout(drain_timeout, connections.0.gone()) => drained,
            never = &mut ringing => match never {},
        };
        let cut = if drained.is_ok() { 0 } else { connections.0.cut() };
        if let Some(quic) = quic {
            quic.close().await;
        }
        Ok(cut)
    }
}

/// Whoever drops the future that serves wants none of it to go on.
struct CutWhenDropped(Arc<Connections>);

impl Drop for CutWhenDropped {
    fn drop(&mut self) {
        self.0.cut();
    }
}

/// Accepts over QUIC as long as its socket works. TCP goes on without it.
async fn accept_quic(
    quic: Option<&QuicServer>,
    service: &Arc<Service>,
    connections: &Arc<Connections>,
) -> Infallible {
    if let Some(quic) = quic {
        quic.accept_all(service, connections).await;
        let text = "the udp socket of http/3 has failed, there is no http/3 until the server starts again";
        service.lose_http3(&io::Error::other(text));
    }
    pending().await
}

async fn accept_all(
    listener: &Listener,
    service: &Arc<Service>,
    connections: &Arc<Connections>,
) -> io::Error {
    loop {
        connections.room().await;
        match listener.accept().await {
            Ok((stream, address)) => {
                let (service, all) = (Arc::clone(service), Arc::clone(connections));
                connections.start(|stop| Stage::new(service.serve(stream, address, all, Arc::clone(stop))));
            }
            Err(error) => match Remedy::of(&error) {
                Remedy::Next => {}
                Remedy::Pause => time::sleep(Remedy::PAUSE).await,
                Remedy::GiveUp => return error,
            },
        }
    }
}

/// How many clients may wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4096;
