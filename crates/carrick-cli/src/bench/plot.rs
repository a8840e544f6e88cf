//! A line over two axes, as SVG.

use std::ops::Range;

use plotters::{
    coord::ranged1d::{DefaultFormatting, KeyPointHint},
    prelude::*,
};

/// What an axis is about, and how its values are written.
pub(super) struct Axis<'a> {
    pub(super) title: &'a str,
    pub(super) label: &'a dyn Fn(f64) -> String,
    /// Where it is marked, in ascending order; the first and the last mark are its ends.
    pub(super) marks: Vec<f64>,
}

/// The plot; nothing if it cannot be drawn, as with fewer than two marks.
pub(super) fn plot(points: &[(f64, f64)], x: &Axis<'_>, y: &Axis<'_>) -> String {
    let mut svg = String::new();
    match draw(&mut svg, points, x, y) {
        Some(()) => svg,
        None => String::new(),
    }
}

fn draw(svg: &mut String, points: &[(f64, f64)], x: &Axis<'_>, y: &Axis<'_>) -> Option<()> {
    let (across, up) = (Marked::new(&x.marks)?, Marked::new(&y.marks)?);
    let area = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .margin_right(28)
        .x_label_area_size(46)
        .y_label_area_size(84)
        .build_cartesian_2d(across, up)
        .ok()?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .bold_line_style(GREY.mix(0.3))
        .axis_style(GREY)
        .label_style(("sans-serif", 13).into_font().color(&GREY))
        .axis_desc_style(("sans-serif", 13).into_font().color(&GREY))
        .x_desc(x.title)
        .y_desc(y.title)
        .x_label_formatter(&|value| (x.label)(*value))
        .y_label_formatter(&|value| (y.label)(*value))
        .draw()
        .ok()?;
    let line = LineSeries::new(points.iter().copied(), ShapeStyle::from(&BLUE_ON_ANY).stroke_width(2));
    chart.draw_series(line).ok()?;
    area.present().ok()
}

/// The axis that plotters wants: `first < last`, and the marks from one to the other.
struct Marked {
    first: f64,
    last: f64,
    marks: Vec<f64>,
}

impl Marked {
    fn new(marks: &[f64]) -> Option<Marked> {
        let (&first, &last) = (marks.first()?, marks.last()?);
        (first < last).then(|| Marked { first, last, marks: marks.to_vec() })
    }
}

impl Ranged for Marked {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        start + ((value - self.first) / (self.last - self.first) * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.first..self.last
    }
}

/// Marks at round numbers from 0 up to the first one that is not below `most`, about `wanted` of them.
pub(super) fn even_marks(most: f64, wanted: usize) -> Vec<f64> {
    let step = round_up(most.max(f64::MIN_POSITIVE) / wanted.max(1) as f64);
    let steps = (most / step).ceil().max(1.0) as usize;
    (0..=steps).map(|at| at as f64 * step).collect()
}

/// Marks at 1, 2 and 5 times the powers of ten, as exponents of ten, so that `least` and `most` lie between the ends.
/// `0 < least <= most`
pub(super) fn powers(least: f64, most: f64) -> Vec<f64> {
    let mut marks = vec![round_down(least)];
    let mut last = round_down(least);
    while last < most {
        last = round_up(last * 1.5);
        marks.push(last);
    }
    if marks.len() == 1 {
        marks.push(round_up(last * 1.5));
    }
    marks.into_iter().map(f64::log10).collect()
}

/// The least number of 1, 2 and 5 times a power of ten that is not less.
fn round_up(number: f64) -> f64 {
    let power = 10_f64.powf(number.log10().floor());
    // What rounding adds or takes away is much less than what lies between two of these numbers.
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= number * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// The greatest such number that is not more.
fn round_down(number: f64) -> f64 {
    let power = 10_f64.powf(number.log10().floor());
    let factor = [5.0, 2.0].into_iter().find(|factor| factor * power <= number * (1.0 + 1e-9));
    factor.unwrap_or(1.0) * power
}

/// Seen on white and on black.
const BLUE_ON_ANY: RGBColor = RGBColor(47, 129, 210);
const GREY: RGBColor = RGBColor(128, 128, 128);
const WIDTH: u32 = 860;
const HEIGHT: u32 = 320;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers_that_cover_everything() {
        assert_eq!(even_marks(9.3, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(even_marks(10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(even_marks(0.0, 5).len(), 2);
        let exponents = |least, most| {
            powers(least, most).into_iter().map(|power| 10_f64.powf(power).round()).collect::<Vec<_>>()
        };
        assert_eq!(exponents(30.0, 300.0), [20.0, 50.0, 100.0, 200.0, 500.0]);
        assert_eq!(exponents(100.0, 100.0), [100.0, 200.0]);
        assert_eq!(exponents(7.0, 1000.0), [5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]);
    }

    #[test]
    fn a_plot_has_its_titles_and_its_line_and_nothing_gives_none() {
        let axis = |title| Axis { title, label: &|value| format!("<{value}>"), marks: vec![0.0, 1.0] };
        let svg = plot(&[(0.0, 0.0), (1.0, 1.0)], &axis("across"), &axis("up"));
        for word in ["<svg", "across", "up", "<polyline", "&lt;1&gt;", "</svg>"] {
            assert!(svg.contains(word), "{word} in {svg}");
        }
        let empty = Axis { title: "", label: &|value| value.to_string(), marks: Vec::new() };
        assert_eq!(plot(&[], &axis("across"), &empty), "");
    }
}
