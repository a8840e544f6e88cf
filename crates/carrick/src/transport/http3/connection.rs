//! One HTTP/3 connection: its control streams, its requests, its end (RFC 9114 §3, §5, §6).

use std::{
    future::pending,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::BytesMut;
use quinn::{RecvStream, SendStream, StoppedError, VarInt};
use tokio::{
    runtime::Handle,
    sync::{Mutex as AsyncMutex, Notify, watch},
};

use super::{
    control::{ControlEvent, ControlReader, CriticalStreams, End, StreamKind},
    error_code::{Breach, ErrorCode},
    frame::{self, FrameKind},
    io_error::{connection_error, write_error},
    qpack::{DecoderInstructions, EncoderInstructions},
    receiving::Receiving,
    sending::Sending,
    settings::Settings,
    varint,
};
use crate::system;

/// A connection that both ends have said their settings on, or are about to.
#[derive(Debug)]
pub(crate) struct Http3 {
    connection: quinn::Connection,
    end: End,
    /// Stays open as long as the connection does: its end would end it (RFC 9114 §6.2.1).
    control: AsyncMutex<SendStream>,
    peer: watch::Receiver<Peer>,
    max_section_bytes: usize,
    usage: Mutex<Usage>,
    /// Told when a half of a stream is in use no more.
    vacated: Notify,
    /// Where it was started: the end of a stream may have to be waited for, whoever drops that.
    runtime: Handle,
}

#[derive(Debug)]
struct Usage {
    /// How many halves of streams are in use.
    halves: usize,
    /// Since when there is none, where there is none.
    since: Instant,
}

/// What the peer has said on its control stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    pub(crate) settings: Option<Settings>,
    /// From this stream on it takes no requests.
    pub(crate) go_away: Option<u64>,
}

impl Http3 {
    /// Opens the control stream, and listens to the peer's from now on, as long as the connection lasts.
    pub(crate) async fn start(
        connection: quinn::Connection,
        end: End,
        max_section_bytes: usize,
    ) -> io::Result<Arc<Http3>> {
        let mut control = connection.open_uni().await.map_err(connection_error)?;
        let settings = Settings {
            max_field_section_bytes: Some(max_section_bytes as u64),
            // Only a server has something to allow (RFC 9220 §3).
            enable_connect_protocol: end == End::Server,
            received: Vec::new(),
        };
        let (mut payload, mut bytes) = (Vec::new(), Vec::new());
        settings.write(&mut payload);
        varint::write(StreamKind::CONTROL, &mut bytes);
        frame::write(FrameKind::Settings, &payload, &mut bytes);
        control.write_all(&bytes).await.map_err(write_error)?;

        let (said, peer) = watch::channel(Peer::default());
        tokio::spawn(listen(connection.clone(), end, said, control.stopped()));
        Ok(Arc::new(Http3 {
            connection,
            end,
            control: AsyncMutex::new(control),
            peer,
            max_section_bytes,
            usage: Mutex::new(Usage { halves: 0, since: system::now() }),
            vacated: Notify::new(),
            runtime: Handle::current(),
        }))
    }

    /// The next request; an error is the end of the connection.
    ///
    /// Cancel safe.
    pub(crate) async fn accept(self: &Arc<Http3>) -> io::Result<(Sending, Receiving)> {
        let (send, recv) = self.connection.accept_bi().await.map_err(connection_error)?;
        Ok((Sending::new(Arc::clone(self), send), Receiving::new(Arc::clone(self), recv)))
    }

    /// Opens a stream for a request. It waits while there are as many as the peer allows.
    pub(crate) async fn open(self: &Arc<Http3>) -> io::Result<(Sending, Receiving)> {
        let (send, recv) = self.connection.open_bi().await.map_err(connection_error)?;
        Ok((Sending::new(Arc::clone(self), send), Receiving::new(Arc::clone(self), recv)))
    }

    /// What the peer has said on its control stream, once it has said its settings.
    pub(crate) async fn settings(&self) -> io::Result<Settings> {
        let mut peer = self.peer.clone();
        match peer.wait_for(|peer| peer.settings.is_some()).await {
            Ok(peer) => Ok(peer.settings.clone().unwrap_or_default()),
            Err(_) => Err(self
                .connection
                .close_reason()
                .map_or_else(|| io::ErrorKind::ConnectionAborted.into(), connection_error)),
        }
    }

    /// The limit of the peer that a head of this size is beyond, as far as it has said so.
    ///
    /// "An implementation that has received this parameter SHOULD NOT send an HTTP message header that exceeds the indicated
    /// size" (RFC 9114 §4.2.2).
    pub(super) fn limit_exceeded(&self, bytes: u64) -> Option<u64> {
        let most = self.peer.borrow().settings.as_ref()?.max_field_section_bytes?;
        (bytes > most).then_some(most)
    }

    /// Whether the peer takes no more requests.
    pub(crate) fn is_leaving(&self) -> bool {
        self.peer.borrow().go_away.is_some() || self.connection.close_reason().is_some()
    }

    /// Ready when the peer says that it has not looked at the request on this stream, and will not.
    pub(super) async fn left_out(&self, id: u64) {
        let mut peer = self.peer.clone();
        if peer.wait_for(|peer| peer.go_away.is_some_and(|first| first <= id)).await.is_err() {
            // The connection is over, which its streams tell.
            pending::<()>().await;
        }
    }

    /// Ready when the peer takes no request any more.
    #[cfg(test)]
    pub(crate) async fn left_out_from_now_on(&self) {
        self.left_out(u64::MAX).await;
    }

    /// Says that no request from the next one on will be answered (RFC 9114 §5.2). `next` is its stream.
    pub(crate) async fn go_away(&self, next: u64) -> io::Result<()> {
        let (mut payload, mut bytes) = (Vec::new(), Vec::new());
        varint::write(next, &mut payload);
        frame::write(FrameKind::GoAway, &payload, &mut bytes);
        self.control.lock().await.write_all(&bytes).await.map_err(write_error)
    }

    /// Ends the connection over a rule that the peer broke; what breaks the rules of one message ends its stream alone,
    /// which is for its owner to drop.
    pub(crate) fn fail(&self, breach: Breach) {
        match breach.code {
            ErrorCode::MessageError | ErrorCode::RequestIncomplete => {}
            code => self.connection.close(code.quic(), breach.what.as_bytes()),
        }
    }

    /// Ends the connection, all streams of it with it.
    pub(crate) fn close(&self) {
        self.connection.close(ErrorCode::NoError.quic(), b"");
    }

    /// Ready when the connection has ended.
    pub(crate) async fn closed(&self) -> io::Error {
        connection_error(self.connection.closed().await)
    }

    /// How many packets have come.
    pub(super) fn packets_received(&self) -> u64 {
        self.connection.stats().udp_rx.datagrams
    }

    /// Where the peer is now: it may move.
    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// The certificates that the peer has shown, its own first.
    pub(crate) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let identity = self.connection.peer_identity();
        let chain =
            identity.and_then(|any| any.downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>().ok());
        chain.map_or_else(Vec::new, |chain| chain.iter().map(|certificate| certificate.to_vec()).collect())
    }

    /// Ready when no half of a stream is in use.
    ///
    /// Cancel safe, for one that waits at a time.
    pub(crate) async fn vacant(&self) {
        while self.usage().halves > 0 {
            self.vacated.notified().await;
        }
    }

    /// Since when no half of a stream is in use, if none is.
    pub(crate) fn vacant_since(&self) -> Option<Instant> {
        let usage = self.usage();
        (usage.halves == 0).then_some(usage.since)
    }

    /// A half of a stream is in use from now on.
    pub(super) fn occupy(&self) {
        self.usage().halves += 1;
    }

    /// A half of a stream is in use no more.
    pub(super) fn vacate(&self) {
        let mut usage = self.usage();
        usage.halves -= 1;
        if usage.halves == 0 {
            usage.since = system::now();
            drop(usage);
            self.vacated.notify_one();
        }
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where what outlives a stream runs.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// How large a head may be.
    pub(super) fn max_section_bytes(&self) -> usize {
        self.max_section_bytes
    }

    pub(super) fn end(&self) -> End {
        self.end
    }
}

impl Drop for Http3 {
    fn drop(&mut self) {
        // Those who listen to the peer would keep it.
        self.close();
    }
}

/// Takes every one-way stream that the peer opens, until the connection ends. `stopped` is ready when the peer wants no more of
/// our control stream.
async fn listen(
    connection: quinn::Connection,
    end: End,
    said: watch::Sender<Peer>,
    stopped: impl Future<Output = Result<Option<VarInt>, StoppedError>>,
) {
    let mut stopped = pin!(stopped);
    let said = Arc::new(said);
    let streams = Arc::new(Mutex::new(CriticalStreams::default()));
    if end == End::Client {
        // "Clients MUST treat receipt of a server-initiated bidirectional stream as a connection error" (RFC 9114 §6.1).
        let connection = connection.clone();
        tokio::spawn(async move {
            if connection.accept_bi().await.is_ok() {
                let breach = ErrorCode::StreamCreationError.because("a server opened a stream for requests");
                connection.close(breach.code.quic(), breach.what.as_bytes());
            }
        });
    }
    loop {
        let stream = tokio::select! {
            stream = connection.accept_uni() => stream,
            stopped = &mut stopped => {
                if let Ok(Some(_)) = stopped {
                    // "the receiver MUST NOT request that the sender close the control stream" (RFC 9114 §6.2.1).
                    let breach = ErrorCode::ClosedCriticalStream.because("the control stream is not wanted");
                    connection.close(breach.code.quic(), breach.what.as_bytes());
                }
                return;
            }
        };
        let Ok(stream) = stream else { return };
        let (connection, said, streams) = (connection.clone(), Arc::clone(&said), Arc::clone(&streams));
        tokio::spawn(async move {
            if let Err(breach) = hear(stream, end, &said, &streams).await {
                connection.close(breach.code.quic(), breach.what.as_bytes());
            }
        });
    }
}

/// Reads a one-way stream to its end, which those that matter must not come to.
async fn hear(
    mut stream: RecvStream,
    end: End,
    said: &watch::Sender<Peer>,
    streams: &Mutex<CriticalStreams>,
) -> Result<(), Breach> {
    let mut received = BytesMut::new();
    let kind = loop {
        match StreamKind::read(&received) {
            Some((kind, length)) => {
                let _ = received.split_to(length);
                break kind;
            }
            // One that ends before it says what it is for is of no matter (RFC 9114 §6.2).
            None => match stream.read_chunk(READ_BYTES, true).await {
                Ok(Some(chunk)) => received.extend_from_slice(&chunk.bytes),
                Ok(None) | Err(_) => return Ok(()),
            },
        }
    };
    streams.lock().unwrap_or_else(PoisonError::into_inner).open(kind, end)?;
    let mut control = ControlReader::new(end);
    let (mut encoder, mut decoder) = (EncoderInstructions::default(), DecoderInstructions::default());
    let mut bytes = received.freeze();
    loop {
        match kind {
            StreamKind::Control => {
                let mut unread = &bytes[..];
                while let Some(event) = control.read(&mut unread)? {
                    said.send_modify(|peer| match event {
                        ControlEvent::Settings(settings) => peer.settings = Some(settings),
                        ControlEvent::GoAway(id) => peer.go_away = Some(id),
                    });
                }
            }
            StreamKind::QpackEncoder => encoder.receive(&bytes)?,
            StreamKind::QpackDecoder => decoder.receive(&bytes)?,
            StreamKind::Push | StreamKind::Unknown => {
                let _ = stream.stop(ErrorCode::StreamCreationError.quic());
                return Ok(());
            }
        }
        match stream.read_chunk(READ_BYTES, true).await {
            Ok(Some(chunk)) => bytes = chunk.bytes,
            // The connection is over, and so are its streams.
            Err(quinn::ReadError::ConnectionLost(_)) => return Ok(()),
            Ok(None) | Err(_) => {
                return Err(ErrorCode::ClosedCriticalStream.because("a stream ended that must not"));
            }
        }
    }
}

const READ_BYTES: usize = 16 << 10;
