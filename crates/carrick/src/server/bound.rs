//! A listener that is bound before there is a runtime to accept with.

use std::{io, net::SocketAddr};
#[cfg(unix)]
use std::{path::Path, thread};

use url::Host;

#[cfg(unix)]
use super::unix::{SocketFile, listen};
#[cfg(unix)]
use crate::callback::OwnRuntime;
use crate::{error::Error, reactor::Listening, transport::Address};

/// Where a server listens already; clients wait in the queue of the operating system.
#[derive(Debug)]
pub(super) struct Bound {
    /// It is dropped before the listener: as long as somebody listens nobody replaces the path, so it is not the path of
    /// another server that is removed.
    file: BoundFile,
    listening: Listening,
}

/// The path of a Unix socket, if it is one.
#[derive(Debug, Default)]
pub(super) struct BoundFile {
    #[cfg(unix)]
    _file: Option<SocketFile>,
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
        let listening = match &address.host {
            Host::Domain(name) => Listening::tcp((name.as_str(), port))?,
            Host::Ipv4(ip) => Listening::tcp((*ip, port))?,
            Host::Ipv6(ip) => Listening::tcp((*ip, port))?,
        };
        Ok(Bound { file: BoundFile::default(), listening })
    }

    /// `None` for a Unix socket.
    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        self.listening.local_addr()
    }

    /// For each of so many threads something to listen on. The path goes with the first: it is dropped before that
    /// listens no more.
    pub(super) fn split(self, threads: usize) -> io::Result<(BoundFile, Vec<Listening>)> {
        let others: io::Result<Vec<_>> = (1..threads).map(|_| self.listening.another()).collect();
        let mut all = vec![self.listening];
        all.extend(others?);
        Ok((self.file, all))
    }
}

/// Looking whether somebody listens there waits, which it may not do on a thread that belongs to a runtime.
#[cfg(unix)]
fn bind_unix(path: &Path) -> Result<Bound, Error> {
    let bind = || -> Result<Bound, Error> {
        OwnRuntime::new()?.block_on(async {
            let (listener, file) = listen(path).await?;
            Ok(Bound {
                file: BoundFile { _file: Some(file) },
                listening: Listening::Unix(listener.into_std()?),
            })
        })
    };
    thread::scope(|scope| scope.spawn(bind).join()).expect("it does not panic")
}
