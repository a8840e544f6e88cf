use super::*;

/// Reports of the given cases (`case`, `behavior`, `behaviorClose`), as the runner writes them.
fn index(cases: &[(&str, &str, &str)]) -> Vec<CaseReport> {
    let entries: Vec<String> = cases
        .iter()
        .map(|(case, behavior, close)| {
            format!(
                r#""{case}": {{"behavior": "{behavior}", "behaviorClose": "{close}", "duration": 3,
                    "remoteCloseCode": 1000, "reportfile": "carrick_case_{}.json"}}"#,
                case.replace('.', "_")
            )
        })
        .collect();
    let text = format!(r#"{{"carrick": {{{}}}}}"#, entries.join(","));
    parse_index(&text, Path::new("out")).unwrap()
}

fn demanded(groups: &[(u32, usize)]) -> Option<BTreeMap<u32, usize>> {
    Some(groups.iter().copied().collect())
}

fn deviations(cases: &[(&str, &str, &str)], groups: &[(u32, usize)]) -> Vec<String> {
    judge(&index(cases), &demanded(groups)).deviations
}

#[test]
fn a_complete_run_of_ok_and_the_informational_cases_passes() {
    let cases = [
        ("1.1.1", "OK", "OK"),
        ("1.1.2", "OK", "INFORMATIONAL"),
        ("7.1.6", "INFORMATIONAL", "INFORMATIONAL"),
        ("7.13.1", "INFORMATIONAL", "INFORMATIONAL"),
    ];
    let verdict = judge(&index(&cases), &demanded(&[(1, 2), (7, 2)]));
    assert!(verdict.passed(), "{:?}", verdict.deviations);
    assert_eq!(verdict.agent, "carrick");
    let first = Group { group: 1, expected: 2, reported: 2, ok: 2, informational: 0, deviating: 0 };
    let seventh = Group { group: 7, expected: 2, reported: 2, ok: 0, informational: 2, deviating: 0 };
    assert_eq!(verdict.groups, [first, seventh]);
}

#[test]
fn a_missing_case_is_a_deviation_of_its_group() {
    let found = deviations(&[("1.1.1", "OK", "OK")], &[(1, 2)]);
    assert_eq!(found, ["group 1: 1 cases reported, 2 demanded"]);
}

#[test]
fn a_missing_group_is_a_deviation() {
    let found = deviations(&[("1.1.1", "OK", "OK")], &[(1, 1), (12, 90)]);
    assert_eq!(found, ["group 12: 0 cases reported, 90 demanded"]);
}

#[test]
fn a_case_that_nobody_demanded_is_a_deviation() {
    let found = deviations(&[("1.1.1", "OK", "OK"), ("11.1.1", "OK", "OK")], &[(1, 1)]);
    assert_eq!(found, ["group 11: 1 cases reported, 0 demanded"]);
}

#[test]
fn an_empty_index_does_not_pass() {
    let reports = parse_index("{}", Path::new("out")).unwrap();
    assert_eq!(judge(&reports, &None).deviations, ["no case was reported"]);
    assert!(!judge(&reports, &demanded(&[(1, 16)])).passed());
}

#[test]
fn only_ok_is_good_enough() {
    for behavior in ["UNIMPLEMENTED", "NON-STRICT", "FAILED", "ERROR", "INFORMATIONAL", "SOMETHING NEW"] {
        let found = deviations(&[("12.1.1", behavior, "OK")], &[(12, 1)]);
        let sentence = format!(
            "12.1.1: {behavior} (OK demanded), close OK, close code of the peer 1000: out/carrick_case_12_1_1.json"
        );
        assert_eq!(found, [sentence]);
    }
}

#[test]
fn an_informational_case_may_not_become_anything_else() {
    assert!(deviations(&[("7.13.2", "OK", "OK")], &[(7, 1)])[0].contains("INFORMATIONAL demanded"));
    assert_eq!(deviations(&[("7.13.2", "INFORMATIONAL", "OK")], &[(7, 1)]), [""; 0]);
}

#[test]
fn the_close_is_judged_apart_from_the_messages() {
    for close in ["FAILED", "UNCLEAN", "WRONG CODE", "FAILED BY CLIENT", "NON-STRICT"] {
        let found = deviations(&[("2.1", "OK", close)], &[(2, 1)]);
        assert!(found[0].contains(&format!("close {close},")), "{found:?}");
    }
}

#[test]
fn a_case_reported_by_two_shards_counts_once_and_is_a_deviation() {
    let twice = [index(&[("2.1", "OK", "OK")]), index(&[("2.1", "OK", "OK")])].concat();
    let verdict = judge(&twice, &demanded(&[(2, 1)]));
    assert_eq!(verdict.deviations, ["2.1: reported twice"]);
    assert_eq!(verdict.groups[0].reported, 1);
}

#[test]
fn deviations_stand_in_the_order_of_the_suite() {
    let found = deviations(&[("7.13.1", "OK", "OK"), ("7.2.1", "FAILED", "OK")], &[(7, 2)]);
    assert!(found[0].starts_with("7.2.1:") && found[1].starts_with("7.13.1:"), "{found:?}");
}

#[test]
fn a_report_in_another_form_is_an_error() {
    assert!(parse_index(r#"{"carrick": {"1.1.1": {}}}"#, Path::new("out")).is_err());
    assert!(parse_index("", Path::new("out")).is_err());
    let odd = r#"{"a": {"x": {"behavior": "OK", "behaviorClose": "OK", "remoteCloseCode": null, "reportfile": "f"}}}"#;
    assert!(parse_index(odd, Path::new("out")).is_err());
}
