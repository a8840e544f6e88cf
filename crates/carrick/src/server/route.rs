//! Which handler serves which path, and by which rules.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use pin_project_lite::pin_project;
use tokio::task::AbortHandle;

use super::connections::Place;
use crate::{
    error::Error,
    protocol::{Acceptor, Config, OriginPolicy, Rejection},
    websocket::WebSocket,
};

/// A handler with settings of its own, for [`Server::route_with`](crate::Server::route_with). What is not set here is
/// as the server has it.
///
/// ```
/// use carrick::{Route, protocol::{Config, OriginPolicy}};
///
/// let mut config = Config::default();
/// config.max_message_bytes = 1024;
/// let route = Route::new(|mut websocket, _| async move {
///     while let Some(Ok(message)) = websocket.recv().await {
///         let _ = websocket.send(message).await;
///     }
/// })
/// .config(config)
/// .origins(OriginPolicy::Any);
/// ```
#[derive(Clone)]
pub struct Route {
    start: Start,
    config: Option<Config>,
    origins: Option<OriginPolicy>,
    subprotocols: Option<Vec<String>>,
}

/// Starts the task of a handler. All that an open connection has of the server is this task, which is its future and a
/// `Place`, and one `Arc<Stop>`: 856 bytes for an echo, of which the WebSocket takes 544.
type Start = Arc<dyn Fn(WebSocket, Request<()>, Place) -> AbortHandle + Send + Sync>;

impl Route {
    /// A route that `handler` serves, see [`Server::route`](crate::Server::route).
    pub fn new<H, F>(handler: H) -> Route
    where
        H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let start = move |websocket, request, place| {
            let future = handler(websocket, request);
            tokio::spawn(HandlerTask { future, place }).abort_handle()
        };
        Route { start: Arc::new(start), config: None, origins: None, subprotocols: None }
    }

    /// Sets the limits and timeouts of this route, in place of those of [`Server::config`](crate::Server::config).
    /// Whether messages are compressed at all stays the server's setting.
    #[must_use]
    pub fn config(mut self, config: Config) -> Route {
        self.config = Some(config);
        self
    }

    /// Sets which pages may connect to this route, in place of [`Server::origins`](crate::Server::origins).
    #[must_use]
    pub fn origins(mut self, policy: OriginPolicy) -> Route {
        self.origins = Some(policy);
        self
    }

    /// Sets the subprotocols that this route speaks, the preferred one first, in place of
    /// [`Server::subprotocols`](crate::Server::subprotocols). None of them may be repeated, and each has to be a
    /// token; [`Server::route_with`](crate::Server::route_with) checks it.
    #[must_use]
    pub fn subprotocols<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Route {
        self.subprotocols = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// An error if the subprotocols cannot be used.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.acceptor(&Acceptor::default()).map(|_| ())
    }

    fn acceptor(&self, server: &Acceptor) -> Result<Acceptor, Error> {
        let mut acceptor = server.clone();
        if let Some(policy) = &self.origins {
            acceptor = acceptor.with_origins(policy.clone());
        }
        if let Some(names) = &self.subprotocols {
            acceptor =
                acceptor.with_subprotocols(names.clone()).map_err(|error| Error::Config(error.into()))?;
        }
        Ok(acceptor)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("config", &self.config)
            .field("origins", &self.origins)
            .field("subprotocols", &self.subprotocols)
            .finish_non_exhaustive()
    }
}

/// A route with every setting settled.
pub(super) struct Endpoint {
    pub(super) acceptor: Acceptor,
    pub(super) config: Arc<Config>,
    start: Start,
}

impl Endpoint {
    /// Hands an open WebSocket to the handler.
    pub(super) fn start(&self, mut websocket: WebSocket, request: Request<()>, place: Place) {
        websocket.set_stop(Arc::clone(place.stop()));
        place.hand_over(|place| (self.start)(websocket, request, place));
    }
}

/// The routes of a server.
#[derive(Default)]
pub(super) struct Routes {
    by_path: HashMap<String, Arc<Endpoint>>,
    any: Option<Arc<Endpoint>>,
}

impl Routes {
    /// `settings` are those of the server.
    pub(super) fn new(
        routes: Vec<(String, Route)>,
        acceptor: &Acceptor,
        config: &Config,
    ) -> Result<Routes, Error> {
        let shared = Arc::new(config.clone());
        let mut settled = Routes::default();
        for (path, route) in routes {
            let acceptor = route.acceptor(acceptor)?;
            let config = route.config.map_or_else(|| Arc::clone(&shared), Arc::new);
            let endpoint = Arc::new(Endpoint { acceptor, config, start: route.start });
            if path == ANY_PATH {
                settled.any = Some(endpoint);
            } else {
                settled.by_path.insert(path, endpoint);
            }
        }
        Ok(settled)
    }

    pub(super) fn find(&self, path: &str) -> Result<&Arc<Endpoint>, Rejection> {
        let found = self.by_path.get(path).or(self.any.as_ref());
        found.ok_or_else(|| Rejection::NotFound { path: path.to_owned() })
    }
}

pin_project! {
    /// A handler at work. Written out, since an `async` block would hold the handler's future twice.
    pub(super) struct HandlerTask<F> {
        #[pin]
        pub(super) future: F,
        pub(super) place: Place,
    }
}

impl<F: Future<Output = ()>> Future for HandlerTask<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().future.poll(cx)
    }
}

/// The path of the route that serves what no other route names.
const ANY_PATH: &str = "/*";

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the task of a handler.
    fn task_bytes<H, F>(_: &H) -> usize
    where
        H: Fn(WebSocket, Request<()>) -> F,
    {
        size_of::<HandlerTask<F>>()
    }

    #[test]
    fn an_open_connection_is_little_more_than_its_websocket() {
        let echo = |mut websocket: WebSocket, _: Request<()>| async move {
            while let Some(Ok(message)) = websocket.recv().await {
                if websocket.send(message).await.is_err() {
                    break;
                }
            }
        };
        // tokio's handles are one word larger where its threaded runtime is compiled in.
        assert!(size_of::<WebSocket>() <= 568, "{}", size_of::<WebSocket>());
        assert!(size_of::<Place>() <= 24, "{}", size_of::<Place>());
        assert!(task_bytes(&echo) <= 888, "{}", task_bytes(&echo));
    }
}
