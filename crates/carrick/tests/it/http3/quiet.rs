//! Connections on which nobody says anything for long.

use std::{sync::Arc, time::Duration};

use carrick::protocol::Config;
use tokio::{
    sync::Notify,
    time::{pause, timeout},
};

use super::raw::{GET, OK, RawServer, connect, connecting, opened, soon};
use crate::versions::ways::Way;

/// Either end gives up a connection over which nothing has come for 30 s.
const QUIET: Duration = Duration::from_secs(5 * 60);

#[tokio::test]
async fn a_client_keeps_a_connection_with_a_server_that_does_not() {
    let mut config = Config::default();
    config.ping_interval = None;
    config.idle_timeout = None;
    let server = RawServer::start();
    let connecting = connecting(server.client().config(config));
    let mut asked = server.asked().await;
    asked.send.write_all(OK).await.unwrap();
    let _websocket = opened(connecting).await;
    pause();
    let ended = timeout(QUIET, asked.connection.closed()).await;
    assert!(ended.is_err(), "{ended:?}");
}

#[tokio::test]
async fn a_server_keeps_a_connection_with_a_client_that_does_not() {
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tells, waits) = (Arc::clone(&began), Arc::clone(&go_on));
    let pages = axum::Router::new().fallback(move || async move {
        tells.notify_one();
        waits.notified().await;
        "a page"
    });
    let site = Way::Http3.serve(|server| server.fallback(pages)).await;
    let (connection, _endpoint) = connect(&site).await;
    let (mut send, mut recv) = soon(connection.open_bi()).await.unwrap();
    send.write_all(GET).await.unwrap();
    send.finish().unwrap();
    began.notified().await;
    pause();
    let ended = timeout(QUIET, connection.closed()).await;
    assert!(ended.is_err(), "{ended:?}");
    go_on.notify_one();
    assert!(recv.read_to_end(1000).await.unwrap().ends_with(b"a page"));
}
