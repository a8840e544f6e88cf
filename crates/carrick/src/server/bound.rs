//! A listener that is bound before there is a runtime to accept with.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};
#[cfg(unix)]
use std::{os::unix::net::UnixListener, path::Path, thread};

use url::Host;

use super::listener::Listener;
#[cfg(unix)]
use super::unix::{SocketFile, listen};
#[cfg(unix)]
use crate::callback::OwnRuntime;
use crate::{error::Error, transport::Address};

/// Where a server listens already; clients wait in the queue of the operating system.
#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener, SocketAddr),
    /// The path is dropped before the listener, see [`Listener::Unix`].
    #[cfg(unix)]
    Unix(SocketFile, UnixListener),
}

impl Bound {
    /// Listens at `address`.
    pub(super) fn at(address: &Address) -> Result<Bound, Error> {
        if let Some(path) = &address.socket {
            #[cfg(unix)]
            return bind_unix(path);
            #[cfg(not(unix))]
            return Err(Error::Config(
                format!("{} is a unix socket, which needs Unix", path.display()).into(),
            ));
        }
        let port = address.port;
        let listener = match &address.host {
            Host::Domain(name) => TcpListener::bind((name.as_str(), port))?,
            Host::Ipv4(ip) => TcpListener::bind((*ip, port))?,
            Host::Ipv6(ip) => TcpListener::bind((*ip, port))?,
        };
        listener.set_nonblocking(true)?;
        let local_addr = listener.local_addr()?;
        Ok(Bound::Tcp(listener, local_addr))
    }

    /// `None` for a Unix socket.
    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Bound::Tcp(_, address) => Some(*address),
            #[cfg(unix)]
            Bound::Unix(..) => None,
        }
    }

    /// The listener of a runtime, which has to run.
    pub(super) fn into_listener(self) -> io::Result<Listener> {
        Ok(match self {
            Bound::Tcp(listener, _) => Listener::Tcp(tokio::net::TcpListener::from_std(listener)?),
            #[cfg(unix)]
            Bound::Unix(file, listener) => {
                Listener::Unix { _file: Some(file), listener: tokio::net::UnixListener::from_std(listener)? }
            }
        })
    }
}

/// Looking whether somebody listens there waits, which it may not do on a thread that belongs to a runtime.
#[cfg(unix)]
fn bind_unix(path: &Path) -> Result<Bound, Error> {
    let bind = || -> Result<Bound, Error> {
        OwnRuntime::new()?.block_on(async {
            let (listener, file) = listen(path).await?;
            Ok(Bound::Unix(file, listener.into_std()?))
        })
    };
    thread::scope(|scope| scope.spawn(bind).join()).expect("it does not panic")
}
