//! The client: which connections it makes, shares and leaves, and what it tells of them.

use carrick::{
    Error,
    protocol::{CloseCode, Message, Refusal, ResponseError},
};
use http::{HeaderValue, Request, StatusCode, Version, header::LOCATION};
use tokio::sync::mpsc;

use super::{
    lines::Lines,
    ways::{Callers, WAYS, Way, sharing},
};
use crate::server::support::{assert_echoes, echo, next};

#[tokio::test]
async fn a_connection_ends_with_its_last_websocket() {
    for way in sharing() {
        let (site, callers) = way.serve_noting(|server| server).await;
        let client = site.client("/echo");
        let mut first = client.connect().await.unwrap();
        let mut second = client.clone().connect().await.unwrap();
        assert_echoes(&mut first).await;
        drop(first);
        assert_echoes(&mut second).await;
        assert_eq!(callers.count(), 1, "{way:?}");
        drop(second);
        let mut third = client.connect().await.unwrap();
        assert_echoes(&mut third).await;
        assert_eq!(callers.count(), 2, "{way:?}");
    }
}

#[tokio::test]
async fn hundreds_that_are_dropped_at_once_harm_no_other() {
    for way in sharing() {
        let (site, callers) = way.serve_noting(|server| server).await;
        let client = site.client("/echo");
        let mut kept = client.connect().await.unwrap();
        for _ in 0..400 {
            drop(client.connect().await.unwrap());
        }
        assert_echoes(&mut kept).await;
        assert_eq!(callers.count(), 1, "{way:?}");
    }
}

#[tokio::test]
async fn where_a_server_allows_no_more_streams_there_is_another_connection() {
    for way in sharing() {
        let (site, callers) = way.serve_noting(|server| server.max_concurrent_streams(2)).await;
        let client = site.client("/echo");
        let mut websockets = Vec::new();
        for _ in 0..5 {
            websockets.push(client.connect().await.unwrap());
        }
        for websocket in &mut websockets {
            assert_echoes(websocket).await;
        }
        assert_eq!(callers.count(), 3, "{way:?}");
    }
}

#[tokio::test]
async fn what_differs_in_its_certificates_shares_nothing() {
    for way in sharing().filter(|way| *way != Way::Http2) {
        let (site, callers) = way.serve_noting(|server| server).await;
        let client = site.client("/echo");
        let mut first = client.connect().await.unwrap();
        let mut other = client.clone().danger_accept_invalid_certs(true).connect().await.unwrap();
        assert_echoes(&mut first).await;
        assert_echoes(&mut other).await;
        assert_eq!(callers.count(), 2, "{way:?}");
    }
}

#[tokio::test]
async fn a_trace_shows_the_version_the_settings_and_the_pseudo_headers() {
    for way in sharing() {
        let (number, setting) = match way.version() {
            Version::HTTP_2 => (2, "MAX_CONCURRENT_STREAMS=1000"),
            _ => (3, "MAX_FIELD_SECTION_SIZE="),
        };
        let site = way.serve(|server| server.route("/echo", echo)).await;
        let lines = Lines::default();
        let client = lines.watch(site.client("/echo?room=1")).bearer_token("secret").unwrap();
        let _first = client.connect().await.unwrap();
        let speaking = format!("speaking http/{number}, settings of the server: ");
        lines.assert_have(&speaking);
        let seen = lines.take();
        let settings = seen.iter().find(|line| line.starts_with(&speaking)).unwrap();
        assert!(settings.contains(setting), "{settings}");
        assert!(settings.contains("ENABLE_CONNECT_PROTOCOL=1"), "{settings}");
        let address = site.running.address;
        let scheme = if site.trusted.is_some() { "> :scheme: https" } else { "> :scheme: http" };
        let authority = format!("> :authority: {address}");
        let start = seen.iter().position(|line| line == "> :method: CONNECT").unwrap();
        assert_eq!(
            seen[start..start + 6],
            [
                "> :method: CONNECT",
                "> :protocol: websocket",
                scheme,
                &authority,
                "> :path: /echo?room=1",
                "> sec-websocket-version: 13"
            ]
        );
        assert!(seen.contains(&"> authorization: …".to_owned()));
        assert!(seen.contains(&"< :status: 200".to_owned()));
        let _second = client.connect().await.unwrap();
        lines.assert_have(&format!("sharing the http/{number} connection to {address}, streams on it: 1"));
    }
}

#[tokio::test]
async fn a_refusal_is_told_with_its_sentence() {
    for &way in WAYS {
        let site = way.serve(|server| server.route("/echo", echo)).await;
        let error = site.client("/none").connect().await.unwrap_err();
        let Error::Response(error) = error else { panic!("{error:?}") };
        let ResponseError::Status(response) = *error else { panic!("{error:?}") };
        assert_eq!(response.status(), 404);
        assert!(String::from_utf8_lossy(response.body()).starts_with("no websocket at"), "{way:?}");
    }
}

#[tokio::test]
async fn redirects_are_followed() {
    for &way in WAYS {
        let site = way
            .serve(|server| {
                let moved = |request: Request<()>, _| async move {
                    if request.uri().path() == "/old" {
                        let location = HeaderValue::from_static("/echo");
                        let refusal = Refusal::new(StatusCode::FOUND, "it moved");
                        return Err(refusal.with_header(LOCATION, location));
                    }
                    Ok(request)
                };
                server.route("/echo", echo).route("/old", echo).on_request(moved)
            })
            .await;
        assert_echoes(&mut site.open("/old").await).await;
    }
}

#[tokio::test]
async fn a_message_in_front_of_a_drop_arrives() {
    for &way in WAYS {
        let site = way
            .serve(|server| {
                server.route("/bye", |mut websocket, _| async move {
                    let _ = websocket.send("bye").await;
                })
            })
            .await;
        for _ in 0..20 {
            let mut websocket = site.open("/bye").await;
            assert_eq!(next(&mut websocket).await, Message::from("bye"), "{way:?}");
            assert!(websocket.recv().await.unwrap().is_err(), "{way:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocking_client_has_a_connection_of_its_own_and_what_it_has_sent_is_on_its_way() {
    for way in sharing() {
        let callers = Callers::default();
        let (noted, (told, mut heard)) = (callers.clone(), mpsc::unbounded_channel());
        let site = way
            .serve(|server| {
                server.route("/echo", move |mut websocket, request| {
                    noted.note(&request);
                    let told = told.clone();
                    async move {
                        while let Some(Ok(message)) = websocket.recv().await {
                            let _ = told.send(message.clone());
                            if websocket.send(message).await.is_err() {
                                break;
                            }
                        }
                    }
                })
            })
            .await;
        let client = site.client("/echo");
        let mut shared = client.connect().await.unwrap();
        let blocking = std::thread::spawn(move || {
            let mut websocket = client.connect_blocking().unwrap();
            for i in 0..10 {
                websocket.send(i.to_string()).unwrap();
                assert_eq!(websocket.recv().unwrap().unwrap(), Message::from(i.to_string()));
            }
            // Nothing works for this client from now on.
            websocket.send("last").unwrap();
            websocket
        });
        assert_echoes(&mut shared).await;
        while heard.recv().await.unwrap() != Message::from("last") {}
        assert_eq!(callers.count(), 2, "{way:?}");
        let ending = tokio::task::spawn_blocking(|| {
            // The blocking client waits on a thread that belongs to no runtime.
            std::thread::spawn(move || {
                let mut websocket = blocking.join().unwrap();
                assert_eq!(websocket.recv().unwrap().unwrap(), Message::from("last"));
                websocket.close(CloseCode::NORMAL, "").unwrap();
            })
            .join()
            .unwrap();
        });
        ending.await.unwrap();
        assert_echoes(&mut shared).await;
    }
}
