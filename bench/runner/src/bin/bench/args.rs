//! What the runner is told.

/// Runs carrick side by side with its peers, and prints what a message costs each of them.
///
/// Without a name every row is run, and bench/results/ and the plots are written anew.
#[derive(Debug, clap::Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Args {
    /// The rows, by their names or by how their names begin.
    pub(crate) rows: Vec<String>,
    /// How often carrick, uWebSockets and the raw echo are measured, in an order that alternates.
    #[arg(long, default_value_t = 15)]
    pub(crate) rounds: usize,
    /// How often the other peers are measured.
    #[arg(long, default_value_t = 3)]
    pub(crate) other_rounds: usize,
    /// Seconds of a round.
    #[arg(long, default_value_t = 0.5)]
    pub(crate) seconds: f64,
    /// Only these peers; uWebSockets is always among them, for the ratios.
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub(crate) peers: Vec<String>,
    /// Three short rounds for carrick, uWebSockets and the raw echo, and one for the others: to see that all of it works.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Writes what was measured also if it is not every row in full length; rows that were not run keep their figures.
    #[arg(long)]
    pub(crate) save: bool,
    /// Draws plots and table from bench/results/results.json, and measures nothing.
    #[arg(long)]
    pub(crate) redraw: bool,
    /// Names the rows and the peers.
    #[arg(long)]
    pub(crate) list: bool,
    /// Names what has to be built for the rows and peers that were asked for; `cargo xtask bench` reads it.
    #[arg(long, hide = true)]
    pub(crate) needs: bool,
}

/// How long everything is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) other_rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) warm_up: f64,
}

impl Args {
    pub(crate) fn effort(&self) -> Effort {
        let Args { rounds, other_rounds, seconds, .. } = *self;
        if self.quick {
            return Effort { rounds: 3, other_rounds: 1, seconds: 0.15, warm_up: 0.05 };
        }
        Effort { rounds, other_rounds: other_rounds.min(rounds), seconds, warm_up: 0.1 }
    }

    /// Whether the figures are good enough to be published.
    pub(crate) fn is_complete(&self) -> bool {
        self.rows.is_empty() && self.peers.is_empty() && !self.quick && self.rounds >= 15
    }
}
