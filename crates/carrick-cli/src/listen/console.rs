//! What is typed at the server, or comes through a pipe, goes to all clients.

use std::fs;

use super::announce::Announcer;
use crate::{
    args::SendFormat,
    connect::{
        input::{Input, Lines},
        request::{self, Request},
        send_format,
    },
    escape, output,
};

/// Takes lines until they end. `commands` says whether one may be a command.
pub(crate) async fn announce_lines(mut lines: Lines, announcer: Announcer, commands: bool) {
    while let Some(input) = lines.recv().await {
        let line = match input {
            Input::Line(line) => line,
            Input::Failed(error) => {
                output::note(&format!("standard input cannot be read: {error}"));
                return;
            }
        };
        match request::parse(line, SendFormat::Text, commands) {
            Ok(Request::Send(message)) => announcer.send(None, message),
            Ok(Request::SendFile(path)) => match fs::read(&path) {
                Ok(content) => announcer.send(None, send_format::file(content, SendFormat::Text)),
                Err(error) => output::note(&format!("{} cannot be read: {error}", path.display())),
            },
            Ok(Request::Ping(payload)) => announcer.ping(payload),
            Ok(Request::Close { code, reason }) => announcer.close(code, reason),
            Ok(Request::Help) => output::note(request::HELP),
            Err(error) => output::note(&escape::line(&error)),
        }
    }
}
