//! One HTTP/3 connection: takes its requests, and ends it when it is idle or the server stops.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout},
};

use super::{
    super::{
        accept::{FOREVER, HandshakeTimer},
        caller::{Caller, PeerAddress},
        connection::Service,
        connections::Connections,
        linger::LINGER,
        multiplexed::Outcome,
    },
    listener::Begun,
    request::{answer, reject},
};
use crate::{
    system,
    transport::http3::{End, ErrorCode, Http3, section_bytes},
    websocket::Stop,
};

/// Serves a connection, from its handshake to its end.
pub(super) async fn serve(
    service: Arc<Service>,
    connecting: quinn::Connecting,
    peer: SocketAddr,
    (connections, stop, begun): (Arc<Connections>, Arc<Stop>, Begun),
) {
    let timer = HandshakeTimer::start(service.handshake_timeout);
    let section_bytes = section_bytes(service.head_limits);
    let starting = async {
        let connection = connecting.await?;
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
    let mut life = Life { service, http3, connections, requests, hasty: 0, next: 0, phase: Phase::Open };
    life.run(&stop, &caller).await;
}

struct Life {
    service: Arc<Service>,
    http3: Arc<Http3>,
    /// Where each WebSocket on it takes its place.
    connections: Arc<Connections>,
    /// Those that have no answer yet, and pages.
    requests: JoinSet<Outcome>,
    /// Requests that were taken back before their answer, more than were answered.
    hasty: usize,
    /// The stream behind the latest request.
    next: u64,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Open,
    /// GOAWAY is sent; what is open may go on.
    Leaving,
}

impl Life {
    async fn run(&mut self, stop: &Stop, caller: &Caller) {
        let idle = self.service.handshake_timeout.min(FOREVER);
        let mut deadline = in_a_while(idle);
        loop {
            let http3 = Arc::clone(&self.http3);
            tokio::select! {
                biased;
                () = stop.asked(), if self.phase == Phase::Open => self.leave().await,
                Some(ended) = self.requests.join_next() => self.handle_ended(&ended),
                () = http3.vacant(), if self.phase == Phase::Leaving => break,
                () = sleep_until(deadline) => {
                    let is_idle = timeout(Duration::ZERO, http3.vacant()).await.is_ok();
                    if is_idle && self.phase == Phase::Open {
                        self.leave().await;
                    }
                    deadline = in_a_while(idle);
                }
                accepted = http3.accept() => match accepted {
                    Ok((sending, _)) if self.phase == Phase::Leaving => reject(sending),
                    Ok(halves) => {
                        self.next = halves.0.id() + 4;
                        let (caller, connections) = (caller.clone(), Arc::clone(&self.connections));
                        self.requests.spawn(answer(Arc::clone(&self.service), halves, (caller, connections)));
                    }
                    Err(_) => return,
                },
            }
            if self.hasty > MAX_HASTY {
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

    /// A client may change its mind now and then. One that does so all the time makes us work for nothing.
    fn handle_ended(&mut self, ended: &Result<Outcome, JoinError>) {
        match ended {
            Ok(Outcome::TakenBack) => self.hasty += 1,
            Ok(Outcome::Answered) | Err(_) => self.hasty = self.hasty.saturating_sub(1),
        }
    }
}

fn in_a_while(wait: Duration) -> Instant {
    Instant::from_std(system::now()) + wait
}

/// So many more requests may be taken back than answered.
const MAX_HASTY: usize = 200;
