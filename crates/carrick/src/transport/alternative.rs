//! Where else a server has said that it is: `Alt-Svc` (RFC 7838), as far as it is about HTTP/3.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderMap, header::ALT_SVC};
use url::Host;

use super::address::Address;

/// Where HTTP/3 is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `None` if it is the host of the server itself.
    pub(crate) host: Option<Host<String>>,
    pub(crate) port: u16,
}

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
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let known = of.iter().position(|((host, port), _)| (host, *port) == (&address.host, address.port));
        let known = known.unwrap_or_else(|| {
            if of.len() >= MOST_SERVERS {
                of.remove(0);
            }
            of.push(((address.host.clone(), address.port), Alternative::default()));
            of.len() - 1
        });
        look(&mut of[known].1)
    }
}

/// What a server has said of HTTP/3, and what came of trying it.
#[derive(Debug, Default)]
pub(super) struct Alternative {
    /// Until when that counts.
    known: Option<(Place, Instant)>,
    /// It was tried in vain, and is tried again from then on.
    avoided: Option<Instant>,
}

impl Alternative {
    /// Where to try HTTP/3 without having been asked for it.
    pub(super) fn place(&self, now: Instant) -> Option<&Place> {
        if self.avoided.is_some_and(|until| now < until) {
            return None;
        }
        self.fresh(now)
    }

    /// Where the server has said that HTTP/3 is.
    pub(super) fn fresh(&self, now: Instant) -> Option<&Place> {
        self.known.as_ref().filter(|(_, until)| now < *until).map(|(place, _)| place)
    }

    /// Takes in the headers of an answer that came over TLS.
    pub(super) fn learn(&mut self, headers: &HeaderMap, now: Instant) {
        match read(headers) {
            None => {}
            Some(Said::Clear) => self.known = None,
            Some(Said::Http3(place, age)) => {
                let until = now.checked_add(age.min(MOST_AGE));
                self.known = until.map(|until| (place, until));
            }
        }
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
    /// There is no other place any more (RFC 7838 §3).
    Clear,
    /// HTTP/3 is there, for so long.
    Http3(Place, Duration),
}

/// The first member about HTTP/3. Members that cannot be read are passed over, as if they were of another protocol.
fn read(headers: &HeaderMap) -> Option<Said> {
    let mut said = None;
    for value in headers.get_all(ALT_SVC) {
        let Ok(value) = value.to_str() else { continue };
        if value.trim() == "clear" {
            return Some(Said::Clear);
        }
        let members = split(value, ',').into_iter().take(MOST_MEMBERS);
        said = said.or_else(|| members.filter_map(member).next());
    }
    said
}

/// `h3="host:port"; ma=seconds; …`
fn member(text: &str) -> Option<Said> {
    let mut parts = split(text, ';').into_iter();
    let (protocol, authority) = parts.next()?.split_once('=')?;
    if protocol.trim() != "h3" {
        return None;
    }
    let (host, port) =
        unquoted(authority).rsplit_once(':').map(|(host, port)| (host.to_owned(), port.to_owned()))?;
    let host = if host.is_empty() { None } else { Some(Host::parse(&host).ok()?) };
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let age = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim() == "ma");
    let age = match age {
        Some((_, seconds)) => Duration::from_secs(unquoted(seconds).parse().ok()?),
        None => USUAL_AGE,
    };
    Some(Said::Http3(Place { host, port }, age))
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
        read(&headers)
    }

    fn http3(host: Option<&str>, port: u16, seconds: u64) -> Option<Said> {
        let host = host.map(|host| Host::parse(host).unwrap());
        Some(Said::Http3(Place { host, port }, Duration::from_secs(seconds)))
    }

    #[test]
    fn the_first_member_about_http_3_counts() {
        assert_eq!(said(&[r#"h3=":443"; ma=3600"#]), http3(None, 443, 3600));
        assert_eq!(said(&[r#"h3=":443""#]), http3(None, 443, 86_400));
        assert_eq!(
            said(&[r#"h2="a.example:8", h3="b.example:9";persist=1;ma="60""#]),
            http3(Some("b.example"), 9, 60)
        );
        assert_eq!(said(&[r#"x="a,h3;:1", h3="[::1]:9"; ma=1"#]), http3(Some("[::1]"), 9, 1));
        assert_eq!(said(&["h2=\":1\"", "h3=\":2\", h3=\":3\""]), http3(None, 2, 86_400));
        assert_eq!(said(&["clear"]), Some(Said::Clear));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for value in
            ["", "h3", "h3=", r#"h3="""#, r#"h3=":0""#, r#"h3=":65536""#, r#"h3="a b:1""#, r#"h3-29=":1""#]
        {
            assert_eq!(said(&[value]), None, "{value}");
        }
        assert_eq!(said(&[r#"h3=":1"; ma=x, h3=":2""#]), http3(None, 2, 86_400));
    }

    #[test]
    fn what_was_said_counts_for_its_time_and_not_while_it_does_not_work() {
        let start = crate::system::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut alternative = Alternative::default();
        let mut headers = HeaderMap::new();
        headers.insert(ALT_SVC, HeaderValue::from_static(r#"h3=":443"; ma=1000"#));
        assert_eq!(alternative.place(start), None);
        alternative.learn(&headers, start);
        let place = Place { host: None, port: 443 };
        assert_eq!(alternative.place(after(999)), Some(&place));
        assert_eq!(alternative.place(after(1000)), None);
        alternative.avoid(start);
        assert_eq!((alternative.place(after(299)), alternative.fresh(after(299))), (None, Some(&place)));
        assert_eq!(alternative.place(after(300)), Some(&place));
        alternative.avoid(start);
        alternative.allow();
        assert_eq!(alternative.place(start), Some(&place));
        alternative.learn(&HeaderMap::new(), start);
        assert_eq!(alternative.place(start), Some(&place));
        headers.insert(ALT_SVC, HeaderValue::from_static("clear"));
        alternative.learn(&headers, start);
        assert_eq!(alternative.place(start), None);
    }
}
