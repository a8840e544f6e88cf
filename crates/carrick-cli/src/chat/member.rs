//! One connection to the room.

use std::time::{Duration, Instant};

use carrick::{
    Error, WebSocket,
    protocol::{CloseCode, Message},
};
use http::Version;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    message::{Frame, Notice, Request, Welcome, check_name, check_text, is_outgoing_text},
    room::{Room, Seat},
};

/// Lets a connection take part until it is closed. `tls` is for the page to show.
pub(crate) async fn join(room: Room, mut websocket: WebSocket, tls: bool) {
    let seat = room.enter();
    let id = seat.id;
    // A connection that failed is no failure of the server; the peer has its close frame.
    let _ = take_part(&room, &mut websocket, seat, tls).await;
    room.leave(id);
}

async fn take_part(room: &Room, websocket: &mut WebSocket, seat: Seat, tls: bool) -> Result<(), Error> {
    websocket.set_tracing(true);
    let Seat { id, name, members, history, mut notices } = seat;
    let mut reporter = Reporter::new();
    let welcome = Welcome {
        id,
        name,
        version: env!("CARGO_PKG_VERSION"),
        http: http_name(websocket.stream().http_version()),
        tls,
        deflate: websocket.agreement().deflate.is_some(),
        members,
        history,
    };
    websocket.send(Notice::Welcome(Box::new(welcome)).message()).await?;
    loop {
        tokio::select! {
            received = websocket.recv() => match received {
                None => return Ok(()),
                Some(Err(error)) => return Err(error),
                Some(Ok(Message::Binary(_))) => {
                    websocket.close(CloseCode::UNSUPPORTED_DATA, "the chat speaks JSON in text messages").await?;
                    return Ok(());
                }
                Some(Ok(Message::Text(text))) => {
                    if let Err(text) = obey(room, id, &text) {
                        websocket.send(Notice::Error { text }.message()).await?;
                    }
                }
            },
            notice = notices.recv() => match notice {
                Ok(notice) => {
                    websocket.feed_prepared(&notice).await?;
                    websocket.flush().await?;
                }
                // The page comes back and finds the history.
                Err(RecvError::Lagged(_) | RecvError::Closed) => {
                    websocket.close(CloseCode::TRY_AGAIN_LATER, "too slow for this room").await?;
                    return Ok(());
                }
            },
            _ = reporter.tick.tick() => reporter.report(websocket).await?,
        }
    }
}

/// Does what a member asks for, or says why not.
fn obey(room: &Room, id: u64, text: &str) -> Result<(), String> {
    match serde_json::from_str(text) {
        Ok(Request::Say { text }) => room.say(id, check_text(&text)?),
        Ok(Request::Rename { name }) => room.rename(id, check_name(&name)?),
        Err(error) => return Err(format!("this is no request: {error}")),
    }
    Ok(())
}

/// Tells a page once a second what the server sees of its connection.
struct Reporter {
    tick: Interval,
    opened: Instant,
}

impl Reporter {
    fn new() -> Reporter {
        let mut tick = interval(REPORT_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Reporter { tick, opened: Instant::now() }
    }

    async fn report(&mut self, websocket: &mut WebSocket) -> Result<(), Error> {
        let mut frames = Vec::new();
        while let Some(record) = websocket.next_record() {
            let at = record.at.saturating_duration_since(self.opened).as_millis();
            frames.push(Frame::new(&record, u64::try_from(at).unwrap_or(u64::MAX)));
        }
        let surplus = frames.len().saturating_sub(MAX_FRAMES);
        frames.drain(..surplus);
        let lost = usize::try_from(websocket.take_lost_records()).unwrap_or(usize::MAX);
        let skipped = surplus.saturating_add(lost);
        let status = Notice::Status {
            round_trip_us: websocket
                .round_trip()
                .map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
            received: websocket.received().into(),
            sent: websocket.sent().into(),
        };
        feed_untold(websocket, &status).await?;
        if !frames.is_empty() {
            feed_untold(websocket, &Notice::Frames { frames, skipped }).await?;
        }
        websocket.ping(rand::random::<[u8; 8]>().to_vec()).await
    }
}

/// Queues a report and forgets the record of its frame: a report about reports would never end.
async fn feed_untold(websocket: &mut WebSocket, notice: &Notice) -> Result<(), Error> {
    websocket.feed(notice.message()).await?;
    while let Some(record) = websocket.next_record() {
        if is_outgoing_text(&record) {
            break;
        }
    }
    Ok(())
}

/// A version as people write it.
pub(crate) fn http_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}

const REPORT_INTERVAL: Duration = Duration::from_secs(1);
const MAX_FRAMES: usize = 100;
