//! `carrick connect`: a talk with a WebSocket server.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use crate::{
    args::{Connect, Linger, OutputFormat},
    connect::{
        goal::Goal,
        history, input, opening,
        session::{Session, Settings},
        trace::Trace,
    },
    exit::Exit,
    failure::Failure,
    print::{Format, Printer},
    signals::Interruptions,
    terminal,
};

/// Connects, sends the lines of the input, prints what comes.
pub(crate) async fn connect(args: Connect) -> Result<Exit, Failure> {
    let trace = args.talk.trace.then(Trace::new);
    let mut builder = opening::builder(&args.opening, args.limits.config(), !args.limits.no_deflate)?;
    if let Some(trace) = &trace {
        builder = builder.on_connect_event(trace.observer());
    }
    let interactive = terminal::is_interactive();
    let interruptions = Interruptions::watch();
    let lines = if interactive {
        let path = history::path(args.talk.history.as_deref(), args.talk.no_history);
        input::from_terminal(path, interruptions.clone())
    } else {
        input::from_pipe()
    };
    let settings = Settings {
        url: opening::url(&args.opening.url),
        builder,
        format: args.talk.format,
        commands: interactive || args.talk.commands,
        interactive,
        // Who ends the input at a terminal has read what came.
        linger: if interactive { Linger::Quiet(Duration::ZERO) } else { args.stop.linger },
        timeout: args.stop.timeout,
        reconnect: args.reconnect,
        printer: Printer {
            format: match args.talk.output {
                OutputFormat::Plain => Format::Plain,
                OutputFormat::Json => Format::Json,
                OutputFormat::Ndjson => Format::Ndjson,
            },
            is_terminal: io::stdout().is_terminal(),
            is_interactive: interactive,
        },
    };
    Session::new(settings, Goal::new(&args.stop), trace, lines, interruptions).run().await
}
