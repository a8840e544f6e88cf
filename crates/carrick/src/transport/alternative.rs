//! Where else a server has said that it is: `Alt-Svc` (RFC 7838), as far as it is about HTTP/3.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderMap, header::ALT_SVC};
use url::Host;

use super::address::Address;
#[cfg(feature = "http3")]
use crate::system;

/// Host and port of a server.
type Origin = (Host<String>, u16);

/// What is known of the servers of a client. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Alternatives {
    of: Arc<Mutex<Vec<(Origin, Alternative)>>>,
}

impl Alternatives {
    /// Looks at what is known of the server at `address`, or changes it.
    pub(super) fn of<T>(&self, address: &Address, look: impl FnOnce(&mut Alternative) -> T) -> T {
        self.look((&address.host, address.port), look)
    }

    /// What a connection with the server at `address` may add to.
    #[cfg(feature = "http3")]
    pub(super) fn record(&self, address: &Address) -> Record {
        Record { alternatives: self.clone(), origin: (address.host.clone(), address.port) }
    }

    fn look<T>(&self, (host, port): (&Host<String>, u16), look: impl FnOnce(&mut Alternative) -> T) -> T {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = of.iter_mut().find(|(origin, _)| (&origin.0, origin.1) == (host, port)) {
            return look(known);
        }
        let mut new = Alternative::default();
        let looked = look(&mut new);
        // A look at nothing takes the place of nothing that is known.
        if new != Alternative::default() {
            if of.len() >= MOST_SERVERS {
                of.remove(0);
            }
            of.push(((host.clone(), port), new));
        }
        looked
    }
}

/// Where to note what came of HTTP/3 with one server.
#[cfg(feature = "http3")]
#[derive(Clone, Debug)]
pub(crate) struct Record {
    alternatives: Alternatives,
    origin: Origin,
}

#[cfg(feature = "http3")]
impl Record {
    /// It does not work now.
    pub(crate) fn avoid(&self) {
        self.alternatives.look((&self.origin.0, self.origin.1), |known| known.avoid(system::now()));
    }
}

/// What a server has said of HTTP/3, and what came of trying it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Alternative {
    /// On which UDP port it is spoken, and until when that counts.
    known: Option<(u16, Instant)>,
    /// It was tried in vain, and is tried again from then on.
    avoided: Option<Instant>,
}

impl Alternative {
    /// Where to try HTTP/3 without having been asked for it.
    pub(super) fn port(&self, now: Instant) -> Option<u16> {
        if self.avoided.is_some_and(|until| now < until) {
            return None;
        }
        self.fresh(now)
    }

    /// Where the server has said that HTTP/3 is.
    pub(super) fn fresh(&self, now: Instant) -> Option<u16> {
        self.known.filter(|(_, until)| now < *until).map(|(port, _)| port)
    }

    /// Takes in the headers of an answer of `host` that came over TLS.
    pub(super) fn learn(&mut self, headers: &HeaderMap, host: &Host<String>, now: Instant) {
        match read(headers, host) {
            None => {}
            Some(Said::NoHttp3) => self.known = None,
            Some(Said::Http3(port, age)) => {
                let until = now.checked_add(age.min(MOST_AGE));
                self.known = until.map(|until| (port, until));
            }
        }
    }

    /// Takes what the server has said for void; whether it had said something.
    pub(super) fn forget(&mut self) -> bool {
        self.known.take().is_some()
    }

    /// Keeps away from it for a while: UDP may be blocked on the way.
    pub(super) fn avoid(&mut self, now: Instant) {
        self.avoided = now.checked_add(AVOIDED_FOR);
    }

    /// It has worked.
    pub(super) fn allow(&mut self) {
        self.avoided = None;
    }
}

/// What `Alt-Svc` says.
#[derive(Debug, PartialEq)]
enum Said {
    /// It is nowhere else (RFC 7838 §3), or other protocols are: what is said replaces what was said before (§3.1).
    NoHttp3,
    /// HTTP/3 is on this port, for so long.
    Http3(u16, Duration),
}

/// The first member about HTTP/3 on `host` itself. Another host would have to show the certificate of this one; still, a server
/// is not to choose whom in the network of its client that sends packets to. Members that cannot be read are passed over.
fn read(headers: &HeaderMap, host: &Host<String>) -> Option<Said> {
    let mut said = None;
    for value in headers.get_all(ALT_SVC) {
        let Ok(value) = value.to_str() else { continue };
        if value.trim() == "clear" {
            return Some(Said::NoHttp3);
        }
        for found in split(value, ',').into_iter().take(MOST_MEMBERS).filter_map(|text| member(text, host)) {
            if matches!(said, None | Some(Said::NoHttp3)) {
                said = Some(found);
            }
        }
    }
    said
}

/// `h3="host:port"; ma=seconds; …`
fn member(text: &str, origin: &Host<String>) -> Option<Said> {
    let mut parts = split(text, ';').into_iter();
    let (protocol, authority) = parts.next()?.split_once('=')?;
    let (host, port) =
        unquoted(authority).rsplit_once(':').map(|(host, port)| (host.to_owned(), port.to_owned()))?;
    let host = if host.is_empty() { None } else { Some(Host::parse(&host).ok()?) };
    let port = port.parse().ok().filter(|port| *port > 0)?;
    if protocol.trim() != "h3" || host.is_some_and(|host| host != *origin) {
        return Some(Said::NoHttp3);
    }
    let age = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim() == "ma");
    let age = match age {
        Some((_, seconds)) => Duration::from_secs(unquoted(seconds).parse().ok()?),
        None => USUAL_AGE,
    };
    Some(Said::Http3(port, age))
}

/// Splits at a separator that is not in a quoted string.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|character| {
        let separates = character == separator && !quoted;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        separates
    })
    .collect()
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => quoted.replace('\\', ""),
        None => text.to_owned(),
    }
}

/// RFC 7838 §3.1: "if not present, alternatives … are considered fresh for 24 hours".
const USUAL_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer than a program keeps a builder, and short enough for every clock.
const MOST_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A client has one, and those that it redirects to.
const MOST_SERVERS: usize = 64;

/// How long HTTP/3 is not tried after it has not worked.
const AVOIDED_FOR: Duration = Duration::from_secs(5 * 60);

/// Servers name a handful of them.
const MOST_MEMBERS: usize = 16;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn said(values: &[&str]) -> Option<Said> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ALT_SVC, HeaderValue::from_str(value).unwrap());
        }
        read(&headers, &Host::parse("b.example").unwrap())
    }

    fn http3(port: u16, seconds: u64) -> Option<Said> {
        Some(Said::Http3(port, Duration::from_secs(seconds)))
    }

    #[test]
    fn the_first_member_about_http_3_counts() {
        assert_eq!(said(&[r#"h3=":443"; ma=3600"#]), http3(443, 3600));
        assert_eq!(said(&[r#"h3=":443""#]), http3(443, 86_400));
        assert_eq!(said(&[r#"h2="a.example:8", h3="b.example:9";persist=1;ma="60""#]), http3(9, 60));
        assert_eq!(said(&[r#"x="a,h3;:1", h3=":9"; ma=1"#]), http3(9, 1));
        assert_eq!(said(&["h2=\":1\"", "h3=\":2\", h3=\":3\""]), http3(2, 86_400));
        assert_eq!(said(&["clear"]), Some(Said::NoHttp3));
    }

    #[test]
    fn other_protocols_and_other_hosts_replace_what_was_said() {
        for value in [r#"h2=":443""#, r#"h3-29=":1""#, r#"h3="a.example:443""#, r#"h3="[::1]:9""#] {
            assert_eq!(said(&[value]), Some(Said::NoHttp3), "{value}");
        }
        assert_eq!(said(&[r#"h3="a.example:8", h3=":9""#]), http3(9, 86_400));
    }

    #[test]
    fn a_look_at_what_is_not_known_forgets_nothing() {
        let alternatives = Alternatives::default();
        let address = |n| Address::parse(&format!("wss://{n}.example/")).unwrap();
        let now = crate::system::now();
        alternatives.of(&address(0), |known| known.avoid(now));
        for n in 1..=MOST_SERVERS {
            assert_eq!(alternatives.of(&address(n), |known| known.port(now)), None);
        }
        assert!(alternatives.of(&address(0), |known| known.avoided.is_some()));
        for n in 1..=MOST_SERVERS {
            alternatives.of(&address(n), |known| known.avoid(now));
        }
        assert!(alternatives.of(&address(0), |known| known.avoided.is_none()));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for value in ["", "h3", "h3=", r#"h3="""#, r#"h3=":0""#, r#"h3=":65536""#, r#"h3="a b:1""#] {
            assert_eq!(said(&[value]), None, "{value}");
        }
        assert_eq!(said(&[r#"h3=":1"; ma=x, h3=":2""#]), http3(2, 86_400));
    }

    #[test]
    fn what_was_said_counts_for_its_time_and_not_while_it_does_not_work() {
        let start = crate::system::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut alternative = Alternative::default();
        let host = Host::parse("b.example").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(ALT_SVC, HeaderValue::from_static(r#"h3=":443"; ma=1000"#));
        assert_eq!(alternative.port(start), None);
        alternative.learn(&headers, &host, start);
        assert_eq!(alternative.port(after(999)), Some(443));
        assert_eq!(alternative.port(after(1000)), None);
        alternative.avoid(start);
        assert_eq!((alternative.port(after(299)), alternative.fresh(after(299))), (None, Some(443)));
        assert_eq!(alternative.port(after(300)), Some(443));
        alternative.avoid(start);
        alternative.allow();
        assert_eq!(alternative.port(start), Some(443));
        alternative.learn(&HeaderMap::new(), &host, start);
        assert_eq!(alternative.port(start), Some(443));
        headers.insert(ALT_SVC, HeaderValue::from_static("clear"));
        alternative.learn(&headers, &host, start);
        assert_eq!(alternative.port(start), None);
    }
}
