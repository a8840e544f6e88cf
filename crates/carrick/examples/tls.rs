//! `wss://` on both sides, with a certificate that is made on the spot.
//!
//! `cargo run -p carrick --example tls`

// An example prints.
#![allow(clippy::print_stdout)]

use carrick::{ClientBuilder, Server, ServerTls};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), carrick::Error> {
    // With files: `ServerTls::from_pem_files("fullchain.pem", "privkey.pem")`.
    let tls = ServerTls::self_signed()?;
    let trusted = tls.certificates_pem();
    let server =
        Server::bind("127.0.0.1:0").await?.tls(tls).route("/", |mut websocket, _request| async move {
            while let Some(Ok(message)) = websocket.recv().await {
                let _ = websocket.send(message).await;
            }
        });
    let url = format!("wss://localhost:{}/", server.local_addr().expect("it listens on TCP").port());
    tokio::spawn(server.serve());

    // A client trusts the certificates of the platform; this one is none of them.
    let client = ClientBuilder::new(&url)?.root_certificates(&trusted)?;
    let mut websocket = client.connect().await?;
    websocket.send("Hello over TLS").await?;
    println!("{url} answered {:?}", websocket.recv().await.transpose()?);
    Ok(())
}
