//! The client that the conformance suite tests: `autobahn-client URL [AGENT [HTTP]]`. Runs every case of the fuzzing server at
//! `URL` as an echo client, and writes the report. Its contract stands in `xtask/src/conformance/peers.rs`.

use std::{env, process::ExitCode};

use carrick::{
    ClientBuilder, Error, Http, WebSocket,
    protocol::{Compression, Config, DeflateConfig},
};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr)]
async fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(url) = arguments.next() else {
        eprintln!("usage: autobahn-client URL [AGENT [HTTP]]");
        return ExitCode::from(2);
    };
    let agent = arguments.next().unwrap_or_else(|| "carrick".to_owned());
    let http = match arguments.next().as_deref() {
        None => Http::Auto,
        Some("http2") => Http::Http2,
        Some("http3") => Http::Http3,
        Some(other) => {
            eprintln!("error: `{other}` is no version of HTTP; there are: http2, http3");
            return ExitCode::from(2);
        }
    };
    match run(&url, &agent, http).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}: {:?}", std::error::Error::source(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(url: &str, agent: &str, http: Http) -> Result<(), Error> {
    let mut counting = open(&format!("{url}/getCaseCount"), http).await?;
    let count = match counting.recv().await {
        Some(message) => message?.as_text().and_then(|text| text.parse::<u32>().ok()).unwrap_or_default(),
        None => 0,
    };
    for case in 1..=count {
        let websocket = open(&format!("{url}/runCase?case={case}&agent={agent}"), http).await?;
        // Most cases break a rule on purpose; the suite judges what we make of it.
        let _ = echo(websocket).await;
    }
    let mut reporting = open(&format!("{url}/updateReports?agent={agent}"), http).await?;
    while reporting.recv().await.is_some() {}
    Ok(())
}

async fn open(url: &str, http: Http) -> Result<WebSocket, Error> {
    let mut config = Config::default();
    config.max_fragments = 65_536;
    config.ping_interval = None;
    // A server that sends 16 MiB and does not read meanwhile has to be read to the end.
    config.high_water_bytes = 16 << 20;
    ClientBuilder::new(url)?.http(http).config(config).deflate(Some(DeflateConfig::default())).connect().await
}

/// Answers in the manner of the question: compressed or plain, and large messages in pieces.
async fn echo(mut websocket: WebSocket) -> Result<(), Error> {
    while let Some(piece) = websocket.recv_piece().await {
        let piece = piece?;
        let compression = if piece.compressed { Compression::Always } else { Compression::Never };
        websocket.feed_piece_with(piece.kind, piece.bytes, piece.last, compression).await?;
    }
    Ok(())
}
