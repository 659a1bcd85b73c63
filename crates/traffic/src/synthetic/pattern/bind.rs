//! From what is asked for to what it means on a machine, or why it means nothing there.

use base::NodeIdx;

use super::super::draws::Chance;
use super::super::error::SyntheticError;
use super::super::weighted::Weighted;
use super::tables::{self, Digits};
use super::{Kind, Pattern, PatternSpec};

/// Nodes of a machine, as patterns see them: the limit of a table.
const NODES_MAX: u32 = 1 << 24;

/// What patterns ask of a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Terminals; their numbers are 0 to `nodes - 1`.
    pub nodes: u32,
    /// Sizes of the grid of routers, first dimension first, which varies fastest in the number;
    /// empty where there is no grid. Each router has `nodes / product` terminals, numbered in a
    /// row.
    pub dims: Vec<u32>,
    /// Terminals of a group of a dragonfly, numbered in a row.
    pub group_nodes: Option<u32>,
}

impl Shape {
    /// A machine without grid and groups.
    pub fn flat(nodes: u32) -> Self {
        Self { nodes, dims: Vec::new(), group_nodes: None }
    }

    /// A grid of routers with `nodes_per_router` terminals each. Products beyond 32 bits are cut
    /// to the largest number, which [`PatternSpec::on`] refuses.
    pub fn grid(dims: &[u32], nodes_per_router: u32) -> Self {
        let nodes = dims.iter().fold(nodes_per_router, |product, k| product.saturating_mul(*k));
        Self { nodes, dims: dims.to_vec(), group_nodes: None }
    }
}

impl PatternSpec {
    /// The pattern on a machine. `seed` is for what is drawn once.
    ///
    /// # Errors
    /// The machine has not what the pattern needs: a power of two of nodes, a grid, groups, the
    /// nodes that are named; or there are no nodes, or more than 2^24.
    pub fn on(&self, shape: &Shape, seed: u64) -> Result<Pattern, SyntheticError> {
        let nodes = shape.nodes;
        if nodes == 0 || nodes > NODES_MAX {
            let message = format!("there are patterns for 1 to {NODES_MAX} nodes, not for {nodes}");
            return Err(wrong(message, "choose another machine"));
        }
        let kind = match self {
            Self::Uniform => Kind::Uniform { nodes },
            Self::UniformOthers if nodes == 1 => {
                return Err(wrong("one node has no others", "use `uniform`"));
            }
            Self::UniformOthers => Kind::Others { others: nodes - 1 },
            Self::Transpose
            | Self::BitComplement
            | Self::BitReverse
            | Self::Shuffle
            | Self::BitRotation => self.bits(nodes)?,
            Self::Tornado { dims } => {
                let digits = digits(self, dims.as_ref(), shape)?;
                Kind::Fixed(digits.table(nodes, |k| k.div_ceil(2) - 1))
            }
            Self::Neighbor { dims } => {
                Kind::Fixed(digits(self, dims.as_ref(), shape)?.table(nodes, |_| 1))
            }
            Self::RandomPermutation { seed: own } => {
                Kind::Fixed(tables::random_permutation(nodes, own.unwrap_or(seed)))
            }
            Self::HotSpots { spots, share } => hot_spots(spots, *share, nodes)?,
            Self::BadDragonfly { group_nodes } => {
                next_group(nodes, group_nodes.or(shape.group_nodes))?
            }
            Self::Asymmetric => asymmetric(nodes)?,
            Self::Diagonal => Kind::Either {
                first: (0..nodes).map(|n| [NodeIdx((n + 1) % nodes), NodeIdx(n)]).collect(),
                chance: Chance::of(1.0 / 3.0),
            },
        };
        Ok(Pattern(kind))
    }

    /// Patterns over the bits of the node's number.
    fn bits(&self, nodes: u32) -> Result<Kind, SyntheticError> {
        let bits = nodes.trailing_zeros();
        let even = matches!(self, Self::Transpose);
        if !nodes.is_power_of_two() || even && bits % 2 == 1 {
            let what = if even { "an even power of two" } else { "a power of two" };
            let message = format!("`{self}` needs {what} of nodes, and there are {nodes}");
            let mend = if even { "1, 4, 16, 64, 256 .." } else { "1, 2, 4, 8, 16 .." };
            return Err(wrong(message, format!("use a machine of {mend} nodes, or `randperm`")));
        }
        let moved = |n| match self {
            Self::Transpose => tables::transpose(n, bits),
            Self::BitComplement => !n & (nodes - 1),
            Self::BitReverse => tables::reverse(n, bits),
            Self::Shuffle => tables::rotate(n, bits, 1),
            _ => tables::rotate(n, bits, bits.saturating_sub(1)),
        };
        Ok(Kind::Fixed((0..nodes).map(moved).map(NodeIdx).collect()))
    }
}

/// The grid that is named with the pattern, or the machine's.
fn digits<'a>(
    spec: &PatternSpec,
    own: Option<&'a Vec<u32>>,
    shape: &'a Shape,
) -> Result<Digits<'a>, SyntheticError> {
    let dims = own.unwrap_or(&shape.dims);
    if dims.is_empty() {
        let message = format!("`{spec}` needs a grid, and the machine has none");
        return Err(wrong(message, "name one, as in `tornado(8x8)`"));
    }
    let routers = dims.iter().try_fold(1_u32, |product, k| product.checked_mul(*k));
    match routers {
        Some(routers) if routers > 0 && shape.nodes.is_multiple_of(routers) => {
            Ok(Digits { dims, local: shape.nodes / routers })
        }
        _ => {
            let sizes: Vec<String> = dims.iter().map(u32::to_string).collect();
            let grid = sizes.join("x");
            let message = format!("a grid of {grid} routers does not fit {} nodes", shape.nodes);
            Err(wrong(message, "use sizes whose product divides the number of nodes"))
        }
    }
}

fn hot_spots(spots: &[(NodeIdx, f64)], share: f64, nodes: u32) -> Result<Kind, SyntheticError> {
    if let Some((node, _)) = spots.iter().find(|(node, _)| node.0 >= nodes) {
        let message = format!("there is no hot spot {}: there are {nodes} nodes", node.0);
        return Err(wrong(message, format!("use nodes from 0 to {}", nodes - 1)));
    }
    if !(0.0..=1.0).contains(&share) {
        let message = format!("{share} is no share of the packets");
        return Err(wrong(message, "use a number from 0 to 1"));
    }
    let spots = Weighted::new("traffic", spots)?;
    Ok(Kind::HotSpots { spots, share: Chance::of(share), nodes })
}

fn next_group(nodes: u32, group: Option<u32>) -> Result<Kind, SyntheticError> {
    let Some(group) = group else {
        let message = "`bad_dragon` needs groups, and the machine has none";
        return Err(wrong(message, "name the nodes of a group, as in `bad_dragon(16)`"));
    };
    if group == 0 || !nodes.is_multiple_of(group) || nodes / group < 2 {
        let message = format!("{nodes} nodes do not part into groups of {group}");
        return Err(wrong(message, "use a number that divides them into at least two groups"));
    }
    let first = |n| NodeIdx((n / group + 1) * group % nodes);
    Ok(Kind::Range { first: (0..nodes).map(first).collect(), nodes: group })
}

fn asymmetric(nodes: u32) -> Result<Kind, SyntheticError> {
    let half = nodes / 2;
    if half == 0 {
        return Err(wrong("one node has no halves", "use `uniform`"));
    }
    let first = (0..nodes).map(|n| [NodeIdx(n % half), NodeIdx(n % half + half)]).collect();
    Ok(Kind::Either { first, chance: Chance::of(0.5) })
}

fn wrong(message: impl Into<String>, mend: impl Into<String>) -> SyntheticError {
    SyntheticError::new("traffic", message, mend)
}
