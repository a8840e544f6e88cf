//! The verdict on what the runner reported. The runner's own exit code passes NON-STRICT; this does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::cases::group_of;
use crate::workspace;

/// What the runner says about one case.
#[derive(Debug, Clone)]
pub(super) struct CaseReport {
    pub(super) case: String,
    pub(super) agent: String,
    pub(super) behavior: String,
    pub(super) behavior_close: String,
    pub(super) remote_close_code: Option<i64>,
    /// The file with everything that went over the wire.
    pub(super) file: PathBuf,
}

/// What is to be said about a run.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The name that the peer under test gave itself.
    pub(super) agent: String,
    pub(super) groups: Vec<Group>,
    /// One sentence for each case, or count of cases, that is not as it must be.
    pub(super) deviations: Vec<String>,
}

/// The counts of one group of cases.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Group {
    pub(super) group: u32,
    pub(super) expected: usize,
    pub(super) reported: usize,
    pub(super) ok: usize,
    pub(super) informational: usize,
    pub(super) deviating: usize,
}

impl Verdict {
    pub(super) fn passed(&self) -> bool {
        self.deviations.is_empty()
    }
}

/// Reads the `index.json` of one shard.
pub(super) fn read_index(folder: &Path) -> anyhow::Result<Vec<CaseReport>> {
    let file = folder.join("index.json");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("no report was written to {}", workspace::shown(&file)))?;
    parse_index(&text, folder).with_context(|| format!("cannot read {}", workspace::shown(&file)))
}

fn parse_index(text: &str, folder: &Path) -> anyhow::Result<Vec<CaseReport>> {
    // The agents differ within one shard when the peer died: then the runner could not learn its name.
    let index: BTreeMap<String, BTreeMap<String, Entry>> = serde_json::from_str(text)?;
    let mut reports = Vec::new();
    for (agent, cases) in index {
        for (case, entry) in cases {
            if group_of(&case).is_none() {
                bail!("`{case}` is not the number of a case");
            }
            reports.push(CaseReport {
                case,
                agent: agent.clone(),
                behavior: entry.behavior,
                behavior_close: entry.behavior_close,
                remote_close_code: entry.remote_close_code,
                file: folder.join(entry.reportfile),
            });
        }
    }
    Ok(reports)
}

/// Holds the reports of all shards against what is demanded: each case once, each as it must be, none missing.
///
/// `expected` is the number of cases in each group, `None` where they were picked by hand.
pub(super) fn judge(reports: &[CaseReport], expected: &Option<BTreeMap<u32, usize>>) -> Verdict {
    let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
    for (&group, &count) in expected.iter().flatten() {
        groups.insert(group, Group { group, expected: count, ..Group::default() });
    }
    let mut verdict = Verdict { agent: agents(reports), ..Verdict::default() };
    let mut seen = BTreeSet::new();
    for report in sorted(reports) {
        let number = group_of(&report.case).unwrap_or_default();
        let group = groups.entry(number).or_insert_with(|| Group { group: number, ..Group::default() });
        if !seen.insert(&report.case) {
            verdict.deviations.push(format!("{}: reported twice", report.case));
            continue;
        }
        group.reported += 1;
        match deviation(report) {
            None if is_informational(&report.case) => group.informational += 1,
            None => group.ok += 1,
            Some(sentence) => {
                group.deviating += 1;
                verdict.deviations.push(sentence);
            }
        }
    }
    verdict.groups = groups.into_values().collect();
    if reports.is_empty() {
        verdict.deviations.push("no case was reported".to_owned());
    }
    if expected.is_some() {
        let wrong = verdict.groups.iter().filter(|group| group.reported != group.expected);
        let sentences = wrong.map(|group| {
            format!("group {}: {} cases reported, {} demanded", group.group, group.reported, group.expected)
        });
        verdict.deviations.extend(sentences.collect::<Vec<_>>());
    }
    verdict
}

/// What is wrong with a case, if anything.
fn deviation(report: &CaseReport) -> Option<String> {
    let wanted = if is_informational(&report.case) { "INFORMATIONAL" } else { "OK" };
    if report.behavior == wanted && ["OK", "INFORMATIONAL"].contains(&report.behavior_close.as_str()) {
        return None;
    }
    let code = report.remote_close_code.map_or("none".to_owned(), |code| code.to_string());
    Some(format!(
        "{}: {} ({wanted} demanded), close {}, close code of the peer {code}: {}",
        report.case,
        report.behavior,
        report.behavior_close,
        workspace::shown(&report.file)
    ))
}

/// Whether the case only looks at what the RFC leaves open: data after a close frame, close codes above 4999.
fn is_informational(case: &str) -> bool {
    INFORMATIONAL.contains(&case)
}

/// The cases by their numbers: 7.2 before 7.13.
fn sorted(reports: &[CaseReport]) -> Vec<&CaseReport> {
    let mut sorted: Vec<&CaseReport> = reports.iter().collect();
    sorted.sort_by_key(|report| report.case.split('.').map(|n| n.parse().unwrap_or(0)).collect::<Vec<u32>>());
    sorted
}

fn agents(reports: &[CaseReport]) -> String {
    let agents: BTreeSet<&str> = reports.iter().map(|report| report.agent.as_str()).collect();
    agents.into_iter().collect::<Vec<_>>().join(", ")
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    behavior: String,
    behavior_close: String,
    remote_close_code: Option<i64>,
    reportfile: PathBuf,
}

/// The cases whose perfect result is INFORMATIONAL.
const INFORMATIONAL: [&str; 3] = ["7.1.6", "7.13.1", "7.13.2"];

#[cfg(test)]
mod tests;
