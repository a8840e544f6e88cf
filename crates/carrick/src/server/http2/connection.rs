//! One HTTP/2 connection: takes its requests, and ends it when it is idle or the server stops.

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    server::{Connection, SendResponse},
};
use http::Request;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    super::{
        accept::FOREVER,
        connection::{Below, Service},
        haste::Haste,
        linger::LINGER,
        multiplexed::Outcome,
        rewound::Rewound,
    },
    request::{Source, answer},
    settings::Http2Settings,
};
use crate::{
    system,
    transport::{Tapped, Wire},
    websocket::Stop,
};

/// Serves a connection whose first bytes may stand in `received` already.
pub(in super::super) async fn serve(service: Arc<Service>, settings: Http2Settings, below: Below) {
    let Below { stream, received, caller, connections, stop, timer } = below;
    let peer = stream.peer_addr();
    let (wire, haste) = (Arc::new(Wire::default()), Haste::new());
    let carrier = Tapped::new(Rewound::new(received.freeze(), stream), Arc::clone(&wire));
    let handshake = settings.builder(service.head_limits).handshake::<_, Bytes>(carrier);
    let Ok(Ok(connection)) = timer.bound("http/2 preface", handshake).await else { return };
    let mut life = Life {
        connection,
        wire: Arc::clone(&wire),
        requests: JoinSet::new(),
        most: settings.max_streams(),
        haste: Arc::clone(&haste),
        idle: service.handshake_timeout.min(FOREVER),
        phase: Phase::Open,
    };
    life.run(&stop, |request, respond| {
        let source = Source {
            caller: caller.clone(),
            peer,
            wire: Arc::clone(&wire),
            connections: Arc::clone(&connections),
            most: settings.max_streams(),
            haste: Arc::clone(&haste),
        };
        answer(Arc::clone(&service), request, respond, source)
    })
    .await;
}

/// One round of the connection, and a request if there is one.
fn poll_accept(
    connection: &mut Connection<Tapped<Rewound>, Bytes>,
    wire: &Wire,
    cx: &mut Context<'_>,
) -> Poll<Accepted> {
    wire.start_round(cx.waker());
    let polled = connection.poll_accept(cx);
    wire.end_round(matches!(polled, Poll::Ready(None | Some(Err(_)))));
    polled
}

type Accepted = Option<Result<(Request<RecvStream>, SendResponse<Bytes>), h2::Error>>;

struct Life {
    connection: Connection<Tapped<Rewound>, Bytes>,
    wire: Arc<Wire>,
    /// Those that have no answer yet, and pages.
    requests: JoinSet<Outcome>,
    /// How many streams there may be at a time.
    most: usize,
    haste: Arc<Haste>,
    /// How long a connection without streams is kept.
    idle: Duration,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Open,
    /// GOAWAY is sent; what is open may go on.
    Leaving,
}

impl Life {
    async fn run<F>(&mut self, stop: &Stop, answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F)
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut deadline = self.deadline(self.idle);
        loop {
            tokio::select! {
                biased;
                () = stop.asked(), if self.phase == Phase::Open => self.leave(),
                Some(ended) = self.requests.join_next() => self.haste.note(ended.unwrap_or(Outcome::Answered)),
                () = sleep_until(deadline) => {
                    if !self.is_idle() {
                        deadline = self.deadline(self.idle);
                    } else if self.phase == Phase::Open {
                        self.leave();
                        deadline = self.deadline(LINGER);
                    } else {
                        // The peer does not even take the GOAWAY.
                        return;
                    }
                }
                accepted = poll_fn(|cx| poll_accept(&mut self.connection, &self.wire, cx)) => match accepted {
                    Some(Ok((request, respond))) => {
                        self.requests.spawn(answer(request, respond));
                    }
                    Some(Err(_)) | None => return,
                },
            }
            if self.haste.is_too_much() || self.requests.len() > 2 * self.most {
                self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            }
        }
    }

    fn leave(&mut self) {
        self.phase = Phase::Leaving;
        self.connection.graceful_shutdown();
    }

    fn is_idle(&self) -> bool {
        self.requests.is_empty() && !self.connection.has_streams()
    }

    fn deadline(&self, wait: Duration) -> Instant {
        Instant::from_std(system::now()) + wait
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // A server that is cut takes the task with it.
        self.wire.end_round(true);
    }
}
