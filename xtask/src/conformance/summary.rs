//! The verdict for a machine and for a reader.

use std::fmt::Write as _;

use anyhow::Context;

use super::judge::{Group, Verdict};
use super::kosoku;

/// What `summary.json` holds.
#[derive(serde::Serialize)]
struct Summary<'a> {
    run: &'a str,
    runner: String,
    agent: &'a str,
    passed: bool,
    total: Group,
    groups: &'a [Group],
    deviations: &'a [String],
}

/// The verdict as `summary.json`.
pub(super) fn json(run: &str, verdict: &Verdict) -> anyhow::Result<String> {
    let summary = Summary {
        run,
        runner: kosoku::PACKAGE.replace("==", " "),
        agent: &verdict.agent,
        passed: verdict.passed(),
        total: total(verdict),
        groups: &verdict.groups,
        deviations: &verdict.deviations,
    };
    let mut text = serde_json::to_string_pretty(&summary).context("cannot write the summary")?;
    text.push('\n');
    Ok(text)
}

/// The verdict as a Markdown table by group, with every deviation below it.
pub(super) fn markdown(run: &str, verdict: &Verdict) -> String {
    let mut text = format!(
        "\n## Autobahn: {run} ({})\n\n| group | demanded | reported | OK | informational | deviating |\n|---|---|---|---|---|---|\n",
        verdict.agent
    );
    for group in &verdict.groups {
        row(&mut text, &group.group.to_string(), group);
    }
    row(&mut text, "**all**", &total(verdict));
    for deviation in &verdict.deviations {
        write!(text, "\n- {deviation}").expect("a String takes everything");
    }
    text
}

fn row(text: &mut String, name: &str, group: &Group) {
    let Group { group: _, expected, reported, ok, informational, deviating } = group;
    writeln!(text, "| {name} | {expected} | {reported} | {ok} | {informational} | {deviating} |")
        .expect("a String takes everything");
}

fn total(verdict: &Verdict) -> Group {
    let sum = |count: fn(&Group) -> usize| verdict.groups.iter().map(count).sum();
    Group {
        group: 0,
        expected: sum(|group| group.expected),
        reported: sum(|group| group.reported),
        ok: sum(|group| group.ok),
        informational: sum(|group| group.informational),
        deviating: sum(|group| group.deviating),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict() -> Verdict {
        Verdict {
            agent: "carrick".to_owned(),
            groups: vec![
                Group { group: 1, expected: 16, reported: 16, ok: 16, informational: 0, deviating: 0 },
                Group { group: 7, expected: 37, reported: 36, ok: 32, informational: 3, deviating: 1 },
            ],
            deviations: vec!["7.1.1: FAILED".to_owned()],
        }
    }

    #[test]
    fn the_table_ends_with_the_sums_and_the_deviations() {
        let text = markdown("server", &verdict());
        assert!(text.contains("| 7 | 37 | 36 | 32 | 3 | 1 |\n"), "{text}");
        assert!(text.ends_with("| **all** | 53 | 52 | 48 | 3 | 1 |\n\n- 7.1.1: FAILED"), "{text}");
    }

    #[test]
    fn the_json_says_whether_the_run_passed() {
        let summary: serde_json::Value = serde_json::from_str(&json("server", &verdict()).unwrap()).unwrap();
        assert_eq!(summary["passed"], false);
        assert_eq!(summary["total"]["ok"], 48);
        assert_eq!(summary["deviations"][0], "7.1.1: FAILED");
    }
}
