//! The server's half of the opening handshake on a byte stream.

use std::{io, sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use http::{Request, Response, StatusCode, Version};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};

use super::linger::{LINGER, end};
use crate::{
    error::Error,
    protocol::{
        Acceptor, Agreement, Config, HeadLimits, HeadReader, Peer, Refusal, Rejection, Role, write_response,
    },
    system,
    websocket::WebSocket,
};

/// What [`accept_with`] goes by, apart from what the [`Acceptor`] knows.
///
/// ```
/// use std::time::Duration;
///
/// let mut options = carrick::AcceptOptions::default();
/// options.handshake_timeout = Duration::from_secs(3);
/// options.peer.tls = true;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AcceptOptions {
    /// Who is at the other end. Default: nobody known, without TLS; browsers are then taken only from pages of
    /// `http://`, and no proxy is trusted.
    pub peer: Peer,
    /// Limits and timeouts of the open WebSocket. Default: those of [`Config::default`].
    pub config: Arc<Config>,
    /// How large the head of the request may be. Default: 16 KiB and 100 fields.
    pub head_limits: HeadLimits,
    /// How long the handshake may take. Default: 10 s.
    pub handshake_timeout: Duration,
}

impl Default for AcceptOptions {
    fn default() -> AcceptOptions {
        AcceptOptions {
            peer: Peer::default(),
            config: Arc::default(),
            head_limits: HeadLimits::default(),
            handshake_timeout: HANDSHAKE_TIMEOUT,
        }
    }
}

/// Answers the request for a WebSocket that comes over `stream`: for those who have a listener of their own. A
/// [`Server`](crate::Server) does more.
///
/// It is [`accept_with`] with default options and no further check.
///
/// # Errors
///
/// As [`accept_with`].
///
/// # Cancel safety
///
/// As [`accept_with`].
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use carrick::protocol::Acceptor;
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let (stream, _) = listener.accept().await?;
/// let mut websocket = carrick::accept(stream, &Acceptor::default()).await?;
/// websocket.send("Hello").await?;
/// # Ok(())
/// # }
/// ```
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    acceptor: &Acceptor,
) -> Result<WebSocket<S>, Error> {
    accept_with(stream, acceptor, AcceptOptions::default(), async |_: &Request<()>| Ok(())).await
}

/// Answers the request for a WebSocket that comes over `stream`, unless `check` refuses it.
///
/// `check` sees requests that the acceptor has found good, before they are answered. It has what is left of
/// [`AcceptOptions::handshake_timeout`]; after that the request is refused with 503.
///
/// A request that is refused gets its answer before this returns, which takes a few seconds at most: the client is
/// given time to read it.
///
/// # Errors
///
/// [`Error::Rejection`] says why the request was refused, 408 if its head did not arrive in time; [`Error::Io`] if the
/// network failed or ended before a request; [`Error::Timeout`] if the client does not take the answer.
///
/// # Cancel safety
///
/// Not cancel safe: if the future is dropped, so is the stream.
///
/// ```
/// # async fn example(stream: tokio::net::TcpStream) -> Result<(), carrick::Error> {
/// use carrick::{AcceptOptions, protocol::{Acceptor, Refusal}};
/// use http::{Request, StatusCode, header::AUTHORIZATION};
///
/// let acceptor = Acceptor::default();
/// let websocket = carrick::accept_with(stream, &acceptor, AcceptOptions::default(), async |request: &Request<()>| {
///     match request.headers().get(AUTHORIZATION) {
///         Some(_) => Ok(()),
///         None => Err(Refusal::new(StatusCode::UNAUTHORIZED, "send a token")),
///     }
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
pub async fn accept_with<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    acceptor: &Acceptor,
    options: AcceptOptions,
    check: impl AsyncFnOnce(&Request<()>) -> Result<(), Refusal>,
) -> Result<WebSocket<S>, Error> {
    let timer = HandshakeTimer::start(options.handshake_timeout);
    let mut received = BytesMut::new();
    let decided = async {
        let (request, consumed) =
            timer.bound_head(read_head(&mut stream, options.head_limits, &mut received)).await?;
        received.advance(consumed);
        let answer = acceptor.answer(&request, &options.peer)?;
        timer.bound_decision(check(&request)).await?;
        Ok(answer)
    };
    match decided.await {
        Ok((response, agreement)) => {
            open(stream, received, &response, agreement, options.config, timer).await
        }
        Err(Error::Rejection(rejection)) => {
            refuse(&mut stream, &rejection).await;
            Err(Error::Rejection(rejection))
        }
        Err(error) => Err(error),
    }
}

/// When a handshake has to be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandshakeTimer {
    given: Duration,
    deadline: Instant,
}

impl HandshakeTimer {
    pub(super) fn start(given: Duration) -> HandshakeTimer {
        HandshakeTimer { given, deadline: Instant::from_std(system::now()) + given.min(FOREVER) }
    }

    /// What does not end in time has no error of its own.
    pub(super) async fn bound<T>(
        &self,
        what: &'static str,
        future: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let timeout = |_| Error::Timeout { what, waited: self.given };
        timeout_at(self.deadline, future).await.map_err(timeout)
    }

    /// A head that does not arrive in time is answered 408.
    pub(super) async fn bound_head<T>(
        &self,
        head: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match timeout_at(self.deadline, head).await {
            Ok(read) => read,
            Err(_) => Err(Rejection::HeadTimeout { waited: self.given }.into()),
        }
    }

    /// An application that does not decide in time refuses.
    pub(super) async fn bound_decision<T>(
        &self,
        decision: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Rejection> {
        match timeout_at(self.deadline, decision).await {
            Ok(decided) => Ok(decided?),
            Err(_) => {
                Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "server did not decide in time").into())
            }
        }
    }
}

/// Reads until the head of a request is complete; returns it and how many bytes of `received` it took.
pub(super) async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    limits: HeadLimits,
    received: &mut BytesMut,
) -> Result<(Request<()>, usize), Error> {
    let mut reader = HeadReader::new(limits);
    loop {
        if let Some(found) = reader.read_request(received)? {
            return Ok(found);
        }
        received.reserve(READ_BYTES);
        if stream.read_buf(received).await? == 0 {
            return Err(Error::Io(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

/// Sends the answer that opens the WebSocket.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    received: BytesMut,
    response: &Response<()>,
    agreement: Agreement,
    config: Arc<Config>,
    timer: HandshakeTimer,
) -> Result<WebSocket<S>, Error> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    write_response(response, &mut head);
    let written = async {
        stream.write_all(&head).await?;
        stream.flush().await
    };
    timer.bound("opening handshake", written).await??;
    // The buffer of the head is not kept for the few bytes behind it.
    let received = BytesMut::from(&*received);
    Ok(WebSocket::new(stream, Role::Server, config, agreement, received))
}

/// Sends the answer to a request that is refused, and ends the stream so that it arrives.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, rejection: &Rejection) {
    let response = rejection.response(Version::HTTP_11);
    let mut answer = Vec::with_capacity(HEAD_BYTES);
    write_response(&response, &mut answer);
    answer.extend_from_slice(response.body().as_bytes());
    let told = async {
        stream.write_all(&answer).await?;
        end(stream).await
    };
    // Whether the client took the answer changes nothing: the connection ends here.
    let _ = timeout(LINGER, told).await;
}

/// A longer time could lie behind the end of the clock. It is thirty years.
pub(super) const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// How long a handshake may take unless said otherwise.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Room for a read of the head. A browser's request fits.
const READ_BYTES: usize = 2048;

/// Room for the head of an answer.
const HEAD_BYTES: usize = 512;
