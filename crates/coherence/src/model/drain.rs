//! How long it takes to come to rest: the longest chain of deliveries when nobody asks for more.
//!
//! Deliveries must not go in circles, and every world in which something is under way must have one
//! that can be made (which the search sees to); then each world comes to rest, in at most as many
//! deliveries as the longest path has.

use super::table::{SHARDS, Shard, shard_of, split};

/// The longest path of deliveries, or a world from which they go in circles.
pub(crate) fn longest(shards: &[Shard], edges: &[(u32, u64)]) -> Result<u32, u32> {
    let mut bases = [0_usize; SHARDS];
    for n in 1..SHARDS {
        bases[n] = bases[n - 1] + shards[n - 1].parents.len();
    }
    let count: usize = shards.iter().map(|s| s.parents.len()).sum();
    let dense = |id: u32| bases[split(id).0] + split(id).1;
    let reached = |fingerprint: u64| {
        let shard = shard_of(fingerprint);
        let number = shards[shard].number(fingerprint);
        bases[shard] + number.expect("every world that a delivery leads to was found") as usize
    };
    // Edges by their end, and how many leave each world: ends are peeled off from the last on.
    let mut leaving = vec![0_u32; count];
    let mut starts = vec![0_u32; count + 1];
    for (from, to) in edges {
        leaving[dense(*from)] += 1;
        starts[reached(*to) + 1] += 1;
    }
    for n in 0..count {
        starts[n + 1] += starts[n];
    }
    let mut place = starts.clone();
    let mut into = vec![0_u32; edges.len()];
    for (from, to) in edges {
        let at = &mut place[reached(*to)];
        into[*at as usize] = u32::try_from(dense(*from)).expect("fewer than 2^32 worlds");
        *at += 1;
    }
    let mut ready: Vec<usize> = (0..count).filter(|n| leaving[*n] == 0).collect();
    let mut length = vec![0_u32; count];
    let mut done = 0;
    while let Some(at) = ready.pop() {
        done += 1;
        for from in &into[starts[at] as usize..starts[at + 1] as usize] {
            let from = *from as usize;
            length[from] = length[from].max(length[at] + 1);
            leaving[from] -= 1;
            if leaving[from] == 0 {
                ready.push(from);
            }
        }
    }
    if done == count {
        return Ok(length.into_iter().max().unwrap_or(0));
    }
    let circling = leaving.iter().position(|n| *n > 0).unwrap_or(0);
    let shard = (0..SHARDS).rev().find(|n| bases[*n] <= circling).unwrap_or(0);
    let number = u32::try_from(circling - bases[shard]).unwrap_or(0);
    Err(super::table::id(number, shard))
}
