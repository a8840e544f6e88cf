//! The page of `carrick serve`: three files, embedded.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;

/// Answers what is no WebSocket: the page, or why not.
pub(crate) async fn answer<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let file = FILES.iter().find(|file| file.path == request.uri().path());
    let response = match (file, request.method()) {
        (Some(file), &Method::GET) => found(file, file.content.as_bytes()),
        (Some(file), &Method::HEAD) => found(file, b""),
        (Some(_), _) => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "this page is for GET and HEAD\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        (None, _) if WEBSOCKETS.contains(&request.uri().path()) => {
            let mut response =
                plain(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket, open it with ws:// or wss://\n");
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            response
        }
        (None, _) => plain(
            StatusCode::NOT_FOUND,
            "not found; the page is at /, the WebSockets are at /chat and /echo\n",
        ),
    };
    Ok(response)
}

struct File {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

fn found(file: &File, body: &'static [u8]) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.content.len()));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn plain(status: StatusCode, sentence: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(sentence.as_bytes())));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

const FILES: &[File] = &[
    File { path: "/", content_type: "text/html; charset=utf-8", content: include_str!("index.html") },
    File { path: "/app.js", content_type: "text/javascript; charset=utf-8", content: include_str!("app.js") },
    File { path: "/style.css", content_type: "text/css; charset=utf-8", content: include_str!("style.css") },
];

const WEBSOCKETS: &[&str] = &["/chat", "/echo"];

/// Nothing but what is served here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_names_nothing_outside() {
        let total: usize = FILES.iter().map(|file| file.content.len()).sum();
        assert!(total < 60 * 1024, "{total} bytes");
        for file in FILES {
            for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!file.content.contains(forbidden), "{forbidden} in {}", file.path);
            }
            let outside = file.content.replace("http://www.w3.org/2000/svg", "").replace("https:'", "");
            assert!(!outside.contains("https://") && !outside.contains("http://"), "{}", file.path);
        }
        let page = FILES[0].content;
        assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick="));
    }
}
