//! A connection as the loops see it that call its handlers.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    conn::{Aside, Conn, Heads, Mail, Progress, Tracing},
    link::Link,
    mailbox::{self, Command, Mailbox},
    tracer::Tracer,
};
use crate::{
    error::Error,
    protocol::{CloseCode, CloseFrame, Compression, Connection, Delivery},
    transport::NetStream,
    websocket::{Received, WebSocket},
};

/// A connection that a client has just opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) id: u64,
    pub(crate) websocket: WebSocket<NetStream>,
    pub(crate) heads: Heads,
}

/// What the loop of a client's connection does next.
pub(super) enum Next {
    Received(Received),
    /// There is room again.
    Drain,
    Failed(Error),
    Ended,
}

impl<S> Conn<S> {
    /// That of a client, before it has a connection.
    pub(crate) fn new(state: S, mailbox: Arc<Mailbox>) -> Conn<S> {
        let mail = Some(Mail { mailbox, waker: None });
        let aside = Some(Box::new(Aside { mail, ..Aside::default() }));
        Conn { state, id: 0, link: Link::None, aside, progress: Progress::default() }
    }

    /// Sets where the trace goes, and what stands before each of its lines.
    pub(crate) fn set_tracer(&mut self, tracer: &Tracer, label: impl Into<Box<str>>) {
        let tracing = tracer.is_on().then(|| Tracing { tracer: tracer.clone(), label: label.into() });
        self.aside.get_or_insert_default().tracing = tracing;
        if let Some(connection) = self.link.connection_mut() {
            connection.set_tracing(tracer.is_on());
        }
    }

    /// Takes up a connection of a client.
    pub(super) fn begin(&mut self, opened: Opened) {
        let Opened { id, mut websocket, heads } = opened;
        let aside = self.aside.get_or_insert_default();
        websocket.set_tracing(aside.tracing.is_some());
        aside.heads = Some(heads);
        if let Some(mail) = &aside.mail {
            mail.mailbox.open(id, websocket.connection().config().high_water());
        }
        self.id = id;
        self.link = Link::Stream(Box::new(websocket));
        self.progress = Progress::default();
    }

    pub(crate) fn forget_heads(&mut self) {
        if let Some(aside) = &mut self.aside {
            aside.heads = None;
            if aside.mail.is_none() && aside.tracing.is_none() {
                self.aside = None;
            }
        }
    }

    /// No handle reaches the connection from now on.
    pub(crate) fn close_mailbox(&mut self) {
        if let Some(mail) = self.mail() {
            self.progress.left |= mail.mailbox.close();
        }
    }

    /// Whether the application has closed the latest connection, which may have failed while it was closing.
    pub(crate) fn is_left(&self) -> bool {
        self.progress.left
    }

    /// What the application did with an earlier connection counts no more.
    pub(crate) fn forget_close(&mut self) {
        self.progress.left = false;
    }

    /// The connection is over, and so is its socket.
    pub(crate) fn end(&mut self) {
        self.close_mailbox();
        self.link = Link::None;
        self.forget_heads();
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>, delivery: Delivery) -> Poll<Next> {
        let next = self.poll_untraced(cx, delivery);
        self.refuse_if_closing();
        self.write_trace();
        next
    }

    fn poll_untraced(&mut self, cx: &mut Context<'_>, delivery: Delivery) -> Poll<Next> {
        // Looked at before the mail: what was queued before is sent.
        let stopped = self.mail().is_some_and(|mail| is_stopped(&mail.mailbox, cx));
        self.take_mail(cx);
        if stopped {
            self.start_close(&normal());
        }
        if self.wants_drain(cx) {
            return Poll::Ready(Next::Drain);
        }
        let Link::Stream(websocket) = &mut self.link else { return Poll::Ready(Next::Ended) };
        websocket.poll_received(cx, delivery).map(|received| match received {
            Some(Ok(received)) => Next::Received(received),
            Some(Err(error)) => Next::Failed(error),
            None => Next::Ended,
        })
    }

    /// What cannot be sent any more is not taken either.
    pub(super) fn refuse_if_closing(&mut self) {
        if self.progress.refusing || self.link.connection().is_none_or(Connection::may_send) {
            return;
        }
        self.progress.refusing = true;
        if let Some(desk) = self.link.desk() {
            desk.hub.refuse(self.id);
        } else if let Some(mail) = self.mail() {
            self.progress.left |= mail.mailbox.refuse();
        }
    }

    /// Whether `on_drain` is to be called now.
    pub(super) fn wants_drain(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.progress.wants_drain || !self.link.has_room(cx) {
            return false;
        }
        self.progress.wants_drain = false;
        self.is_open()
    }

    pub(super) fn start_close(&mut self, frame: &CloseFrame) {
        self.link.with_shell(|connection, shell| connection.close(frame, shell));
    }

    /// Writes what was recorded since. A trace takes the frames as they come: the connection keeps only some records.
    pub(super) fn write_trace(&mut self) {
        let Some(tracing) = self.aside.as_ref().and_then(|aside| aside.tracing.as_ref()) else { return };
        let Some(connection) = self.link.connection_mut() else { return };
        let Tracing { tracer, label } = tracing;
        let lost = connection.take_lost_records();
        if lost > 0 {
            tracer.write(label, &format_args!("… {lost} frames not shown"));
        }
        while let Some(record) = connection.poll_record() {
            tracer.write(label, &record);
        }
    }

    /// Does what other threads asked for, as long as there is room.
    ///
    /// The last mail is taken without room too, of which the mailbox bounds how much it is: the close comes behind it, and
    /// for a peer that takes nothing the time has to begin.
    pub(super) fn take_mail(&mut self, cx: &mut Context<'_>) {
        let Some(mail) = self.mail() else { return };
        let mailbox = Arc::clone(&mail.mailbox);
        let waiting = match &mail.waker {
            Some(waker) => mailbox.watch(waker),
            None => mailbox.watch(cx.waker()),
        };
        let is_last = match waiting {
            mailbox::Mail::None => return,
            mailbox::Mail::Some => false,
            mailbox::Mail::Last => true,
        };
        let Some(usual) = self.link.connection().map(|connection| connection.config().high_water()) else {
            return;
        };
        if is_last {
            self.link.set_high_water_bytes(usize::MAX);
        }
        while is_last || self.link.has_room(cx) {
            // Between the pieces of a message there cannot be another one.
            let may_send_messages =
                self.link.connection().is_some_and(|connection| !connection.is_message_open());
            let Some(command) = mailbox.take(may_send_messages) else { break };
            self.obey(command);
            self.write_trace();
        }
        if is_last {
            self.link.set_high_water_bytes(usual);
        }
    }

    fn obey(&mut self, command: Command) {
        self.progress.left |= matches!(command, Command::Close(_));
        // What comes too late is lost with the connection, which `on_close` tells.
        let _ = self.link.with_shell(|connection, shell| match command {
            Command::Send(message) => connection.send(message, Compression::Auto, shell),
            Command::SendPrepared(prepared) => connection.send_prepared(&prepared, shell),
            Command::Ping(payload) => connection.ping(payload, shell),
            Command::Close(frame) => {
                connection.close(&frame, shell);
                Ok(())
            }
        });
    }
}

fn is_stopped(mailbox: &Mailbox, cx: &Context<'_>) -> bool {
    mailbox.stop().register(cx.waker());
    mailbox.stop().is_asked()
}

fn normal() -> CloseFrame {
    CloseFrame::new(CloseCode::NORMAL, "").expect("1000 may be sent")
}
