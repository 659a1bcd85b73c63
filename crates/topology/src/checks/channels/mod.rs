//! Deadlock freedom of the routing, proved on the routing function itself.
//!
//! A channel is a link and a group of VCs that the routing function treats alike. There is a
//! dependency from one channel to another if some packet may hold the first while it waits for the
//! second. If the graph of dependencies is acyclic, no set of packets can wait for each other in a
//! circle (Dally and Seitz, IEEE Trans. Computers C-36(5), 1987). Adaptive functions may have cycles,
//! as long as packets always have an escape: see [`duato`].
//!
//! ```text
//!   walk ──▶ all dependencies ──▶ no cycle? ──▶ proved: "acyclic"
//!     │                              │ there is one, and the function is adaptive
//!     └────▶ escape channels ────────┴──▶ extended dependencies ──▶ no cycle? ──▶ proved: "duato"
//! ```
//!
//! All channels that packets can occupy are followed leg by leg ([`walk`], [`legs`]), from every
//! source's injection onwards, through all choices that the routing function has. Where a leg ends,
//! the packet goes on to the first channels of the next, whichever next leg there is: a packet of
//! one leg can wait for channels of another, and that counts as any dependency does.
//!
//! Since classes have VCs of their own and are routed alike, each class's graph is the same graph; it
//! is built once, and counted once for each class. What happens between classes: [`classes`].
//!
//! How routers buffer packets matters as follows. Acyclic graphs are safe under any flow control:
//! wormhole or virtual cut-through, VCs given to the next packet when the last one's tail is sent or
//! when the buffer is empty; the latter of each only takes waiting away. Escapes are safe only for
//! packets that can be routed: where a head may wait in a VC behind another packet, out of reach of
//! its own escape, the argument fails. So escape channels are accepted with VCs that hold one packet
//! at a time (`vc_reuse: TailCredit` or `Empty`, the assumption of the 1993 paper), or with virtual
//! cut-through, where the packet in front has room to leave as a whole (Ma et al., HPCA 2012), and
//! refused with wormhole switching and `vc_reuse: TailSent`.

mod classes;
mod cycle;
mod duato;
mod family;
mod graph;
mod legs;
mod walk;

use base::arch::{Switching, VcReuse};
use cycle::Waits;

use super::dependencies::{Dependencies, Method};
use crate::error::Problem;
use crate::spec::MachineSpec;

/// Proves that no routing deadlock is possible, or names the shortest cycle.
pub(super) fn prove(spec: &MachineSpec) -> Result<Dependencies, Problem> {
    let f = &spec.fabric;
    let mut found = walk::walk(f)?;
    let mut method = Method::Acyclic;
    let mut extended = None;
    if let Err(left) = found.all.order() {
        if !found.adaptive {
            return Err(cycle::deadlock(f, &found.all, &left));
        }
        if let Some((channel, goal)) = found.stuck {
            return Err(cycle::no_escape(f, channel, goal));
        }
        extended = duato::extended(f, &mut found)?;
        let arch = &spec.router.arch;
        if arch.switching == Switching::Wormhole && arch.vc_reuse == VcReuse::TailSent {
            return Err(cycle::not_atomic(f));
        }
        method = Method::Duato;
    }
    let classes = classes::prove(spec, &found.all)?;
    let each = classes.count as u64;
    let (channels, dependencies) = (each * found.all.vcs(), each * found.all.dependencies());
    let (escape_channels, extended_dependencies) = match method {
        Method::Acyclic => (channels, Some(dependencies)),
        Method::Duato => (each * found.escape.vcs(), extended.map(|d| each * d)),
    };
    Ok(Dependencies {
        method,
        classes: classes.count,
        legs: found.legs.count(),
        channels,
        dependencies,
        escape_channels,
        extended_dependencies,
        endpoint_dependencies: classes.dependencies,
    })
}

#[cfg(test)]
mod tests;
