//! The handlers of an application, and what they are called for.

use std::{error, fmt, time::Duration};

use super::{
    conn::Conn,
    message_ref::{MessageRef, PieceRef},
};
use crate::{
    error::Error,
    protocol::{Closed, Delivery},
};

/// What a handler may return: nothing, or a `Result` whose error `on_error` is told.
///
/// So a handler can use `?`, and one that only sends is a single expression. Any error that can be boxed is taken; one
/// that is no [`Error`] arrives as [`Error::Handler`]. The connection goes on either way.
///
/// A closure that uses `?` and ends with `Ok(())` has to say its return type, `-> Result<(), carrick::Error>` most often:
/// the compiler cannot tell which error is meant (E0282).
///
/// ```no_run
/// carrick::WebSocketApp::new("ws://127.0.0.1:9000/ws")
///     .on_open(|conn| -> Result<(), carrick::Error> {
///         conn.send("Hello, server!")?;
///         conn.ping("are you there?")?;
///         Ok(())
///     })
///     .on_message(|_conn, message| -> Result<(), std::num::ParseIntError> {
///         let number: u64 = message.as_text().unwrap_or_default().parse()?;
///         println!("Received: {number}");
///         Ok(())
///     })
///     .on_error(|_conn, error| eprintln!("Error: {error:#}"))
///     .run_forever()?;
/// # Ok::<(), carrick::Error>(())
/// ```
pub trait HandlerResult {
    /// The result as the loop takes it.
    ///
    /// # Errors
    ///
    /// What the handler failed with.
    fn into_result(self) -> Result<(), Error>;
}

impl HandlerResult for () {
    fn into_result(self) -> Result<(), Error> {
        Ok(())
    }
}

impl<E: Into<Box<dyn error::Error + Send + Sync>>> HandlerResult for Result<(), E> {
    fn into_result(self) -> Result<(), Error> {
        self.map_err(|error| match error.into().downcast::<Error>() {
            Ok(error) => *error,
            Err(other) => Error::Handler(other),
        })
    }
}

/// Something that a handler is called for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Occasion<'a> {
    Open,
    Message(MessageRef<'a>),
    Piece(PieceRef<'a>),
    Ping(&'a [u8]),
    Pong(&'a [u8], Option<Duration>),
    Drain,
    Error(&'a Error),
    Close(&'a Closed),
}

/// The handlers of one client or server.
pub(crate) struct Handlers<S> {
    open: Option<Plain<S>>,
    message: Option<OnMessage<S>>,
    piece: Option<OnPiece<S>>,
    ping: Option<OnPing<S>>,
    pong: Option<OnPong<S>>,
    drain: Option<Plain<S>>,
    error: Option<OnError<S>>,
    close: Option<OnClose<S>>,
}

type Plain<S> = Box<dyn Fn(&mut Conn<S>) -> Result<(), Error> + Send + Sync>;
type OnMessage<S> = Box<dyn Fn(&mut Conn<S>, MessageRef<'_>) -> Result<(), Error> + Send + Sync>;
type OnPiece<S> = Box<dyn Fn(&mut Conn<S>, PieceRef<'_>) -> Result<(), Error> + Send + Sync>;
type OnPing<S> = Box<dyn Fn(&mut Conn<S>, &[u8]) -> Result<(), Error> + Send + Sync>;
type OnPong<S> = Box<dyn Fn(&mut Conn<S>, &[u8], Option<Duration>) -> Result<(), Error> + Send + Sync>;
type OnError<S> = Box<dyn Fn(&mut Conn<S>, &Error) + Send + Sync>;
type OnClose<S> = Box<dyn Fn(&mut Conn<S>, &Closed) + Send + Sync>;

impl<S> Handlers<S> {
    pub(crate) fn set_open<R: HandlerResult>(
        &mut self,
        handler: impl Fn(&mut Conn<S>) -> R + Send + Sync + 'static,
    ) {
        self.open = Some(Box::new(move |conn| handler(conn).into_result()));
    }

    pub(crate) fn set_message<R: HandlerResult>(
        &mut self,
        handler: impl Fn(&mut Conn<S>, MessageRef<'_>) -> R + Send + Sync + 'static,
    ) {
        self.message = Some(Box::new(move |conn, message| handler(conn, message).into_result()));
    }

    pub(crate) fn set_piece<R: HandlerResult>(
        &mut self,
        handler: impl Fn(&mut Conn<S>, PieceRef<'_>) -> R + Send + Sync + 'static,
    ) {
        self.piece = Some(Box::new(move |conn, piece| handler(conn, piece).into_result()));
    }

    pub(crate) fn set_ping<R: HandlerResult>(
        &mut self,
        handler: impl Fn(&mut Conn<S>, &[u8]) -> R + Send + Sync + 'static,
    ) {
        self.ping = Some(Box::new(move |conn, payload| handler(conn, payload).into_result()));
    }

    pub(crate) fn set_pong<R: HandlerResult>(
        &mut self,
        handler: impl Fn(&mut Conn<S>, &[u8], Option<Duration>) -> R + Send + Sync + 'static,
    ) {
        self.pong = Some(Box::new(move |conn, payload, time| handler(conn, payload, time).into_result()));
    }

    pub(crate) fn set_drain<R: HandlerResult>(
        &mut self,
        handler: impl Fn(&mut Conn<S>) -> R + Send + Sync + 'static,
    ) {
        self.drain = Some(Box::new(move |conn| handler(conn).into_result()));
    }

    pub(crate) fn set_error(&mut self, handler: impl Fn(&mut Conn<S>, &Error) + Send + Sync + 'static) {
        self.error = Some(Box::new(handler));
    }

    pub(crate) fn set_close(&mut self, handler: impl Fn(&mut Conn<S>, &Closed) + Send + Sync + 'static) {
        self.close = Some(Box::new(handler));
    }

    /// Whether a handler is told how a connection ended.
    pub(crate) fn tell_end(&self) -> bool {
        self.close.is_some() || self.error.is_some()
    }

    /// How the handlers want messages.
    pub(crate) fn delivery(&self) -> Delivery {
        if self.piece.is_some() { Delivery::Pieces } else { Delivery::Whole }
    }

    /// Calls the handler for an occasion, if there is one, and `on_error` if it fails.
    pub(crate) fn call(&self, conn: &mut Conn<S>, occasion: Occasion<'_>) {
        let result = match occasion {
            Occasion::Open => self.open.as_ref().map(|handler| handler(conn)),
            Occasion::Message(message) => {
                self.call_message(conn, message);
                None
            }
            Occasion::Piece(piece) => self.piece.as_ref().map(|handler| handler(conn, piece)),
            Occasion::Ping(payload) => self.ping.as_ref().map(|handler| handler(conn, payload)),
            Occasion::Pong(payload, time) => self.pong.as_ref().map(|handler| handler(conn, payload, time)),
            Occasion::Drain => self.drain.as_ref().map(|handler| handler(conn)),
            Occasion::Error(error) => {
                self.tell(conn, error);
                None
            }
            Occasion::Close(closed) => {
                if let Some(handler) = &self.close {
                    handler(conn, closed);
                }
                None
            }
        };
        if let Some(Err(error)) = result {
            self.tell(conn, &error);
        }
    }

    /// Does so for a message, which is what nearly all calls are for.
    #[inline]
    pub(crate) fn call_message(&self, conn: &mut Conn<S>, message: MessageRef<'_>) {
        let Some(handler) = &self.message else { return };
        if let Err(error) = handler(conn, message) {
            self.tell(conn, &error);
        }
    }

    #[cold]
    fn tell(&self, conn: &mut Conn<S>, error: &Error) {
        if let Some(handler) = &self.error {
            handler(conn, error);
        }
    }
}

impl<S> Default for Handlers<S> {
    fn default() -> Handlers<S> {
        Handlers {
            open: None,
            message: None,
            piece: None,
            ping: None,
            pong: None,
            drain: None,
            error: None,
            close: None,
        }
    }
}

impl<S> fmt::Debug for Handlers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers")
            .field("open", &self.open.is_some())
            .field("message", &self.message.is_some())
            .field("piece", &self.piece.is_some())
            .field("error", &self.error.is_some())
            .field("close", &self.close.is_some())
            .finish_non_exhaustive()
    }
}
