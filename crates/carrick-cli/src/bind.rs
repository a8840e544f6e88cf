//! Where a server listens, and how it is reached there.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    str::FromStr,
};

use carrick::{Error, Server};

use crate::failure::Failure;

/// An address, or the path of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    Ip(SocketAddr),
    Unix(PathBuf),
}

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Bind, String> {
        match text.strip_prefix("unix:") {
            Some("") => {
                Err("write the path of the socket behind unix:, as unix:/run/carrick.sock".to_owned())
            }
            Some(_) if cfg!(not(unix)) => Err("there are no Unix sockets on this system".to_owned()),
            Some(path) => Ok(Bind::Unix(path.into())),
            None => text.parse().map(Bind::Ip).map_err(|_| {
                "write an IP address with a port, as 127.0.0.1:9000 or [::1]:9000, or unix:PATH".to_owned()
            }),
        }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bind::Ip(address) => address.fmt(f),
            Bind::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Bind {
    /// A server that listens here, and where that is: a port 0 has become one that was free. `written` is what stands in
    /// front of an address on the command line, for hints.
    pub(crate) async fn listen(&self, written: &str) -> Result<(Server, Bind), Failure> {
        let bound = match self {
            Bind::Ip(address) => Server::bind(address).await,
            #[cfg(unix)]
            Bind::Unix(path) => Server::bind_unix(path).await,
            #[cfg(not(unix))]
            Bind::Unix(_) => Err(Error::Io(io::ErrorKind::Unsupported.into())),
        };
        let server = bound.map_err(|error| self.failure(error, written))?;
        let bound = match self {
            Bind::Ip(_) => Bind::Ip(server.local_addr().expect("it listens on TCP")),
            Bind::Unix(path) => Bind::Unix(std::path::absolute(path)?),
        };
        Ok((server, bound))
    }

    fn failure(&self, error: Error, written: &str) -> Failure {
        let kind = match &error {
            Error::Io(error) => error.kind(),
            _ => io::ErrorKind::Other,
        };
        let hint = match (self, kind) {
            (Bind::Ip(address), io::ErrorKind::AddrInUse) => format!(
                "another program listens there; stop it, or take a free port with {written}{}:0",
                bracketed(address.ip())
            ),
            (Bind::Ip(_), io::ErrorKind::PermissionDenied) => {
                "ports below 1024 need a privilege; take a higher one".to_owned()
            }
            (Bind::Ip(_), io::ErrorKind::AddrNotAvailable) => {
                "this machine does not have that address; 127.0.0.1 is the machine itself, 0.0.0.0 all its \
                 addresses"
                    .to_owned()
            }
            (Bind::Unix(_), io::ErrorKind::AddrInUse) => {
                "another program listens there, or there is a file that is no socket".to_owned()
            }
            (Bind::Unix(_), io::ErrorKind::NotFound) => "the folder of the socket has to exist".to_owned(),
            _ => format!("try another address with {}", written.trim_end()),
        };
        Failure::new(format!("cannot listen on {self}")).because(error).with_hint(hint)
    }

    /// The URL of a WebSocket here, from this machine.
    pub(crate) fn websocket(&self, path: &str, tls: bool) -> String {
        match self {
            Bind::Ip(address) => {
                let scheme = if tls { "wss" } else { "ws" };
                format!("{scheme}://{}:{}{path}", bracketed(here(address.ip())), address.port())
            }
            Bind::Unix(socket) => format!("ws+unix://{}:{path}", escaped(socket)),
        }
    }

    /// The URL of the pages here, from this machine; a Unix socket has none.
    pub(crate) fn page(&self, tls: bool) -> Option<String> {
        let websocket = matches!(self, Bind::Ip(_)).then(|| self.websocket("/", tls))?;
        Some(websocket.replacen("ws", "http", 1))
    }

    /// As [`page`](Bind::page), from other machines: where it listens on all addresses and this one is on a network.
    pub(crate) fn page_from_elsewhere(&self, tls: bool) -> Option<String> {
        let Bind::Ip(address) = self else { return None };
        let own = SocketAddr::new(elsewhere(address.ip())?, address.port());
        Bind::Ip(own).page(tls)
    }

    /// What a certificate for this address has to name.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        if let Bind::Ip(address) = self {
            let ip = address.ip();
            let own = if ip.is_unspecified() { elsewhere(ip) } else { Some(ip) };
            names.extend(own.filter(|own| !own.is_loopback()).map(|own| own.to_string()));
        }
        names
    }
}

/// An address at which a program on this machine reaches one that listens on `ip`.
fn here(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// The address of this machine on its network, where one listens on all of them. The system is asked from where it would
/// send to an address of documentation; nothing is sent.
fn elsewhere(ip: IpAddr) -> Option<IpAddr> {
    if !ip.is_unspecified() {
        return None;
    }
    let far = match ip {
        IpAddr::V4(_) => "192.0.2.1:9",
        IpAddr::V6(_) => "[2001:db8::1]:9",
    };
    let socket = UdpSocket::bind((ip, 0)).ok()?;
    socket.connect(far).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|own| !own.is_unspecified() && !own.is_loopback())
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// A path as it stands in a URL.
fn escaped(path: &Path) -> String {
    let mut escaped = String::new();
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(text: &str) -> Bind {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_a_port_and_a_socket_a_path() {
        assert_eq!(bind("[::1]:80").to_string(), "[::1]:80");
        assert_eq!(bind("unix:/a b").to_string(), "unix:/a b");
        for wrong in ["", "unix:", "localhost:80", "127.0.0.1", "/a"] {
            assert!(wrong.parse::<Bind>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_urls_are_those_that_a_client_on_this_machine_takes() {
        for (text, tls, url) in [
            ("127.0.0.1:9000", false, "ws://127.0.0.1:9000/echo"),
            ("0.0.0.0:9000", true, "wss://127.0.0.1:9000/echo"),
            ("[::]:9000", false, "ws://[::1]:9000/echo"),
            ("unix:/run/a b.sock", false, "ws+unix:///run/a%20b.sock:/echo"),
        ] {
            assert_eq!(bind(text).websocket("/echo", tls), url);
        }
        assert_eq!(bind("[::1]:1").page(true).as_deref(), Some("https://[::1]:1/"));
        assert_eq!(bind("unix:/a").page(false), None);
        assert_eq!(bind("127.0.0.1:1").page_from_elsewhere(false), None);
        // A machine without a network has none.
        if let Some(page) = bind("0.0.0.0:9000").page_from_elsewhere(false) {
            assert!(page.starts_with("http://") && page.ends_with(":9000/"), "{page}");
            assert!(!page.contains("//127.") && !page.contains("//0.0.0.0"), "{page}");
        }
    }
}
