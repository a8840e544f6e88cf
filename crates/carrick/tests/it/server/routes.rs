//! Which request reaches which handler.

use carrick::{
    Route,
    protocol::{CloseCode, Config},
};
use http::StatusCode;

use super::support::{Running, assert_echoes, closed, echo, echo_server, free_server, next, request};

#[tokio::test]
async fn a_route_takes_exactly_its_path() {
    let server = Running::echo().await;
    assert_echoes(&mut server.open("/echo").await).await;
    assert_echoes(&mut server.open("/echo?token=1").await).await;
    for path in ["/", "/echo/", "/Echo", "/ech%6f", "/echo/x"] {
        let answer = server.connect().await.refused(request(path, "")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert_eq!(*answer.body(), format!("no websocket at {path:?}\n"));
    }
}

#[tokio::test]
async fn the_route_of_every_path_comes_last() {
    let named = |name: &'static str| {
        move |mut websocket: carrick::WebSocket, _| async move {
            websocket.send(name).await.unwrap();
        }
    };
    let server = free_server().await.route("/*", named("any")).route("/a", named("replaced"));
    let server = Running::start(server.route("/a", named("a")));
    for (path, expected) in [("/a", "a"), ("/", "any"), ("/b/c", "any"), ("/*", "any")] {
        assert_eq!(next(&mut server.open(path).await).await, expected.into(), "{path}");
    }
}

#[tokio::test]
async fn a_page_where_a_websocket_is_served_needs_an_upgrade() {
    let server = Running::echo().await;
    let answer = server.connect().await.refused("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(answer.headers()["upgrade"], "websocket");
    assert_eq!(answer.body(), "this is a websocket endpoint, send upgrade: websocket\n");

    let answer = server.connect().await.refused("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_route_may_have_settings_of_its_own() {
    let mut config = Config::default();
    config.max_message_bytes = 3;
    let small = Route::new(echo).config(config).subprotocols(["small"]);
    let server = echo_server().await.subprotocols(["large"]).unwrap().route_with("/small", small).unwrap();
    let server = Running::start(server);

    let offer = "Sec-WebSocket-Protocol: small, large\r\n";
    for (path, chosen) in [("/small", "small"), ("/echo", "large")] {
        let (answer, _) = server.connect().await.open_with(request(path, offer)).await;
        assert_eq!(answer.headers()["sec-websocket-protocol"], chosen);
    }
    assert_echoes(&mut server.open("/echo").await).await;
    let mut websocket = server.open("/small").await;
    websocket.send("four").await.unwrap();
    assert_eq!(closed(&mut websocket).await.frame.unwrap().code(), CloseCode::MESSAGE_TOO_BIG);
}
