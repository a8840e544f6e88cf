//! The graceful stop of WebSockets inside somebody else's HTTP server.

use std::{sync::Arc, time::Duration};

use tokio::time;

use super::{connections::Connections, stage::Stage, upgrade::Upgrade};
use crate::websocket::WebSocket;

/// Closes the WebSockets of a hyper or axum server when it stops. Such a server forgets a connection that it has handed
/// over, so its own graceful stop neither closes nor awaits them; a [`Server`](crate::Server) does by itself.
///
/// A clone is the same drain. Dropping it stops nothing.
///
/// ```
/// use std::time::Duration;
///
/// # async fn example() {
/// let drain = carrick::Drain::new();
/// // The services start their WebSockets with `drain.start(upgrade, handler)`; then, when the server has stopped:
/// let cut = drain.close(Duration::from_secs(10)).await;
/// println!("{cut} connections did not close in time");
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Drain {
    connections: Arc<Connections>,
}

impl Drain {
    /// A drain of no connection yet.
    #[must_use]
    pub fn new() -> Drain {
        Drain { connections: Arc::new(Connections::new(usize::MAX)) }
    }

    /// Opens a WebSocket in a task of its own and runs `handler` in it, as [`Upgrade::start`] does, until
    /// [`close`](Drain::close) asks for the end. If it has asked already the client gets its answer and is closed with 1001
    /// at once; [`is_closing`](Drain::is_closing) tells in time for a refusal.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start<H, F>(&self, upgrade: Upgrade, handler: H)
    where
        H: FnOnce(WebSocket) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.connections.start(|stop| {
            let stop = Arc::clone(stop);
            Stage::new(async move {
                let mut websocket = upgrade.open().await.ok()?;
                websocket.set_stop(stop);
                Some(Stage::last(handler(websocket)))
            })
        });
    }

    /// Whether [`close`](Drain::close) was called: further requests are better refused with
    /// [`Rejection::Draining`](crate::protocol::Rejection::Draining).
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.connections.is_stopped()
    }

    /// Closes every WebSocket with 1001 and waits until their handlers have returned, `timeout` at most; those that are
    /// left then are cut. Returns how many were.
    ///
    /// A handler learns of it as `recv` ends with `None`. To be called when the server begins to stop or has stopped.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the connections go on closing and none is cut. It may be called again.
    pub async fn close(&self, timeout: Duration) -> usize {
        self.connections.stop();
        match time::timeout(timeout, self.connections.gone()).await {
            Ok(()) => 0,
            Err(_) => self.connections.cut(),
        }
    }
}

impl Default for Drain {
    fn default() -> Drain {
        Drain::new()
    }
}
