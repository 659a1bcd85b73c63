//! Rules of a router's microarchitecture: what its parts need of each other.

use base::RouterArch;
use base::arch::{Allocation, Buffers, Switching};

use super::{entries, range};
use crate::error::{ErrorKind, Problem};
use crate::phy::Credits;
use crate::spec::{LinkClass, MachineSpec};

/// Crossbar ports for each port of the router, or allocations in a cycle, at most.
const SPEEDUP_MAX: u64 = 8;
/// Iterations of an allocator at most: as many as ports in the largest crossbars that use it.
const ITERATIONS_MAX: u64 = 64;

/// The choices that make a router, and what they need of the buffers of the links.
pub(super) fn arch(spec: &MachineSpec) -> Result<(), Problem> {
    let arch = &spec.router.arch;
    for (key, allocator) in [
        ("router.vc_allocator", arch.vc_allocator),
        ("router.switch_allocator", arch.switch_allocator),
    ] {
        if let Allocation::Islip { iterations } = allocator {
            range(&format!("{key}.iterations"), u64::from(iterations), 1, ITERATIONS_MAX)?;
        }
    }
    speedups(arch)?;
    spec.fabric.classes.iter().try_for_each(|class| buffers(spec, class))
}

fn speedups(arch: &RouterArch) -> Result<(), Problem> {
    for (key, speedup, buffered) in [
        ("router.input_speedup", arch.input_speedup, false),
        ("router.output_speedup", arch.output_speedup, true),
        ("router.internal_speedup", arch.internal_speedup, true),
    ] {
        range(key, u64::from(speedup), 1, SPEEDUP_MAX)?;
        if buffered && speedup > 1 && arch.output_buffer_flits.is_none() {
            return Err(Problem::new(
                ErrorKind::Structure,
                key,
                format!(
                    "a speedup of {speedup} brings more flits to an output than its link takes away"
                ),
                "add `output_buffer_flits: 8` or whatever it is, or use a speedup of 1",
            ));
        }
    }
    arch.output_buffer_flits.map_or(Ok(()), |flits| entries("router.output_buffer_flits", flits, 1))
}

/// Buffers of a link class, for what the router puts into them.
fn buffers(spec: &MachineSpec, class: &LinkClass) -> Result<(), Problem> {
    let arch = &spec.router.arch;
    let (reserved, key) = reserved(spec, class);
    let key = key.as_str();
    if let Some(reserved_flits) = reserved {
        range(key, u64::from(reserved_flits), 1, u64::from(u32::MAX))?;
        if reserved_flits > class.buffer_flits {
            return Err(Problem::new(
                ErrorKind::Structure,
                key,
                format!(
                    "{reserved_flits} flits cannot be reserved for each VC of the link class `{}`, \
                     whose buffers have {}",
                    class.name, class.buffer_flits
                ),
                format!("use at most {}, or raise its buffer_flits", class.buffer_flits),
            ));
        }
    }
    let bytes = u64::from(spec.header_bytes) + base::LINE_BYTES;
    let packet = bytes.div_ceil(u64::from(spec.flit_bytes.max(1)));
    if arch.switching == Switching::VirtualCutThrough && u64::from(class.buffer_flits) < packet {
        return Err(Problem::new(
            ErrorKind::Structure,
            format!("links.\"{}\".buffer_flits", class.name),
            format!(
                "a packet of {packet} flits, a line and its header, never has room in a buffer of {}",
                class.buffer_flits
            ),
            format!("use at least {packet}, or `switching: Wormhole`"),
        ));
    }
    match reserved {
        Some(reserved_flits)
            if arch.switching == Switching::VirtualCutThrough
                && u64::from(reserved_flits) < packet =>
        {
            Err(Problem::new(
                ErrorKind::Structure,
                key,
                format!(
                    "a packet of {packet} flits that cuts through may wait for ever for room that \
                     other VCs' packets hold: {reserved_flits} are reserved for its VC"
                ),
                format!("reserve at least {packet}, or use `switching: Wormhole`"),
            ))
        }
        _ => Ok(()),
    }
}

/// Flits that each VC of a link class has of its own where others are shared, and the key that says so.
fn reserved(spec: &MachineSpec, class: &LinkClass) -> (Option<u32>, String) {
    match class.phy.as_ref().and_then(|phy| phy.credit_pools) {
        None => {
            let of = match spec.router.arch.buffers {
                Buffers::Private => None,
                Buffers::Shared { reserved_flits } => Some(reserved_flits),
            };
            (of, "router.buffers.reserved_flits".to_owned())
        }
        Some(own) => {
            let of = match own {
                Credits::PerVc => None,
                Credits::PerClass { reserved_flits } | Credits::Shared { reserved_flits } => {
                    Some(reserved_flits)
                }
            };
            (of, format!("links.\"{}\".credits.reserved_flits", class.name))
        }
    }
}
