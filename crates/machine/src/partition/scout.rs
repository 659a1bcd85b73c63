//! Whether a machine of few nodes holds enough for a cut to pay: its first steps tell.
//!
//! ```text
//!   machine, cut ─┐
//!                 ├─▶ component edges an epoch ─▶ the one or the other, at its start
//!   machine whole ┘   of the first steps
//! ```
//!
//! What an epoch holds depends on the trace. Two threads gain little where that is little, and what crosses a cut costs
//! even one thread some hundredths more than what does not. Of large machines it is not looked for: they hold much
//! sooner or later, and are built twice in no short time. Nor of machines that keep counters: a thread that waits for
//! one has it aligned up to then, which may be far, and would twice.

use base::{Fs, RoutingFunction};
use memory::MemoryModel;

use super::plan::Cut;
use crate::engine::Deal;
use crate::machine::Options;
use crate::{Machine, RunError};

/// Nodes up to which a machine is tried. ASSUMED: it is built in a millisecond or two.
const NODES_MAX: usize = 16;

/// Component edges that it is tried for, unless it does not hold them in time. ASSUMED: a millisecond or two of the
/// host.
const EDGES: u64 = 4_000;

/// Component edges that an epoch must hold: some ten microseconds of the host, a few times what a meeting takes.
/// Measured on `nvl8`: with 22 and 53 of them two threads took 0.9 to 1.1 times as long as one, with 184 of them 0.7.
const HELD_MIN: u64 = 100;

/// Builds a machine, cut if that pays.
pub(crate) fn scouted<R: RoutingFunction + Send, M: MemoryModel + Send>(
    options: Options,
    build: impl Fn(Options) -> Result<Machine<R, M>, RunError>,
) -> Result<Machine<R, M>, RunError> {
    let cut = build(options)?;
    let open = options.cut == Cut::Auto && options.deal == Deal::Measured;
    let is_small = cut.layout().nodes.len() <= NODES_MAX && cut.spec().counters.is_none();
    if !open || cut.partitions.len() == 1 || !is_small {
        return Ok(cut);
    }
    let whole = Options { cut: Cut::Parts(1), ..options };
    let scout = build(Options { threads: 1, ..whole })?;
    if held(scout, cut.engine.length) >= HELD_MIN as f64 {
        return Ok(cut);
    }
    let mut machine = build(whole)?;
    machine.engine.why = Some("an epoch of it holds too little for more than one thread");
    Ok(machine)
}

/// Component edges that epochs of a length hold in a machine's first steps, on average.
fn held<R: RoutingFunction + Send, M: MemoryModel + Send>(
    mut scout: Machine<R, M>,
    epoch: Fs,
) -> f64 {
    // By then it holds as many as it must, or does not.
    let until = Fs(epoch.0.saturating_mul(EDGES / HELD_MIN));
    let go_on = || {
        // An error ends it, and is told when the run meets it.
        while scout.edges() < EDGES
            && scout.next_instant() < until
            && matches!(scout.advance(64, until), Ok(true))
        {}
    };
    // What it does is no event of the run.
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), go_on);
    // Where it went to sleep before, the time that it sleeps counts; not where it came to its end.
    let sleeps = scout.edges() < EDGES && scout.next_instant() < Fs::NEVER;
    let took = if sleeps { until } else { scout.now() };
    scout.edges() as f64 * epoch.0 as f64 / took.0.max(1) as f64
}
