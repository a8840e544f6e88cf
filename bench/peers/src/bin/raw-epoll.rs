//! A TCP echo on epoll with no WebSocket at all: the floor that the kernel sets.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use peers::{Arguments, Mode};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};

fn main() -> anyhow::Result<()> {
    let (arguments, _) = Arguments::of(&[Mode::Echo]);
    let listener = listener(arguments.port)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    ready();

    let mut connections: HashMap<u64, Connection> = HashMap::new();
    let mut next = LISTENER;
    let mut events = Vec::with_capacity(EVENTS);
    let mut buffer = vec![0; BUFFER];
    loop {
        match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Err(error) if error != Errno::INTR => return Err(error.into()),
            _ => {}
        }
        for event in events.drain(..) {
            let number = event.data.u64();
            if number == LISTENER {
                while let Some(connection) = accept(&listener)? {
                    next += 1;
                    epoll::add(&epoll, &connection.tcp, EventData::new_u64(next), EventFlags::IN)?;
                    connections.insert(next, connection);
                }
            } else if let Some(connection) = connections.get_mut(&number) {
                match connection.proceed(&mut buffer) {
                    Some(interest) if interest == connection.interest => {}
                    Some(interest) => {
                        connection.interest = interest;
                        epoll::modify(&epoll, &connection.tcp, EventData::new_u64(number), interest)?;
                    }
                    None => drop(connections.remove(&number)),
                }
            }
        }
    }
}

/// One client, and what it has not taken yet.
#[derive(Debug)]
struct Connection {
    tcp: TcpStream,
    unsent: Vec<u8>,
    interest: EventFlags,
}

impl Connection {
    /// Returns what was received and says what to wait for; `None` is the end.
    fn proceed(&mut self, buffer: &mut [u8]) -> Option<EventFlags> {
        while !self.unsent.is_empty() {
            match self.tcp.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(EventFlags::OUT),
                Err(_) => return None,
            }
        }
        let read = match self.tcp.read(buffer) {
            Ok(0) => return None,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(EventFlags::IN),
            Err(_) => return None,
        };
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            match self.tcp.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.unsent.extend_from_slice(rest);
                    return Some(EventFlags::OUT);
                }
                Err(_) => return None,
            }
        }
        Some(EventFlags::IN)
    }
}

fn listener(port: u16) -> anyhow::Result<TcpListener> {
    let socket: OwnedFd = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    listen(&socket, BACKLOG)?;
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn accept(listener: &TcpListener) -> anyhow::Result<Option<Connection>> {
    match listener.accept() {
        Ok((tcp, _)) => {
            tcp.set_nonblocking(true)?;
            tcp.set_nodelay(true)?;
            Ok(Some(Connection { tcp, unsent: Vec::new(), interest: EventFlags::IN }))
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[expect(clippy::print_stdout, reason = "the runner waits for this line")]
fn ready() {
    println!("ready");
}

const LISTENER: u64 = 0;
const BACKLOG: i32 = 4096;
const EVENTS: usize = 1024;
const BUFFER: usize = 512 * 1024;
