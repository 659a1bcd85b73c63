//! Patterns of transfers that collectives are made of.

use base::NodeIdx;

use super::Transfer;

/// Who sends to whom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Pattern {
    /// Everybody to everybody else: in step `k` node `i` sends to node `i + k`.
    AllToAll,
    /// A ring all-reduce of one packet a step: `2 (n - 1)` steps, each to the next node, which goes on when
    /// it has got the one before.
    Ring,
    /// Everybody to its neighbours up, down, left and right in a grid of all nodes, as square as it can be,
    /// without wrapping round.
    Halo,
}

impl Pattern {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AllToAll, Self::Ring, Self::Halo];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllToAll => "all-to-all",
            Self::Ring => "ring",
            Self::Halo => "halo",
        }
    }

    /// Its transfers among `nodes` nodes, of `flits` flits each.
    pub fn transfers(self, nodes: usize, flits: u32) -> Vec<Transfer> {
        let transfer = |src: usize, dst: usize, after| {
            let (src, dst) = (NodeIdx::new(src), NodeIdx::new(dst));
            Transfer { src, dst, flits, after }
        };
        match self {
            Self::AllToAll => (1..nodes)
                .flat_map(|k| (0..nodes).map(move |i| transfer(i, (i + k) % nodes, None)))
                .collect(),
            Self::Ring => (0..2 * nodes.saturating_sub(1))
                .flat_map(|step| {
                    (0..nodes).map(move |i| {
                        let before = (i + nodes - 1) % nodes;
                        let after = step.checked_sub(1).map(|s| s * nodes + before);
                        transfer(i, (i + 1) % nodes, after)
                    })
                })
                .collect(),
            Self::Halo => {
                let fits = |rows: &usize| nodes.is_multiple_of(*rows) && rows * rows <= nodes;
                let rows = (1..=nodes).rev().find(fits).unwrap_or(1);
                let columns = nodes / rows;
                let to = |dy: usize, dx: usize| {
                    (0..nodes).filter_map(move |i| {
                        // One more in both, so that up and left are no less than 0.
                        let (y, x) = (i / columns + dy, i % columns + dx);
                        let inside = (1..=rows).contains(&y) && (1..=columns).contains(&x);
                        inside.then(|| transfer(i, (y - 1) * columns + x - 1, None))
                    })
                };
                to(0, 1).chain(to(2, 1)).chain(to(1, 0)).chain(to(1, 2)).collect()
            }
        }
    }
}
