//! A tunnel through an HTTP proxy: CONNECT (RFC 9110 §9.3.6).

use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::{HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION},
};
use url::Host;

use super::super::{ClientTls, basic::basic_authorization, http1::exchange, stream::NetStream};
use crate::{error::Error, protocol::HeadLimits, proxy_error::ProxyError};

/// The stream to `host` and `port` behind the proxy at the other end of `stream`.
pub(in super::super) async fn connect(
    mut stream: NetStream,
    host: &Host<String>,
    port: u16,
    user: Option<&(String, String)>,
) -> Result<NetStream, ProxyError> {
    let request = request(host, port, user)?;
    let (response, received) =
        exchange(&mut stream, &request, HeadLimits::default()).await.map_err(explained)?;
    match response.status() {
        // "A client MUST ignore any Content-Length or Transfer-Encoding header fields received in a successful
        // response to CONNECT": what follows the head is the server's.
        status if status.is_success() => Ok(stream.behind(received.freeze())),
        // RFC 9110 §11.7.1 has 407 for this. tinyproxy answers a wrong password with 401.
        StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED if user.is_some() => {
            Err(ProxyError::CredentialsRefused)
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            Err(ProxyError::CredentialsMissing { schemes: schemes(response.headers()) })
        }
        status => Err(ProxyError::Status { status }),
    }
}

fn request(
    host: &Host<String>,
    port: u16,
    user: Option<&(String, String)>,
) -> Result<Request<()>, ProxyError> {
    let authority = format!("{host}:{port}");
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    let unusable = |_| ProxyError::HostUnusable { host: host.to_string() };
    *request.uri_mut() = authority.parse::<Uri>().map_err(unusable)?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::try_from(authority).expect("what a URI may have a header may have"));
    if let Some((name, password)) = user {
        let value = basic_authorization(name, password).expect("the user was checked with the proxy's url");
        headers.insert(PROXY_AUTHORIZATION, value);
    }
    Ok(request)
}

/// What `error` means, also where TLS to the proxy hides it.
fn explained(error: Error) -> ProxyError {
    ClientTls::explained(error).into_proxy_error()
}

/// The first words of the challenges: the names of what the proxy would take.
fn schemes(headers: &HeaderMap) -> String {
    let words = headers.get_all(PROXY_AUTHENTICATE).iter().filter_map(|challenge| {
        let word = challenge.to_str().ok()?.split([' ', ',']).next()?;
        Some(word.chars().take(MAX_SCHEME_CHARACTERS).collect::<String>())
    });
    words.take(MAX_SCHEMES).collect::<Vec<_>>().join(", ")
}

const MAX_SCHEMES: usize = 4;

const MAX_SCHEME_CHARACTERS: usize = 20;
