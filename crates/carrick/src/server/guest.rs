//! One connection of a callback server, from its opening to its `on_close`.

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::Request;

use super::{caller::PeerAddress, connection::trace_label, hub::Hub};
use crate::{
    callback::{CUT, Conn, Handlers, Heads, Occasion, Opened, Tracer, run},
    protocol::{CloseCode, Delivery},
    transport::NetStream,
    websocket::WebSocket,
};

/// What all connections of a callback server share.
pub(super) struct House<S> {
    callbacks: Mutex<Callbacks<S>>,
    delivery: Delivery,
    hub: Arc<Hub>,
    tracer: Tracer,
}

/// What the application gave.
pub(super) struct Callbacks<S> {
    pub(super) handlers: Handlers<S>,
    pub(super) make_state: MakeState<S>,
}

/// Makes the state of a connection.
pub(super) type MakeState<S> = Box<dyn FnMut(&Request<()>) -> S + Send>;

impl<S: Send + 'static> House<S> {
    pub(super) fn new(callbacks: Callbacks<S>, hub: Arc<Hub>, tracer: Tracer) -> House<S> {
        let delivery = callbacks.handlers.delivery();
        House { callbacks: Mutex::new(callbacks), delivery, hub, tracer }
    }

    /// Serves a connection until it is closed.
    pub(super) async fn serve(self: Arc<House<S>>, mut websocket: WebSocket, request: Request<()>) {
        let made = contained(|| (self.callbacks().make_state)(&request));
        let Some(state) = made else {
            let _ = websocket.close(CloseCode::INTERNAL_ERROR, "").await;
            return;
        };
        let mut guest = Guest::new(self, state, &request);
        guest.stay(websocket, request).await;
    }

    fn callbacks(&self) -> MutexGuard<'_, Callbacks<S>> {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection and what became of it.
struct Guest<S: Send + 'static> {
    house: Arc<House<S>>,
    conn: Conn<S>,
    id: u64,
    progress: Progress,
}

/// How far the handlers of a connection have come.
#[derive(Debug, Default)]
struct Progress {
    opened: bool,
    panicked: bool,
    closed: bool,
}

impl<S: Send + 'static> Guest<S> {
    fn new(house: Arc<House<S>>, state: S, request: &Request<()>) -> Guest<S> {
        let (id, mailbox) = house.hub.enter();
        let mut conn = Conn::new(state, mailbox);
        if house.tracer.is_on() {
            let address = request.extensions().get::<SocketAddr>().copied();
            conn.set_tracer(
                house.tracer.clone(),
                address.map(PeerAddress::Ip).map(trace_label).unwrap_or_default(),
            );
        }
        Guest { house, conn, id, progress: Progress::default() }
    }

    async fn stay(&mut self, websocket: WebSocket<NetStream>, request: Request<()>) {
        let Guest { house, conn, id, progress } = self;
        let heads = Heads { request: Some(request), response: None };
        let opened = Opened { id: *id, websocket, heads };
        let delivery = house.delivery;
        run(conn, opened, delivery, |conn, occasion| progress.call(house, conn, occasion)).await;
    }
}

impl Progress {
    /// Calls a handler. One that panics ends its own connection and no other.
    fn call<S: Send + 'static>(&mut self, house: &House<S>, conn: &mut Conn<S>, occasion: Occasion<'_>) {
        let closes = matches!(occasion, Occasion::Close(_));
        if self.panicked && !closes {
            return;
        }
        self.opened = true;
        self.closed |= closes;
        if closes {
            house.hub.leave(conn.id());
        }
        if contained(|| house.callbacks().handlers.call(conn, occasion)).is_none() {
            self.panicked = true;
            conn.close(CloseCode::INTERNAL_ERROR, "").expect("1011 may be sent");
        }
    }
}

/// A connection that is cut, because it took too long to close, is closed for the application all the same.
impl<S: Send + 'static> Drop for Guest<S> {
    fn drop(&mut self) {
        let Guest { house, conn, id, progress, .. } = self;
        house.hub.leave(*id);
        if progress.opened && !progress.closed {
            conn.close_mailbox();
            let closed = conn.closed().cloned().unwrap_or(CUT);
            progress.call(house, conn, Occasion::Close(&closed));
        }
    }
}

/// Calls into the application; `None` if it panics, which the panic hook has told then.
fn contained<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}
