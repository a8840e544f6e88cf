//! From words to values.

use std::time::Duration;

use carrick::protocol::{IpNetwork, Origin};

/// An origin that may open WebSockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowedOrigin {
    Any,
    One(Origin),
}

pub(super) fn origin(text: &str) -> Result<AllowedOrigin, String> {
    if text == "any" {
        return Ok(AllowedOrigin::Any);
    }
    text.parse()
        .map(AllowedOrigin::One)
        .map_err(|error| format!("{error}; write it as https://host:port, or any"))
}

/// Proxies that are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrustedProxy {
    Unix,
    Network(IpNetwork),
}

pub(super) fn trusted_proxy(text: &str) -> Result<TrustedProxy, String> {
    if text == "unix" {
        return Ok(TrustedProxy::Unix);
    }
    text.parse().map(TrustedProxy::Network).map_err(|error| format!("{error}; or unix"))
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let duration = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "not a number of seconds, for example 0.5".to_owned())
}

/// Seconds that may not be none at all.
pub(super) fn some_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => {
            Err("nothing can happen in no time; give it some seconds, for example 5".to_owned())
        }
        duration => Ok(duration),
    }
}

/// `name: value`, as in HTTP.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write it as Name: value".to_owned()),
    }
}

/// `user:password`.
pub(super) fn credentials(text: &str) -> Result<(String, String), String> {
    let (user, password) = text.split_once(':').ok_or("write it as user:password")?;
    Ok((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_any_or_a_serialized_origin() {
        assert_eq!(origin("any"), Ok(AllowedOrigin::Any));
        assert!(matches!(origin("https://example.org"), Ok(AllowedOrigin::One(_))));
        assert!(origin("example.org/path").unwrap_err().ends_with("or any"));
    }

    #[test]
    fn a_header_is_cut_at_its_first_colon() {
        assert_eq!(header("X-Time: 12:30 "), Ok(("X-Time".to_owned(), "12:30".to_owned())));
        assert_eq!(header("X-Empty:"), Ok(("X-Empty".to_owned(), String::new())));
        assert!(header("no header").is_err() && header(": value").is_err());
    }

    #[test]
    fn a_password_may_have_colons() {
        assert_eq!(credentials("ada:a:b"), Ok(("ada".to_owned(), "a:b".to_owned())));
        assert!(credentials("ada").is_err());
    }

    #[test]
    fn seconds_may_have_a_fraction_and_none_is_not_some() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        assert!(some_seconds("0").is_err() && seconds("-1").is_err() && seconds("soon").is_err());
    }
}
