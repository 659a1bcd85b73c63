//! Rows for people and for programs.

use std::fmt::Write as _;

use report::{Side, Table};

use super::{Quantity, Row, Verdict};

/// Whether no row is a miss.
pub fn passed(rows: &[Row]) -> bool {
    rows.iter().all(|row| row.verdict != Verdict::Missed)
}

/// The rows as a JSON array, with a newline at the end. What could not be measured is `null`.
///
/// # Errors
/// Never for rows that [`validate`](super::validate) made.
pub fn to_json(rows: &[Row]) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(rows).map(|text| text + "\n")
}

/// A table a configuration, the notes below it, and a count of the verdicts.
pub fn render(rows: &[Row]) -> String {
    let mut out = String::new();
    for group in rows.chunk_by(|a, b| a.configuration == b.configuration) {
        let _ = writeln!(out, "{}", group.first().map_or("", |row| row.configuration));
        out += &table(group);
        for row in group {
            if let Some(note) = &row.note {
                let _ = writeln!(out, "  - {}: {note}", row.what);
            }
        }
        out.push('\n');
    }
    out += &summary(rows);
    out
}

fn table(rows: &[Row]) -> String {
    use Side::{Left, Right};
    let mut table = Table::new(&[
        ("figure", Left),
        ("load", Right),
        ("reference", Right),
        ("emulated", Right),
        ("error", Right),
        ("tolerance", Right),
        ("spread", Right),
        ("", Left),
    ]);
    for row in rows {
        let digits = if row.reference < 1.0 { 4 } else { 3 };
        let apart = matches!(
            row.quantity,
            Quantity::Link | Quantity::Barrier | Quantity::Counter | Quantity::Schedule
        );
        table.row([
            if apart { row.what.clone() } else { row.quantity.words().to_owned() },
            row.offered.map_or(String::new(), |load| load.to_string()),
            number(row.reference, digits),
            number(row.emulated, digits),
            percent(row.error, true),
            row.tolerance.map_or("-".to_owned(), |t| percent(t, false)),
            row.spread.map_or("-".to_owned(), |s| percent(s, false)),
            row.verdict.word().to_owned(),
        ]);
    }
    table.render(2)
}

fn number(value: f64, digits: usize) -> String {
    match value {
        _ if !value.is_finite() => "-".to_owned(),
        _ if value.abs() < 1e-3 && value > 0.0 => format!("{value:.3e}"),
        _ => format!("{value:.digits$}"),
    }
}

/// A share in percent; 0 is `exact` as a tolerance.
fn percent(share: f64, signed: bool) -> String {
    match share {
        share if !share.is_finite() => "-".to_owned(),
        share if signed => format!("{:+.2} %", 100.0 * share),
        share if share.abs() < f64::MIN_POSITIVE => "exact".to_owned(),
        share => format!("{:.2} %", 100.0 * share),
    }
}

fn summary(rows: &[Row]) -> String {
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    format!(
        "{} figures: {} meet, {} within the seeds' spread, {} explained, {} missed; {} shown only\n",
        rows.len(),
        count(Verdict::Meets),
        count(Verdict::WithinSpread),
        count(Verdict::Explained),
        count(Verdict::Missed),
        count(Verdict::Shown)
    )
}
