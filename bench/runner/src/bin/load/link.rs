//! A TCP connection, with or without TLS, that never blocks.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use rustls::ClientConnection;

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Link {
    pub(crate) fn new(tcp: TcpStream, tls: Option<ClientConnection>) -> Link {
        Link { tcp, tls: tls.map(Box::new) }
    }

    /// Reads until `buffer` is full or nothing is left, which is what an edge-triggered poll asks for.
    ///
    /// `Ok(0)` is the end of the stream; [`ErrorKind::WouldBlock`] says that there was nothing.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.tcp.read(buffer),
            Some(tls) => read_tls(tls, &mut self.tcp, buffer),
        }
    }

    /// Writes some of `bytes`. With TLS what was taken may still have to be sent by [`flush`](Link::flush).
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.tls.is_none() {
            return self.tcp.write(bytes);
        }
        self.flush()?;
        let taken = self.tls.as_mut().map_or(Ok(0), |tls| tls.writer().write(bytes))?;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Sends what TLS has ready.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut self.tcp)?;
            }
        }
        Ok(())
    }
}

/// One `recv` for several records: rustls itself would ask for 4 KiB at a time.
fn read_tls(tls: &mut ClientConnection, tcp: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut records = [0; RECORDS];
    let mut filled = 0;
    // A payload is shorter than its records, so what was received finds room.
    while buffer.len() - filled >= RECORDS {
        let received = match tcp.read(&mut records) {
            Ok(0) => return Ok(filled),
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock && filled > 0 => return Ok(filled),
            Err(error) => return Err(error),
        };
        let mut rest = &records[..received];
        while !rest.is_empty() {
            tls.read_tls(&mut rest)?;
            tls.process_new_packets().map_err(io::Error::other)?;
            filled += match tls.reader().read(&mut buffer[filled..]) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
        }
        if tls.wants_write() {
            match tls.write_tls(tcp) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        if received < RECORDS && filled > 0 {
            return Ok(filled);
        }
    }
    Ok(filled)
}

/// How much is received at once with TLS.
pub(crate) const RECORDS: usize = 32 * 1024;
