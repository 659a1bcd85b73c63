//! What an instruction of a litmus test comes to at an agent, under a model: operations as traces have them.
//!
//! | instruction | becomes |
//! |---|---|
//! | load, acquire load | the same; under `ra` an acquire (RCpc) |
//! | store, release store | the same; under `ra` a release |
//! | atomic | behind a fence if it releases, before one of loads if it acquires; between two if it is a full fence |
//! | fence | those that traces have; where none fits, stronger ones |

use ::litmus::{Fence, Instr, LoadOrder, LocIdx, Model, Operand, Reg, Rmw};
use base::Order;

/// An operation, without its address; `V` is what it writes, `A` what an atomic does: as the instruction says, or with
/// what registers hold when its turn comes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Act<V = Operand, A = (Rmw, Operand)> {
    Load {
        loc: LocIdx,
        to: Reg,
    },
    /// `sc`: it waits for earlier releases.
    Acquire {
        loc: LocIdx,
        to: Reg,
        sc: bool,
    },
    Store {
        loc: LocIdx,
        value: V,
    },
    Release {
        loc: LocIdx,
        value: V,
    },
    Atomic {
        loc: LocIdx,
        to: Option<Reg>,
        does: A,
    },
    Fence,
    Order(Order),
}

/// What an instruction comes to, in order.
pub(super) fn acts(instr: &Instr, model: Model) -> Vec<Act> {
    let ra = model == Model::Ra;
    match instr {
        Instr::Load { to, at, order } => {
            let (loc, to) = (at.loc, *to);
            vec![match order {
                LoadOrder::Plain if !ra => Act::Load { loc, to },
                order => Act::Acquire { loc, to, sc: *order == LoadOrder::AcquireSc && !ra },
            }]
        }
        Instr::Store { value, at, release } => {
            let (loc, value) = (at.loc, *value);
            let releases = *release || ra;
            vec![if releases { Act::Release { loc, value } } else { Act::Store { loc, value } }]
        }
        Instr::Rmw { to, at, rmw, operand, acquire, release, full } => {
            let before = (*full || *release || ra).then_some(Act::Fence);
            let atomic = Act::Atomic { loc: at.loc, to: *to, does: (*rmw, *operand) };
            let loads = (*acquire || ra).then_some(Act::Order(Order::Loads));
            let behind = if *full { Some(Act::Fence) } else { loads };
            before.into_iter().chain([atomic]).chain(behind).collect()
        }
        Instr::Fence(Fence::Full) => vec![Act::Fence],
        Instr::Fence(Fence::Loads) => vec![Act::Order(Order::Loads)],
        Instr::Fence(Fence::Stores) => vec![Act::Order(Order::Stores)],
        Instr::Fence(Fence::Release | Fence::AcquireRelease) => {
            vec![Act::Order(Order::Loads), Act::Order(Order::Stores)]
        }
        // A branch has waited for what it decides on.
        Instr::Fence(Fence::Instruction) | Instr::Compute { .. } | Instr::Branch { .. } => {
            Vec::new()
        }
    }
}
