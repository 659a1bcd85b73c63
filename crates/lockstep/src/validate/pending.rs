//! Rows that are known by name before they are measured, so that only those asked for are.

use std::fmt;
use std::sync::{Arc, LazyLock};

use super::{Quantity, Row, Verdict};

/// A row that is still to be measured.
pub struct Pending {
    what: String,
    measure: Box<dyn FnOnce(String) -> Row>,
}

impl Pending {
    /// A row whose figures, the reference's and the emulator's, come of `measure`. Nothing runs yet.
    pub(super) fn new(
        of: &Section,
        what: impl Into<String>,
        tolerance: Option<f64>,
        source: impl Into<String>,
        measure: impl FnOnce() -> (f64, f64) + 'static,
    ) -> Self {
        let (of, source) = (*of, source.into());
        let measure = move |what| of.judge(what, measure(), tolerance, source);
        Self { what: what.into(), measure: Box::new(measure) }
    }

    /// What is compared, in words.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The row, measured.
    pub fn measure(self) -> Row {
        (self.measure)(self.what)
    }

    /// With something to be done to the row once it is measured.
    pub(super) fn then(self, change: impl FnOnce(Row) -> Row + 'static) -> Self {
        let measure = self.measure;
        Self { what: self.what, measure: Box::new(move |what| change(measure(what))) }
    }

    /// With a note.
    pub(super) fn noted(self, note: impl Into<String>) -> Self {
        let note = note.into();
        self.then(|row| Row { note: Some(note), ..row })
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("what", &self.what).finish_non_exhaustive()
    }
}

/// What rows of a section have in common.
#[derive(Clone, Copy)]
pub(super) struct Section {
    pub(super) configuration: &'static str,
    pub(super) quantity: Quantity,
    pub(super) seeds: u64,
}

impl Section {
    fn judge(
        self,
        what: String,
        (reference, emulated): (f64, f64),
        tolerance: Option<f64>,
        source: String,
    ) -> Row {
        let error = (emulated - reference) / reference;
        let verdict = match tolerance {
            None => Verdict::Shown,
            Some(within) if error.abs() <= within => Verdict::Meets,
            Some(_) => Verdict::Missed,
        };
        Row {
            what,
            reference,
            emulated,
            error,
            tolerance,
            source,
            verdict,
            configuration: self.configuration,
            quantity: self.quantity,
            offered: None,
            spread: None,
            seeds: self.seeds,
            note: None,
        }
    }
}

/// A measurement that several rows share: made for the first that is measured, once.
pub(super) type Shared<T> = Arc<LazyLock<T, Box<dyn FnOnce() -> T + Send>>>;

/// Puts a measurement off until a row needs it.
pub(super) fn shared<T>(measure: impl FnOnce() -> T + Send + 'static) -> Shared<T> {
    Arc::new(LazyLock::new(Box::new(measure)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const SECTION: Section = Section { configuration: "test", quantity: Quantity::Link, seeds: 1 };

    /// Two rows that share a measurement and one of its own, and how often either was made.
    fn rows() -> (Vec<Pending>, [Arc<AtomicU32>; 2]) {
        let made = [0; 2].map(|_| Arc::new(AtomicU32::new(0)));
        let count = |of: &Arc<AtomicU32>| {
            let of = Arc::clone(of);
            move || {
                of.fetch_add(1, Ordering::Relaxed);
            }
        };
        let (one, two) = (count(&made[0]), count(&made[1]));
        let both = shared(move || {
            one();
            3.0
        });
        let [first, last] = [0; 2].map(|_| Arc::clone(&both));
        let rows = vec![
            Pending::new(&SECTION, "reach, first", Some(0.0), "", move || (3.0, **first)),
            Pending::new(&SECTION, "width", None, "", move || {
                two();
                (4.0, 5.0)
            }),
            Pending::new(&SECTION, "reach, last", Some(0.1), "", move || (2.0, **last)).noted("so"),
        ];
        (rows, made)
    }

    #[test]
    fn only_rows_asked_for_are_measured_and_what_they_share_once() {
        let asked = |words: &'static str| {
            let (rows, made) = rows();
            let rows = rows.into_iter().filter(|row| row.what().contains(words));
            let rows: Vec<Row> = rows.map(Pending::measure).collect();
            (rows, made.map(|m| m.load(Ordering::Relaxed)))
        };
        assert_eq!(asked("height"), (Vec::new(), [0, 0]));
        let (all, made) = asked("");
        assert_eq!(made, [1, 1]);
        let verdicts: Vec<Verdict> = all.iter().map(|r| r.verdict).collect();
        assert_eq!(verdicts, [Verdict::Meets, Verdict::Shown, Verdict::Missed]);
        assert_eq!(asked("reach"), (vec![all[0].clone(), all[2].clone()], [1, 0]));
        assert_eq!(asked("width"), (vec![all[1].clone()], [0, 1]));
        assert_eq!(all[2].note.as_deref(), Some("so"));
    }

    #[test]
    fn a_row_measured_alone_is_the_row_of_the_whole() {
        for section in [super::super::barriers, super::super::counters] {
            let whole: Vec<Row> = section().into_iter().map(Pending::measure).collect();
            for (i, row) in whole.iter().enumerate() {
                let alone = section().into_iter().nth(i).map(Pending::measure);
                assert_eq!(alone.as_ref(), Some(row));
            }
        }
    }
}
