//! One client of `carrick listen`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use carrick::{
    Error, WebSocket,
    protocol::{CloseCode, CloseFrame, Direction, FrameRecord, Message, Opcode},
};
use http::Request;
use tokio::sync::Notify;

use super::{
    announce::{Announcement, Announcements, Announcer, Lagged, What},
    exec::{self, Exec},
};
use crate::{
    duplex::{self, Happened, Outgoing, Wish},
    ending, escape, output,
    print::{Event, Happening, Printer},
    stdout::{self, Share},
};

/// What all clients have in common.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) answer: Answer,
    pub(crate) printer: Printer,
    pub(crate) announcer: Announcer,
    /// Told when nobody reads what is printed any more.
    pub(crate) reader_gone: Notify,
    pub(crate) latest: AtomicU64,
}

/// What becomes of a message, besides being printed.
#[derive(Debug)]
pub(crate) enum Answer {
    None,
    Echo,
    Broadcast,
    Exec(Exec),
}

/// Serves a client until its connection is closed.
pub(crate) async fn attend(desk: Arc<Desk>, mut websocket: WebSocket, request: Request<()>) {
    let id = desk.latest.fetch_add(1, Ordering::Relaxed) + 1;
    let address = request.extensions().get::<SocketAddr>();
    let peer = address.map_or_else(|| "a Unix socket".to_owned(), ToString::to_string);
    let mut client = Client { id, desk: &desk, share: Share::default(), sent: None };
    // Before it is said to be here: what is announced from now on is for it too.
    let announcements = desk.announcer.subscribe();
    let uri = request.uri().to_string();
    client.note(&format!("connected from {peer} to {uri}"));
    websocket.set_tracing(desk.printer.is_ndjson());
    client.print(Event::Accepted { address: &peer, uri: &uri, websocket: &websocket });
    let error = match &desk.answer {
        Answer::Exec(exec) => {
            drop(announcements);
            exec::bridge(exec, &mut websocket, &request).await
        }
        Answer::None | Answer::Echo | Answer::Broadcast => {
            drop(request);
            client.talk(&mut websocket, announcements).await
        }
    };
    if let Some(closed) = websocket.closed() {
        let sent = client.sent.take();
        client.print(Event::Closed { closed, sent: sent.as_ref() });
        let cause = match &error {
            Some(Error::Io(error)) => format!(": {error}"),
            _ => String::new(),
        };
        client.note(&format!("{}{cause}", ending::words(closed, sent.as_ref())));
    }
}

struct Client<'a> {
    id: u64,
    desk: &'a Desk,
    /// What of its messages is not printed yet.
    share: Share,
    /// The close frame that was asked for here.
    sent: Option<CloseFrame>,
}

impl Client<'_> {
    /// Prints what comes and sends what is to be sent, until the connection is closed; the error if it failed.
    async fn talk(&mut self, websocket: &mut WebSocket, mut announcements: Announcements) -> Option<Error> {
        let echoes = matches!(self.desk.answer, Answer::Echo);
        let mut outgoing = None;
        let mut closing = false;
        let mut is_flushed = true;
        loop {
            // An echo that cannot leave yet holds up what comes after it, and so does what cannot be printed yet. What is
            // to be sent leaves nevertheless.
            let is_full = !self.share.has_room();
            let is_busy = outgoing.is_some();
            let wish = Wish { deaf: is_full || (echoes && is_busy), flush: is_full && !is_flushed };
            // Each of these is printed too.
            let hears = !closing && (!is_full || !self.desk.printer.is_ndjson());
            tokio::select! {
                happened = duplex::next(websocket, &mut outgoing, wish) => match happened {
                    Happened::Queued(queued) => {
                        is_flushed = false;
                        self.queued(&queued);
                    }
                    Happened::Flushed => is_flushed = true,
                    Happened::Received(message) => {
                        self.print(Event::Message { direction: Direction::In, message: &message });
                        outgoing = outgoing.or(self.answer(message));
                    }
                    Happened::Traced(record) => self.traced(websocket, &record),
                    Happened::Ended(error) => {
                        while let Some(record) = websocket.next_record() {
                            self.traced(websocket, &record);
                        }
                        return error;
                    }
                },
                announced = next_of(&mut announcements, is_busy), if hears => {
                    let (code, reason) = match announced {
                        Ok(announcement) if announcement.from == Some(self.id) => continue,
                        Ok(Announcement { what: What::Send(next), .. }) => {
                            outgoing = Some(next);
                            continue;
                        }
                        Ok(Announcement { what: What::Close { code, reason }, .. }) => (code, reason),
                        Err(Lagged) => {
                            (CloseCode::TRY_AGAIN_LATER, "too slow for what is sent here".to_owned())
                        }
                    };
                    outgoing = None;
                    self.sent = CloseFrame::new(code, &reason).ok();
                    // It was checked where it was typed.
                    let _ = websocket.start_close(code, &reason);
                    closing = true;
                    is_flushed = false;
                }
                () = stdout::room(), if is_full => {}
            }
        }
    }

    /// What goes back for a message that came.
    fn answer(&self, message: Message) -> Option<Outgoing> {
        match self.desk.answer {
            Answer::Echo => Some(Outgoing::Message(message)),
            Answer::Broadcast => {
                self.desk.announcer.send(Some(self.id), message);
                None
            }
            Answer::None | Answer::Exec(_) => None,
        }
    }

    fn queued(&mut self, queued: &Outgoing) {
        let message = match queued {
            Outgoing::Message(message) => message,
            Outgoing::Prepared(prepared) => prepared.message(),
            // The frame is told when it is traced.
            Outgoing::Ping(_) => return,
        };
        self.print(Event::Message { direction: Direction::Out, message });
    }

    fn traced(&mut self, websocket: &WebSocket, record: &FrameRecord) {
        if matches!(record.opcode, Opcode::Ping | Opcode::Pong) {
            let is_pong = record.opcode == Opcode::Pong && record.direction == Direction::In;
            let round_trip = if is_pong { websocket.round_trip() } else { None };
            self.print(Event::Control { record, round_trip });
        }
    }

    fn print(&mut self, event: Event<'_>) {
        let is_ndjson = self.desk.printer.is_ndjson();
        let length = match &event {
            Event::Message { direction, message } if is_ndjson || *direction == Direction::In => {
                message.len()
            }
            _ => 0,
        };
        if self.desk.printer.print(&Happening { client: Some(self.id), event }).is_err() {
            self.desk.reader_gone.notify_one();
        }
        if is_ndjson || length > 0 {
            self.share.add(length);
        }
    }

    fn note(&self, words: &str) {
        output::aside(&escape::line(&format!("client {}: {words}", self.id)));
    }
}

/// Who has something to send takes no more, and is told to go when that takes too long.
async fn next_of(announcements: &mut Announcements, busy: bool) -> Result<Announcement, Lagged> {
    if busy {
        announcements.lagged().await;
        return Err(Lagged);
    }
    announcements.recv().await
}
