//! The certificate of `carrick serve` changes while it serves.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use carrick::{ClientBuilder, Error, blocking::WebSocket, protocol::Message};

use crate::support::Serve;

/// A folder with a certificate and its key, and a server that serves with them.
struct Site {
    folder: tempfile::TempDir,
    serve: Serve,
    /// The certificate that is served.
    pem: String,
}

impl Site {
    fn start() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let pem = write_pair(folder.path());
        let [cert, key] = files(folder.path());
        let flags = ["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()];
        let serve = Serve::start_heard(&flags);
        Site { folder, serve, pem }
    }

    fn connect(&self, trusted: &str) -> Result<WebSocket, Error> {
        let url = format!("wss://{}/echo", self.serve.address);
        ClientBuilder::new(&url).unwrap().root_certificates(trusted).unwrap().connect_blocking()
    }
}

fn files(folder: &Path) -> [PathBuf; 2] {
    ["cert.pem", "key.pem"].map(|name| folder.join(name))
}

/// Writes a new certificate for the loopback and its key; answers with the certificate.
fn write_pair(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let [cert, key] = files(folder);
    fs::write(key, made.signing_key.serialize_pem()).unwrap();
    fs::write(cert, made.cert.pem()).unwrap();
    made.cert.pem()
}

fn echoes(websocket: &mut WebSocket) {
    websocket.send("still here").unwrap();
    assert_eq!(websocket.recv().unwrap().unwrap(), Message::text("still here"));
}

#[cfg(unix)]
#[test]
fn at_sighup_the_files_are_read_again_and_open_connections_stay() {
    let mut site = Site::start();
    let mut open = site.connect(&site.pem).unwrap();
    echoes(&mut open);

    let renewed = write_pair(site.folder.path());
    hang_up(&site.serve);
    site.serve.hear("is served from now on");
    echoes(&mut open);
    echoes(&mut site.connect(&renewed).unwrap());
    assert!(site.connect(&site.pem).is_err(), "the old certificate is shown no more");

    fs::write(&files(site.folder.path())[1], "no key").unwrap();
    hang_up(&site.serve);
    let words = site.serve.hear("because");
    assert!(words.contains("error: the certificate stays as it was"), "{words}");
    site.serve.hear("key.pem");
    echoes(&mut open);
    echoes(&mut site.connect(&renewed).unwrap());
}

#[test]
fn files_that_change_are_read_again_without_being_told() {
    let mut site = Site::start();
    let mut open = site.connect(&site.pem).unwrap();
    let renewed = write_pair(site.folder.path());
    site.serve.hear("is served from now on");
    echoes(&mut open);
    echoes(&mut site.connect(&renewed).unwrap());
}

#[cfg(unix)]
fn hang_up(serve: &Serve) {
    let id = serve.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
}
