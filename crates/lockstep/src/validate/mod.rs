//! Holds the emulator against figures that it claims to meet.
//!
//! ```text
//!   figures ──▶ Claims ──▶ Engine: loads and lone packets, several seeds ──▶ Rows: error, verdict
//! ```
//!
//! What is claimed ([`claims`]):
//!
//! | quantity | where | tolerance |
//! |---|---|---|
//! | latency of a lone packet | all pairs of nodes of every configuration | none |
//! | least packet latency | at the lightest load | none |
//! | packet, network and flit latency | up to 80 % of saturation throughput | 1 % |
//! | the same | above, up to 95 % | 5 % |
//! | the same, and hops | above | shown, not held: latency grows without bound there |
//! | mean routers visited | up to 95 % | 0.5 % |
//! | saturation throughput | the least load that the reference could not carry | 2 % |
//! | accepted rate | beyond | 2 % |
//!
//! Saturation throughput is what a network accepts at that load
//! ([`Configuration::saturation_throughput`]): the emulator is asked for the same load, so both are
//! the same thing measured twice. Figures whose run never left its warm-up are no reference.
//!
//! The reference's figures are of one seed each. A row that misses its tolerance is still
//! [`Verdict::WithinSpread`] if the reference lies where another seed of the emulator would, with
//! 95 % confidence ([`spread`](Row::spread)), and the error is no more than [`SPREAD_MAX`] tolerances.
//! A row that misses for a reason that is understood is [`Verdict::Explained`], with the text of
//! [`EXPLAINED`]; any other miss fails the whole.

mod barriers;
mod bursts;
mod claim;
mod counters;
mod judge;
mod links;
mod pending;
mod render;
mod schedules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::error::Error;

use report::SweepPoint;
use serde::{Serialize, Serializer};

use crate::figures::{Configuration, Figure};
use crate::parallel;

pub use barriers::barriers;
pub use claim::{Claim, Quantity, claims};
pub use counters::counters;
pub use judge::SPREAD_MAX;
pub use links::links;
pub use pending::Pending;
pub use render::{passed, render, to_json};
pub use schedules::schedules;

/// Measures what is asked of it. The emulator is one; tests have others.
pub trait Engine: Sync {
    /// Measures a load.
    ///
    /// # Errors
    /// If the configuration cannot be built or the run got stuck.
    fn measure(&self, load: &Load<'_>) -> Result<SweepPoint, EngineError>;

    /// Sends a packet between each of the pairs of nodes, alone in an empty network; results are in
    /// the order of the pairs.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    fn alone(
        &self,
        configuration: &Configuration,
        pairs: &[(u32, u32)],
    ) -> Result<Vec<Alone>, EngineError>;
}

/// Why an engine could not measure.
pub type EngineError = Box<dyn Error + Send + Sync>;

/// A load to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// The network and its traffic.
    pub configuration: &'a Configuration,
    /// Offered load, in flits per node and cycle.
    pub offered: f64,
    /// Seed of the run.
    pub seed: u64,
    /// Cycles before the measured window.
    pub warmup_cycles: u64,
    /// Cycles of the measured window.
    pub measured_cycles: u64,
    /// Run until every packet of the measured window has arrived. Where not, only rates are asked.
    pub drain: bool,
}

/// What a lone packet did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alone {
    /// From its creation to its tail's arrival.
    pub latency_cycles: u64,
    /// Routers visited.
    pub hops: u32,
}

/// How to validate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Seeds of each load, from 1 on; at least 1.
    pub seeds: u64,
    /// Threads that measure.
    pub threads: usize,
}

/// A miss that is understood.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Explained {
    /// Configuration.
    pub configuration: &'static str,
    /// Quantity.
    pub quantity: Quantity,
    /// The least load.
    pub from: f64,
    /// The greatest load.
    pub to: f64,
    /// Why it misses.
    pub why: &'static str,
}

/// Every miss that is understood. One that meets its tolerance again is noted as such.
pub const EXPLAINED: &[Explained] = &[];

/// A claim, and what became of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// What is compared, in words.
    pub what: String,
    /// The reference's value.
    pub reference: f64,
    /// The emulator's; the mean over seeds. Not a number where it could not be measured.
    pub emulated: f64,
    /// `(emulated - reference) / reference`.
    pub error: f64,
    /// Greatest error that is met; `None` where the figure is shown only.
    pub tolerance: Option<f64>,
    /// Where the figure is from.
    pub source: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Configuration.
    pub configuration: &'static str,
    /// Quantity.
    pub quantity: Quantity,
    /// Offered load in flits per node and cycle; `None` for lone packets.
    pub offered: Option<f64>,
    /// How far, relatively, one seed of the reference may lie from the emulator's mean by chance:
    /// the half-width of a 95 % prediction interval. `None` where it cannot be told.
    pub spread: Option<f64>,
    /// Seeds behind the emulator's value.
    pub seeds: u64,
    /// What else there is to say: an explanation, an engine's error, a pair of nodes that deviates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What became of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Within the tolerance.
    Meets,
    /// Beyond the tolerance, within what seeds differ by.
    WithinSpread,
    /// A miss that is understood.
    Explained,
    /// A miss.
    Missed,
    /// Not held.
    Shown,
}

impl Verdict {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Meets => "meets",
            Self::WithinSpread => "within spread",
            Self::Explained => "explained",
            Self::Missed => "missed",
            Self::Shown => "shown",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

/// What an engine said to one question.
enum Answer {
    Points(Vec<SweepPoint>),
    Alone(Vec<Alone>),
    Failed(String),
}

/// Asks `engine` for everything that `claims` need, each thing once, and judges. `progress` hears of
/// each answer, on any thread. An engine that fails misses its claims, with its error as the note.
pub fn validate(
    engine: &impl Engine,
    claims: &[Claim],
    explained: &[Explained],
    options: Options,
    progress: &(impl Fn() + Sync),
) -> Vec<Row> {
    let questions = questions(claims);
    let seeds = options.seeds.max(1);
    let jobs: Vec<(&Claim, u64)> = questions
        .values()
        .flat_map(|claim| {
            let seeds = if claim.figure.is_some() { seeds } else { 1 };
            (1..=seeds).map(move |seed| (*claim, seed))
        })
        .collect();
    let answers = parallel::map(options.threads, jobs.len(), |at| {
        let (claim, seed) = jobs[at];
        let answer = ask(engine, claim, seed);
        progress();
        answer
    });
    let mut by_key: BTreeMap<Key, Answer> = BTreeMap::new();
    for ((claim, _), answer) in jobs.iter().zip(answers) {
        match (by_key.get_mut(&key(claim)), answer) {
            (None, answer) => {
                by_key.insert(key(claim), answer);
            }
            (Some(Answer::Points(all)), Answer::Points(more)) => all.extend(more),
            (Some(known), failed @ Answer::Failed(_)) => *known = failed,
            (Some(_), _) => {}
        }
    }
    claims.iter().map(|claim| judge::row(claim, by_key.get(&key(claim)), explained)).collect()
}

/// How many answers [`validate`] will wait for.
pub fn answers(claims: &[Claim], options: Options) -> u64 {
    let each = |claim: &Claim| if claim.figure.is_some() { options.seeds.max(1) } else { 1 };
    questions(claims).values().map(|claim| each(claim)).sum()
}

/// What tells questions apart: the configuration, and the load's place among its figures.
type Key = (&'static str, Option<u64>);

fn key(claim: &Claim) -> Key {
    // Loads are positive, so their bits are in order too.
    (claim.configuration.name, claim.figure.map(|f| f.offered.to_bits()))
}

/// The distinct questions, each with a claim that asks it.
fn questions(claims: &[Claim]) -> BTreeMap<Key, &Claim> {
    let mut questions = BTreeMap::new();
    for claim in claims {
        questions.entry(key(claim)).or_insert(claim);
    }
    questions
}

fn ask(engine: &impl Engine, claim: &Claim, seed: u64) -> Answer {
    let configuration = claim.configuration;
    let answer = match claim.figure {
        Some(figure) => {
            engine.measure(&load(configuration, figure, seed)).map(|p| Answer::Points(vec![p]))
        }
        None => engine.alone(configuration, &configuration.pairs()).map(Answer::Alone),
    };
    answer.unwrap_or_else(|error| Answer::Failed(error.to_string()))
}

/// The load at which a figure was measured, measured as it was.
fn load<'a>(configuration: &'a Configuration, figure: &Figure, seed: u64) -> Load<'a> {
    Load {
        configuration,
        offered: figure.offered,
        seed,
        warmup_cycles: figure.warmup_cycles,
        measured_cycles: figure.measured_cycles,
        drain: figure.carried(),
    }
}
