//! The environment names the proxy. A process cannot change its own safely, so this binary runs itself.

use std::process::{Command, Output};

use carrick::ClientBuilder;

use super::{play_http, server, told};
use crate::support::Scripted;

/// Connects where the variable says; run alone, without it, there is nothing to do.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the variable is how the other test speaks to this one")]
async fn a_client_connects_where_a_variable_says() {
    let Ok(url) = std::env::var(URL) else { return };
    let builder = ClientBuilder::new(&url).unwrap();
    let builder = if std::env::var(DIRECT).is_ok() { builder.no_proxy() } else { builder };
    match builder.connect().await {
        Ok(_) => println!("connected"),
        Err(error) => println!("{}", told(&error)),
    }
}

/// What the client prints in a process with these variables and no others that name a proxy.
async fn client(url: String, variables: Vec<(&'static str, String)>) -> String {
    let run = move || -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "proxy::environment::a_client_connects_where_a_variable_says",
            "--nocapture",
        ]);
        for name in ["ws_proxy", "wss_proxy", "http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.env(URL, url).envs(variables).output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_variable_leads_through_its_proxy_and_an_exception_around_it() {
    for (variables, direct, through_proxy) in [
        (&[("http_proxy", "http://u:hidden@127.0.0.1:PORT")][..], false, true),
        (&[("ALL_PROXY", "127.0.0.1:PORT")], false, true),
        (&[("http_proxy", "http://127.0.0.1:PORT"), ("no_proxy", "localhost")], false, false),
        (&[("http_proxy", "http://127.0.0.1:PORT")], true, false),
        (&[("HTTP_PROXY", "http://127.0.0.1:PORT")], false, false),
        (&[], false, false),
    ] {
        let server = server().await;
        let proxy =
            Scripted::start(async |mut stream| play_http(&mut stream, "HTTP/1.1 200 OK\r\n\r\n").await).await;
        let mut set: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, value.replace("PORT", &proxy.port.to_string())))
            .collect();
        set.extend(direct.then(|| (DIRECT, "1".to_owned())));
        let printed = client(format!("ws://localhost:{}/", server.port), set).await;
        assert!(printed.contains("connected\n"), "{variables:?}: {printed}");
        server.result().await;
        if through_proxy {
            proxy.result().await;
        }
    }
}

#[tokio::test]
async fn a_variable_that_names_no_proxy_is_an_error_that_names_the_variable() {
    let printed =
        client("ws://localhost:1/".to_owned(), vec![("ws_proxy", "gopher://u:hidden@p".to_owned())]).await;
    assert!(printed.contains("ws_proxy") && printed.contains("gopher"), "{printed}");
    assert!(!printed.contains("hidden"), "{printed}");
}

const URL: &str = "CARRICK_TEST_URL";

const DIRECT: &str = "CARRICK_TEST_DIRECT";
