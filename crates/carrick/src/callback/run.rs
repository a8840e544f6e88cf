//! The loop of one open connection: what arrives, handler by handler.

use std::future::poll_fn;

use super::{
    conn::Conn,
    conn_loop::{Next, Opened},
    handlers::Occasion,
    message_ref::{MessageRef, PieceRef},
};
use crate::{
    error::Error,
    protocol::{Closed, Delivery, Initiator},
    websocket::Received,
};

/// How a connection went.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) closed: Closed,
    /// Why it failed, if it did.
    pub(crate) error: Option<Error>,
}

/// Takes up a connection and runs it to its end. `call` calls the handlers: first for the opening, last for the close,
/// and for an error right before that.
pub(crate) async fn run<S>(
    conn: &mut Conn<S>,
    opened: Opened,
    delivery: Delivery,
    mut call: impl FnMut(&mut Conn<S>, Occasion<'_>),
) -> Ended {
    conn.begin(opened);
    call(conn, Occasion::Open);
    conn.forget_heads();
    let mut failure = None;
    loop {
        match poll_fn(|cx| conn.poll_next(cx, delivery)).await {
            Next::Received(received) => receive(conn, &received, &mut call),
            Next::Drain => call(conn, Occasion::Drain),
            Next::Failed(error) => {
                call(conn, Occasion::Error(&error));
                failure = Some(error);
            }
            Next::Ended => break,
        }
    }
    let closed = conn.closed().cloned().unwrap_or(CUT);
    conn.close_mailbox();
    call(conn, Occasion::Close(&closed));
    conn.end();
    Ended { closed, error: failure }
}

fn receive<S>(conn: &mut Conn<S>, received: &Received, call: &mut impl FnMut(&mut Conn<S>, Occasion<'_>)) {
    match received {
        Received::Message(message) => call(conn, Occasion::Message(MessageRef::from(message))),
        Received::Piece(piece) => {
            let piece =
                PieceRef { kind: piece.kind, bytes: &piece.bytes, first: piece.first, last: piece.last };
            call(conn, Occasion::Piece(piece));
        }
        Received::Ping(payload) => call(conn, Occasion::Ping(payload)),
        Received::Pong(payload, round_trip) => call(conn, Occasion::Pong(payload, *round_trip)),
    }
}

/// How a connection ends that is not given the time to close.
pub(crate) const CUT: Closed = Closed { by: Initiator::Application, frame: None, violation: None };
