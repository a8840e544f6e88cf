//! Numbers for people.

use std::time::Duration;

/// `1,234,567`
pub(super) fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Three digits, and all of those before the point: `0`, `0.123`, `4.56`, `78.9`, `1,234`.
pub(super) fn three_digits(number: f64) -> String {
    match number {
        number if number < 0.0005 => "0".to_owned(),
        number if number >= 99.95 => whole(number.round() as u64),
        number if number >= 9.995 => format!("{number:.1}"),
        number if number >= 0.9995 => format!("{number:.2}"),
        number => format!("{number:.3}"),
    }
}

/// `87.2 µs`, `1.20 ms`, `3.40 s`
pub(super) fn time(time: Duration) -> String {
    let nanoseconds = time.as_nanos() as f64;
    match nanoseconds {
        nanoseconds if nanoseconds >= 999.5e6 => format!("{} s", three_digits(nanoseconds / 1e9)),
        nanoseconds if nanoseconds >= 999.5e3 => format!("{} ms", three_digits(nanoseconds / 1e6)),
        nanoseconds => format!("{} µs", three_digits(nanoseconds / 1e3)),
    }
}

/// What takes the place of a number that there is not.
pub(super) fn time_or_none(found: Option<Duration>) -> String {
    found.map_or_else(|| "–".to_owned(), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown = [0, 999, 1000, 123_456, 1_234_567].map(whole);
        assert_eq!(shown, ["0", "999", "1,000", "123,456", "1,234,567"]);
    }

    #[test]
    fn times_have_three_digits_and_the_unit_that_fits() {
        for (nanoseconds, shown) in [
            (0, "0 µs"),
            (850, "0.850 µs"),
            (87_210, "87.2 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (9_996_000, "10.0 ms"),
            (120_400_000, "120 ms"),
            (1_500_000_000, "1.50 s"),
            (1_234_000_000_000, "1,234 s"),
        ] {
            assert_eq!(time(Duration::from_nanos(nanoseconds)), shown);
        }
        assert_eq!(time_or_none(None), "–");
    }
}
