//! What a server reads out of a request: origin, proxies, subprotocols, extensions.

use carrick::{
    Accepted,
    protocol::{Config, DeflateConfig, Front, OriginPolicy, offered_subprotocols},
};
use http::{
    HeaderValue, Request, StatusCode,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, SET_COOKIE, UPGRADE},
};

use super::support::{Running, assert_echoes, echo, echo_server, free_server, next, request};

async fn status(server: &Running, lines: &str) -> StatusCode {
    let mut peer = server.connect().await;
    peer.send(request("/echo", lines)).await;
    peer.answer().await.status()
}

#[tokio::test]
async fn pages_of_the_same_origin_may_connect_and_no_others() {
    let server = Running::echo().await;
    for (origin, expected) in [
        ("http://example.com", 101),
        ("http://EXAMPLE.com:80", 101),
        ("https://example.com", 403),
        ("http://example.com:8080", 403),
        ("http://sub.example.com", 403),
        ("null", 403),
    ] {
        assert_eq!(status(&server, &format!("Origin: {origin}\r\n")).await.as_u16(), expected, "{origin}");
    }
    assert_eq!(status(&server, "").await, 101);
}

#[tokio::test]
async fn the_policy_of_origins_is_the_servers_choice() {
    let list = OriginPolicy::List(vec!["https://app.example".parse().unwrap()]);
    let listed = Running::start(echo_server().await.origins(list).origin_required(true));
    assert_eq!(status(&listed, "Origin: https://app.example\r\n").await, 101);
    assert_eq!(status(&listed, "Origin: http://example.com\r\n").await, 403);
    assert_eq!(status(&listed, "").await, 403);
    let open = Running::start(echo_server().await.origins(OriginPolicy::Any));
    assert_eq!(status(&open, "Origin: null\r\n").await, 101);
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed() {
    let lines =
        "Origin: https://front.example\r\nForwarded: for=192.0.2.7;proto=https;host=front.example\r\n";
    let suspicious = Running::echo().await;
    assert_eq!(status(&suspicious, lines).await, 403);

    let tell = |mut websocket: carrick::WebSocket, request: Request<()>| async move {
        let front = request.extensions().get::<Front>().unwrap();
        let text = format!("{} {} {}", front.scheme, front.host.as_ref().unwrap(), front.address.unwrap());
        websocket.send(text).await.unwrap();
    };
    let server = free_server().await.route("/echo", tell).trusted_proxies("127.0.0.0/8".parse().unwrap());
    let trusting = Running::start(server);
    let old = "Origin: https://front.example\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\
               X-Forwarded-Host: front.example\r\n";
    for lines in [lines, old] {
        let (_, mut websocket) = trusting.connect().await.open_with(request("/echo", lines)).await;
        assert_eq!(next(&mut websocket).await, "https front.example 192.0.2.7".into());
    }
    assert_eq!(status(&trusting, "Origin: https://front.example\r\n").await, 403);
}

#[tokio::test]
async fn the_server_chooses_its_preferred_subprotocol() {
    let server = free_server().await.route("/echo", |mut websocket, _| async move {
        let chosen = websocket.subprotocol().unwrap_or("none").to_owned();
        websocket.send(chosen).await.unwrap();
    });
    let server = Running::start(server.subprotocols(["v2", "v1"]).unwrap());
    for (offer, chosen) in [("v1, v2", "v2"), ("v1", "v1"), ("v3", "none")] {
        let lines = format!("Sec-WebSocket-Protocol: {offer}\r\n");
        let (answer, mut websocket) = server.connect().await.open_with(request("/echo", &lines)).await;
        assert_eq!(answer.headers().contains_key("sec-websocket-protocol"), chosen != "none");
        assert_eq!(next(&mut websocket).await, chosen.into());
    }
    let strict = echo_server().await.subprotocols(["v1"]).unwrap().subprotocol_required(true);
    let strict = Running::start(strict);
    assert_eq!(status(&strict, "Sec-WebSocket-Protocol: v2\r\n").await, 400);
    assert!(free_server().await.subprotocols(["a b"]).is_err());
    let route = carrick::Route::new(echo).subprotocols(["a", "a"]);
    assert!(free_server().await.route_with("/", route).is_err());
}

#[tokio::test]
async fn the_setting_for_compression_wins_over_the_configuration_whatever_comes_first() {
    let small = DeflateConfig::default().with_own_max_window_bits(9).unwrap();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    for server in [
        echo_server().await.deflate(Some(small.clone())).config(Config::default()),
        echo_server().await.config(Config::default()).deflate(Some(small.clone())),
    ] {
        let server = Running::start(server);
        let (answer, _) = server.connect().await.open_with(request("/echo", offer)).await;
        let agreed = answer.headers()["sec-websocket-extensions"].to_str().unwrap();
        assert!(agreed.contains("server_max_window_bits=9"), "{agreed}");
    }
}

#[tokio::test]
async fn compression_is_agreed_on_unless_the_server_declines() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut config = Config::default();
    config.deflate = DeflateConfig::default();
    for (server, expected) in [
        (echo_server().await, true),
        (echo_server().await.deflate(Some(DeflateConfig::default())), true),
        (echo_server().await.deflate(None), false),
        (echo_server().await.deflate(None).config(config), false),
    ] {
        let server = Running::start(server);
        let (answer, _) = server.connect().await.open_with(request("/echo", offer)).await;
        assert_eq!(answer.headers().contains_key("sec-websocket-extensions"), expected);
    }
}

#[tokio::test]
async fn a_hook_adds_headers_and_chooses_the_subprotocol() {
    let server = echo_server().await.subprotocols(["v1"]).unwrap().header("x-server", "carrick").unwrap();
    let server = Running::start(server.on_request(|mut request, _| async move {
        let wanted = request.uri().query().map(str::to_owned);
        // What it offered counts, whatever the hook makes of the headers.
        request.headers_mut().clear();
        let accepted = Accepted::new(request)
            .with_header(SET_COOKIE, HeaderValue::from_static("a=b"))
            .with_header(SET_COOKIE, HeaderValue::from_static("c=d"))
            .with_header(UPGRADE, HeaderValue::from_static("nonsense"));
        Ok(match wanted {
            Some(name) => accepted.with_subprotocol(name),
            None => accepted,
        })
    }));
    for (path, chosen) in [("/echo", "v1"), ("/echo?v2", "v2")] {
        let request = request(path, "Sec-WebSocket-Protocol: v1, v2\r\n");
        let (answer, mut websocket) = server.connect().await.open_with(request).await;
        let headers = answer.headers();
        assert_eq!(headers.get_all("sec-websocket-protocol").iter().collect::<Vec<_>>(), [chosen]);
        assert_eq!(headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=b", "c=d"]);
        assert_eq!(headers.get_all("upgrade").iter().collect::<Vec<_>>(), ["websocket"]);
        assert_eq!(headers["x-server"], "carrick");
        assert_echoes(&mut websocket).await;
    }
    let request = request("/echo?v3", "Sec-WebSocket-Protocol: v1, v2\r\n");
    let answer = server.connect().await.refused(request).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body(), "the server has chosen subprotocol \"v3\", which was not offered\n");
    assert!(free_server().await.header("connection", "close").is_err());
    assert!(free_server().await.header("a b", "c").is_err());
}

#[tokio::test]
async fn the_hook_has_the_last_word_on_the_origin_that_the_answer_names() {
    let server = echo_server().await.origins(OriginPolicy::Any).on_request(|request, _| async move {
        let speaks = request.uri().query().is_some();
        let accepted = Accepted::new(request);
        let own = HeaderValue::from_static("https://own.example");
        Ok(if speaks { accepted.with_header(ACCESS_CONTROL_ALLOW_ORIGIN, own) } else { accepted })
    });
    let server = Running::start(server);
    for (path, named) in [("/echo", "https://a.example"), ("/echo?", "https://own.example")] {
        let request = request(path, "Origin: https://a.example\r\n");
        let (answer, _) = server.connect().await.open_with(request).await;
        let values = answer.headers().get_all(ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(values.iter().collect::<Vec<_>>(), [named]);
    }
}

#[tokio::test]
async fn a_handler_is_told_the_subprotocol_that_the_hook_chose() {
    let server = free_server().await.route("/", |mut websocket, _| async move {
        let chosen = websocket.subprotocol().map(str::to_owned);
        websocket.send(chosen.unwrap_or_default()).await.unwrap();
    });
    let server = Running::start(server.on_request(|request, _| async move {
        let last = offered_subprotocols(request.headers()).last().map(|last| (*last).to_owned());
        Ok(Accepted::new(request).with_subprotocol(last.expect("the client offers some")))
    }));
    let request = request("/", "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b, c\r\n");
    let (_, mut websocket) = server.connect().await.open_with(request).await;
    assert_eq!(next(&mut websocket).await, "c".into());
}
