//! The results as a page: one file, nothing of which comes from elsewhere.

use std::{
    fmt::Write,
    time::{Duration, SystemTime},
};

use super::{
    format,
    plot::{Axis, even_marks, plot, powers},
    results::{Measured, Results},
    table,
};
use crate::escape;

/// The whole page.
pub(crate) fn page(results: &Results, now: SystemTime) -> String {
    let headline = html(&escape::line(&results.headline()));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>carrick bench</title>\n<style>{STYLE}</style>\n\
         <h1>carrick bench</h1>\n<p>{headline}</p>\n<p>{}, carrick {}{}</p>\n",
        humantime::format_rfc3339_seconds(now),
        env!("CARGO_PKG_VERSION"),
        if results.is_interrupted { ", interrupted" } else { "" },
    );
    page.push_str(&summary(results));
    page.push_str(&errors(results));
    for round in &results.rounds {
        let _ = writeln!(page, "<h2>{}</h2>", html(&round.size.to_string()));
        if round.messages() > 0 {
            let _ = writeln!(page, "<h3>Latency by percentile</h3>\n{}", latency(round));
        }
        let _ = writeln!(page, "<h3>Messages per second over time</h3>\n{}", throughput(round));
    }
    let _ = writeln!(page, "<p>{}</p>", html(note(results)));
    page
}

fn summary(results: &Results) -> String {
    let mut table = String::from("<div><table>\n");
    for (at, row) in table::rows(results).iter().enumerate() {
        let cell = if at == 0 { "th" } else { "td" };
        table.push_str("<tr>");
        for text in row {
            let _ = write!(table, "<{cell}>{}</{cell}>", html(text.trim()));
        }
        table.push_str("</tr>\n");
    }
    table.push_str("</table></div>\n");
    table
}

fn errors(results: &Results) -> String {
    let kinds = results.troubles.kinds();
    if kinds.is_empty() {
        return "<p>No errors.</p>\n".to_owned();
    }
    let mut list = String::from("<h2>Errors</h2>\n<ul>\n");
    for (what, kind) in kinds {
        let _ = writeln!(list, "<li>{} × {}</li>", format::whole(kind.count), html(&escape::line(what)));
    }
    list.push_str("</ul>\n");
    list
}

fn note(results: &Results) -> &'static str {
    match results.plan.rate {
        Some(_) => {
            "Latencies count from the time at which a message was due, whether or not it could be sent then: pauses of the \
             server show in every message that was due in them (corrected for coordinated omission)."
        }
        None => {
            "Latencies count from the message to its reply. Each connection sends its next message when a reply has come, so \
             that a server that pauses is sent nothing meanwhile: its pauses hardly show in the percentiles. A fixed rate \
             (--rate) shows them."
        }
    }
}

/// Far right are the few slowest messages: each mark leaves a tenth of what the one before it leaves.
fn latency(round: &Measured) -> String {
    let times = &round.tally.latency;
    let nanoseconds = |time: Option<Duration>| time.map_or(1.0, |time| (time.as_nanos() as f64).max(1.0));
    let right = (times.count() as f64).log10().clamp(1.0, 6.0);
    let points: Vec<_> = (0..=POINTS)
        .map(|at| {
            let x = right * at as f64 / POINTS as f64;
            let percentile = 100.0 * (1.0 - 10_f64.powf(-x));
            (x, nanoseconds(times.percentile(percentile)).log10())
        })
        .collect();
    let whole = (1..=right.ceil() as u32).map(f64::from);
    let marks = [0.0, 2_f64.log10()].into_iter().chain(whole).collect();
    let x = Axis { title: "percentile", label: &percentile, marks };
    let y = Axis {
        title: "latency",
        label: &|exponent| format::time(Duration::from_nanos(10_f64.powf(exponent).round() as u64)),
        marks: powers(nanoseconds(times.percentile(0.0)), nanoseconds(times.percentile(100.0))),
    };
    plot(&points, &x, &y)
}

/// The label of an exponent: 2 is 99 %.
fn percentile(exponent: f64) -> String {
    let percentile = 100.0 * (1.0 - 10_f64.powf(-exponent));
    let decimals = (exponent - 2.0).ceil().clamp(0.0, 4.0) as usize;
    format!("{percentile:.decimals$} %")
}

fn throughput(round: &Measured) -> String {
    let condensed = round.tally.timeline.condensed(round.elapsed, POINTS);
    let step = condensed.step.as_secs_f64();
    let points: Vec<_> = condensed
        .replies
        .iter()
        .enumerate()
        .map(|(at, replies)| ((at as f64 + 0.5) * step, *replies as f64 / step))
        .collect();
    if points.len() < 2 {
        return "<p>Too short for a plot.</p>".to_owned();
    }
    let most = points.iter().fold(1.0, |most: f64, point| most.max(point.1));
    let x = Axis {
        title: "seconds",
        label: &|seconds| format!("{}", (seconds * 1000.0).round() / 1000.0),
        marks: even_marks(step * points.len() as f64, 10),
    };
    let y = Axis { title: "messages per second", label: &format::three_digits, marks: even_marks(most, 5) };
    plot(&points, &x, &y)
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const POINTS: usize = 200;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}\
div{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{text-align:right;padding:.2rem .6rem;white-space:nowrap}\
th:first-child,td:first-child{text-align:left;padding-left:0}\
tr+tr{border-top:1px solid #8886}h3{font-size:1rem;margin-bottom:0}\
svg{max-width:100%;height:auto}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bench::{results::tests::results, trouble::Trouble},
        exit::Exit,
    };

    #[test]
    fn the_page_has_two_plots_for_each_size_and_the_words_of_strangers_stay_words() {
        let mut results = results();
        for microseconds in 1..=10_000 {
            results.rounds[0].tally.latency.record(Duration::from_micros(microseconds));
        }
        let what = "<script>alert(\"&\")</script>".to_owned();
        results.troubles.add(Trouble { what, hint: None, exit: Exit::Failed });
        let page = page(&results, SystemTime::UNIX_EPOCH);
        assert_eq!(page.matches("<svg").count(), 2);
        for word in
            ["99.9 %", "10.0 ms", "1970-01-01T00:00:00Z", "<td>handshake</td>", "closed loop", "--rate"]
        {
            assert!(page.contains(word), "{word} in {page}");
        }
        assert!(page.contains("1 × &lt;script&gt;alert(&quot;&amp;&quot;)"));
        assert!(!page.contains("<script") && !page.contains("http-equiv") && !page.contains("src="));
    }

    #[test]
    fn what_is_too_short_has_no_plot() {
        let mut results = results();
        results.rounds[0].elapsed = Duration::from_millis(150);
        let page = page(&results, SystemTime::UNIX_EPOCH);
        assert!(!page.contains("<svg") && page.contains("Too short for a plot"));
    }

    #[test]
    fn each_mark_of_a_percentile_has_as_many_digits_as_it_needs() {
        let labels = [0.0, 2_f64.log10(), 1.0, 2.0, 3.0, 4.0].map(percentile);
        assert_eq!(labels, ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
    }
}
