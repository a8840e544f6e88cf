//! The plots for the README: bars, one for each peer, in a panel for each row.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use bench::stats::Spread;
use plotters::prelude::*;

use crate::places;
use crate::results::{PeerResult, Results, RowResult};
use crate::rows::Unit;
use crate::table;

/// One file.
struct Plot {
    file: &'static str,
    title: &'static str,
    rows: &'static [&'static str],
    scale: Scale,
}

/// What the length of a bar says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// The ratio to the yardstick, from zero.
    Ratio,
    /// The cost, each step ten times the one before.
    LogCost,
}

const PLOTS: &[Plot] = &[
    Plot {
        file: "bench-ping.svg",
        title: "Ping-pong: how much cheaper than uWebSockets a message is (CPU time; longer is better)",
        rows: &["ping-64x20", "ping-64x1024", "ping-64x16384", "ping-1000x20"],
        scale: Scale::Ratio,
    },
    Plot {
        file: "bench-work.svg",
        title: "Other work: how much cheaper than uWebSockets a message is (CPU time; longer is better)",
        rows: &[
            "d32",
            "large",
            "text-chinese",
            "fanout-1000",
            "fanout-1000-by-8",
            "deflate",
            "tls-20",
            "tls-16384",
            "handshake",
        ],
        scale: Scale::Ratio,
    },
    Plot {
        file: "bench-memory.svg",
        title: "Memory of an idle connection, bytes (logarithmic; shorter is better)",
        rows: &["idle", "idle-tls", "idle-deflate"],
        scale: Scale::LogCost,
    },
];

/// Draws all of them; a plot without figures is left out.
pub(crate) fn draw(results: &Results) -> anyhow::Result<()> {
    let folder = places::root().join("docs/images");
    fs::create_dir_all(&folder)?;
    PLOTS.iter().try_for_each(|plot| {
        let panels: Vec<Panel<'_>> =
            plot.rows.iter().filter_map(|name| Panel::of(results.row(name)?, plot.scale)).collect();
        if panels.is_empty() { Ok(()) } else { plot.draw(&panels, &folder) }
    })
}

/// One row, the best peer first.
struct Panel<'a> {
    title: &'static str,
    bars: Vec<(&'a PeerResult, Spread)>,
    longest: f64,
}

impl Panel<'_> {
    fn of(row: &RowResult, scale: Scale) -> Option<Panel<'_>> {
        let value = |peer: &PeerResult| if scale == Scale::Ratio { peer.ratio } else { peer.cost };
        let mut bars: Vec<_> = row.peers.iter().filter_map(|peer| Some((peer, value(peer)?))).collect();
        bars.sort_by(|(_, a), (_, b)| match scale {
            Scale::Ratio => b.median.total_cmp(&a.median),
            Scale::LogCost => a.median.total_cmp(&b.median),
        });
        let longest = bars.iter().map(|(_, spread)| spread.upper).max_by(f64::total_cmp)?;
        Some(Panel { title: row.row()?.title, bars, longest })
    }

    fn height(&self) -> i32 {
        HEAD + LINE * self.bars.len() as i32 + GAP
    }

    /// How many pixels a bar is long.
    fn length(&self, value: f64, scale: Scale) -> i32 {
        let share = match scale {
            Scale::Ratio => value / self.longest,
            // A byte has no length, and what is below it none either.
            Scale::LogCost => value.max(1.0).log10() / self.longest.max(10.0).log10(),
        };
        (share * f64::from(BARS)) as i32
    }
}

impl Plot {
    fn draw(&self, panels: &[Panel<'_>], folder: &Path) -> anyhow::Result<()> {
        let height = TOP + panels.iter().map(Panel::height).sum::<i32>();
        let path: PathBuf = folder.join(self.file);
        let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
        let drawn = self.draw_on(&SVGBackend::new(&path, size).into_drawing_area(), panels);
        drawn.map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
    }

    fn draw_on(&self, area: &Area<'_>, panels: &[Panel<'_>]) -> Drawn {
        area.fill(&WHITE)?;
        area.draw(&Text::new(self.title, (MARGIN, MARGIN), (FONT, 16).into_font()))?;
        let mut y = TOP;
        for panel in panels {
            self.draw_panel(area, panel, y)?;
            y += panel.height();
        }
        area.present()
    }

    fn draw_panel(&self, area: &Area<'_>, panel: &Panel<'_>, top: i32) -> Drawn {
        area.draw(&Text::new(panel.title, (MARGIN, top), (FONT, 14).into_font()))?;
        let first = top + HEAD;
        for (index, (peer, spread)) in panel.bars.iter().enumerate() {
            let y = first + LINE * index as i32;
            let color = if peer.is_ours() { OURS } else { OTHERS };
            let end = LEFT + panel.length(spread.median, self.scale);
            area.draw(&Text::new(peer.label.as_str(), (MARGIN, y + 2), (FONT, 13).into_font()))?;
            area.draw(&Rectangle::new([(LEFT, y + 2), (end, y + LINE - 3)], color.filled()))?;
            let (lower, upper) =
                (panel.length(spread.lower, self.scale), panel.length(spread.upper, self.scale));
            let middle = y + LINE / 2;
            area.draw(&PathElement::new([(LEFT + lower, middle), (LEFT + upper, middle)], BLACK))?;
            let text = match self.scale {
                Scale::Ratio => format!("{:.2}", spread.median),
                Scale::LogCost => table::shown(spread.median, Unit::Bytes),
            };
            let behind = LEFT + panel.length(spread.upper.max(spread.median), self.scale) + 6;
            area.draw(&Text::new(text, (behind, y + 2), (FONT, 13).into_font()))?;
        }
        if self.scale == Scale::Ratio && panel.longest >= 1.0 {
            let (x, last) = (LEFT + panel.length(1.0, self.scale), first + LINE * panel.bars.len() as i32);
            area.draw(&PathElement::new([(x, first), (x, last)], BLACK.mix(0.4)))?;
        }
        Ok(())
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

const FONT: &str = "sans-serif";
const WIDTH: i32 = 900;
const MARGIN: i32 = 12;
const TOP: i32 = 44;
/// The title of a panel.
const HEAD: i32 = 24;
/// A bar with its label.
const LINE: i32 = 20;
/// Below a panel.
const GAP: i32 = 16;
/// Where bars begin, and how long the longest is.
const LEFT: i32 = 190;
const BARS: i32 = 620;
const OURS: RGBColor = RGBColor(0xd9, 0x5f, 0x02);
const OTHERS: RGBColor = RGBColor(0x9a, 0xa5, 0xb1);
