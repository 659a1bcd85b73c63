//! Adaptive routing: the extended dependencies between escape channels must have no cycle.
//!
//! Sound if (Duato, IEEE Trans. Parallel and Distributed Systems 4(12), 1993, and 6(10), 1995):
//!
//! 1. wherever a packet can be, away from its destination, some step is an escape: always offered;
//! 2. escape steps alone lead to the destination. This follows from 1 and 3: escape steps follow
//!    dependencies, which come to an end, and they can end at the destination only;
//! 3. the extended channel dependency graph of the escape channels has no cycle. One escape channel
//!    depends on another where a packet that holds the first, whichever step took it there, may be
//!    offered the second as an escape: at once (a direct dependency), or after adaptive steps over
//!    other channels (indirect). A channel may be an escape for some destinations and an adaptive
//!    choice for others; what holds it counts either way (cross dependencies).
//!
//! Such dependencies are too many to be listed for large machines: every escape channel depends on
//! most of those that lie ahead. So a numbering of the channels is guessed from the direct ones, and
//! for each destination the lowest number among the escapes ahead of each channel is computed,
//! backwards along adaptive steps. Where it is not above the channel's own, that dependency is added
//! to the graph and the numbering made anew. In the end either no dependency contradicts the
//! numbering, which proves 3, or those found have a cycle, which disproves it.

use std::collections::BTreeSet;

use super::cycle::deadlock;
use super::family::Family;
use super::graph::narrow;
use super::walk::Found;
use crate::error::{ErrorKind, Problem};
use crate::spec::Fabric;

/// Numberings tried at most; those of known functions need a few.
const ROUNDS: usize = 200;
/// Words of the sets of escape channels with which dependencies are counted.
const COUNT_WORDS: usize = 1 << 24;
/// Words of such sets that are joined in all.
const COUNT_WORK: usize = 1 << 27;

/// Proves 3, and counts the extended dependencies of the VCs of one class where they are few enough.
pub(super) fn extended(fabric: &Fabric, found: &mut Found<'_>) -> Result<Option<u64>, Problem> {
    let families = found.legs.families();
    let mut view = Family::new(fabric, &families);
    for _ in 0..ROUNDS {
        let place = found.escape.order().map_err(|left| deadlock(fabric, &found.escape, &left))?;
        let mut against = BTreeSet::new();
        for family in &families {
            view.visit(family, &found.legs)?;
            contradictions(&view, found, &place, &mut against);
        }
        if against.is_empty() {
            return count(found, &families, &mut view);
        }
        let at = inverse(&place);
        for (channel, place) in against {
            found.escape.depend_far(channel, at[place as usize]);
        }
    }
    Err(Problem::new(
        ErrorKind::Deadlock,
        "fabric",
        format!(
            "{} routing is not proved free of deadlock after {ROUNDS} attempts",
            fabric.routing.way().name()
        ),
        fabric.routing.way().mend(),
    ))
}

/// Escape channels and the places of escapes ahead of them that are not above their own.
fn contradictions(
    view: &Family<'_>,
    found: &Found<'_>,
    place: &[u32],
    against: &mut BTreeSet<(u32, u32)>,
) {
    let lowest = lowest_ahead(view, place);
    for ((_, channel), low) in view.states.iter().zip(lowest) {
        if low <= place[*channel as usize] && found.escape.is_used(*channel as usize) {
            against.insert((*channel, low));
        }
    }
}

/// `[state]`: the lowest place of an escape that is ahead of it. From the lowest places on, each
/// goes back along adaptive steps to all states that have no lower one.
fn lowest_ahead(view: &Family<'_>, place: &[u32]) -> Vec<u32> {
    let mut own = vec![u32::MAX; view.states.len()];
    for (state, channel) in &view.escapes {
        let low = &mut own[*state as usize];
        *low = place[*channel as usize].min(*low);
    }
    let into_fan = Back::new(view.fans(), view.steps.iter().map(|(state, fan)| (*fan, *state)));
    let fans = (0..narrow(view.fans())).flat_map(|f| view.fan(f).iter().map(move |s| (*s, f)));
    let fans_of = Back::new(view.states.len(), fans);
    let mut by_place: Vec<(u32, u32)> = own.into_iter().zip(0..).collect();
    by_place.retain(|(low, _)| *low != u32::MAX);
    by_place.sort_unstable();
    let mut lowest = vec![u32::MAX; view.states.len()];
    let mut fan_seen = vec![false; view.fans()];
    let mut open = Vec::new();
    for (low, state) in by_place {
        if lowest[state as usize] == u32::MAX {
            lowest[state as usize] = low;
            open.push(state);
        }
        while let Some(state) = open.pop() {
            for fan in fans_of.of(state) {
                if core::mem::replace(&mut fan_seen[*fan as usize], true) {
                    continue;
                }
                for before in into_fan.of(*fan) {
                    if lowest[*before as usize] == u32::MAX {
                        lowest[*before as usize] = low;
                        open.push(*before);
                    }
                }
            }
        }
    }
    lowest
}

/// Pairs, grouped by their first.
#[derive(Debug)]
struct Back {
    /// `[first]`: where its seconds begin, one more at the end.
    from: Vec<u32>,
    seconds: Vec<u32>,
}

impl Back {
    fn new(firsts: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut from = vec![0; firsts + 1];
        let mut count = 0;
        for (first, _) in pairs.clone() {
            from[first as usize] += 1;
            count += 1;
        }
        let mut end = 0;
        for at in &mut from {
            end += *at;
            *at = end;
        }
        // Filled from behind, so that `from` ends up at the beginnings.
        let mut seconds = vec![0; count];
        for (first, second) in pairs {
            from[first as usize] -= 1;
            seconds[from[first as usize] as usize] = second;
        }
        Self { from, seconds }
    }

    fn of(&self, first: u32) -> &[u32] {
        let at = first as usize;
        &self.seconds[self.from[at] as usize..self.from[at + 1] as usize]
    }
}

/// `[place]`: the channel there.
fn inverse(place: &[u32]) -> Vec<u32> {
    let mut at = vec![0; place.len()];
    for (channel, place) in place.iter().enumerate() {
        at[*place as usize] = narrow(channel);
    }
    at
}

/// Counts the extended dependencies by listing them; `None` if that is too much work.
fn count(
    found: &Found<'_>,
    families: &[Vec<u32>],
    view: &mut Family<'_>,
) -> Result<Option<u64>, Problem> {
    let escapes: Vec<usize> =
        (0..found.escape.channels()).filter(|c| found.escape.is_used(*c)).collect();
    let words = escapes.len().div_ceil(64);
    if words * escapes.len() > COUNT_WORDS {
        return Ok(None);
    }
    let mut number = vec![usize::MAX; found.escape.channels()];
    escapes.iter().enumerate().for_each(|(n, c)| number[*c] = n);
    let mut ahead_of = vec![0_u64; words * escapes.len()];
    let mut work = 0;
    for family in families {
        view.visit(family, &found.legs)?;
        work += words * (view.states.len() + view.steps.len());
        // Families are much alike: the first one tells.
        if work > COUNT_WORK || words * view.steps.len() > COUNT_WORK / families.len() {
            return Ok(None);
        }
        let ahead = ahead(view, &number, words);
        for (state, (_, channel)) in view.states.iter().enumerate() {
            if let Some(from) = ahead_of.get_mut(row(number[*channel as usize], words)) {
                let of_state = &ahead[state * words..][..words];
                from.iter_mut().zip(of_state).for_each(|(all, these)| *all |= these);
            }
        }
    }
    let mut total = 0;
    for (n, channel) in escapes.iter().enumerate() {
        for (m, next) in escapes.iter().enumerate() {
            if ahead_of[n * words + m / 64] >> (m % 64) & 1 == 1 {
                total += found.escape.size(*channel) * found.escape.size(*next);
            }
        }
    }
    Ok(Some(total))
}

/// The words of the set numbered `number`; beyond any set where there is none.
const fn row(number: usize, words: usize) -> core::ops::Range<usize> {
    let from = number.saturating_mul(words);
    from..from.saturating_add(words)
}

/// `[state]`: the set of escape channels ahead of it.
fn ahead(view: &Family<'_>, number: &[usize], words: usize) -> Vec<u64> {
    let mut ahead = vec![0; words * view.states.len()];
    for (state, channel) in &view.escapes {
        let bit = number[*channel as usize];
        ahead[*state as usize * words + bit / 64] |= 1 << (bit % 64);
    }
    loop {
        let mut changed = false;
        for (from, fan) in view.steps.iter().rev() {
            for to in view.fan(*fan) {
                for w in 0..words {
                    let more = ahead[*to as usize * words + w];
                    let set = &mut ahead[*from as usize * words + w];
                    changed |= more & !*set != 0;
                    *set |= more;
                }
            }
        }
        if !changed {
            return ahead;
        }
    }
}
