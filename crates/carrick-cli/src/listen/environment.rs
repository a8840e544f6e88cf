//! What a program of `--exec` finds in its environment, after the manner of CGI (RFC 3875 §4.1).

use std::net::SocketAddr;

use http::{HeaderName, Request, header};

use crate::bind::Bind;

/// The variables for a connection. `local` is where the server listens. Where there is no address, a variable is empty.
pub(crate) fn variables(
    request: &Request<()>,
    local: &Bind,
    subprotocol: Option<&str>,
) -> Vec<(String, String)> {
    let uri = request.uri();
    let (name, port) = match local {
        Bind::Ip(address) => (address.ip().to_string(), address.port().to_string()),
        Bind::Unix(path) => (path.display().to_string(), String::new()),
    };
    let (remote, remote_port) = match request.extensions().get::<SocketAddr>() {
        Some(address) => (address.ip().to_string(), address.port().to_string()),
        None => (String::new(), String::new()),
    };
    let variables = vec![
        ("GATEWAY_INTERFACE", "CGI/1.1".to_owned()),
        ("PATH_INFO", uri.path().to_owned()),
        ("QUERY_STRING", uri.query().unwrap_or_default().to_owned()),
        ("REMOTE_ADDR", remote),
        ("REMOTE_PORT", remote_port),
        ("REQUEST_METHOD", request.method().to_string()),
        ("REQUEST_URI", uri.path_and_query().map(ToString::to_string).unwrap_or_default()),
        ("SERVER_NAME", name),
        ("SERVER_PORT", port),
        ("SERVER_PROTOCOL", format!("{:?}", request.version())),
        ("SERVER_SOFTWARE", concat!("carrick/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("WEBSOCKET_PROTOCOL", subprotocol.unwrap_or_default().to_owned()),
    ];
    let mut variables: Vec<_> = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for name in request.headers().keys() {
        if is_withheld(name) {
            continue;
        }
        let values: Vec<_> = request
            .headers()
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let name = name.as_str().replace('-', "_").to_ascii_uppercase();
        // No variable can hold a NUL; no header has one either.
        variables.push((format!("HTTP_{name}"), values.join(", ")));
    }
    variables
}

/// Whether a program does not learn of a header.
fn is_withheld(name: &HeaderName) -> bool {
    // A program would take HTTP_PROXY for the proxy that it is to use (CVE-2016-5385). The environment of a process can be
    // seen by others, and a variable must not be able to stand for two headers: X-A and X_A would be the same one.
    name == "proxy"
        || name == header::AUTHORIZATION
        || name == header::PROXY_AUTHORIZATION
        || name.as_str().contains('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_told_as_to_a_cgi_program() {
        let mut request = Request::builder()
            .uri("/a%20b?x=1&y")
            .header("x-two", "1")
            .header("x-two", "2")
            .header("proxy", "http://evil.example")
            .header("x_two", "3")
            .header("authorization", "Basic secret")
            .header("proxy-authorization", "Basic secret")
            .body(())
            .unwrap();
        request.extensions_mut().insert::<SocketAddr>("192.0.2.7:4000".parse().unwrap());
        let variables = variables(&request, &"127.0.0.1:9000".parse().unwrap(), Some("chat"));
        let value = |name: &str| {
            variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.as_str())
        };
        assert_eq!(value("PATH_INFO"), Some("/a%20b"));
        assert_eq!(value("QUERY_STRING"), Some("x=1&y"));
        assert_eq!(value("REQUEST_URI"), Some("/a%20b?x=1&y"));
        assert_eq!((value("REMOTE_ADDR"), value("REMOTE_PORT")), (Some("192.0.2.7"), Some("4000")));
        assert_eq!((value("SERVER_NAME"), value("SERVER_PORT")), (Some("127.0.0.1"), Some("9000")));
        assert_eq!(value("SERVER_PROTOCOL"), Some("HTTP/1.1"));
        assert_eq!(value("WEBSOCKET_PROTOCOL"), Some("chat"));
        assert_eq!(value("HTTP_X_TWO"), Some("1, 2"));
        for withheld in ["HTTP_PROXY", "HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION"] {
            assert_eq!(value(withheld), None, "{withheld}");
        }
        assert_eq!(variables.iter().filter(|(name, _)| name == "HTTP_X_TWO").count(), 1);
    }
}
