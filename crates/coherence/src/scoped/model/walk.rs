//! Random schedules of scoped caches, and shorter ones that break a promise all the same.
//!
//! A walk draws one of the acts that can be done, again and again. Messages that are under way are as likely as what
//! threads begin, so some are held up while much else overtakes them.

use base::rng::draw;

use super::Model;
use super::cells::Cells;
use super::schedule::ScopedSchedule;
use super::state::{Act, State};
use crate::shorten::shorten;

/// Draws for a delivery or an operation of a thread against one for an eviction.
const OTHERS: u64 = 7;

/// The acts of a random walk of at most `steps`, up to the first broken promise.
///
/// # Panics
/// If the model does not pass its [`check`](Model::check).
pub fn walk(model: &Model, seed: u64, steps: u32) -> ScopedSchedule {
    model.check().expect("the model can be walked");
    let mut state = State::<Cells>::start(model);
    let mut done = Vec::new();
    for step in 0..u64::from(steps) {
        let pick = |stream: u64, below: usize| {
            let below = u64::try_from(below.max(1)).unwrap_or(1);
            usize::try_from(draw(seed, 1, stream, step) % below).unwrap_or(0)
        };
        let evicts = |act: &Act| matches!(act, Act::Evict { .. });
        let (evictions, others): (Vec<_>, Vec<_>) = state.acts(model).into_iter().partition(evicts);
        let evict = others.is_empty() || draw(seed, 1, 0, step).is_multiple_of(OTHERS + 1);
        let of = if evict && !evictions.is_empty() { &evictions } else { &others };
        let Some(act) = of.get(pick(1, of.len())) else { break };
        state.make(model, act);
        done.push(*act);
        if state.fault().is_some() {
            break;
        }
    }
    ScopedSchedule { acts: done, ..ScopedSchedule::of_model(model) }
}

impl ScopedSchedule {
    /// The schedule without acts that its broken promise does not need: taking any one or any two out of
    /// what is left mends it. A schedule that breaks none is left as it is.
    #[must_use]
    pub fn shortened(&self) -> Self {
        let with = |acts: &[Act]| Self { acts: acts.to_vec(), ..self.clone() };
        with(&shorten(&self.acts, |acts| with(acts).replay().fault.is_some()))
    }
}
