//! `carrick listen`: a WebSocket server for whatever is at hand.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use carrick::{
    Cors, Error, Server,
    protocol::{Config, DeflateConfig},
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use crate::{
    args::{Hosting, Listen, ListenOutput},
    connect::{history, input},
    exit::Exit,
    failure::Failure,
    hosting::{origin_policy, tls},
    listen::{
        announce::Announcer,
        client::{self, Answer, Desk},
        console,
        exec::Exec,
        files,
    },
    output,
    print::{Event, Format, Happening, Printer},
    signals::Interruptions,
    stdout, terminal,
};

/// Serves until Ctrl-C, then lets the open connections close.
pub(crate) async fn listen(args: Listen) -> Result<Exit, Failure> {
    let tls = tls(&args.hosting, &args.address)?;
    let (server, local) = args.address.listen("carrick listen ").await?;
    let url = local.websocket("/", tls.is_some());
    let printer = printer(&args);
    let drain_timeout = args.hosting.drain_timeout;
    let mut config = args.limits.config();
    let answer = if let Some(command) = args.answer.exec {
        // A client may have to wait for the program; the pings see whether it is still there.
        config.idle_timeout = None;
        let max_line_bytes = usize::try_from(args.limits.max_message_bytes).unwrap_or(usize::MAX);
        Answer::Exec(Exec { command, binary: args.binary, local, max_line_bytes })
    } else if args.answer.echo {
        config.high_water_bytes = ECHO_UNSENT_BYTES;
        Answer::Echo
    } else if args.answer.broadcast {
        Answer::Broadcast
    } else {
        Answer::None
    };
    let reads_input = !matches!(answer, Answer::Exec(_));
    let desk = Arc::new(Desk {
        answer,
        printer,
        announcer: Announcer::new(args.limits.max_message_bytes),
        reader_gone: Notify::new(),
        latest: 0.into(),
    });
    let mut server = configure(server, config, &args.hosting, !args.limits.no_deflate)
        .subprotocols(args.subprotocols)
        .map_err(unusable_subprotocol)?;
    if let Some(folder) = args.dir {
        server = server.fallback(files::service(readable(&folder)?));
    }
    if let Some(tls) = tls {
        server = server.tls(tls);
    }
    let attending = Arc::clone(&desk);
    let server = server
        .route("/*", move |websocket, request| client::attend(Arc::clone(&attending), websocket, request));

    output::note(&format!("listening on {url}"));
    let _ = printer.print(&Happening { client: None, event: Event::Listening { url: &url } });
    let interruptions = Interruptions::watch();
    if reads_input {
        take_lines(&desk, interruptions.clone());
    }
    let mut stopped = None;
    let stop = async {
        tokio::select! {
            () = interruptions.first() => output::note("closing connections; Ctrl-C again stops at once"),
            () = desk.reader_gone.notified() => {}
            error = stdout::failed() => if error.kind() != io::ErrorKind::BrokenPipe {
                output::note(&format!("standard output cannot be written: {error}"));
            },
        }
        stopped = Some(Instant::now());
    };
    let cut =
        server.serve_until(stop).await.map_err(|error| Failure::new("the server failed").because(error))?;
    if cut > 0 {
        output::note(&format!("{cut} of the connections did not close in time and were cut"));
    }
    // What a client said before it went is printed too, if somebody reads it.
    let since = stopped.map_or(Duration::ZERO, |stopped: Instant| stopped.elapsed());
    if timeout(drain_timeout.saturating_sub(since), stdout::drained()).await.is_err() {
        output::note("standard output was not read to its end");
    }
    Ok(Exit::Fine)
}

fn configure(server: Server, config: Config, hosting: &Hosting, deflate: bool) -> Server {
    server
        .config(config)
        .deflate(deflate.then(DeflateConfig::default))
        .origins(origin_policy(&hosting.origins))
        .cors(Cors::new(origin_policy(&hosting.origins)))
        .max_connections(hosting.max_connections as usize)
        .drain_timeout(hosting.drain_timeout)
}

fn printer(args: &Listen) -> Printer {
    Printer {
        format: match args.output {
            ListenOutput::Plain => Format::Plain,
            ListenOutput::Ndjson => Format::Ndjson,
        },
        is_terminal: io::stdout().is_terminal(),
        is_interactive: terminal::is_interactive(),
    }
}

/// Lines of the terminal or of a pipe go to all clients.
fn take_lines(desk: &Desk, interruptions: Interruptions) {
    let interactive = terminal::is_interactive();
    let lines = if interactive {
        input::from_terminal(history::path(None, false), interruptions)
    } else {
        input::from_pipe()
    };
    tokio::spawn(console::announce_lines(lines, desk.announcer.clone(), interactive));
}

/// Fails now what would fail with every request.
fn readable(folder: &Path) -> Result<PathBuf, Failure> {
    let fails = |error: io::Error| {
        Failure::new(format!("{} cannot be served", folder.display()))
            .because(error)
            .with_hint("--dir takes a folder that can be read")
    };
    let folder_path = folder.canonicalize().map_err(fails)?;
    std::fs::read_dir(&folder_path).map_err(fails)?;
    Ok(folder_path)
}

fn unusable_subprotocol(error: Error) -> Failure {
    Failure::new("--subprotocol cannot be used")
        .because(error)
        .with_hint("each is one word, and stands there once")
        .with_exit(Exit::Usage)
}

/// How much of an echo may wait for a client that sends much before it reads.
const ECHO_UNSENT_BYTES: usize = 10 << 20;
