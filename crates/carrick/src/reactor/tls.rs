//! The server's side of TLS on one connection, by the synchronous half of rustls.

use std::{
    io::{self, IoSlice, Read, Write},
    sync::Arc,
};

use rustls::{ServerConfig, ServerConnection};

/// TLS between a socket and its WebSocket. It holds buffers only while a record has come in part, or waits to be taken.
#[derive(Debug)]
pub(crate) struct Tls {
    connection: ServerConnection,
    /// Whether the peer has said that nothing more will come.
    ended: bool,
}

impl Tls {
    /// TLS by a certificate. Fails for a configuration that rustls does not take.
    pub(crate) fn new(config: Arc<ServerConfig>) -> io::Result<Tls> {
        let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
        connection.set_buffer_limit(Some(MAX_UNSENT_BYTES));
        Ok(Tls { connection, ended: false })
    }

    /// Takes received bytes from the front of `received` and decrypts them into `plain`, as far as it has room; how many
    /// bytes that made, or `None` once all are taken and nothing is left to hand out. An error is the end; what there is
    /// to say about it can be written.
    pub(crate) fn decrypt(&mut self, received: &mut &[u8], plain: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.connection.reader().read(plain) {
                Ok(n) if n > 0 => return Ok(Some(n)),
                // The peer has said goodbye.
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if received.is_empty() || self.connection.read_tls(received)? == 0 {
                return Ok(None);
            }
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            self.ended |= self.connection.process_new_packets().map_err(invalid)?.peer_has_closed();
        }
    }

    /// Whether the peer has said that nothing more will come.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the handshake goes on.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether there is something to write.
    pub(crate) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// The certificates that the client showed, in DER, its own first.
    pub(crate) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let certificates = self.connection.peer_certificates().unwrap_or_default();
        certificates.iter().map(|certificate| certificate.to_vec()).collect()
    }

    /// Encrypts what it can take and writes it in as few writes as the socket needs; how much it has taken.
    pub(super) fn encrypt(&mut self, slices: &[IoSlice<'_>], socket: &mut impl Write) -> io::Result<usize> {
        // What is left from before takes the room of what comes now.
        match self.flush(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            // Some of it may have left, and there is room for as much.
            _ => {}
        }
        let taken = self.connection.writer().write_vectored(slices)?;
        match self.flush(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && taken > 0 => Ok(taken),
            flushed => flushed.map(|()| taken),
        }
    }

    /// Writes what is encrypted.
    pub(super) fn flush(&mut self, socket: &mut impl Write) -> io::Result<()> {
        while self.connection.wants_write() {
            if self.connection.write_tls(socket)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Tells the peer that nothing more will come.
    pub(super) fn say_goodbye(&mut self) {
        self.connection.send_close_notify();
    }
}

/// How much may be encrypted and not taken by the socket.
const MAX_UNSENT_BYTES: usize = 256 << 10;
