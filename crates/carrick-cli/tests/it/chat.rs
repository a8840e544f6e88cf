//! The room behind the page, as `page/PROTOCOL.md` describes it.

use carrick::{
    blocking::WebSocket,
    protocol::{CloseCode, Message},
};
use serde_json::{Value, json};

use crate::support::Serve;

/// The next notice that is not one of the reports that come every second.
fn heard(websocket: &mut WebSocket) -> Value {
    loop {
        let notice = next(websocket);
        if !matches!(notice["type"].as_str(), Some("status" | "frames")) {
            return notice;
        }
    }
}

fn next(websocket: &mut WebSocket) -> Value {
    match websocket.recv().unwrap().unwrap() {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        Message::Binary(bytes) => panic!("binary: {bytes:?}"),
    }
}

fn say(websocket: &mut WebSocket, request: &Value) {
    websocket.send(request.to_string()).unwrap();
}

#[test]
fn everybody_hears_what_one_says() {
    let serve = Serve::start(&[]);
    let mut ada = serve.connect("/chat");
    let welcome = heard(&mut ada);
    assert_eq!(
        (&welcome["type"], &welcome["id"], &welcome["http"]),
        (&json!("welcome"), &json!(1), &json!("HTTP/1.1"))
    );
    assert_eq!((&welcome["tls"], &welcome["deflate"]), (&json!(false), &json!(true)));
    let mut grace = serve.connect("/chat");
    assert_eq!(heard(&mut grace)["members"].as_array().unwrap().len(), 2);
    assert_eq!(heard(&mut ada), json!({"type": "joined", "id": 2, "name": "guest-2"}));

    say(&mut grace, &json!({"type": "rename", "name": " Grace "}));
    say(&mut grace, &json!({"type": "say", "text": "over, under <b>"}));
    for websocket in [&mut ada, &mut grace] {
        assert_eq!(heard(websocket), json!({"type": "renamed", "id": 2, "name": "Grace"}));
        let said = heard(websocket);
        assert_eq!((&said["name"], &said["text"]), (&json!("Grace"), &json!("over, under <b>")));
    }
    grace.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(heard(&mut ada), json!({"type": "left", "id": 2, "name": "Grace"}));
    let history = heard(&mut serve.connect("/chat"))["history"].clone();
    assert_eq!(history[0]["text"], "over, under <b>");
}

#[test]
fn a_request_that_breaks_a_rule_is_answered_and_the_connection_stays() {
    let serve = Serve::start(&[]);
    let mut websocket = serve.connect("/chat");
    heard(&mut websocket);
    for request in ["{}", "no json", r#"{"type":"say","text":" "}"#, r#"{"type":"rename","name":""}"#] {
        websocket.send(request).unwrap();
        assert_eq!(heard(&mut websocket)["type"], "error", "{request}");
    }
    websocket.send(vec![1]).unwrap();
    while websocket.recv().is_some() {}
    assert_eq!(websocket.closed().unwrap().code(), CloseCode::UNSUPPORTED_DATA);
}

#[test]
fn the_server_reports_the_round_trip_and_the_frames_it_saw() {
    let serve = Serve::start(&[]);
    let mut websocket = serve.connect("/chat");
    say(&mut websocket, &json!({"type": "say", "text": "look at this frame"}));
    let (mut seen, mut status) = (Vec::new(), None);
    let is_seen = |seen: &[Value], direction: &str, opcode: &str| {
        seen.iter().any(|frame| frame["direction"] == direction && frame["opcode"] == opcode)
    };
    while status.is_none() || !is_seen(&seen, "in", "text") || !is_seen(&seen, "out", "ping") {
        let mut notice = next(&mut websocket);
        match notice["type"].as_str().unwrap() {
            "frames" => seen.append(notice["frames"].as_array_mut().unwrap()),
            "status" if notice["round_trip_us"].is_u64() => status = Some(notice),
            _ => {}
        }
    }
    let status = status.unwrap();
    assert_eq!(status["received"]["messages"], 1);
    assert!(status["sent"]["frames"].as_u64().unwrap() > 2);
    let text = seen.iter().find(|frame| frame["direction"] == "in").unwrap();
    assert_eq!(
        (&text["opcode"], &text["fin"], &text["masked"]),
        (&json!("text"), &json!(true), &json!(true))
    );
}
