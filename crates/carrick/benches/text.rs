//! What `Text::as_str` saves by not checking its bytes again: the time of reading a text once it is received, checked
//! and unchecked, side by side in one run. `cargo bench -p carrick --bench text`.

use std::{hint::black_box, time::Instant};

use carrick::protocol::Text;

#[expect(clippy::disallowed_methods, clippy::print_stdout)]
fn main() {
    for (name, length) in [("20 B", 20), ("1 KiB", 1 << 10), ("16 KiB", 16 << 10)] {
        let text = Text::from("Grüße, 世界 ".repeat(length / 16 + 1).as_str());
        let rounds = (64 << 20) / text.len();
        let time = |read: &dyn Fn(&Text) -> usize| {
            let start = Instant::now();
            for _ in 0..rounds {
                black_box(read(black_box(&text)));
            }
            start.elapsed().as_secs_f64()
        };
        let mut ratios: Vec<f64> = (0..15)
            .map(|_| {
                let unchecked = time(&|text| text.as_str().len());
                let checked = time(&|text| simdutf8::basic::from_utf8(text.as_bytes()).map_or(0, str::len));
                checked / unchecked
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!("{name:>7}: reading it checked takes {:.1} times as long (median of 15)", ratios[7]);
    }
}
