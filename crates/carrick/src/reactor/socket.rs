//! The stream of one connection: TCP or a Unix socket, with TLS over it or without.

use std::{
    io::{self, IoSlice, Read, Write},
    net::{Shutdown, SocketAddr},
};

#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token, event::Source, net::TcpStream};

#[cfg(feature = "tls")]
use super::tls::Tls;
use crate::protocol::Output;

/// A socket that never blocks.
#[derive(Debug)]
pub(crate) struct Socket {
    carrier: Carrier,
    #[cfg(feature = "tls")]
    tls: Option<Box<Tls>>,
}

#[derive(Debug)]
enum Carrier {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    pub(super) fn tcp(stream: TcpStream) -> Socket {
        Socket::over(Carrier::Tcp(stream))
    }

    #[cfg(unix)]
    pub(super) fn unix(stream: UnixStream) -> Socket {
        Socket::over(Carrier::Unix(stream))
    }

    fn over(carrier: Carrier) -> Socket {
        Socket {
            carrier,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Puts TLS on it.
    #[cfg(feature = "tls")]
    pub(crate) fn secure(&mut self, tls: Tls) {
        self.tls = Some(Box::new(tls));
    }

    /// TLS, if it has that.
    #[cfg(feature = "tls")]
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_deref()
    }

    /// TLS, if it has that.
    #[cfg(feature = "tls")]
    pub(crate) fn tls_mut(&mut self) -> Option<&mut Tls> {
        self.tls.as_deref_mut()
    }

    /// Whether it has TLS.
    pub(crate) fn is_secure(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// The address at the other end; `None` of a Unix socket, and where the connection is gone already.
    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        match &self.carrier {
            Carrier::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(unix)]
            Carrier::Unix(_) => None,
        }
    }

    /// Reports to `token` when there is something to read.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.carrier.source().register(registry, token, Interest::READABLE)
    }

    /// Reports from now on when there is room to write too, or no longer.
    pub(crate) fn watch_room(&mut self, registry: &Registry, token: Token, watches: bool) -> io::Result<()> {
        let interest = if watches { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        self.carrier.source().reregister(registry, token, interest)
    }

    /// Reads what came, as it came: of TLS not decrypted.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        retried(|| match &mut self.carrier {
            Carrier::Tcp(stream) => stream.read(buffer),
            #[cfg(unix)]
            Carrier::Unix(stream) => stream.read(buffer),
        })
    }

    /// Writes once, and says how much was taken.
    pub(crate) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.encrypt(slices, &mut self.carrier);
        }
        retried(|| self.carrier.write_slices(slices))
    }

    /// Writes from the front of `output` once, and what is `behind` it; how much was taken.
    pub(crate) fn write_output(&mut self, output: &Output, behind: &[u8]) -> io::Result<usize> {
        if let Some(bytes) = output.only_slice().filter(|_| behind.is_empty()) {
            return self.write(&[IoSlice::new(bytes)]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let room = SLICES - 1;
        let mut filled = output.slices(&mut slices[..room]);
        if filled < room && !behind.is_empty() {
            slices[filled] = IoSlice::new(behind);
            filled += 1;
        }
        self.write(&slices[..filled])
    }

    /// Writes what TLS has made of what it took, or to say of its own.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.flush(&mut self.carrier);
        }
        Ok(())
    }

    /// Whether TLS has something to write.
    pub(crate) fn wants_write(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.wants_write();
        }
        false
    }

    /// Ends our side.
    pub(crate) fn shut_down(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            tls.say_goodbye();
            tls.flush(&mut self.carrier)?;
        }
        match &self.carrier {
            Carrier::Tcp(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Carrier::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl Carrier {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Carrier::Tcp(stream) => stream,
            #[cfg(unix)]
            Carrier::Unix(stream) => stream,
        }
    }

    fn write_slices(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // `send` costs the kernel less than `writev`.
        match (&mut *self, slices) {
            (Carrier::Tcp(stream), [one]) => stream.write(one),
            (Carrier::Tcp(stream), _) => stream.write_vectored(slices),
            #[cfg(unix)]
            (Carrier::Unix(stream), _) => stream.write_vectored(slices),
        }
    }
}

/// What TLS writes to.
impl Write for Carrier {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        retried(|| self.write_slices(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A call that a signal interrupted is made again.
fn retried(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Most slices in one vectored write.
const SLICES: usize = 64;
