//! A hook that looks at the token of each client before its WebSocket is opened.
//!
//! `cargo run -p carrick --example authenticate`

// An example prints.
#![allow(clippy::print_stdout)]

use std::env;

use carrick::{Server, WebSocket, protocol::Refusal};
use http::{
    HeaderValue, Request, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};

/// Who is connected, as the hook found out.
#[derive(Clone)]
struct User(&'static str);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), carrick::Error> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9000".to_owned());
    let server = Server::bind(address)
        .await?
        .on_request(|mut request, _front| async move {
            let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let user = token.and_then(|token| token.strip_prefix("Bearer ")).and_then(user_of);
            request.extensions_mut().insert(user.ok_or_else(refusal)?);
            Ok(request)
        })
        .on_rejection(|rejection, address| println!("{address}: {} {rejection}", rejection.status()))
        .route("/", greet);
    println!(
        "ws://{}/ with the header `Authorization: Bearer sesame`",
        server.local_addr().expect("it listens on TCP")
    );
    server.serve().await
}

async fn greet(mut websocket: WebSocket, request: Request<()>) {
    let User(name) = request.extensions().get().cloned().expect("the hook lets nobody else in");
    let _ = websocket.send(format!("Hello, {name}!")).await;
    while let Some(Ok(_)) = websocket.recv().await {}
}

/// Where a real server would ask its database.
fn user_of(token: &str) -> Option<User> {
    (token == "sesame").then_some(User("Ali"))
}

fn refusal() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "send a token that is known here")
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}
