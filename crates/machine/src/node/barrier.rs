//! Software-visible barriers: each has a home node that counts arrivals and sends releases.
//!
//! An agent's arrival is a packet of the request class to the barrier's home, `id mod nodes`; when
//! the last member has arrived, home sends every member a release in the response class. So a
//! barrier costs what its packets cost on the fabric.

use base::{Map, NodeIdx, ThreadIdx};

/// Arrivals at one barrier since it was last released.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Gathering {
    members: u32,
    arrived: Vec<(NodeIdx, ThreadIdx)>,
}

/// Two threads that disagree on a barrier.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{thread} arrives at barrier {id} with {members} members, but it gathers {expected}\n  mend: give \
     every arrival at one barrier the same number of members"
)]
pub struct BarrierError {
    id: u32,
    thread: ThreadIdx,
    members: u32,
    expected: u32,
}

/// The barriers whose home is one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Barriers {
    gathering: Map<u32, Gathering>,
    released: u64,
}

base::state!([] Barriers { keeps gathering, released; each; fixed });

impl Barriers {
    /// Counts an arrival. Gives the members to release when it was the last.
    pub(crate) fn arrive(
        &mut self,
        id: u32,
        members: u32,
        from: (NodeIdx, ThreadIdx),
    ) -> Result<Vec<(NodeIdx, ThreadIdx)>, BarrierError> {
        let gathering =
            self.gathering.or_insert_with(id, || Gathering { members, arrived: Vec::new() });
        if gathering.members != members {
            let expected = gathering.members;
            return Err(BarrierError { id, thread: from.1, members, expected });
        }
        gathering.arrived.push(from);
        if gathering.arrived.len() < members as usize {
            return Ok(Vec::new());
        }
        self.released += 1;
        Ok(self.gathering.remove(id).map_or_else(Vec::new, |g| g.arrived))
    }

    /// Barriers released so far.
    pub(crate) const fn released(&self) -> u64 {
        self.released
    }

    /// Barriers that wait, with who has arrived, in words.
    pub(crate) fn waiting(&self) -> Vec<String> {
        let line = |(id, g): (u32, &Gathering)| {
            let who: Vec<String> = g.arrived.iter().map(|(_, t)| t.to_string()).collect();
            format!("barrier {id} has {} of {}: {}", g.arrived.len(), g.members, who.join(", "))
        };
        self.gathering.sorted().into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_arrival_releases_everyone_and_the_barrier_starts_afresh() {
        let mut b = Barriers::default();
        let who = |t| (NodeIdx(t), ThreadIdx(t));
        for _ in 0..2 {
            assert_eq!(b.arrive(7, 2, who(0)), Ok(vec![]));
            assert_eq!(b.arrive(7, 2, who(1)), Ok(vec![who(0), who(1)]));
        }
        assert_eq!(b.released(), 2);
        assert!(b.waiting().is_empty());
    }

    #[test]
    fn members_must_agree() {
        let mut b = Barriers::default();
        b.arrive(1, 3, (NodeIdx(0), ThreadIdx(0))).unwrap();
        let error = b.arrive(1, 2, (NodeIdx(1), ThreadIdx(1))).unwrap_err();
        assert!(error.to_string().contains("barrier 1"), "{error}");
    }
}
