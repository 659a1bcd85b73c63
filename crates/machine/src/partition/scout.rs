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
//! sooner or later, and are built twice in no short time.

use base::{Fs, RoutingFunction};
use memory::MemoryModel;

use super::plan::Cut;
use crate::engine::Deal;
use crate::machine::Options;
use crate::{Machine, RunError};

/// Nodes up to which a machine is tried. ASSUMED: it is built in a millisecond or two.
const NODES_MAX: usize = 16;

/// Component edges that it is tried for. ASSUMED: a millisecond or two of the host.
const EDGES: u64 = 4_000;

/// Component edges that an epoch must hold: some ten microseconds of the host, a few times what a meeting takes.
/// Measured on `nvl8`: with 22 and 53 of them two threads took 0.9 to 1.1 times as long as one, with 184 of them 0.7.
const HELD_MIN: f64 = 100.0;

/// Builds a machine, cut if that pays.
pub(crate) fn scouted<R: RoutingFunction + Send, M: MemoryModel + Send>(
    options: Options,
    build: impl Fn(Options) -> Result<Machine<R, M>, RunError>,
) -> Result<Machine<R, M>, RunError> {
    let cut = build(options)?;
    let open = options.cut == Cut::Auto && options.deal == Deal::Measured;
    if !open || cut.partitions.len() == 1 || cut.layout().nodes.len() > NODES_MAX {
        return Ok(cut);
    }
    let whole = Options { cut: Cut::Parts(1), ..options };
    let scout = build(Options { threads: 1, ..whole })?;
    if held(scout) * cut.engine.length.0 as f64 >= HELD_MIN {
        return Ok(cut);
    }
    let mut machine = build(whole)?;
    machine.engine.why = Some("an epoch of it holds too little for more than one thread");
    Ok(machine)
}

/// Component edges a femtosecond of a machine's first steps.
fn held<R: RoutingFunction + Send, M: MemoryModel + Send>(mut scout: Machine<R, M>) -> f64 {
    let mut go_on = || {
        // What it meets the run will meet.
        while scout.edges() < EDGES && matches!(scout.advance(64, Fs::NEVER), Ok(true)) {}
    };
    // And log.
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), &mut go_on);
    scout.edges() as f64 / scout.now().0.max(1) as f64
}
