//! The server's side of TLS on one connection, by the half of rustls that has no buffers of its own.

use std::{
    cell::Cell,
    fmt,
    io::{self, IoSlice, Write},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    server::{ServerConnectionData, UnbufferedServerConnection},
    unbuffered::{
        ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
        WriteTraffic,
    },
};

/// TLS between a socket and its WebSocket. It holds bytes only while a record has come in part, or waits to be taken.
pub(crate) struct Tls {
    connection: UnbufferedServerConnection,
    /// The front of what is not there as a whole: a record, or a message of the handshake.
    unfinished: Vec<u8>,
    /// What is encrypted and not taken by the socket yet.
    unsent: Vec<u8>,
    /// Whether the peer has said that nothing more will come.
    ended: bool,
    /// Whether it has broken a rule.
    failed: bool,
    /// Whether we have said that nothing more will come.
    said_goodbye: bool,
}

impl Tls {
    /// TLS by a certificate. Fails for a configuration that rustls does not take.
    pub(crate) fn new(config: Arc<ServerConfig>) -> io::Result<Tls> {
        let connection = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
        let (unfinished, unsent) = (Vec::new(), Vec::new());
        Ok(Tls { connection, unfinished, unsent, ended: false, failed: false, said_goodbye: false })
    }

    /// Decrypts what was received into `plain`, which has room for `received` and [`MOST_UNFINISHED`] beside it; how many
    /// bytes that made, and whether the peer has said that nothing more will come. An error is the end behind those
    /// bytes; what there is to say about it can be written.
    ///
    /// Behind our goodbye nobody wants to know what comes. It is thrown away as it is: an alert cannot answer it any more,
    /// and rustls may panic where it would have to encode one.
    pub(crate) fn decrypt(&mut self, received: &mut [u8], plain: &mut [u8]) -> (usize, io::Result<bool>) {
        if self.said_goodbye {
            return (0, Ok(self.ended));
        }
        let mut joined = mem::take(&mut self.unfinished);
        let incoming = if joined.is_empty() {
            received
        } else {
            joined.extend_from_slice(received);
            &mut joined
        };
        let (mut taken, mut filled) = (0, 0);
        // All connections of a thread would end with it. This one is not shown to rustls again.
        let processed =
            catch_unwind(AssertUnwindSafe(|| self.process(incoming, &mut taken, plain, &mut filled)));
        let mut result = processed.unwrap_or_else(|_| {
            self.failed = true;
            Err(invalid("rustls panicked at a record"))
        });
        let rest = incoming.get(taken..).unwrap_or_default();
        if !self.ended && !self.failed {
            self.unfinished = rest.to_vec();
        }
        if result.is_ok() && rest.len() > MOST_UNFINISHED {
            self.failed = true;
            result = Err(invalid(format!("a message of the tls handshake is above {MOST_UNFINISHED} bytes")));
        }
        (filled, result.map(|()| self.ended))
    }

    /// Goes on until `incoming` has nothing that is there as a whole.
    fn process(
        &mut self,
        incoming: &mut [u8],
        taken: &mut usize,
        plain: &mut [u8],
        filled: &mut usize,
    ) -> io::Result<()> {
        while !self.failed {
            let incoming = incoming.get_mut(*taken..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(incoming);
            let state = match state {
                Ok(state) => state,
                Err(error) => {
                    self.fail(incoming.get_mut(discard..).unwrap_or_default());
                    return Err(invalid(error));
                }
            };
            match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(invalid)?;
                        let room = plain.get_mut(*filled..*filled + record.payload.len());
                        let room = room.ok_or_else(|| invalid("more was decrypted than received"))?;
                        room.copy_from_slice(record.payload);
                        *filled += record.payload.len();
                        discard += record.discard;
                    }
                }
                ConnectionState::EncodeTlsData(mut message) => encode(&mut message, &mut self.unsent),
                // It stands in `unsent`.
                ConnectionState::TransmitTlsData(transmitted) => transmitted.done(),
                ConnectionState::PeerClosed => self.ended = true,
                // Nobody may send data early, so there is none.
                _ => {
                    *taken += discard;
                    return Ok(());
                }
            }
            *taken += discard;
        }
        Err(io::ErrorKind::BrokenPipe.into())
    }

    /// Encodes the alert that says what is wrong, in front of which `rest` begins. rustls would find it again, so it is not
    /// asked for anything more.
    fn fail(&mut self, rest: &mut [u8]) {
        self.failed = true;
        if let Ok(ConnectionState::EncodeTlsData(mut alert)) = self.connection.process_tls_records(rest).state
        {
            encode(&mut alert, &mut self.unsent);
        }
    }

    /// Whether the handshake goes on.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether there is something to write.
    pub(crate) fn wants_write(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// The certificates that the client showed, in DER, its own first.
    pub(crate) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let certificates = self.connection.peer_certificates().unwrap_or_default();
        certificates.iter().map(|certificate| certificate.to_vec()).collect()
    }

    /// Encrypts what it can take and writes it in as few writes as the socket needs; how much it has taken.
    pub(super) fn encrypt(&mut self, slices: &[IoSlice<'_>], socket: &mut impl Write) -> io::Result<usize> {
        // What is left from before takes the room of what comes now. If some of it has left there is room for as much. If not,
        // to take more would look as if the peer had taken something.
        let unsent = self.unsent.len();
        match self.flush(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock || self.unsent.len() == unsent => {
                return Err(error);
            }
            _ => {}
        }
        let room = MAX_UNSENT_BYTES.saturating_sub(self.unsent.len());
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut records = RECORDS.take();
        let written = self.seal(slices, room, &mut records).and_then(|taken| {
            let sent = if self.unsent.is_empty() { send(records.filled(), socket)? } else { 0 };
            self.unsent.extend_from_slice(&records.filled()[sent..]);
            Ok(taken)
        });
        records.clear();
        RECORDS.set(records);
        written
    }

    /// Makes records of the front of `slices`; how many bytes of them are in it.
    fn seal(&mut self, slices: &[IoSlice<'_>], room: usize, records: &mut Records) -> io::Result<usize> {
        if self.failed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let Tls { connection, unfinished, unsent, ended, .. } = self;
        loop {
            let UnbufferedStatus { state, .. } = connection.process_tls_records(unfinished);
            match state.map_err(invalid)? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    return records.put(slices, room, &mut traffic);
                }
                ConnectionState::EncodeTlsData(mut message) => encode(&mut message, unsent),
                ConnectionState::TransmitTlsData(transmitted) => transmitted.done(),
                ConnectionState::PeerClosed => *ended = true,
                _ => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }

    /// Writes what is encrypted.
    pub(super) fn flush(&mut self, socket: &mut impl Write) -> io::Result<()> {
        let mut sent = 0;
        let result = loop {
            let Some(rest) = self.unsent.get(sent..).filter(|rest| !rest.is_empty()) else { break Ok(()) };
            match socket.write(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => sent += n,
                Err(error) => break Err(error),
            }
        };
        if result.is_ok() {
            self.unsent = Vec::new();
        } else {
            self.unsent.drain(..sent);
        }
        result
    }

    /// Tells the peer that nothing more will come.
    pub(super) fn say_goodbye(&mut self) {
        if self.failed || mem::replace(&mut self.said_goodbye, true) {
            return;
        }
        let Tls { connection, unfinished, unsent, .. } = self;
        loop {
            let UnbufferedStatus { state, .. } = connection.process_tls_records(unfinished);
            match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let start = unsent.len();
                    unsent.resize(start + GOODBYE_BYTES, 0);
                    let written = traffic.queue_close_notify(&mut unsent[start..]).unwrap_or(0);
                    return unsent.truncate(start + written);
                }
                Ok(ConnectionState::EncodeTlsData(mut message)) => encode(&mut message, unsent),
                Ok(ConnectionState::TransmitTlsData(transmitted)) => transmitted.done(),
                Ok(ConnectionState::PeerClosed) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// Where a thread encrypts.
#[derive(Debug, Default)]
struct Records {
    /// Small slices that go into a record together.
    joined: Vec<u8>,
    /// It is zeroed once.
    encrypted: Vec<u8>,
    /// `filled <= encrypted.len()`
    filled: usize,
}

impl Records {
    /// Encrypts the first `room` bytes of `slices`; how many there were.
    fn put(
        &mut self,
        slices: &[IoSlice<'_>],
        room: usize,
        traffic: &mut WriteTraffic<'_, ServerConnectionData>,
    ) -> io::Result<usize> {
        let mut taken = 0;
        for slice in slices {
            let slice = slice.get(..room - taken).unwrap_or(slice);
            taken += slice.len();
            if slices.len() > 1 && slice.len() < LARGE_SLICE_BYTES {
                self.joined.extend_from_slice(slice);
            }
            let is_large = slices.len() == 1 || slice.len() >= LARGE_SLICE_BYTES;
            if is_large || self.joined.len() >= LARGE_SLICE_BYTES {
                self.put_joined(traffic)?;
            }
            if is_large {
                self.put_one(slice, traffic)?;
            }
        }
        self.put_joined(traffic)?;
        Ok(taken)
    }

    fn put_joined(&mut self, traffic: &mut WriteTraffic<'_, ServerConnectionData>) -> io::Result<()> {
        let joined = mem::take(&mut self.joined);
        let put = self.put_one(&joined, traffic);
        self.joined = joined;
        self.joined.clear();
        put
    }

    fn put_one(
        &mut self,
        plain: &[u8],
        traffic: &mut WriteTraffic<'_, ServerConnectionData>,
    ) -> io::Result<()> {
        loop {
            match traffic.encrypt(plain, &mut self.encrypted[self.filled..]) {
                Ok(n) => {
                    self.filled += n;
                    return Ok(());
                }
                Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
                    self.encrypted.resize(self.filled + required_size, 0);
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    fn filled(&self) -> &[u8] {
        &self.encrypted[..self.filled]
    }

    fn clear(&mut self) {
        self.joined.clear();
        self.filled = 0;
    }
}

thread_local! {
    static RECORDS: Cell<Records> = Cell::default();
}

/// Writes as much as the socket takes.
fn send(bytes: &[u8], socket: &mut impl Write) -> io::Result<usize> {
    let mut sent = 0;
    while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
        match socket.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => sent += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

fn encode(message: &mut EncodeTlsData<'_, ServerConnectionData>, output: &mut Vec<u8>) {
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) =
        message.encode(&mut [])
    {
        let start = output.len();
        output.resize(start + required_size, 0);
        let encoded = message.encode(&mut output[start..]);
        debug_assert!(encoded.is_ok_and(|n| n == required_size));
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// How much of a message of the handshake may wait for its rest: as much as rustls allows where it has the buffer.
pub(crate) const MOST_UNFINISHED: usize = 64 << 10;

/// How much may be encrypted and not taken by the socket.
const MAX_UNSENT_BYTES: usize = 256 << 10;

/// To copy a slice of this size to another costs as much as a record of its own.
const LARGE_SLICE_BYTES: usize = 4 << 10;

/// More than the record of an alert.
const GOODBYE_BYTES: usize = 128;

#[cfg(test)]
mod tests;
