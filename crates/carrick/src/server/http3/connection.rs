//! One HTTP/3 connection: takes its requests, and ends it when it is idle or the server stops.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{
    super::{
        accept::{FOREVER, HandshakeTimer},
        caller::{Caller, PeerAddress},
        connection::Service,
        connections::Connections,
        haste::Haste,
        linger::LINGER,
        multiplexed::Outcome,
    },
    listener::Begun,
    request::{Source, answer, reject},
};
use crate::{
    system,
    transport::http3::{End, ErrorCode, Http3, section_bytes},
    websocket::Stop,
};

/// Serves a connection, from its handshake to its end.
pub(super) async fn serve(
    service: Arc<Service>,
    (incoming, config): (quinn::Incoming, Arc<quinn::ServerConfig>),
    peer: SocketAddr,
    (connections, stop, begun): (Arc<Connections>, Arc<Stop>, Begun),
) {
    let timer = HandshakeTimer::start(service.handshake_timeout);
    let section_bytes = section_bytes(service.head_limits);
    let starting = async {
        // Here and not where connections are taken, since it is work.
        let connection = incoming.accept_with(config)?.await?;
        Http3::start(connection, End::Server, section_bytes).await
    };
    let http3 = tokio::select! {
        biased;
        () = stop.asked() => return,
        started = timer.bound("quic handshake", starting) => match started {
            Ok(Ok(http3)) => http3,
            Ok(Err(_)) | Err(_) => return,
        },
    };
    drop(begun);
    let caller = Caller::new(PeerAddress::Ip(peer), http3.peer_certificates());
    let requests = JoinSet::new();
    let mut life = Life {
        idle: service.handshake_timeout.min(FOREVER),
        service,
        http3,
        connections,
        requests,
        haste: Haste::new(),
        next: 0,
        phase: Phase::Open,
    };
    life.run(&stop, &caller).await;
}

struct Life {
    service: Arc<Service>,
    http3: Arc<Http3>,
    /// Where each WebSocket on it takes its place.
    connections: Arc<Connections>,
    /// Those that have no answer yet, and pages.
    requests: JoinSet<Outcome>,
    haste: Arc<Haste>,
    /// The stream behind the latest request.
    next: u64,
    /// How long a connection without streams is kept.
    idle: Duration,
    phase: Phase,
}

/// ```text
/// Open ── asked to stop, or idle: GOAWAY ──> Leaving ── no stream is left ──> Lingering ── LINGER ──> closed
/// ```
///
/// A client that has understood closes the connection itself, before that.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Open,
    /// GOAWAY is sent; what is open may go on.
    Leaving,
    /// Requests that were on their way to meet GOAWAY are rejected, so that their clients may send them elsewhere: the end of
    /// the connection would not tell them that nobody has looked at these.
    Lingering,
}

impl Life {
    async fn run(&mut self, stop: &Stop, caller: &Caller) {
        let mut deadline = in_a_while(self.idle);
        loop {
            let http3 = Arc::clone(&self.http3);
            tokio::select! {
                biased;
                () = stop.asked(), if self.phase == Phase::Open => self.leave().await,
                Some(ended) = self.requests.join_next() => self.haste.note(ended.unwrap_or(Outcome::Answered)),
                () = http3.vacant(), if self.phase == Phase::Leaving => {
                    self.phase = Phase::Lingering;
                    deadline = in_a_while(LINGER);
                }
                () = sleep_until(deadline), if self.phase != Phase::Leaving => {
                    let idle_at = http3.vacant_since().map_or_else(
                        || in_a_while(self.idle),
                        |since| Instant::from_std(since) + self.idle,
                    );
                    if self.phase == Phase::Lingering {
                        return;
                    } else if idle_at <= deadline {
                        self.leave().await;
                    } else {
                        deadline = idle_at;
                    }
                }
                accepted = http3.accept() => match accepted {
                    Ok(halves) if self.phase != Phase::Open => reject(halves),
                    Ok(halves) => {
                        self.next = halves.0.id() + 4;
                        let source = Source {
                            caller: caller.clone(),
                            connections: Arc::clone(&self.connections),
                            haste: Arc::clone(&self.haste),
                        };
                        self.requests.spawn(answer(Arc::clone(&self.service), halves, source));
                    }
                    Err(_) => return,
                },
            }
            if self.haste.is_too_much() {
                self.http3.fail(ErrorCode::ExcessiveLoad.because("too many requests were taken back"));
                return;
            }
        }
    }

    async fn leave(&mut self) {
        self.phase = Phase::Leaving;
        // A client that is told nothing more is at least let go.
        let _ = timeout(LINGER, self.http3.go_away(self.next)).await;
    }
}

fn in_a_while(wait: Duration) -> Instant {
    Instant::from_std(system::now()) + wait
}
