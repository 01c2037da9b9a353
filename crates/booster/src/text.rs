//! Numbers and tables as people read them.

use booster_store::{Pause, Pin, PinLimit};
use std::time::Duration;

/// A number of bytes in decimal units, as disks and networks are sold.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        // Rounding must not show 1000.0 of a unit.
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// A number with its digits in groups.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its word, in the singular where it is one.
pub fn counted(number: u64, word: &str) -> String {
    let number_text = count(number);
    match (word.strip_suffix('y'), word.ends_with("sh") || word.ends_with("ch")) {
        _ if number == 1 => format!("1 {word}"),
        (Some(stem), _) => format!("{number_text} {stem}ies"),
        (None, true) => format!("{number_text} {word}es"),
        (None, false) => format!("{number_text} {word}s"),
    }
}

/// A pin, behind the component's name.
pub fn pin(pin: &Pin) -> String {
    let limit = match pin.limit {
        PinLimit::Version(version) => format!("pinned to {version}"),
        PinLimit::Date(date) => format!("pinned to what was published until {}", time(date)),
    };
    format!("{limit}, since {}{}", time(pin.since), reason(pin.reason.as_deref()))
}

/// A pause, behind a word that says so.
pub fn pause(pause: &Pause) -> String {
    let until = pause.until.map(|until| format!(" until {}", time(until))).unwrap_or_default();
    format!(" since {}{until}{}", time(pause.since), reason(pause.reason.as_deref()))
}

fn reason(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// A span of time that has passed.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A moment, to the second, in UTC.
pub fn time(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// An age in whole days.
pub fn age(days: i64) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// Lines of cells in columns, two spaces apart; the columns named in `right` are flushed right.
pub fn table(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if right.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_with_one_decimal_and_never_a_thousand() {
        for (number, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (104_583_702, "104.6 MB"),
            (u64::MAX, "18446.7 PB"),
        ] {
            assert_eq!(bytes(number), shown, "{number}");
        }
    }

    #[test]
    fn numbers_are_grouped_and_words_have_their_plural() {
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!(count(999), "999");
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(5934, "rule"), "5,934 rules");
        assert_eq!(counted(0, "entry"), "0 entries");
        assert_eq!(counted(2, "hash"), "2 hashes");
        assert_eq!(counted(3, "patch"), "3 patches");
    }

    #[test]
    fn durations_lose_detail_as_they_grow() {
        for (ms, shown) in [(40, "0.0 s"), (2_790, "2.8 s"), (61_000, "1 min 1 s"), (7_260_000, "2 h 1 min")]
        {
            assert_eq!(duration(Duration::from_millis(ms)), shown);
        }
    }

    #[test]
    fn table_columns_line_up_without_trailing_blanks() {
        let rows = vec![vec!["a".into(), "1".into(), "x".into()], vec!["bbb".into(), "22".into(), "".into()]];
        assert_eq!(table(&rows, &[1]), ["a     1  x", "bbb  22"]);
    }
}
