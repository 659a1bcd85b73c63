//! Random schedules, and shorter ones that break a promise all the same.
//!
//! A walk draws one of the acts that can be done, again and again, deliveries more often than others.
//! Its acts name messages by content, so leaving some out leaves a schedule that can still be done.

use base::rng::draw;

use super::act::{Act, Taken};
use super::schedule::Schedule;
use super::system::Move;
use super::workload::Model;
use crate::mutant::Mutant;
use crate::shorten::shorten;

/// Draws for an act of a core or home against one for a delivery.
const DELIVERIES: u64 = 3;

/// The acts of a random walk of at most `steps`, up to the first broken promise.
pub fn walk(model: &Model<Option<Mutant>>, seed: u64, steps: u32) -> Schedule {
    let schedule = Schedule {
        shape: model.shape,
        listing: model.cfg.directory.listing,
        protocol: model.cfg.protocol,
        mutant: model.cfg.mutant,
        acts: Vec::new(),
    };
    let mut system = schedule.system();
    let mut world = system.start();
    let mut acts = Vec::new();
    let core_moves = model.core_moves();
    for step in 0..u64::from(steps) {
        let messages = world.words().len() - model.shape.fixed();
        let pick = |stream: u64, below: usize| {
            let below = u64::try_from(below.max(1)).unwrap_or(1);
            usize::try_from(draw(seed, 0, stream, step) % below).unwrap_or(0)
        };
        let deliver = messages > 0 && !draw(seed, 0, 0, step).is_multiple_of(DELIVERIES + 1);
        let go = if deliver {
            Move::Deliver(model.shape.fixed() + pick(1, messages))
        } else {
            core_moves[pick(2, core_moves.len())]
        };
        let act = system.act(&world, go);
        match system.step(&world, act) {
            Ok(Taken::Waits) => {}
            Ok(Taken::Next(next, _)) => {
                acts.push(act);
                world = next;
                if system.check(&world).is_err() {
                    break;
                }
            }
            Err(_) => {
                acts.push(act);
                break;
            }
        }
    }
    Schedule { acts, ..schedule }
}

impl Schedule {
    /// The schedule without acts that its broken promise does not need: taking any one or any two out of
    /// what is left mends it. A schedule that breaks none is left as it is.
    #[must_use]
    pub fn shortened(&self) -> Self {
        let with = |acts: &[Act]| Self { acts: acts.to_vec(), ..self.clone() };
        with(&shorten(&self.acts, |acts| with(acts).replay().fault.is_some()))
    }
}
