//! `carrick bench`: how fast a server is.

use std::{fs::File, io::Write, path::Path, time::SystemTime};

use carrick::{
    ClientBuilder, Http,
    protocol::{Config, Kind},
};

use crate::{
    args::{Bench, BenchOutput, Load},
    bench::{self, Plan, Progress, Results},
    connect::opening,
    exit::Exit,
    failure::Failure,
    output,
    signals::Interruptions,
};

/// Opens connections, sends messages, and prints how long the replies took.
pub(crate) async fn bench(args: Bench) -> Result<Exit, Failure> {
    let plan = plan(&args)?;
    bench::make_room(&plan)?;
    // Before the measurement, which would be lost otherwise.
    let file = args.report.html.as_deref().map(create).transpose()?;
    let interruptions = Interruptions::watch();
    let Some(results) = bench::conduct(plan, Progress::new(), interruptions).await? else {
        output::note("interrupted before anything was measured");
        return Ok(Exit::Cut);
    };
    if let (Some(mut file), Some(path)) = (file, &args.report.html) {
        let page = bench::page(&results, SystemTime::now());
        file.write_all(page.as_bytes()).map_err(|error| unwritable(path).because(error))?;
    }
    print(&results, args.report.output);
    Ok(results.exit())
}

fn plan(args: &Bench) -> Result<Plan, Failure> {
    let Load { connections, ramp, duration, count, warm_up, pipeline, rate, reply_timeout, .. } = args.load;
    let threads = args.load.threads.map_or_else(bench::default_threads, |threads| threads as usize);
    let duration = duration.or(if count.is_none() { Some(DEFAULT_DURATION) } else { None });
    Ok(Plan {
        url: opening::without_secrets(&opening::url(&args.opening.url)),
        builder: builder(args)?,
        connections: connections as usize,
        ramp,
        threads: threads.min(connections as usize),
        sizes: args.load.sizes.clone(),
        kind: if args.load.text { Kind::Text } else { Kind::Binary },
        pipeline: pipeline as usize,
        rate,
        warm_up,
        duration,
        count,
        reply_timeout,
        check: !args.load.no_check,
    })
}

/// Each connection is one of its own unless HTTP/2 or HTTP/3 is asked for: what is measured must not depend on what the server prefers.
fn builder(args: &Bench) -> Result<ClientBuilder, Failure> {
    let builder = opening::builder(&args.opening, config(&args.load), !args.load.no_deflate)?;
    let way = &args.opening.way;
    Ok(if way.http2 || way.http3 { builder } else { builder.http(Http::Http1) })
}

fn config(load: &Load) -> Config {
    let mut config = Config::default();
    let largest = load.sizes.iter().map(|size| size.bytes as u64).max().unwrap_or_default();
    config.max_message_bytes = config.max_message_bytes.max(largest);
    config.max_frame_bytes = config.max_frame_bytes.max(largest);
    // A server may send back every piece as a fragment, and nobody is harmed by that here.
    config.max_fragments = u32::MAX;
    // Pings of ours would be part of what is measured.
    config.ping_interval = None;
    config
}

fn print(results: &Results, format: BenchOutput) {
    match format {
        BenchOutput::Text => output::line(bench::table(results).trim_end()),
        BenchOutput::Json => output::line(&bench::json(results)),
    }
    if let Some(hint) = results.hint() {
        output::hint(hint);
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| unwritable(path).because(error))
}

fn unwritable(path: &Path) -> Failure {
    Failure::new(format!("{} cannot be written", path.display()))
        .with_hint("--html takes a file in a folder that is there, and that you may write to")
}

const DEFAULT_DURATION: std::time::Duration = std::time::Duration::from_secs(10);
