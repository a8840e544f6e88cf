//! Which handler serves which path, and by which rules.

use std::{collections::HashMap, fmt, sync::Arc};

use http::Request;

use super::stage::Stage;
use crate::{
    error::Error,
    protocol::{Acceptor, Config, OriginPolicy, Rejection},
    websocket::{Stop, WebSocket},
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

/// Starts a handler.
type Start = Arc<dyn Fn(WebSocket, Request<()>) -> Stage + Send + Sync>;

impl Route {
    /// A route that `handler` serves, see [`Server::route`](crate::Server::route).
    pub fn new<H, F>(handler: H) -> Route
    where
        H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let start = move |websocket, request| Stage::last(handler(websocket, request));
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
    pub(super) fn start(&self, mut websocket: WebSocket, request: Request<()>, stop: Arc<Stop>) -> Stage {
        websocket.set_stop(stop);
        (self.start)(websocket, request)
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

/// The path of the route that serves what no other route names.
const ANY_PATH: &str = "/*";

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of a handler at work.
    fn handler_bytes<H, F>(_: &H) -> usize
    where
        H: Fn(WebSocket, Request<()>) -> F,
    {
        size_of::<F>()
    }

    #[test]
    fn a_handler_at_work_is_little_more_than_a_message() {
        let echo = |mut websocket: WebSocket, _: Request<()>| async move {
            while let Some(Ok(message)) = websocket.recv().await {
                if websocket.send(message).await.is_err() {
                    break;
                }
            }
        };
        let feed = |mut websocket: WebSocket, _: Request<()>| async move {
            while let Some(Ok(message)) = websocket.recv().await {
                if websocket.feed(message).await.is_err() {
                    break;
                }
            }
        };
        assert!(size_of::<WebSocket>() <= 8, "{}", size_of::<WebSocket>());
        for bytes in [handler_bytes(&echo), handler_bytes(&feed)] {
            assert!(bytes <= 120, "{bytes}");
        }
    }
}
