//! A connection as the loop of a server sees it.

use std::{
    io,
    task::{Context, Waker},
    time::Instant,
};

use mio::{Registry, Token};

use super::{
    conn::{Aside, Conn, Heads, Mail, Progress},
    desk::{Backlog, Desk},
    handlers::Occasion,
    link::Link,
    mailbox::Command,
    message_ref::{MessageRef, PieceRef},
    run::CUT,
};
use crate::{
    flow::going_away,
    protocol::{Bundle, CloseCode, CloseFrame, Delivery, Prepared},
    reactor::{Heard, Lent, Line, Place, Socket},
};

/// What is left to do behind [`Conn::attend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// To wait for what comes.
    Wait,
    /// To attend to it again once the others had their turn.
    Again,
    /// Its stream has come to its end.
    End,
}

impl<S> Conn<S> {
    /// A connection that was opened just now.
    pub(crate) fn on_line(state: S, id: u64, line: Line, heads: Heads) -> Conn<S> {
        Conn {
            state,
            id,
            link: Link::Line(line, None),
            aside: Some(Box::new(Aside { heads: Some(heads), ..Aside::default() })),
            progress: Progress::default(),
        }
    }

    /// Lends what the thread has, so that handlers can be called.
    pub(crate) fn lend(&mut self, desk: Box<Desk>) {
        if let Link::Line(_, slot) = &mut self.link {
            *slot = Some(desk);
        }
    }

    /// Takes back what was lent.
    pub(crate) fn take_back(&mut self) -> Option<Box<Desk>> {
        match &mut self.link {
            Link::Line(_, desk) => desk.take(),
            Link::None | Link::Stream(_) => None,
        }
    }

    pub(crate) fn socket(&mut self) -> Option<&mut Socket> {
        match &mut self.link {
            Link::Line(line, _) => Some(line.socket()),
            Link::None | Link::Stream(_) => None,
        }
    }

    /// Calls into the line with what the thread lends.
    pub(crate) fn with_line<R>(&mut self, call: impl FnOnce(&mut Line, &mut Lent) -> R) -> Option<R> {
        match &mut self.link {
            Link::Line(line, Some(desk)) => Some(call(line, &mut desk.lent)),
            Link::Line(_, None) | Link::None | Link::Stream(_) => None,
        }
    }

    /// Whether what is received may be compressed.
    pub(crate) fn inflates(&self) -> bool {
        self.link.connection().is_some_and(|connection| connection.deflate().is_some())
    }

    pub(crate) fn set_delivery(&mut self, delivery: Delivery) {
        if let Some(connection) = self.link.connection_mut() {
            connection.set_delivery(delivery);
        }
    }

    /// When it has to be looked at even if nothing happens.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.link.connection()?.poll_timeout()
    }

    /// Has the loop told of room in the socket as long as something waits for it.
    pub(crate) fn watch_room(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.link {
            Link::Line(line, _) => line.watch_room(registry, token),
            Link::None | Link::Stream(_) => Ok(()),
        }
    }

    /// Notes that bytes came, before they are handed out.
    pub(crate) fn handle_bytes(&mut self) {
        self.with_line(|line, lent| line.handle_bytes(lent));
    }

    /// Hands out the messages at the front of what was received, as long as they come in the short way. `taken` is told how
    /// many bytes they are, each before its handler is called.
    #[inline(never)]
    pub(crate) fn receive_plain(
        &mut self,
        mut received: &mut [u8],
        taken: &mut usize,
        call: impl Fn(&mut Conn<S>, MessageRef<'_>),
    ) {
        while let Link::Line(line, Some(desk)) = &mut self.link
            && let Some((kind, range)) = line.hear_plain(received)
        {
            let (message, rest) = received.split_at_mut(range.end);
            desk.at_end = rest.is_empty();
            *taken += range.end;
            received = rest;
            let payload = message.get(range.start..).unwrap_or_default();
            call(self, MessageRef::from_checked(kind, payload));
        }
    }

    /// Does what is due behind messages that came in the short way, if that is to write their answers at most; whether
    /// that is so. If not, [`attend`](Conn::attend) does what there is. No deadline is earlier than it was.
    #[inline]
    pub(crate) fn settle(&mut self) -> bool {
        let Link::Line(line, Some(desk)) = &mut self.link else { return false };
        self.aside.is_none() && self.progress == Progress::default() && line.settle(&mut desk.lent)
    }

    /// Hands out the next thing that was received, whatever it is; how many bytes that took.
    #[inline(never)]
    pub(crate) fn receive_any(
        &mut self,
        received: &mut [u8],
        call: &mut impl FnMut(&mut Conn<S>, Occasion<'_>),
    ) -> usize {
        let Link::Line(line, Some(desk)) = &mut self.link else { return 0 };
        let (consumed, heard) = line.hear(&mut desk.lent, received);
        desk.at_end = consumed == received.len();
        self.write_trace();
        if let Some(heard) = heard {
            self.tell(&heard, received.get(..consumed).unwrap_or_default(), call);
        }
        consumed
    }

    /// Reads on in a large message, see [`Line::read_on`].
    pub(crate) fn read_on(&mut self) -> Option<(io::Result<usize>, usize)> {
        match &mut self.link {
            Link::Line(line, _) => line.read_on(),
            Link::None | Link::Stream(_) => None,
        }
    }

    /// Hands out the message that `read_on` has completed with `n` bytes, if it has.
    pub(crate) fn receive_on(&mut self, n: usize, call: &mut impl FnMut(&mut Conn<S>, Occasion<'_>)) {
        let Link::Line(line, Some(desk)) = &mut self.link else { return };
        let heard = line.hear_on(&mut desk.lent, n);
        desk.at_end = true;
        self.write_trace();
        if let Some(heard) = heard {
            self.tell(&heard, &[], call);
        }
    }

    fn tell(&mut self, heard: &Heard, taken: &[u8], call: &mut impl FnMut(&mut Conn<S>, Occasion<'_>)) {
        match heard {
            Heard::Message { kind, payload } => {
                let message = MessageRef::from_checked(*kind, payload.bytes(taken));
                let Place::Assembled(bytes) = payload else {
                    return call(self, Occasion::Message(message));
                };
                // A handler that sends it on shares it.
                self.share(Some(bytes.clone()));
                call(self, Occasion::Message(message));
                self.share(None);
            }
            Heard::Piece { kind, payload, first, last } => {
                let piece = PieceRef { kind: *kind, bytes: payload.bytes(taken), first: *first, last: *last };
                call(self, Occasion::Piece(piece));
            }
            Heard::Ping(payload) => call(self, Occasion::Ping(payload.bytes(taken))),
            Heard::Pong(payload, time) => call(self, Occasion::Pong(payload.bytes(taken), *time)),
        }
    }

    fn share(&mut self, assembled: Option<bytes::Bytes>) {
        if let Some(desk) = self.link.desk_mut() {
            desk.assembled = assembled;
        }
    }

    /// Writes where so much is queued that nothing more would be taken: only a peer that does not read has to cause that,
    /// not the length of what is answered in one turn.
    pub(super) fn make_room(&mut self) {
        // What is sent in `on_open` stands behind the answer to the opening handshake, which has not left yet.
        let is_opening = self.aside.as_ref().is_some_and(|aside| aside.heads.is_some());
        if let Link::Line(line, Some(desk)) = &mut self.link
            && !is_opening
            && !line.has_room()
            && !line.is_blocked()
        {
            line.flush(&mut desk.lent);
        }
    }

    /// Writes what was published at once, if it may leave as it is; how much of it is dealt with. The rest is to be
    /// [delivered](Conn::deliver) one by one.
    pub(crate) fn deliver_bundle(&mut self, bundle: &mut Bundle) -> usize {
        if self.mail().is_some_and(|mail| mail.mailbox.has_mail()) {
            return 0;
        }
        self.with_line(|line, lent| line.send_bundle(lent, bundle)).unwrap_or(0)
    }

    /// Whether something waits to be written.
    pub(crate) fn has_unsent(&self) -> bool {
        matches!(&self.link, Link::Line(line, _) if line.has_unsent())
    }

    /// Queues something that was published, or has it wait for its turn; a connection without room misses it.
    pub(crate) fn deliver(&mut self, message: &Prepared) {
        let waits = self.mail().is_some_and(|mail| mail.mailbox.has_mail());
        let Link::Line(line, Some(desk)) = &mut self.link else { return };
        if !line.connection().may_send() {
            return;
        }
        if waits || line.connection().is_message_open() {
            if let Ok(mailbox) = desk.hub.mailbox(self.id) {
                // One that is full misses it.
                let _ = mailbox.put(Command::SendPrepared(message.clone()));
                // What is published next shall see that this one waits, even if it comes before the note about the mail.
                self.open_mail();
            }
            return;
        }
        // One that is known to take nothing would refuse it again, for each of them.
        if !line.has_room() && !line.is_blocked() {
            line.flush(&mut desk.lent);
        }
        if line.has_room() {
            let _ = self.queue(|connection, shell| connection.send_prepared(message, shell));
            return;
        }
        match desk.backlog {
            Backlog::Skip => self.progress.wants_drain = true,
            Backlog::Close => self.start_close(&too_slow()),
        }
    }

    /// The mailbox has something: takes it up, if it is new.
    pub(crate) fn open_mail(&mut self) {
        if self.mail().is_some() {
            return;
        }
        let Some(desk) = self.link.desk() else { return };
        let Some(mailbox) = desk.hub.known_mailbox(self.id) else { return };
        let waker = desk.hub.bell(desk.thread, desk.key, self.id);
        self.aside.get_or_insert_default().mail = Some(Mail { mailbox, waker: Some(waker) });
    }

    /// The server stops: what other threads gave it before still leaves, and then it closes.
    pub(crate) fn go_away(&mut self) {
        self.open_mail();
        self.take_mail(&mut Context::from_waker(Waker::noop()));
        self.start_close(&going_away());
    }

    /// Writes what there is to write, and does what is due behind everything that happens to a connection.
    pub(crate) fn attend(&mut self, call: &mut impl FnMut(&mut Conn<S>, Occasion<'_>)) -> After {
        self.progress.unattended = false;
        self.with_line(Line::flush);
        let cx = &mut Context::from_waker(Waker::noop());
        self.take_mail(cx);
        let drained = self.wants_drain(cx);
        if drained {
            call(self, Occasion::Drain);
        }
        self.refuse_if_closing();
        self.write_trace();
        let ended = self.with_line(|line, lent| {
            if line.connection().closed().is_some() {
                line.wind_up(lent)
            } else {
                line.flush(lent);
                false
            }
        });
        self.tell_whether_slow();
        // What was written just now may have made the room that somebody waits for.
        let has_room = self.progress.wants_drain && self.link.has_room(cx);
        match ended {
            Some(false) if drained || has_room => After::Again,
            Some(false) => After::Wait,
            Some(true) | None => After::End,
        }
    }

    /// Notes that it is on the list of those to attend to; whether it was not.
    pub(crate) fn list_unattended(&mut self) -> bool {
        !std::mem::replace(&mut self.progress.unattended, true)
    }

    fn tell_whether_slow(&mut self) {
        let Link::Line(line, Some(desk)) = &mut self.link else { return };
        let slow = !line.has_room();
        if std::mem::replace(&mut self.progress.slow, slow) != slow {
            desk.hub.set_slow(self.id, slow);
        }
    }

    /// Its stream is at the end: tells why, if it failed, and that it is over.
    pub(crate) fn finish(&mut self, call: &mut impl FnMut(&mut Conn<S>, Occasion<'_>)) {
        if let Some(Some(failure)) = self.with_line(|line, _| line.take_failure()) {
            call(self, Occasion::Error(&failure));
        }
        self.leave(call);
    }

    /// It is over for the application, whether its stream is at the end or not.
    pub(crate) fn leave(&mut self, call: &mut impl FnMut(&mut Conn<S>, Occasion<'_>)) {
        let id = self.id;
        if let Some(desk) = self.link.desk_mut() {
            desk.hub.leave(id);
            desk.topics.leave(desk.key);
        }
        let closed = self.closed().cloned().unwrap_or(CUT);
        call(self, Occasion::Close(&closed));
    }

    /// Whether a handler has panicked.
    pub(crate) fn has_panicked(&self) -> bool {
        self.progress.panicked
    }

    /// A handler has panicked, which ends its connection.
    pub(crate) fn handle_panic(&mut self) {
        self.progress.panicked = true;
        self.start_close(&internal_error());
    }
}

fn internal_error() -> CloseFrame {
    CloseFrame::new(CloseCode::INTERNAL_ERROR, "").expect("1011 may be sent")
}

fn too_slow() -> CloseFrame {
    CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "too slow for what is published")
        .expect("1013 may be sent and the reason is short")
}
