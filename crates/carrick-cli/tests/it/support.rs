//! A running `carrick serve`, stopped when the test ends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    time::Duration,
};

use carrick::{ClientBuilder, blocking};

pub(crate) struct Serve {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    pub(crate) printed: Vec<String>,
    words: Option<BufReader<ChildStderr>>,
}

impl Serve {
    /// Starts on a free port and waits until the URLs are printed.
    pub(crate) fn start(flags: &[&str]) -> Serve {
        Serve::start_saying(flags, Stdio::null())
    }

    /// As `start`; `hear` waits for its words.
    pub(crate) fn start_heard(flags: &[&str]) -> Serve {
        Serve::start_saying(flags, Stdio::piped())
    }

    fn start_saying(flags: &[&str], words: Stdio) -> Serve {
        let mut child = carrick()
            .args(["serve", "--bind", "127.0.0.1:0"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(words)
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let printed: Vec<String> = out.lines().take(3).map(Result::unwrap).collect();
        let page = printed[0].split_whitespace().last().unwrap();
        let address = page.split('/').nth(2).unwrap().to_owned();
        let words = child.stderr.take().map(BufReader::new);
        Serve { child, address, printed, words }
    }

    /// Waits for a line on standard error with these words; answers with all that came up to it.
    pub(crate) fn hear(&mut self, awaited: &str) -> String {
        let words = self.words.as_mut().expect("it was started to be heard");
        let mut heard = String::new();
        loop {
            let before = heard.len();
            assert_ne!(words.read_line(&mut heard).unwrap(), 0, "it ended without {awaited:?}: {heard}");
            if heard[before..].contains(awaited) {
                return heard;
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn client(&self, path: &str) -> ClientBuilder {
        ClientBuilder::new(&format!("ws://{}{path}", self.address)).unwrap()
    }

    pub(crate) fn connect(&self, path: &str) -> blocking::WebSocket {
        self.client(path).connect_blocking().unwrap()
    }

    /// The whole answer to a plain HTTP request.
    pub(crate) fn get(&self, path: &str) -> String {
        self.get_with(path, "")
    }

    /// As `get`, with further header lines.
    pub(crate) fn get_with(&self, path: &str, lines: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let host = &self.address;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn carrick() -> Command {
    Command::new(env!("CARGO_BIN_EXE_carrick"))
}
