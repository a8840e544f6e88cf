use std::cell::{Cell, RefCell};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, timeout},
};

use super::*;

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn families_take_turns_and_the_first_one_stays_first() {
    for (given, expected) in [
        (vec![], vec![]),
        (vec!["1.0.0.1:1"], vec!["1.0.0.1:1"]),
        (
            vec!["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "1.0.0.2:1"],
            vec!["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "[::3]:1"],
        ),
        (
            vec!["1.0.0.1:1", "[::1]:1", "[::2]:1", "[::3]:1"],
            vec!["1.0.0.1:1", "[::1]:1", "[::2]:1", "[::3]:1"],
        ),
        (vec!["1.0.0.1:1", "1.0.0.2:1"], vec!["1.0.0.1:1", "1.0.0.2:1"]),
    ] {
        assert_eq!(interleaved(addresses(&given)), addresses(&expected));
    }
}

/// What an address does, and when, counted from its own attempt.
#[derive(Clone, Copy)]
enum Play {
    Connects(u64),
    Fails(u64),
    IsSilent,
}

use Play::{Connects, Fails, IsSilent};

/// When the attempts start, in milliseconds, and who wins when, on a clock that stands still otherwise.
async fn schedule(plays: &[Play]) -> (Vec<u64>, Option<usize>, u64, usize) {
    let began = Instant::now();
    let starts = RefCell::new(Vec::new());
    let dropped = Cell::new(0);
    struct Counted<'a>(&'a Cell<usize>);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let given = (0..plays.len()).map(|i| SocketAddr::from(([127, 0, 0, 1], i as u16))).collect();
    let result = race(given, |address| {
        starts.borrow_mut().push(began.elapsed().as_millis() as u64);
        let running = Counted(&dropped);
        let play = plays[usize::from(address.port())];
        async move {
            let _running = running;
            let (after, fails) = match play {
                Connects(after) => (after, false),
                Fails(after) => (after, true),
                IsSilent => (u64::MAX / 4, true),
            };
            let _ = timeout(Duration::from_millis(after), std::future::pending::<()>()).await;
            if fails { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(address.port()) }
        }
    })
    .await;
    let winner = match result {
        Ok(port) => Some(usize::from(port)),
        Err(failures) => {
            assert_eq!(failures.len(), plays.len(), "every attempt is named");
            None
        }
    };
    (starts.take(), winner, began.elapsed().as_millis() as u64, dropped.get())
}

#[tokio::test(start_paused = true)]
async fn the_next_attempt_starts_after_the_delay_or_at_once_after_a_failure() {
    for (plays, starts, winner, took) in [
        (&[Connects(40), Connects(1)][..], &[0][..], Some(0), 40),
        // Slow, not dead: the first one still wins.
        (&[Connects(300), Connects(100)], &[0, 250], Some(0), 300),
        (&[IsSilent, Connects(40)], &[0, 250], Some(1), 290),
        (&[IsSilent, IsSilent, IsSilent, Connects(7)], &[0, 250, 500, 750], Some(3), 757),
        (&[Fails(10), Connects(40)], &[0, 10], Some(1), 50),
        // A failure in between starts the next one at once, and the delay counts anew from there.
        (&[IsSilent, Fails(30), IsSilent, Connects(5)], &[0, 250, 280, 530], Some(3), 535),
        (&[Fails(400), Fails(20), Fails(1)], &[0, 250, 270], None, 400),
        (&[], &[], None, 0),
    ] {
        let (started, won, elapsed, dropped) = schedule(plays).await;
        assert_eq!((started.as_slice(), won, elapsed), (starts, winner, took));
        assert_eq!(dropped, starts.len(), "no attempt goes on behind the race");
    }
}

#[tokio::test]
async fn a_refused_family_costs_nothing_and_the_other_one_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let open = listener.local_addr().unwrap();
    // Nobody listens there; where there is no IPv6 at all the attempt fails too.
    let refused = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], open.port()));
    let stream = race(vec![refused, open], TcpStream::connect).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), open);
    let failures = race(vec![refused], TcpStream::connect).await.unwrap_err();
    assert_eq!(failures[0].0, refused);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_swallows_packets_is_overtaken() {
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = silent.listen(1).unwrap();
    let silent = listener.local_addr().unwrap();
    // Once its queue is full, Linux drops what wants to connect.
    let mut queued = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(500), TcpStream::connect(silent)).await {
        queued.push(stream.unwrap());
        assert!(queued.len() < 100, "the queue does not fill");
    }
    let open = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let open_address = open.local_addr().unwrap();
    let race = race(vec![silent, open_address], TcpStream::connect);
    let stream = timeout(Duration::from_secs(10), race).await.expect("it does not wait").unwrap();
    assert_eq!(stream.peer_addr().unwrap(), open_address);
}
