//! Help, completions and manual pages.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use crate::support::run;

const COMMANDS: &[&str] = &["connect", "listen", "serve", "bench", "completions", "man"];

#[test]
fn help_tells_the_exit_codes_and_how_to_use_it() {
    let help = run(&["--help"], "");
    assert_eq!(help.code, Some(0));
    for word in COMMANDS.iter().chain(&["Exit codes:", "  3    --one"]) {
        assert!(help.out.contains(word), "{word} in {}", help.out);
    }
    let connect = run(&["connect", "--help"], "").out;
    for word in ["--linger", "ndjson", "Exit codes:", "On a terminal:", "carrick connect --trace"] {
        assert!(connect.contains(word), "{word} in {connect}");
    }
    assert!(run(&["listen", "--help"], "").out.contains("REMOTE_ADDR"));
    let bench = run(&["bench", "--help"], "").out;
    for word in ["/echo", "coordinated omission", "Exit codes:", "--reply-timeout", "--proxy"] {
        assert!(bench.contains(word), "{word} in {bench}");
    }
}

#[test]
fn each_shell_gets_a_script_that_knows_the_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell], "");
        assert_eq!(script.code, Some(0), "{shell}");
        for word in ["connect", "listen", "subprotocol"] {
            assert!(script.out.contains(word), "{word} for {shell}");
        }
        // Not every shell completes the values of a flag.
        assert!(script.out.contains("ndjson") || matches!(shell, "elvish" | "powershell"), "{shell}");
    }
}

#[test]
fn bash_reads_the_script_and_completes_with_it() {
    let script = run(&["completions", "bash"], "").out;
    let test = format!(
        "set -eu\n{script}\nset +u\nCOMP_WORDS=(carrick connect --outp)\nCOMP_CWORD=2\n\
         _carrick carrick --outp connect\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    );
    let Ok(mut bash) =
        Command::new("bash").args(["--norc", "-s"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    else {
        // There is no bash on every machine.
        return;
    };
    bash.stdin.take().unwrap().write_all(test.as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "--output\n");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let page = run(&["man"], "");
    assert_eq!(page.code, Some(0));
    for word in [".TH carrick 1", ".SH NAME", ".SH SYNOPSIS", ".SH \"EXIT CODES\"", "carrick\\-connect(1)"] {
        assert!(page.out.contains(word), "{word} in {}", page.out);
    }
    let connect = run(&["man", "connect"], "").out;
    for word in
        [".TH carrick-connect 1", "\\-\\-linger", ".SH EXAMPLES", ".SH \"ON A TERMINAL\"", "[default: 1]"]
    {
        assert!(connect.contains(word), "{word} in {connect}");
    }
    let bench = run(&["man", "bench"], "").out;
    for word in [".TH carrick-bench 1", "\\-\\-warm\\-up", ".SH \"WHAT IS MEASURED\"", "coordinated omission"]
    {
        assert!(bench.contains(word), "{word} in {bench}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man1");
    assert_eq!(run(&["man", "--dir", path.to_str().unwrap()], "").code, Some(0));
    let mut names: Vec<_> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut expected: Vec<_> = COMMANDS.iter().map(|command| format!("carrick-{command}.1")).collect();
    expected.push("carrick.1".to_owned());
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn the_pages_are_sound_roff() {
    for command in COMMANDS {
        let page = run(&["man", command], "").out;
        let groff = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-z"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        // There is no groff on every machine.
        let Ok(mut groff) = groff else { return };
        groff.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        let output = groff.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{command}");
    }
}
