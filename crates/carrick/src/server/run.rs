//! The threads of a callback server.

use std::{
    sync::Arc,
    task::{Wake, Waker},
    thread,
};

use super::{
    app::WebSocketServer,
    entrance::Entrance,
    guest::{House, Places},
    worker::{Post, Terms, Worker},
};
use crate::{
    callback::{Hub, LoopThread},
    error::Error,
    transport::Address,
};

impl<S: Send + 'static> WebSocketServer<S> {
    /// Serves until it is stopped, by [`ServerHandle::stop`](crate::ServerHandle::stop) or
    /// [`Conn::stop`](crate::Conn::stop): then every connection is closed with 1001, and when this returns each of them
    /// has ended and no thread and no socket is left. One of its [threads](WebSocketServer::threads) is the caller's.
    ///
    /// # Errors
    ///
    /// As [`bind`](WebSocketServer::bind), [`Error::Io`] if the listener cannot accept, and [`Error::Config`] inside of
    /// an async runtime, whose other tasks would be blocked, and on a thread of its `spawn_blocking`. What goes wrong
    /// with a single connection is told to `on_error`.
    pub fn run_forever(self) -> Result<(), Error> {
        let mut server = self.bind()?;
        let _own = LoopThread::enter()?;
        let bound = server.bound.take().expect("bind has made it");
        let (file, listening) = bound.split(server.threads)?;
        let terms = Terms {
            thread: 0,
            max_topics: server.max_topics,
            backlog: server.backlog,
            secure: server.is_secure(),
        };
        let house = Arc::new(server.into_house()?);
        let posts = listening.iter().map(|_| Post::new()).collect::<Result<Vec<_>, _>>()?;
        let config = &house.entrance.config;
        let inboxes = posts.iter().map(|post| Arc::clone(post.inbox())).collect();
        house.hub.run(config.deflate.clone(), config.high_water(), inboxes);
        house.hub.stop().register(&Waker::from(Arc::new(Alarm(Arc::clone(&house.hub)))));

        let mut workers = Vec::new();
        for (thread, (post, listening)) in (0_u16..).zip(posts.into_iter().zip(listening)) {
            workers.push(Worker::new(Arc::clone(&house), post, listening, Terms { thread, ..terms })?);
        }
        let mut first = workers.remove(0);
        first.keep(file);
        serve(&house, first, workers)
    }

    fn into_house(self) -> Result<House<S>, Error> {
        let address = self.address()?;
        let mut config = self.config;
        if let Some(deflate) = &self.deflate {
            config.deflate = deflate.clone();
        }
        let entrance = Entrance {
            acceptor: self.acceptor?.with_deflate(self.deflate),
            path: Some(address.uri.path().to_owned()).filter(|path| path != ANY_PATH),
            config: Arc::new(config),
            handshake_timeout: self.handshake_timeout,
            hook: self.hook,
            witness: self.witness,
            #[cfg(feature = "tls")]
            tls: self.tls,
            tracer: self.tracer,
        };
        Ok(House {
            handlers: self.handlers,
            make_state: self.make_state,
            entrance,
            hub: self.hub,
            places: Places::new(self.max_connections),
            drain_timeout: self.drain_timeout,
            spin: self.spin,
        })
    }

    /// Where to listen and what to serve.
    pub(super) fn address(&self) -> Result<Address, Error> {
        let address = Address::parse(&self.url)?;
        let wrong = match (address.secure, self.is_secure()) {
            (true, false) => Some("it is wss and there is no certificate, set one with tls"),
            (false, true) => Some("there is a certificate and it is not wss"),
            (true, true) | (false, false) if address.uri.query().is_some() => {
                Some("it has a query, which a client may send and a server cannot listen on")
            }
            (true, true) | (false, false) if address.user.is_some() => {
                Some("it has a user, let on_request ask for one")
            }
            (true, true) | (false, false) => None,
        };
        match wrong {
            // Its debug output has no secrets.
            Some(reason) => Err(Error::Url { url: format!("{address:?}"), reason: reason.to_owned() }),
            None => Ok(address),
        }
    }

    fn is_secure(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }
}

/// Runs one worker here and each of the others on a thread of its own, until all have ended. The first failure is told;
/// the others stop then.
fn serve<S: Send>(house: &House<S>, first: Worker<S>, others: Vec<Worker<S>>) -> Result<(), Error> {
    let run = |worker: Worker<S>| {
        let _own = LoopThread::enter()?;
        worker.run().inspect_err(|_| house.hub.stop().ask())
    };
    thread::scope(|scope| {
        let mut started = Ok(());
        let mut threads = Vec::new();
        for worker in others {
            match thread::Builder::new().name("carrick".to_owned()).spawn_scoped(scope, move || run(worker)) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    house.hub.stop().ask();
                    started = Err(Error::Io(error));
                }
            }
        }
        let own = first.run().inspect_err(|_| house.hub.stop().ask());
        let mut results = vec![started, own];
        for thread in threads {
            results.push(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results.into_iter().collect()
    })
}

/// Has every loop see that the server stops.
struct Alarm(Arc<Hub>);

impl Wake for Alarm {
    fn wake(self: Arc<Alarm>) {
        self.0.wake_all();
    }
}

/// The path that stands for every path.
const ANY_PATH: &str = "/*";
