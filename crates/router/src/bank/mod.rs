//! The bank of all routers: what it is built from, and what may be read off it.

mod blocks;
mod express;
mod read;

use base::arch::{Buffers, VcReuse};
use base::{Flit, RouterArch, RouterIdx, RoutingFunction, VcIdx};
use clock::{Domain, Edge};

use crate::egress::Egress;
use crate::express::{DEPTH_MAX, Engine, LANES_MAX, PortLink};
use crate::general::General;
use crate::pool::Division;
use crate::state::{Block, Lane, Timer};
use crate::store::{Slot, Store};
use crate::view::Load;
use crate::{MAX_PORTS, Wires};

/// What a router is built from.
#[derive(Clone, Debug)]
pub struct RouterParams {
    /// Flits of buffer a VC: `[port]`, at this router's inputs; at most [`MAX_PORTS`] ports.
    pub input_depth: Vec<u32>,
    /// Flits of buffer a VC: `[port]`, at the far end of the link out of the port.
    pub output_depth: Vec<u32>,
    /// Whose these buffers are, at both ends: `[port]`; as [`RouterArch::buffers`] says where it is empty.
    pub divisions: Vec<Division>,
}

impl RouterParams {
    /// Whose the buffers of a port are.
    pub(crate) fn division(&self, pipeline: &Pipeline, port: usize) -> Division {
        self.divisions.get(port).copied().unwrap_or(match pipeline.arch.buffers {
            Buffers::Private => Division::PRIVATE,
            Buffers::Shared { reserved_flits } => Division { reserved_flits, vcs: pipeline.vcs },
        })
    }

    /// Whether each VC of each port has its own.
    fn is_private(&self, pipeline: &Pipeline) -> bool {
        (0..self.input_depth.len()).all(|port| self.division(pipeline, port).is_private())
    }
}

/// What all routers of a bank have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pipeline {
    /// VCs a port, 1 to 64.
    pub vcs: u8,
    /// Cycles of route computation; 0 is lookahead routing.
    pub rc: u32,
    /// Cycles of VC allocation, at least 1.
    pub va: u32,
    /// Cycles of switch allocation, at least 1.
    pub sa: u32,
    /// Cycles of switch traversal, at least 1.
    pub st: u32,
    /// Everything else.
    pub arch: RouterArch,
}

impl Pipeline {
    /// BookSim 2's default: every stage takes a cycle.
    pub fn new(vcs: u8) -> Self {
        Self { vcs, rc: 1, va: 1, sa: 1, st: 1, arch: RouterArch::default() }
    }
}

/// What the routers share.
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself in every step")]
#[derive(Clone, Debug)]
pub(crate) struct Common<R> {
    pub(crate) routing: R,
    pub(crate) pipeline: Pipeline,
    /// Lanes of a port: `2^shift`.
    pub(crate) shift: u32,
    /// The bits of a lane that are its VC; as many ones as a port has lanes.
    pub(crate) vc_mask: u32,
    pub(crate) lanes: u64,
    /// From the cycle in which switch allocation is over to the link.
    pub(crate) traversal: u64,
    /// Whether a packet that gets no VC is routed again.
    pub(crate) adaptive: bool,
    /// Whether an output VC is free only when all its credits are back. Since credits come in order,
    /// that is when the tail's is.
    pub(crate) keeps_vcs: bool,
    /// Whether credits and departures have more to do than to count.
    pub(crate) notes: bool,
    /// Whether a step has more to it than the plain router's, or RC before the rest.
    pub(crate) special: bool,
    /// Bit per router: has something to do in its next step.
    pub(crate) active: Vec<u64>,
    pub(crate) timers: Vec<Vec<(u64, Timer)>>,
    /// What routing functions with global knowledge may see, by lane; empty for others.
    pub(crate) loads: Vec<Load>,
    /// The flits of the network.
    pub(crate) store: Store,
    /// Scratch of a step: input VCs that may send a flit each.
    pub(crate) grants: Vec<Lane>,
    /// Scratch of a step: input VCs whose new packet is routed at its end.
    pub(crate) turned: Vec<Lane>,
    /// Scratch of a step: heads that are to be delivered at its end.
    pub(crate) deferred: Vec<(Lane, Slot)>,
    /// The state of whatever the plain router does not have.
    pub(crate) general: Option<Box<General>>,
}

base::state!([R] Common<R> {
    keeps active, timers, loads, store;
    each general;
    fixed routing, pipeline, shift, vc_mask, lanes, traversal, adaptive, keeps_vcs, notes, special, grants,
        turned, deferred
});

/// The routers, in blocks as large as the largest of them needs.
#[derive(Clone, Debug)]
enum Blocks {
    Lanes64(Vec<Block<64, 1>>),
    Lanes512(Vec<Block<512, 8>>),
    Lanes2048(Vec<Block<2048, 32>>),
    Lanes16384(Vec<Block<16384, 256>>),
}

impl Blocks {
    /// The lanes of the blocks for routers of at most so many: two to this power.
    const fn log(lanes: usize) -> u32 {
        match lanes {
            0..=64 => 6,
            65..=512 => 9,
            513..=2048 => 11,
            _ => 14,
        }
    }

    /// Blocks of `2^log` lanes.
    fn new(params: &[RouterParams], pipeline: &Pipeline, (shift, log): (u32, u32)) -> Self {
        match log {
            6 => Self::Lanes64(build(params, pipeline, shift)),
            9 => Self::Lanes512(build(params, pipeline, shift)),
            11 => Self::Lanes2048(build(params, pipeline, shift)),
            _ => Self::Lanes16384(build(params, pipeline, shift)),
        }
    }
}

/// Routers of one size at work.
pub(crate) struct Kernel<'a, R, const L: usize, const W: usize> {
    pub(crate) c: &'a mut Common<R>,
    pub(crate) blocks: &'a mut [Block<L, W>],
}

/// All routers of a machine, with one routing function.
#[derive(Clone, Debug)]
pub struct RouterBank<R> {
    common: Common<R>,
    blocks: Blocks,
    /// Each router takes `2^log` lanes.
    log: u32,
    /// In place of the blocks, where the network is stepped by lists.
    express: Option<Box<Engine>>,
}

// Banks that are stepped all at once serve sweeps, which are not resumed.
base::state!([R] RouterBank<R> { keeps common, blocks; each; fixed log, express });

/// Does something with the kernel of the blocks' size.
macro_rules! work {
    ($bank:expr, $kernel:ident => $answer:expr) => {
        match &mut $bank.blocks {
            Blocks::Lanes64(blocks) => {
                let mut $kernel = Kernel { c: &mut $bank.common, blocks };
                $answer
            }
            Blocks::Lanes512(blocks) => {
                let mut $kernel = Kernel { c: &mut $bank.common, blocks };
                $answer
            }
            Blocks::Lanes2048(blocks) => {
                let mut $kernel = Kernel { c: &mut $bank.common, blocks };
                $answer
            }
            Blocks::Lanes16384(blocks) => {
                let mut $kernel = Kernel { c: &mut $bank.common, blocks };
                $answer
            }
        }
    };
}

/// Bytes of the emulator's memory that a plain router takes in a bank whose largest router has so many ports.
/// Flits under way are on top.
pub fn router_bytes(ports: usize, vcs: u8) -> usize {
    let shift = u32::from(vcs).next_power_of_two().ilog2();
    let block = match Blocks::log(ports << shift) {
        6 => size_of::<Block<64, 1>>(),
        9 => size_of::<Block<512, 8>>(),
        11 => size_of::<Block<2048, 32>>(),
        _ => size_of::<Block<16384, 256>>(),
    };
    block + size_of::<Vec<(u64, Timer)>>() + ports * size_of::<Lane>()
}

impl<R: RoutingFunction> RouterBank<R> {
    /// Builds the bank.
    ///
    /// # Panics
    /// If a router has more than [`MAX_PORTS`] ports or 64 VCs, a buffer holds 0 or more than 65,535
    /// flits, or VA, SA or ST have no cycles, or [`collective::check`](crate::collective::check)
    /// fails for the routing function's groups: machines are checked before they are built.
    pub fn new(params: &[RouterParams], pipeline: Pipeline, routing: R) -> Self {
        Self::make(params, pipeline, routing, None)
    }

    /// Builds a bank that is stepped by [`cycle`](Self::cycle), all routers at once, if these are
    /// plain routers, not too many, and the routing function looks at no other router. `links[router][port]`,
    /// and the number of nodes.
    ///
    /// # Errors
    /// Gives the routing function back where [`new`](Self::new) is to be used.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn express(
        params: &[RouterParams],
        pipeline: Pipeline,
        routing: R,
        (links, nodes): (&[Vec<PortLink>], usize),
    ) -> Result<Self, R> {
        let plain = (pipeline.va, pipeline.sa) == (1, 1)
            && pipeline.arch == RouterArch::default()
            && params.iter().all(|p| p.is_private(&pipeline));
        let ports = params.iter().map(|p| p.input_depth.len()).max().unwrap_or(0);
        let lanes = (ports * usize::from(pipeline.vcs).next_power_of_two()).next_power_of_two();
        let large = params.len() * lanes.max(2 * ports.next_power_of_two()) > LANES_MAX;
        let deep = params
            .iter()
            .flat_map(|p| p.input_depth.iter().chain(&p.output_depth))
            .any(|flits| *flits > DEPTH_MAX);
        // Who may be asked twice in a cycle would see ports as they were at two moments.
        let torn = routing.weighs() && routing.adaptive();
        if !plain || large || deep || routing.groups().is_some() || routing.global() || torn {
            return Err(routing);
        }
        Ok(Self::make(params, pipeline, routing, Some((links, nodes))))
    }

    fn make(
        params: &[RouterParams],
        pipeline: Pipeline,
        routing: R,
        links: Option<(&[Vec<PortLink>], usize)>,
    ) -> Self {
        let Pipeline { vcs, rc: _, va, sa, st, arch } = pipeline;
        assert!((1..=64).contains(&vcs), "a port has {vcs} VCs, 1 to 64 are modelled");
        assert!(va >= 1 && sa >= 1 && st >= 1, "VA, SA and ST take at least a cycle");
        let shift = u32::from(vcs).next_power_of_two().ilog2();
        let ports = params.iter().map(|p| p.input_depth.len()).max().unwrap_or(0);
        assert!(ports <= MAX_PORTS, "a router has {ports} ports, at most {MAX_PORTS} are modelled");
        let log = Blocks::log(ports << shift);
        let whole = params;
        let params = if links.is_some() { &[] } else { params };
        let blocks = Blocks::new(params, &pipeline, (shift, log));
        let loads = if routing.global() || routing.weighs() { params.len() << log } else { 0 };
        let groups = routing.groups();
        let mut given = pipeline;
        let rc_in_passes = General::counts_rc(&arch, groups.as_ref()).then_some(pipeline.rc);
        if rc_in_passes.is_some() {
            given.rc = 0;
        }
        let plain = groups.is_none()
            && (va, sa) == (1, 1)
            && whole.iter().all(|p| p.is_private(&pipeline))
            && RouterArch { vc_reuse: VcReuse::TailSent, ..arch } == RouterArch::default();
        let general = (!plain)
            .then(|| Box::new(General::new(params, &pipeline, (shift, rc_in_passes), groups)));
        let pipeline = given;
        let common = Common {
            adaptive: routing.adaptive(),
            keeps_vcs: arch.vc_reuse != VcReuse::TailSent,
            special: general.is_some() || pipeline.rc == 0,
            notes: loads > 0 || general.is_some() || arch.vc_reuse != VcReuse::TailSent,
            traversal: 1 + u64::from(st),
            routing,
            pipeline,
            shift,
            vc_mask: (1 << shift) - 1,
            lanes: u64::MAX >> (64 - (1 << shift)),
            active: vec![0; params.len().div_ceil(64)],
            timers: vec![Vec::new(); params.len()],
            loads: vec![Load::default(); loads],
            store: Store::default(),
            grants: Vec::with_capacity(params.iter().map(|p| p.input_depth.len()).sum()),
            turned: Vec::new(),
            deferred: Vec::new(),
            general,
        };
        let express = links.map(|links| {
            // Packed as densely as can be: a large network does not fit into the caches otherwise.
            let log = (ports << shift).max(1).next_power_of_two().ilog2();
            Box::new(Engine::new(whole, &pipeline, (shift, log), &common.routing, links))
        });
        let log = express.as_deref().map_or(log, Engine::log);
        Self { common, blocks, log, express }
    }

    /// Has an express bank's routers stepped one by one, at reset. Lanes have other numbers then.
    fn leave_express(&mut self) {
        let Some(x) = self.express.take() else { return };
        let params: Vec<RouterParams> = (0..x.len()).map(|i| x.params(RouterIdx::new(i))).collect();
        let c = &mut self.common;
        let ports = params.iter().map(|p| p.input_depth.len()).max().unwrap_or(0);
        self.log = Blocks::log(ports << c.shift);
        self.blocks = Blocks::new(&params, &c.pipeline, (c.shift, self.log));
        c.active = vec![0; params.len().div_ceil(64)];
        c.timers = vec![Vec::new(); params.len()];
        if c.routing.weighs() {
            c.loads = vec![Load::default(); params.len() << self.log];
            c.notes = true;
        }
    }

    /// Whether no router has anything to do until something is delivered to it or it is woken; not of an express bank.
    pub fn is_quiet(&self) -> bool {
        self.common.active.iter().all(|routers| *routers == 0)
    }

    /// Takes a flit into the store: its slot, to be delivered. `born` is when its packet was made.
    #[inline]
    pub fn admit(&mut self, flit: &Flit, born: u32) -> Slot {
        self.common.store.insert(flit, born)
    }

    /// Gives output VCs a credit each that counts from cycle `now` on, in which their routers have not
    /// yet been stepped.
    ///
    /// # Panics
    /// If a credit was never spent.
    #[inline]
    pub fn credit(&mut self, to: &[Lane], now: u64) {
        work!(self, k => k.credit_all(to, now));
    }

    /// Puts packets' first flits into input VCs, after their routers are stepped in cycle `now`, or
    /// before it where RC takes no cycle.
    ///
    /// # Panics
    /// If a buffer is full: the sender spent a credit it did not have.
    #[inline]
    pub fn deliver_heads<E: Egress>(&mut self, flits: &[(Lane, Slot)], now: u64, egress: &mut E) {
        work!(self, k => k.deliver_heads(flits, now, egress));
    }

    /// Puts flits that are not their packets' first into input VCs, before their routers are stepped.
    ///
    /// # Panics
    /// If a buffer is full: the sender spent a credit it did not have.
    #[inline]
    pub fn deliver_bodies<E: Egress>(&mut self, flits: &[(Lane, Slot)], egress: &mut E) {
        work!(self, k => k.deliver_bodies(flits, egress));
    }

    /// Steps every router that has something to do in cycle `now`. Credits and flits that are no
    /// heads of this cycle were given before; heads are to be given after it (before it where RC
    /// takes no cycle). Those that must be stepped at a later cycle say so by [`Egress::wake`], and
    /// then are to be [woken](Self::wake).
    #[inline]
    pub fn step_all<E: Egress>(&mut self, now: u64, egress: &mut E) {
        work!(self, k => k.step_all(now, egress));
    }

    /// Steps router `i` in cycle `now`, under the terms of [`step_all`](Self::step_all).
    pub fn step<E: Egress>(&mut self, i: RouterIdx, now: u64, egress: &mut E) {
        work!(self, k => k.step(i.at(), now, egress));
    }

    /// Steps router `i` through the edges of its clock that its wires name, up to the present one: it takes in
    /// what is visible on them, decides and sends. Gives the next edge at which it must be stepped if nothing
    /// arrives before, [`Edge::NEVER`] if none.
    pub fn step_wired<W: Wires>(
        &mut self,
        i: RouterIdx,
        edge: Edge,
        clock: &Domain,
        wires: &mut W,
    ) -> Edge {
        work!(self, k => k.step_wired(i.at(), edge, clock, wires))
    }

    /// Has router `i` stepped in the next [`step_all`](Self::step_all).
    pub fn wake(&mut self, i: RouterIdx) {
        self.common.active[i.at() / 64] |= 1 << (i.at() % 64);
    }

    /// The link out of `port` of router `i` takes no flit that leaves before cycle `until`, which is to come.
    pub fn hold(&mut self, i: RouterIdx, port: usize, until: u64) {
        let (first, mask) = (port << self.common.shift, self.common.vc_mask as usize);
        let when = until.saturating_sub(self.common.traversal);
        if let Some(general) = &mut self.common.general {
            general.hold(i.at(), port, until);
        }
        work!(self, k => k.hold(i.at(), (first, mask), when));
    }

    /// The general routers' state; plain routers become general ones.
    pub(crate) fn general(&mut self) -> &mut General {
        self.leave_express();
        if self.common.general.is_none() {
            let routers = (0..self.len()).map(RouterIdx::new);
            let params: Vec<RouterParams> = routers
                .map(|i| (0..self.ports(i)).map(|p| self.credits(i, p, VcIdx(0)).1).collect())
                .map(|d: Vec<u32>| RouterParams {
                    input_depth: d.clone(),
                    output_depth: d,
                    divisions: Vec::new(),
                })
                .collect();
            let general =
                General::new(&params, &self.common.pipeline, (self.common.shift, None), None);
            self.common.general = Some(Box::new(general));
            self.common.special = true;
        }
        self.common.general.as_mut().expect("it was made")
    }

    /// Lanes of a port: two to this power.
    pub(crate) const fn shift(&self) -> u32 {
        self.common.shift
    }
}

impl<R> Common<R> {
    /// Whether router `i` is to be stepped in the next cycle.
    #[inline]
    pub(crate) fn is_awake(&self, i: usize) -> bool {
        self.active[i / 64] >> (i % 64) & 1 == 1
    }

    /// The first cycle at which something of router `i` runs out.
    #[inline]
    pub(crate) fn next_timer(&self, i: usize) -> u64 {
        self.timers[i].iter().map(|(when, _)| *when).min().unwrap_or(u64::MAX)
    }
}

fn build<const L: usize, const W: usize>(
    params: &[RouterParams],
    pipeline: &Pipeline,
    shift: u32,
) -> Vec<Block<L, W>> {
    let block = |p: &RouterParams| {
        let depth = |(port, d): (usize, &u32)| {
            let most = p.division(pipeline, port).most(*d);
            let flits = u16::try_from(most).ok().filter(|d| *d > 0);
            flits.unwrap_or_else(|| panic!("a VC's buffer holds {d} flits"))
        };
        let input: Vec<u16> = p.input_depth.iter().enumerate().map(depth).collect();
        let output: Vec<u16> = p.output_depth.iter().enumerate().map(depth).collect();
        Block::new(&input, &output, pipeline.vcs, shift)
    };
    params.iter().map(block).collect()
}
