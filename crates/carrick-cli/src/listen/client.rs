//! One client of `carrick listen`.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use carrick::{
    Error, WebSocket,
    protocol::{CloseCode, Direction, FrameRecord, Message, Opcode},
};
use http::Request;
use tokio::{sync::Notify, task};

use super::{
    announce::{Announcement, Announcements, Announcer, Lagged, What},
    exec::{self, Exec},
};
use crate::{
    duplex::{self, Happened, Outgoing, Wish},
    escape, output,
    print::{Event, Happening, Printer},
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
    let client = Client { id, desk: &desk };
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
        client.print(Event::Closed(closed));
        let cause = match &error {
            Some(Error::Io(error)) => format!(": {error}"),
            _ => String::new(),
        };
        client.note(&format!("{closed}{cause}"));
    }
}

struct Client<'a> {
    id: u64,
    desk: &'a Desk,
}

impl Client<'_> {
    /// Prints what comes and sends what is to be sent, until the connection is closed; the error if it failed.
    async fn talk(&self, websocket: &mut WebSocket, mut announcements: Announcements) -> Option<Error> {
        let echoes = matches!(self.desk.answer, Answer::Echo);
        let mut outgoing = None;
        let mut closing = false;
        loop {
            // An echo that cannot leave yet holds up what comes after it.
            let wish = Wish { deaf: echoes && outgoing.is_some(), ..Wish::default() };
            let is_busy = outgoing.is_some();
            tokio::select! {
                happened = duplex::next(websocket, &mut outgoing, wish) => match happened {
                    Happened::Queued(Outgoing::Message(message)) => {
                        self.print(Event::Message { direction: Direction::Out, message: &message });
                    }
                    Happened::Queued(Outgoing::Prepared(prepared)) => {
                        self.print(Event::Message { direction: Direction::Out, message: prepared.message() });
                    }
                    Happened::Queued(Outgoing::Ping(_)) | Happened::Flushed => {}
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
                announced = next_of(&mut announcements, is_busy), if !closing => {
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
                    // It was checked where it was typed.
                    let _ = websocket.start_close(code, &reason);
                    closing = true;
                }
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

    fn traced(&self, websocket: &WebSocket, record: &FrameRecord) {
        if matches!(record.opcode, Opcode::Ping | Opcode::Pong) {
            let is_pong = record.opcode == Opcode::Pong && record.direction == Direction::In;
            let round_trip = if is_pong { websocket.round_trip() } else { None };
            self.print(Event::Control { record, round_trip });
        }
    }

    fn print(&self, event: Event<'_>) {
        // Whoever reads it may be slow; the other clients are not to wait for that.
        let printed =
            task::block_in_place(|| self.desk.printer.print(&Happening { client: Some(self.id), event }));
        match printed {
            Ok(()) => {}
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    output::note(&format!("standard output cannot be written: {error}"));
                }
                self.desk.reader_gone.notify_one();
            }
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
