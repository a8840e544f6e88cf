//! carrick's callback API: `WebSocketServer`.

use carrick::protocol::DeflateConfig;
use carrick::{ServerTls, WebSocketServer};
use peers::{Arguments, Mode};

fn main() -> anyhow::Result<()> {
    let (arguments, mode) = Arguments::of(&[Mode::Echo, Mode::Tls, Mode::Deflate, Mode::Fanout]);
    let scheme = if mode == Mode::Tls { "wss" } else { "ws" };
    let url = format!("{scheme}://127.0.0.1:{}/*", arguments.port);
    if mode == Mode::Fanout {
        return fan_out(&url);
    }
    let server =
        WebSocketServer::new(&url).threads(1).deflate((mode == Mode::Deflate).then(deflate).transpose()?);
    let server = match (&arguments.cert, &arguments.key) {
        (Some(cert), Some(key)) if mode == Mode::Tls => server.tls(ServerTls::from_pem_files(cert, key)?),
        _ => server,
    };
    let server = server.on_message(|conn, message| conn.send(message)).bind()?;
    ready();
    Ok(server.run_forever()?)
}

fn fan_out(url: &str) -> anyhow::Result<()> {
    let server = WebSocketServer::with_state(url, |request| request.uri().path() == "/sub")
        .threads(1)
        .deflate(None)
        .on_open(|conn| if conn.state { conn.subscribe("topic") } else { Ok(()) })
        .on_message(|conn, message| conn.publish("topic", message))
        .bind()?;
    ready();
    Ok(server.run_forever()?)
}

/// As every peer has it: no context takeover, window 15, level 6.
fn deflate() -> anyhow::Result<DeflateConfig> {
    Ok(DeflateConfig::default().with_own_max_window_bits(15)?.with_level(6)?.with_memory_level(8)?)
}

#[expect(clippy::print_stdout, reason = "the runner waits for this line")]
fn ready() {
    println!("ready");
}
