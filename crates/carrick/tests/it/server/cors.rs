//! Which pages of other origins may read what a server answers beside its WebSockets.

use axum::{Router, routing::get};
use carrick::{Cors, protocol::OriginPolicy};
use http::{
    HeaderMap, Method, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, ETAG},
};

use super::support::{Running, echo_server};

const FRIEND: &str = "https://friend.example";
const STRANGER: &str = "https://stranger.example";

fn friends() -> OriginPolicy {
    OriginPolicy::SameOriginOr(vec![FRIEND.parse().unwrap()])
}

async fn site(cors: Option<Cors>) -> Running {
    let router = Router::new()
        .route("/", get("a page").options(|| async { "options of the page" }))
        .route("/own", get(|| async { ([("access-control-allow-origin", "https://own.example")], "") }));
    let server = echo_server().await.fallback(router);
    Running::start(match cors {
        Some(cors) => server.cors(cors),
        None => server,
    })
}

async fn asked(server: &Running, method: &str, path: &str, lines: &str) -> Response<String> {
    let mut peer = server.connect().await;
    peer.send(format!("{method} {path} HTTP/1.1\r\nHost: example.com\r\n{lines}\r\n")).await;
    peer.answer().await
}

fn preflight(origin: &str) -> String {
    format!(
        "Origin: {origin}\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: authorization\r\n"
    )
}

fn says(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
    (!values.is_empty()).then(|| values.join(" | "))
}

#[tokio::test]
async fn by_default_nobody_else_may_read() {
    let nobody =
        [OriginPolicy::SameOrigin, OriginPolicy::SameOriginOr(Vec::new()), OriginPolicy::List(Vec::new())];
    for cors in [None].into_iter().chain(nobody.map(|policy| Some(Cors::new(policy)))) {
        let server = site(cors).await;
        let answer = asked(&server, "GET", "/", &format!("Origin: {FRIEND}\r\n")).await;
        assert_eq!(answer.body(), "a page");
        assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("access-control")));
        assert_eq!(answer.headers().get("vary"), None);
    }
    let answer = asked(&site(None).await, "OPTIONS", "/", &preflight(FRIEND)).await;
    assert_eq!(answer.body(), "options of the page", "without the setting the service answers");
}

#[tokio::test]
async fn an_origin_that_is_listed_is_named_and_no_other() {
    let server = site(Some(Cors::new(friends()).with_exposed_headers([ETAG]))).await;
    for (lines, named) in [
        (format!("Origin: {FRIEND}\r\n"), Some(FRIEND)),
        ("Origin: HTTPS://friend.example:443\r\n".to_owned(), Some("HTTPS://friend.example:443")),
        (format!("Origin: {STRANGER}\r\n"), None),
        ("Origin: null\r\n".to_owned(), None),
        ("Origin: \r\n".to_owned(), None),
        (format!("Origin: {FRIEND}\r\nOrigin: {FRIEND}\r\n"), None),
        (String::new(), None),
    ] {
        let answer = asked(&server, "GET", "/", &lines).await;
        assert_eq!(answer.body(), "a page", "CORS forbids nobody to ask");
        let headers = answer.headers();
        assert_eq!(says(headers, "access-control-allow-origin").as_deref(), named, "{lines}");
        assert_eq!(says(headers, "access-control-expose-headers").is_some(), named.is_some());
        assert_eq!(says(headers, "access-control-allow-credentials"), None);
        assert_eq!(says(headers, "vary").as_deref(), Some("Origin"), "caches have to tell them apart");
    }
    let answer = asked(&server, "GET", "/own", &format!("Origin: {FRIEND}\r\n")).await;
    let own = says(answer.headers(), "access-control-allow-origin");
    assert_eq!(own.as_deref(), Some("https://own.example"), "the service has the last word");
}

#[tokio::test]
async fn any_origin_may_read_without_cookies_only() {
    let open = Cors::new(OriginPolicy::Any).with_credentials(true);
    let answer = asked(&site(Some(open)).await, "GET", "/", &format!("Origin: {STRANGER}\r\n")).await;
    assert_eq!(says(answer.headers(), "access-control-allow-origin").as_deref(), Some("*"));
    assert_eq!(says(answer.headers(), "access-control-allow-credentials"), None);
    assert_eq!(says(answer.headers(), "vary"), None);

    let listed = Cors::new(friends()).with_credentials(true);
    let answer = asked(&site(Some(listed)).await, "GET", "/", &format!("Origin: {FRIEND}\r\n")).await;
    assert_eq!(says(answer.headers(), "access-control-allow-origin").as_deref(), Some(FRIEND));
    assert_eq!(says(answer.headers(), "access-control-allow-credentials").as_deref(), Some("true"));
}

#[tokio::test]
async fn a_preflight_request_is_answered_in_the_place_of_the_service() {
    let cors = Cors::new(friends()).with_methods([Method::GET, Method::PUT]);
    let server = site(Some(cors.with_headers([AUTHORIZATION, CONTENT_TYPE]))).await;
    let answer = asked(&server, "OPTIONS", "/", &preflight(FRIEND)).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    for (name, value) in [
        ("access-control-allow-origin", FRIEND),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-headers", "authorization, content-type"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(says(answer.headers(), name).as_deref(), Some(value), "{name}");
    }
    for (origin, status) in [(STRANGER, 403), ("null", 403), ("nonsense", 400)] {
        let answer = asked(&server, "OPTIONS", "/", &preflight(origin)).await;
        assert_eq!(answer.status().as_u16(), status, "{origin}");
        assert_eq!(says(answer.headers(), "access-control-allow-origin"), None);
    }
    for lines in [format!("Origin: {FRIEND}\r\n"), "Access-Control-Request-Method: PUT\r\n".to_owned()] {
        let answer = asked(&server, "OPTIONS", "/", &lines).await;
        assert_eq!(answer.body(), "options of the page", "that is no preflight request");
    }
}
