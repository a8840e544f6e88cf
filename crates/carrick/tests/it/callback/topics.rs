//! Publishing to the subscribers of a topic.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    thread,
};

use carrick::{
    Backlog, Conn, Error, WebSocketApp, WebSocketServer, blocking,
    protocol::{CloseCode, Config, Message, SendError},
};

use super::{ANY_PORT, PATIENCE, Running};

/// A server whose connections subscribe to the topic that they name, leave it with `-topic`, and publish otherwise.
fn subscribing(server: WebSocketServer) -> WebSocketServer {
    server.on_message(|conn, message| -> Result<(), Error> {
        let text = message.as_text().unwrap_or_default();
        match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(topic), _) => conn.subscribe(topic)?,
            (None, Some(topic)) => conn.unsubscribe(topic),
            (None, None) => {
                let (topic, message) = text.split_once(' ').unwrap_or_default();
                return conn.publish(topic, message);
            }
        }
        conn.send("done")
    })
}

fn ask(client: &mut blocking::WebSocket, text: &str) {
    client.send(text).unwrap();
    assert_eq!(client.recv().unwrap().unwrap(), Message::text("done"));
}

fn received(client: &mut blocking::WebSocket) -> String {
    client.recv().unwrap().unwrap().as_text().unwrap().to_owned()
}

#[test]
fn a_publication_reaches_every_other_subscriber_on_whatever_thread_it_is() {
    for threads in [1, 3] {
        let running = Running::start(subscribing(WebSocketServer::new(ANY_PORT).threads(threads)));
        let mut clients: Vec<_> = (0..12).map(|_| blocking::connect(&running.url()).unwrap()).collect();
        for client in &mut clients {
            ask(client, "+news");
            ask(client, "+news");
        }
        ask(&mut clients[11], "-news");
        ask(&mut clients[10], "+weather");
        clients[0].send("news hello").unwrap();
        for client in &mut clients[1..11] {
            assert_eq!(received(client), "hello");
        }
        running.handle.publish("news", "to all").unwrap();
        running.handle.publish("nothing", "to nobody").unwrap();
        running.handle.publish("weather", "rain").unwrap();
        // The publisher did not get its own.
        for client in &mut clients[..11] {
            assert_eq!(received(client), "to all");
        }
        assert_eq!(received(&mut clients[10]), "rain");
        assert_eq!(running.handle.broadcast("everybody"), 12);
        for client in &mut clients {
            assert_eq!(received(client), "everybody");
        }
        let handle = running.handle.clone();
        running.stop();
        assert!(matches!(handle.publish("news", "late"), Err(Error::Send(SendError::Closed))));
    }
}

#[test]
fn what_one_publishes_arrives_in_its_order() {
    const MESSAGES: usize = 2000;
    let running = Running::start(subscribing(WebSocketServer::new(ANY_PORT).threads(2)));
    let mut clients: Vec<_> = (0..4).map(|_| blocking::connect(&running.url()).unwrap()).collect();
    for client in &mut clients {
        ask(client, "+count");
    }
    let handle = running.handle.clone();
    let publishing = thread::spawn(move || {
        for n in 0..MESSAGES {
            handle.publish("count", n.to_string()).unwrap();
        }
    });
    for client in &mut clients {
        for n in 0..MESSAGES {
            assert_eq!(received(client), n.to_string());
        }
    }
    publishing.join().unwrap();
    running.stop();
}

#[test]
fn compressed_and_plain_subscribers_get_the_same() {
    let running = Running::start(subscribing(WebSocketServer::new(ANY_PORT)));
    let text = "all the same ".repeat(100);
    let mut clients = [true, false].map(|compressed| {
        let builder = carrick::ClientBuilder::new(&running.url()).unwrap();
        let builder = if compressed { builder } else { builder.deflate(None) };
        builder.connect_blocking().unwrap()
    });
    for client in &mut clients {
        ask(client, "+text");
    }
    for _ in 0..3 {
        running.handle.publish("text", text.as_str()).unwrap();
    }
    for client in &mut clients {
        for _ in 0..3 {
            assert_eq!(received(client), text);
        }
    }
    assert!(clients[0].agreement().deflate.is_some() && clients[1].agreement().deflate.is_none());
    running.stop();
}

#[test]
fn what_one_handler_publishes_and_sends_arrives_in_its_order_whoever_has_which_topic() {
    const ALL: &[(&str, &str)] = &[("a", "1"), ("a", "2"), ("b", "3"), ("a", "4"), ("b", "5"), ("b", "6")];
    let plans = [0..2, 0..6, 4..6].map(|plan| &ALL[plan]);
    let server = WebSocketServer::with_state("ws://127.0.0.1:0/*", |request| request.uri().path().to_owned())
        .threads(1)
        .on_open(|conn| {
            let topics = conn.state.clone();
            topics.split('/').filter(|topic| !topic.is_empty()).try_for_each(|topic| conn.subscribe(topic))
        })
        .on_message(move |conn, message| -> Result<(), Error> {
            let plan = plans[message.as_text().unwrap_or_default().parse::<usize>().unwrap()];
            plan.iter().try_for_each(|(topic, text)| conn.publish(topic, *text))?;
            conn.send("published")
        });
    let running = Running::start(server);
    let connect = |topics: &str| blocking::connect(&format!("{}/{topics}", running.url())).unwrap();
    let mut subscribers = ["a", "b", "a/b"].map(|topics| (topics, connect(topics)));
    let mut publishers = [connect(""), connect("a")];
    for (round, index) in [(0, 0), (1, 0), (0, 0), (2, 0), (1, 1)] {
        let publisher = &mut publishers[index];
        if index == 1 {
            let of_other: Vec<_> = (0..7).map(|_| received(publisher)).collect();
            assert_eq!(of_other, ["1", "2", "1", "2", "4", "1", "2"]);
        }
        publisher.send(round.to_string()).unwrap();
        assert_eq!(received(publisher), "published");
        for (topics, subscriber) in &mut subscribers {
            for (_, text) in plans[round].iter().filter(|(topic, _)| topics.contains(topic)) {
                assert_eq!(received(subscriber), *text);
            }
        }
    }
    running.handle.publish("a", "end").unwrap();
    assert_eq!(received(&mut publishers[1]), "end", "its own publications are not for it");
    running.stop();
}

#[test]
fn topics_have_limits() {
    let (told, tell) = channel();
    let server = WebSocketServer::new(ANY_PORT).max_topics(2).on_open(move |conn| {
        conn.subscribe("a").unwrap();
        conn.subscribe("b").unwrap();
        conn.subscribe("a").unwrap();
        let many = conn.subscribe("c").unwrap_err();
        conn.unsubscribe("a");
        conn.subscribe("c").unwrap();
        let long = conn.subscribe(&"x".repeat(257)).unwrap_err();
        conn.close(CloseCode::NORMAL, "").unwrap();
        let late = conn.subscribe("d").unwrap_err();
        told.send([many, long, late].map(|error| format!("{error:#}"))).unwrap();
    });
    let running = Running::start(server);
    assert!(blocking::connect(&running.url()).unwrap().recv().is_none());
    assert_eq!(
        tell.recv_timeout(PATIENCE).unwrap(),
        [
            "topic cannot be used: the connection has 2 topics, which is the limit; raise it with max_topics",
            "topic cannot be used: its name has 257 bytes, limit is 256",
            "message was not sent: connection is closed for sending",
        ]
    );
    let mut app =
        WebSocketApp::with_state(&running.url(), Vec::new()).on_open(|conn: &mut Conn<Vec<String>>| {
            for error in [conn.subscribe("a").unwrap_err(), conn.publish("a", "b").unwrap_err()] {
                conn.state.push(error.to_string());
            }
        });
    app.run_forever().unwrap();
    assert_eq!(app.state()[0], "topic cannot be used: this is a client, and topics are a server's");
    assert_eq!(app.state().len(), 2);
    running.stop();
}

/// Publishes until the one subscriber, which reads nothing, misses something; what it has got then.
fn publish_to_a_sleeper(backlog: Backlog) -> (Running, blocking::WebSocket, usize) {
    const BYTES: usize = 64 << 10;
    let mut config = Config::default();
    config.close_timeout = std::time::Duration::from_millis(50);
    let (subscribed, is_subscribed) = channel();
    let (drained, closed) = (Arc::new(AtomicUsize::new(0)), channel());
    let (tell_closed, is_closed) = closed;
    let server = WebSocketServer::new(ANY_PORT)
        .threads(1)
        .config(config)
        .deflate(None)
        .backlog(backlog)
        .on_open(move |conn| {
            conn.subscribe("flood").unwrap();
            subscribed.send(conn.handle()).unwrap();
        })
        .on_drain({
            let drained = Arc::clone(&drained);
            move |conn| {
                drained.fetch_add(1, Ordering::Relaxed);
                conn.send("drained")
            }
        })
        .on_close(move |_, closed| tell_closed.send(closed.code()).unwrap());
    let running = Running::start(server);
    let client = blocking::connect(&running.url()).unwrap();
    let handle = is_subscribed.recv_timeout(PATIENCE).unwrap();
    let mut published = 0;
    match backlog {
        Backlog::Skip => {
            // More than the kernel and the queue take together.
            while published < 1000 {
                published += usize::from(running.handle.publish("flood", vec![0; BYTES]).is_ok());
                thread::yield_now();
            }
        }
        Backlog::Close => {
            while handle.is_open() {
                let _ = running.handle.publish("flood", vec![0; BYTES]);
                thread::yield_now();
            }
            assert_eq!(is_closed.recv_timeout(PATIENCE).unwrap(), CloseCode::ABNORMAL);
        }
    }
    (running, client, published)
}

#[test]
fn a_subscriber_that_takes_too_little_misses_publications_and_is_told_of_room() {
    let (running, mut client, published) = publish_to_a_sleeper(Backlog::Skip);
    let mut got = 0;
    while client.recv().unwrap().unwrap() != Message::text("drained") {
        got += 1;
    }
    assert!(got > 0 && got < published, "{got} of {published}");
    running.stop();
}

#[test]
fn a_subscriber_that_takes_too_little_is_closed_if_that_is_the_policy() {
    let (running, client, _) = publish_to_a_sleeper(Backlog::Close);
    drop(client);
    running.stop();
}
