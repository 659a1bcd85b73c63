//! Packets to groups: replicated at the crossbar, or combined on their way up a tree.
//!
//! ```text
//!                        ┌─ branch: VA ─ SA ─▶ copy       table: (place, sequence)
//!   multicast ─▶ front ──┼─ branch: VA ─ SA ─▶ copy          ▲ absorbed    │ all there
//!    of its input VC     └─ branch: VA ─ SA ─▶ the flit   contributions    ▼
//!                                                           the last one goes on with the sum
//! ```
//!
//! **Multicast** is asynchronous: each branch of the packet at the front of an input VC asks for an
//! output VC by itself, and each for the switch. In a cycle an input port reads one flit, and the
//! crossbar drives it to every output that was granted; a flit leaves its buffer with its last copy.
//! Alone, a multicast has the timing of a single packet. Unicasts and multicasts of an input port
//! take turns where both want it.
//!
//! **Reduction**: a contribution that has a table entry is absorbed, a flit an input port and cycle,
//! from the cycle after VA on. Of the contributions of one sequence number the last to come waits
//! until the others are absorbed and then goes on like any packet, as the combination of all; so
//! nothing has to be injected. A contribution whose entry is taken by another sequence number waits
//! in its input VC. ASSUMED: the combining unit has a read port of its own at each input, and adds
//! as fast as the switch sends.
//!
//! # Freedom from deadlock
//!
//! A tree is made of routes of single packets, so a packet to a group waits only for channels that
//! single packets on the same channel wait for too. Where those dependencies have no cycle (Dally and
//! Seitz 1987), channels can be numbered so that waits go up, and the channel with the highest number
//! drains. What is left is that a packet waits for *several* channels at once, and that a branch may
//! hold a VC while another waits: in a wormhole network the flits for the one then wait for the other,
//! down as well as up, and two multicasts that hold what the other wants block each other for good
//! (Lin and Ni 1991 for trees; from memory). Here a branch gets a VC only with room for the whole
//! packet behind it, and no packet to a group is longer than an input buffer, so that all of it can
//! come to the front of its VC: a branch that was granted runs to its end whatever the others do, and
//! each of the others waits upwards. That is virtual cut-through for these packets, and Chiang and
//! Ni's condition for asynchronous replication (1995, from memory); packets of one flit fulfil it of
//! themselves. [`check`] refuses routers that cannot. (That buffers hold a whole packet is what the
//! argument rests on; with room for it ahead as well, a granted branch needs nothing from beyond the
//! next router.)
//!
//! Contributions that are absorbed wait for nothing. One that waits for the others is at the front
//! of its own VC, and they drain independently of it. One without a table entry waits for an older
//! sequence number to be done: every place has an entry for each of the window's sequence numbers, so
//! that happens only if the sender exceeds the window. Who owns the network must not let it.

mod multicast;
mod reduce;

use core::fmt;

use base::arch::Buffers;
use base::group::{Groups, Role};
use base::{GroupIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use crate::bank::{Common, Pipeline, RouterParams};
use crate::egress::Egress;
use crate::flow::short;
use crate::state::{Block, NOBODY, Stage};
use reduce::Table;

/// Routers that cannot do what groups ask of them.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GroupsError {
    /// A buffer that holds less than a packet.
    Buffer {
        /// Whose input it is, or behind whose output.
        router: RouterIdx,
        /// The port.
        port: PortIdx,
        /// Flits of buffer a VC.
        depth: u32,
        /// Flits of the longest packet to a group.
        packet_flits: u32,
    },
    /// Buffers that are shared among VCs: room that a branch was promised may go to others.
    SharedBuffers,
    /// Packets that keep the switch: a multicast would hold several outputs and wait for more.
    HeldSwitch,
}

impl fmt::Display for GroupsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Buffer { router, port, depth, packet_flits } => write!(
                f,
                "{router} has {depth} flits of buffer a VC at {port}, and packets to groups have up \
                 to {packet_flits}: branches could deadlock\n  mend: raise buffer_flits to \
                 {packet_flits}, or lower packet_flits_max"
            ),
            Self::SharedBuffers => f.write_str(
                "buffers are shared among VCs, and packets to groups need room that nobody else \
                 takes\n  mend: leave buffers Private",
            ),
            Self::HeldSwitch => f.write_str(
                "packets keep the switch, and packets to groups would keep several outputs\n  mend: \
                 leave hold_switch false",
            ),
        }
    }
}

impl core::error::Error for GroupsError {}

/// Whether routers of `params` can replicate and combine the packets of `groups`.
///
/// # Errors
/// If they cannot without a danger of deadlock; with [`Groups::whole_packets`] off, buffers are not
/// looked at.
pub fn check(
    params: &[RouterParams],
    pipeline: &Pipeline,
    groups: &Groups,
) -> Result<(), GroupsError> {
    let shared = |p: &RouterParams| p.divisions.iter().any(|d| !d.is_private());
    if pipeline.arch.buffers != Buffers::Private || params.iter().any(shared) {
        return Err(GroupsError::SharedBuffers);
    }
    if pipeline.arch.hold_switch {
        return Err(GroupsError::HeldSwitch);
    }
    let packet_flits = groups.packet_flits_max;
    for (r, router) in params.iter().enumerate().filter(|_| groups.whole_packets) {
        for (p, (input, output)) in router.input_depth.iter().zip(&router.output_depth).enumerate()
        {
            let depth = *input.min(output);
            if depth < packet_flits {
                let (router, port) = (RouterIdx::new(r), PortIdx::new(p));
                return Err(GroupsError::Buffer { router, port, depth, packet_flits });
            }
        }
    }
    Ok(())
}

/// What the routers of a bank with groups have on top of the general router's state.
#[derive(Clone, Debug)]
pub(crate) struct Collective {
    groups: Groups,
    table: Table,
    /// `[router]`
    parts: Vec<Part>,
    /// Scratch, `[output port]`: who asks for a VC there, and who for the switch.
    vc_bids: Vec<Option<Bid>>,
    switch_bids: Vec<Option<Bid>>,
    /// Flits that were copied, and that were absorbed.
    copied: u64,
    absorbed: u64,
}

/// A branch that asks for something at its port.
#[derive(Clone, Copy, Debug)]
struct Bid {
    at: u16,
    branch: u16,
}

/// One router's own.
#[derive(Clone, Debug)]
struct Part {
    /// `[lane]`: the packet to a group at the front of the input VC.
    fronts: Vec<Front>,
    /// `[output port]`: round-robin pointers, over lanes and over input ports.
    vc_turn: Vec<u16>,
    switch_turn: Vec<u16>,
    /// `[input port]`
    inputs: Vec<InputPart>,
}

#[derive(Clone, Copy, Default, Debug)]
struct InputPart {
    /// Round-robin pointers over VCs.
    read_turn: u16,
    absorb_turn: u16,
    /// A multicast read in the last cycle in which unicasts wanted to as well.
    yields: bool,
    /// A multicast reads in this pass.
    reads: bool,
}

/// Where the packet to a group at the front of an input VC is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Phase {
    /// There is none.
    #[default]
    Empty,
    /// Waits for its table entry.
    Entry,
    /// Is being absorbed into a table entry, from the cycle after this one on.
    Absorb { entry: u32, since: u64 },
    /// Is the last of its entry, and waits for the others to be absorbed.
    Last { entry: u32 },
    /// Goes out by its branches.
    Copy,
}

#[derive(Clone, Default, Debug)]
struct Front {
    phase: Phase,
    /// Flits in all, and those that have left the buffer.
    length: u32,
    gone: u32,
    branches: Vec<Way>,
}

/// A branch of a packet.
// Invariant: the front's `gone` <= sent <= length.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// As of the routing function.
    branch: base::group::Branch,
    /// The output VC that it holds, or [`NOBODY`].
    out: u16,
    /// The first cycle in which it may ask for the switch.
    ready: u64,
    /// Flits that took this branch.
    sent: u32,
}

impl Collective {
    /// # Panics
    /// If [`check`] fails.
    pub(crate) fn new(
        params: &[RouterParams],
        pipeline: &Pipeline,
        shift: u32,
        groups: Groups,
    ) -> Self {
        if let Err(error) = check(params, pipeline, &groups) {
            panic!("{error}");
        }
        let part = |p: &RouterParams| {
            let ports = p.input_depth.len();
            Part {
                fronts: vec![Front::default(); ports << shift],
                vc_turn: vec![0; ports],
                switch_turn: vec![0; ports],
                inputs: vec![InputPart::default(); ports],
            }
        };
        let ports = params.iter().map(|p| p.input_depth.len()).max().unwrap_or(0);
        Self {
            groups,
            table: Table::new(&groups),
            parts: params.iter().map(part).collect(),
            vc_bids: vec![None; ports],
            switch_bids: vec![None; ports],
            copied: 0,
            absorbed: 0,
        }
    }

    /// Flits that were copied and flits that were absorbed so far.
    pub(crate) const fn flits(&self) -> (u64, u64) {
        (self.copied, self.absorbed)
    }

    /// Whether a packet to a group is at the front of input VC `at` of router `i`.
    pub(crate) fn holds(&self, i: usize, at: usize) -> bool {
        self.parts[i].fronts[at].phase != Phase::Empty
    }

    /// Whether a packet at the front of input VC `at` of router `i` waits for an output VC: one to a
    /// group if one of its branches does.
    pub(crate) fn lacks_vc(&self, i: usize, at: usize) -> bool {
        let front = &self.parts[i].fronts[at];
        match front.phase {
            Phase::Empty => true,
            Phase::Copy => front.branches.iter().any(|way| way.out == NOBODY),
            Phase::Entry | Phase::Absorb { .. } | Phase::Last { .. } => false,
        }
    }

    /// Whether input `port` of router `i` reads a flit of a multicast in this pass.
    pub(crate) fn reads(&self, i: usize, port: usize) -> bool {
        self.parts[i].inputs[port].reads
    }

    /// Absorbs, and takes up the packets that have come to the front. They stay in the set of those
    /// who wait as long as they are there, so that the router is stepped, and ask for nothing in it.
    pub(crate) fn begin<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) {
        self.absorb(c, block, i, now, egress);
        for w in 0..usize::from(block.words) {
            let mut waiting = block.sets[w].waiting;
            while waiting != 0 {
                let at = w * 64 + waiting.trailing_zeros() as usize;
                waiting &= waiting - 1;
                // A packet that is on its way out may have no flit here.
                let known = self.holds(i, at);
                if known || GroupIdx::of(c.store.dst(block.inputs[at].first)).is_some() {
                    self.take_up(c, block, (i, at), now, egress);
                }
            }
        }
    }

    /// Lets the packet at the front of input VC `at` take the next step that needs no allocation.
    fn take_up<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &Common<R>,
        block: &mut Block<L, W>,
        (i, at): (usize, usize),
        now: u64,
        egress: &mut E,
    ) {
        let slot = block.inputs[at].first;
        let front = &mut self.parts[i].fronts[at];
        if matches!(front.phase, Phase::Empty | Phase::Entry) {
            block.inputs[at].request = 0;
            let head = c.store.head(slot);
            let role = front.open(c, (i, at), &head, c.store.length(slot));
            front.phase = match role {
                Role::Copy => Phase::Copy,
                Role::Combine { place, awaited } => {
                    self.table.enter(place, awaited, head.flow, now)
                }
            };
        }
        if let Phase::Last { entry } = front.phase
            && self.table.complete(entry)
        {
            egress.combine(entry, slot, &c.store);
            front.phase = Phase::Copy;
        }
    }

    /// The packet at the front of input VC `at` has left.
    fn leave<const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        (i, at): (usize, usize),
        now: u64,
    ) {
        let front = &mut self.parts[i].fronts[at];
        front.phase = Phase::Empty;
        front.branches.clear();
        let (input, sets) = (&mut block.inputs[at], &mut block.sets[at / 64]);
        let bit = 1_u64 << (at % 64);
        sets.waiting &= !bit;
        if input.len > 0 {
            input.stage = Stage::Routing;
            sets.turned |= bit;
        } else {
            input.stage = Stage::Idle;
            #[expect(clippy::cast_possible_truncation, reason = "the low bits are compared")]
            let left = now as u32;
            input.left = left;
        }
    }
}

impl Front {
    /// Asks the routing function what becomes of the packet.
    fn open<R: RoutingFunction>(
        &mut self,
        c: &Common<R>,
        (i, at): (usize, usize),
        head: &base::Head,
        length: u32,
    ) -> Role {
        self.length = length;
        self.gone = 0;
        self.branches.clear();
        let port = PortIdx(short(at >> c.shift));
        #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
        let vc = VcIdx((at & c.vc_mask as usize) as u8);
        let branches = &mut self.branches;
        let role = c.routing.fan(RouterIdx::new(i), port, vc, head, |branch| {
            branches.push(Way { branch, out: NOBODY, ready: 0, sent: 0 });
        });
        let fits = match role {
            Role::Copy => !branches.is_empty(),
            Role::Combine { .. } => branches.len() == 1,
        };
        assert!(fits, "router{i}: {role:?} by {} branches for {head:?}", branches.len());
        role
    }

    /// Flits of the packet that have come so far.
    fn arrived(&self, len: u16) -> u32 {
        self.length.min(self.gone + u32::from(len))
    }
}
