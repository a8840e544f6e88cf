//! Where connections come from.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
};

use mio::{Interest, Registry, Token, event::Source};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
#[cfg(unix)]
use std::os::unix::net::UnixListener;

use super::socket::Socket;
use crate::protocol::PeerAddress;

/// A socket that is listened on already; clients wait in the queue of the operating system.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listening {
    /// Listens at the first of the addresses that can be had.
    pub(crate) fn tcp(addresses: impl ToSocketAddrs) -> io::Result<Listening> {
        let mut latest = io::Error::new(io::ErrorKind::InvalidInput, "name has no address");
        for address in addresses.to_socket_addrs()? {
            match listen(address, false) {
                Ok(listener) => return Ok(Listening::Tcp(listener)),
                Err(error) => latest = error,
            }
        }
        Err(latest)
    }

    /// `None` for a Unix socket.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Listening::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Listening::Unix(_) => None,
        }
    }

    /// One for another thread: on Linux with a queue of its own between which the kernel divides the clients, elsewhere
    /// and for Unix sockets the same queue.
    pub(crate) fn another(&self) -> io::Result<Listening> {
        match self {
            Listening::Tcp(listener) if HAS_GROUPS => {
                listen(listener.local_addr()?, true).map(Listening::Tcp)
            }
            Listening::Tcp(listener) => listener.try_clone().map(Listening::Tcp),
            #[cfg(unix)]
            Listening::Unix(listener) => listener.try_clone().map(Listening::Unix),
        }
    }

    /// The listener of a loop.
    pub(crate) fn into_listener(self) -> Listener {
        match self {
            Listening::Tcp(listener) => Listener::Tcp(mio::net::TcpListener::from_std(listener)),
            #[cfg(unix)]
            Listening::Unix(listener) => Listener::Unix(mio::net::UnixListener::from_std(listener)),
        }
    }
}

/// The listener of a loop.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(mio::net::TcpListener),
    #[cfg(unix)]
    Unix(mio::net::UnixListener),
}

impl Listener {
    /// Reports to `token` when there may be a connection.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let source: &mut dyn Source = match self {
            Listener::Tcp(listener) => listener,
            #[cfg(unix)]
            Listener::Unix(listener) => listener,
        };
        source.register(registry, token, Interest::READABLE)
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> io::Result<(Socket, PeerAddress)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                if !INHERITS_NODELAY {
                    let _ = stream.set_nodelay(true);
                }
                Ok((Socket::tcp(stream), PeerAddress::Ip(address)))
            }
            #[cfg(unix)]
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                Ok((Socket::unix(stream), PeerAddress::Unix))
            }
        }
    }
}

/// Listens at an address that nobody else has, unless this process has it with others and `joins` them.
fn listen(address: SocketAddr, joins: bool) -> io::Result<std::net::TcpListener> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if cfg!(unix) {
        // Connections of a server that has ended do not keep the next from its address.
        socket.set_reuse_address(true)?;
    }
    if joins {
        set_group(&socket)?;
    }
    // A message that waits for the acknowledgement of an earlier one is late for no gain.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    if !joins {
        // Only now: the address was free, and from here on it can be shared with other threads.
        set_group(&socket)?;
    }
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(target_os = "linux")]
fn set_group(socket: &RawSocket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(target_os = "linux"))]
fn set_group(_socket: &RawSocket) -> io::Result<()> {
    Ok(())
}

/// Whether several sockets can listen at one address and divide the clients.
const HAS_GROUPS: bool = cfg!(target_os = "linux");

/// Whether what is accepted has the `TCP_NODELAY` of its listener, which saves a call for each connection.
pub(crate) const INHERITS_NODELAY: bool = cfg!(target_os = "linux");

/// How many clients may wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shared_by_the_threads_of_a_server_and_by_nobody_else() {
        let first = Listening::tcp("127.0.0.1:0").unwrap();
        let address = first.local_addr().unwrap();
        let second = first.another().unwrap();
        assert_eq!(second.local_addr(), Some(address));
        let stranger = Listening::tcp(address).unwrap_err();
        assert_eq!(stranger.kind(), io::ErrorKind::AddrInUse);
        drop((first, second));
        Listening::tcp(address).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_accepted_sends_without_delay() {
        let listening = Listening::tcp("127.0.0.1:0").unwrap();
        let Listening::Tcp(listener) = listening else { panic!("it is a listener of TCP") };
        listener.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(accepted.nodelay().unwrap());
    }
}
