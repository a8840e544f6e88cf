//! The command at work, and servers for it to talk to.

use std::{
    io::{BufRead, BufReader, Lines, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use carrick::{ClientBuilder, Server, blocking};

/// A running `carrick serve`, stopped when the test ends.
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

    pub(crate) fn echo(&self) -> String {
        format!("ws://{}/echo", self.address)
    }

    pub(crate) fn client(&self, path: &str) -> ClientBuilder {
        ClientBuilder::new(&format!("ws://{}{path}", self.address)).unwrap()
    }

    pub(crate) fn connect(&self, path: &str) -> blocking::WebSocket {
        self.client(path).connect_blocking().unwrap()
    }

    /// The whole answer to a plain HTTP request.
    pub(crate) fn get(&self, path: &str) -> String {
        get_with(&self.address, path, "")
    }

    /// As `get`, with further header lines.
    pub(crate) fn get_with(&self, path: &str, lines: &str) -> String {
        get_with(&self.address, path, lines)
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        signal("INT", self.child.id());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_in_time(&mut self.child)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn carrick() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrick"));
    // No history of whoever runs the tests.
    command.env("CARRICK_HISTORY", "");
    for scheme in ["ws", "wss", "http", "https", "all", "no"] {
        command.env_remove(format!("{scheme}_proxy")).env_remove(format!("{}_PROXY", scheme.to_uppercase()));
    }
    command
}

/// A running `carrick listen`, stopped when the test ends.
pub(crate) struct Listen {
    child: Child,
    /// `ws://127.0.0.1:PORT/`
    pub(crate) url: String,
    /// What it prints, line by line.
    pub(crate) printed: Lines<Box<dyn BufRead + Send>>,
    /// What it says, line by line.
    pub(crate) said: Lines<BufReader<ChildStderr>>,
    pub(crate) stdin: Option<ChildStdin>,
}

impl Listen {
    /// Starts on a free port and waits until it says where it listens.
    pub(crate) fn start(flags: &[&str]) -> Listen {
        Listen::start_at("127.0.0.1:0", flags)
    }

    pub(crate) fn start_at(address: &str, flags: &[&str]) -> Listen {
        let mut child = carrick()
            .args(["listen", address])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed: Box<dyn BufRead + Send> = Box::new(BufReader::new(child.stdout.take().unwrap()));
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = said.next().unwrap().unwrap();
        let url = first.strip_prefix("listening on ").unwrap_or_else(|| panic!("{first}")).to_owned();
        let stdin = child.stdin.take();
        Listen { child, url, printed: printed.lines(), said, stdin }
    }

    pub(crate) fn connect(&self, path: &str) -> blocking::WebSocket {
        blocking::connect(&format!("{}{path}", self.url)).unwrap()
    }

    /// The whole answer to a plain HTTP request.
    pub(crate) fn get(&self, path: &str) -> String {
        get_with(self.url.split('/').nth(2).unwrap(), path, "")
    }

    /// The next thing it says that has `word` in it.
    pub(crate) fn says(&mut self, word: &str) -> String {
        self.said.by_ref().map(Result::unwrap).find(|line| line.contains(word)).unwrap()
    }

    /// Reads no more of what it prints.
    pub(crate) fn hang_up(&mut self) {
        self.printed = Listen::nothing();
    }

    pub(crate) fn nothing() -> Lines<Box<dyn BufRead + Send>> {
        let nothing: Box<dyn BufRead + Send> = Box::new(std::io::empty());
        nothing.lines()
    }

    pub(crate) fn interrupt(&self) {
        signal("INT", self.child.id());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_in_time(&mut self.child)
    }
}

impl Drop for Listen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of a process that is about to end.
pub(crate) fn wait_in_time(child: &mut Child) -> ExitStatus {
    let _watch = Watch::over(child);
    child.wait().unwrap()
}

/// As `wait_in_time`, with what it prints until then.
pub(crate) fn output_in_time(child: Child) -> Output {
    let _watch = Watch::over(&child);
    child.wait_with_output().unwrap()
}

/// Kills a process that goes on for too long, so that its status tells; until dropped.
struct Watch {
    _ended: Sender<()>,
}

impl Watch {
    fn over(child: &Child) -> Watch {
        let (ended, waiting) = channel();
        let id = child.id();
        thread::spawn(move || {
            if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                signal("KILL", id);
            }
        });
        Watch { _ended: ended }
    }
}

/// What a run of the command left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the command to its end, with this as its input.
pub(crate) fn run(args: &[&str], input: impl AsRef<[u8]> + Send) -> Run {
    let output = output(args, input);
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn output(args: &[&str], input: impl AsRef<[u8]> + Send) -> Output {
    let mut child = carrick()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // It may have ended before it has read everything.
        scope.spawn(move || drop(stdin.write_all(input.as_ref())));
        output_in_time(child)
    })
}

/// A server of the library in this process, with this for each of its connections. Gives its URL.
pub(crate) fn server<H, F>(handler: H) -> String
where
    H: Fn(carrick::WebSocket) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    serve(|server| server.route("/*", move |websocket, _| handler(websocket)))
}

/// As [`server`], with more settings.
pub(crate) fn serve(configure: impl FnOnce(Server) -> Server + Send + 'static) -> String {
    let (sender, address) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = configure(Server::bind("127.0.0.1:0").await.unwrap());
            sender.send(server.local_addr().unwrap()).unwrap();
            server.serve().await.unwrap();
        });
    });
    format!("ws://{}/", address.recv().unwrap())
}

/// A server that gives each connection one of these answers, whatever it is asked, and ends it. Gives its URL.
pub(crate) fn canned(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
            while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

/// The whole answer to a plain HTTP request with these further header lines.
fn get_with(address: &str, path: &str, lines: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{lines}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn signal(name: &str, process: u32) {
    let id = process.to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
}

/// Longer than anything here takes on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);
