//! `carrick connect` at a terminal: editing, history, commands, and what comes while a line is being typed.

use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};

use carrick::protocol::CloseCode;
use tokio::sync::Notify;

use crate::{
    support::{Serve, server},
    terminal::Terminal,
};

const LEFT: &str = "\x1b[D";
const UP: &str = "\x1b[A";
const CTRL_A: &str = "\x01";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

/// Waits until lines are edited: what is typed before that is echoed by the terminal itself.
fn connect(args: &[&str], environment: &[(&str, &str)]) -> Terminal {
    let mut terminal = Terminal::start(args, environment);
    terminal.prompts();
    terminal
}

#[test]
fn a_line_is_edited_with_the_arrow_keys_and_sent_with_enter() {
    let serve = Serve::start(&[]);
    let mut terminal = connect(&["connect", &serve.echo()], &[]);
    terminal.shows("the greeting", |lines| lines.iter().any(|line| line.starts_with("connected to ws://")));
    terminal.types("helo");
    terminal.edits("> helo");
    terminal.types(&format!("{LEFT}l{CTRL_A}Say "));
    terminal.edits("> Say hello");
    terminal.types("\r");
    terminal.shows_line("< Say hello");
    terminal.types(CTRL_D);
    let (status, lines) = terminal.ends();
    assert_eq!(status.code(), Some(0));
    assert!(lines.contains(&"closed by us: 1000 (normal closure)".to_owned()), "{lines:?}");
    assert!(terminal.is_as_before());
}

#[test]
fn what_comes_while_a_line_is_typed_stands_above_it() {
    let typed = Arc::new(Notify::new());
    let told = Arc::clone(&typed);
    let url = server(move |mut websocket| {
        let typed = Arc::clone(&typed);
        async move {
            typed.notified().await;
            websocket.send("meanwhile\nin two lines").await.unwrap();
            while let Some(Ok(message)) = websocket.recv().await {
                websocket.send(message).await.unwrap();
            }
        }
    });
    let mut terminal = connect(&["connect", &url], &[]);
    terminal.types("half a line");
    terminal.edits("> half a line");
    told.notify_one();
    terminal.shows_line("< meanwhile");
    let lines = terminal.edits("> half a line");
    assert_eq!(lines.iter().filter(|line| line.contains("half a line")).count(), 1, "{lines:?}");
    let at = |text: &str| lines.iter().position(|line| line == text).unwrap();
    assert!(at("< meanwhile") + 1 == at("  in two lines") && at("  in two lines") + 1 == at("> half a line"));
    terminal.types(", whole\r");
    terminal.shows_line("< half a line, whole");
}

#[test]
fn the_history_is_kept_between_two_runs() {
    let serve = Serve::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let environment = [("HOME", home), ("XDG_STATE_HOME", home)];
    let history = folder.path().join("carrick").join("history");
    let echo = serve.echo();
    let path = history.to_str().unwrap().to_owned();
    let args = ["connect", "--history", &path, &echo];

    let mut first = connect(&args, &environment);
    for line in ["one of the first run", " a secret", "two of the first run"] {
        first.types(&format!("{line}\r"));
        first.shows_line(&format!("< {line}"));
    }
    first.types(CTRL_D);
    assert_eq!(first.ends().0.code(), Some(0));
    assert_eq!(fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(&history).unwrap().contains("secret"));

    let mut second = connect(&args, &environment);
    second.types(UP);
    second.edits("> two of the first run");
    second.types(UP);
    second.edits("> one of the first run");
    second.types("\r");
    second.shows_line("< one of the first run");
    // Ctrl-R searches.
    second.types("\x12two");
    second
        .shows("the search", |lines| lines.last().is_some_and(|line| line.contains("two of the first run")));
}

#[test]
fn without_a_flag_the_history_is_where_the_state_of_programs_is() {
    let serve = Serve::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let echo = serve.echo();
    let run = |flags: &[&str], variable: Option<&str>| {
        let mut environment = vec![("HOME", home), ("XDG_STATE_HOME", home)];
        environment.extend(variable.map(|value| ("CARRICK_HISTORY", value)));
        let mut terminal = Terminal::start_with_history(&[flags, &[&echo]].concat(), &environment);
        terminal.prompts();
        terminal.types("remember\r");
        terminal.shows_line("< remember");
        terminal.types(CTRL_D);
        assert_eq!(terminal.ends().0.code(), Some(0));
    };
    let standard = folder.path().join("carrick/history");
    run(&["connect", "--no-history"], None);
    run(&["connect"], Some(""));
    assert!(!standard.exists());
    let other = folder.path().join("other");
    run(&["connect"], Some(other.to_str().unwrap()));
    assert!(other.exists() && !standard.exists());
    run(&["connect"], None);
    assert!(fs::read_to_string(standard).unwrap().contains("remember"));
}

#[test]
fn a_json_value_goes_on_in_the_next_line() {
    let serve = Serve::start(&[]);
    let mut terminal = connect(&["connect", "--output", "json", &serve.echo()], &[]);
    terminal.types("{\"a\":\r");
    terminal.edits("> {\"a\":");
    terminal.types("[1,\r2]}\r");
    let lines = terminal.shows_line("< {");
    let at = lines.iter().position(|line| line == "< {").unwrap();
    terminal.shows("the whole value", |lines| {
        lines[at..]
            .starts_with(&["< {", "    \"a\": [", "      1,", "      2", "    ]", "  }"].map(str::to_owned))
    });
    terminal.types("[no json\r");
    terminal.shows_line("< [no json");
    terminal.types("{ unfinished,\r");
    terminal.types("\r");
    terminal.shows_line("< { unfinished,");
}

#[test]
fn commands_ping_send_and_close() {
    let serve = Serve::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.txt");
    fs::write(&file, "out of a file").unwrap();
    let mut terminal = connect(&["connect", &serve.echo()], &[]);
    terminal.types("/ping hello\r");
    terminal.shows("the pong", |lines| lines.iter().any(|line| line.starts_with("pong after ")));
    terminal.types("/binary 00 ff\r");
    terminal.shows_line("< binary, 2 bytes: 00 ff");
    terminal.types(&format!("/send {}\r", file.display()));
    terminal.shows_line("< out of a file");
    terminal.types("//slash\r");
    terminal.shows_line("< /slash");
    terminal.types("/nothing\r");
    terminal.shows("what is wrong", |lines| {
        lines.iter().any(|line| line.contains("there is no command /nothing"))
    });
    terminal.types("/he\t\r");
    terminal.shows("the help", |lines| lines.iter().any(|line| line.starts_with("/close [CODE [REASON]]")));
    terminal.types("/close 4001 so long\r");
    let (status, lines) = terminal.ends();
    assert_eq!(status.code(), Some(0));
    assert!(lines.iter().any(|line| line.starts_with("closed by us: 4001: so long")), "{lines:?}");
}

#[test]
fn what_a_server_sends_cannot_change_the_screen() {
    let url = server(|mut websocket| async move {
        websocket.send("safe\x1b[2J\x1b]0;title\x07\u{202e}end").await.unwrap();
        while websocket.recv().await.is_some() {}
    });
    let mut terminal = connect(&["connect", &url], &[]);
    terminal.shows_line("< safe\\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{202e}end");
}

#[test]
fn a_server_that_closes_leaves_the_terminal_as_it_was() {
    let typed = Arc::new(Notify::new());
    let told = Arc::clone(&typed);
    let url = server(move |mut websocket| {
        let typed = Arc::clone(&typed);
        async move {
            typed.notified().await;
            websocket.send("last words").await.unwrap();
            let _ = websocket.close(CloseCode::GOING_AWAY, "night").await;
        }
    });
    let mut terminal = connect(&["connect", &url], &[]);
    terminal.types("half a line");
    terminal.edits("> half a line");
    assert!(!terminal.is_as_before());
    told.notify_one();
    let (status, lines) = terminal.ends();
    assert_eq!(status.code(), Some(0));
    assert!(lines.contains(&"< last words".to_owned()), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("closed by the peer: 1001 (going away)")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("half a line")), "{lines:?}");
    assert!(terminal.is_as_before());
    assert!(terminal.raw.ends_with(b"\x1b[J"), "{}", String::from_utf8_lossy(&terminal.raw));
}

#[test]
fn ctrl_c_closes_and_a_second_one_cuts() {
    let serve = Serve::start(&[]);
    let mut polite = connect(&["connect", &serve.echo()], &[]);
    polite.shows("the greeting", |lines| lines.iter().any(|line| line.starts_with("connected to ws://")));
    polite.types("typing");
    polite.edits("> typing");
    polite.types(CTRL_C);
    let (status, lines) = polite.ends();
    assert_eq!(status.code(), Some(0));
    assert!(lines.contains(&"closed by us: 1000 (normal closure)".to_owned()), "{lines:?}");

    // Never reads, so it does not answer the close frame.
    let url = server(|mut websocket| async move {
        websocket.send("open").await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut deaf = connect(&["connect", "--trace", &url], &[]);
    deaf.shows_line("< open");
    deaf.types(CTRL_C);
    deaf.shows("the close frame", |lines| lines.iter().any(|line| line.contains("> close")));
    deaf.types(CTRL_C);
    let (status, _) = deaf.ends();
    assert_eq!(status.code(), Some(130), "{status}");
    assert!(deaf.is_as_before());
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let serve = Serve::start(&[]);
    let colour = |environment: &[(&str, &str)]| {
        let mut terminal = connect(&["connect", &serve.echo()], environment);
        terminal.types("hi\r");
        terminal.shows_line("< hi");
        terminal.types(CTRL_D);
        terminal.ends();
        String::from_utf8_lossy(&terminal.raw).contains("\x1b[36m")
    };
    assert!(colour(&[]));
    assert!(!colour(&[("NO_COLOR", "1")]));
}

#[test]
fn a_terminal_that_knows_no_cursor_is_read_line_by_line() {
    let serve = Serve::start(&[]);
    let mut terminal = Terminal::start(&["connect", &serve.echo()], &[("TERM", "dumb")]);
    terminal.types("hi\n");
    terminal.shows_line("< hi");
    terminal.types(CTRL_D);
    assert_eq!(terminal.ends().0.code(), Some(0));
}

/// A Ctrl-D would be lost then.
#[test]
fn between_two_lines_the_terminal_is_not_given_back() {
    let serve = Serve::start(&[]);
    let mut terminal = connect(&["connect", &serve.echo()], &[]);
    for n in 0..50 {
        terminal.types(&format!("{n}\r"));
        terminal.shows_line_without_editing(&format!("< {n}"));
    }
    terminal.types(CTRL_D);
    assert_eq!(terminal.ends().0.code(), Some(0));
}

#[test]
fn lines_that_are_pasted_at_once_are_all_sent() {
    let serve = Serve::start(&[]);
    let mut terminal = connect(&["connect", &serve.echo()], &[]);
    terminal.types("first\rsecond\rthird\r");
    for line in ["< first", "< second", "< third"] {
        terminal.shows_line(line);
    }
}

#[test]
fn the_last_words_of_a_server_that_says_much_are_all_shown() {
    let url = server(|mut websocket| async move {
        for n in 0..20 {
            websocket.send(format!("word {n}")).await.unwrap();
        }
        let _ = websocket.close(CloseCode::NORMAL, "").await;
    });
    for _ in 0..5 {
        let mut terminal = Terminal::start(&["connect", &url], &[]);
        let (status, lines) = terminal.ends();
        assert_eq!(status.code(), Some(0));
        for n in 0..20 {
            assert!(lines.contains(&format!("< word {n}")), "{n} in {lines:?}");
        }
    }
}
