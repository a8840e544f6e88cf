//! The proxy that the environment names, by the rules of curl.

#[cfg(test)]
mod tests;

use super::{super::address::Address, exceptions::Exceptions, proxy::Proxy};
use crate::error::Error;

/// The proxy to the server at `address`, if the variables name one and do not except the server.
///
/// # Errors
///
/// [`Error::Url`], which names the variable.
pub(super) fn proxy_of_environment(
    address: &Address,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, Error> {
    // An empty variable is as good as none: that is how one is taken back.
    let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let names = if address.secure { FOR_WSS } else { FOR_WS };
    let Some((name, value)) = names.iter().find_map(|name| Some((name, variable(name)?))) else {
        return Ok(None);
    };
    let exceptions = NO_PROXY.iter().find_map(|name| variable(name)).unwrap_or_default();
    if Exceptions::parse(&exceptions).cover(&address.host, address.port) {
        return Ok(None);
    }
    match Proxy::parse(value.trim()) {
        Ok(proxy) => Ok(Some(proxy)),
        Err(Error::Url { url, reason }) => {
            Err(Error::Url { url, reason: format!("{reason} (it is in the variable {name})") })
        }
        Err(other) => Err(other),
    }
}

/// `HTTP_PROXY` is missing on purpose: a web server hands the header `Proxy` of any visitor to its CGI programs as that
/// variable (CVE-2016-5385).
const FOR_WS: &[&str] = &["ws_proxy", "WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"];

const FOR_WSS: &[&str] = &["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

const NO_PROXY: &[&str] = &["no_proxy", "NO_PROXY"];
