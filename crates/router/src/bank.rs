//! The bank of all routers: what it is built from, and what may be read off it.

use base::{RouterArch, RouterIdx, RoutingFunction, VcIdx};

use crate::MAX_PORTS;
use crate::general::General;
use crate::state::{Block, Blocked, InputVc, Lane, NOBODY, OutputVc, Port, Stage, Timer, Word};
use crate::store::{Slot, Store};
use crate::view::Load;

/// What a router is built from.
#[derive(Clone, Debug)]
pub struct RouterParams {
    /// Flits of buffer a VC: `[port]`, at this router's inputs; at most [`MAX_PORTS`] ports.
    pub input_depth: Vec<u32>,
    /// Flits of buffer a VC: `[port]`, at the far end of the link out of the port.
    pub output_depth: Vec<u32>,
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

/// All routers of a machine, with one routing function.
#[derive(Clone, Debug)]
pub struct RouterBank<R> {
    pub(crate) routing: R,
    pub(crate) pipeline: Pipeline,
    /// Lanes of a port: `2^shift`.
    pub(crate) shift: u32,
    /// From switch allocation to the link.
    pub(crate) traversal: u64,
    /// Whether a packet that gets no VC is routed again.
    pub(crate) adaptive: bool,
    pub(crate) blocks: Vec<Block>,
    pub(crate) words: Vec<Word>,
    /// `[router's first lane + lane]`, both.
    pub(crate) inputs: Vec<InputVc>,
    pub(crate) outputs: Vec<OutputVc>,
    /// `[router's first port + port]`.
    pub(crate) ports: Vec<Port>,
    /// What routing functions with global knowledge may see, by lane; empty for others.
    pub(crate) loads: Vec<Load>,
    pub(crate) timers: Vec<Vec<(u64, Timer)>>,
    /// The flits of the network.
    pub store: Store,
    /// Scratch of a step: output lanes that are claimed, and the input lane that each output port
    /// was promised to.
    pub(crate) claimed: Vec<Lane>,
    pub(crate) promised: Vec<Lane>,
    /// Scratch of a step: an output VC was asked for that was free, or became free.
    pub(crate) stirred: bool,
    /// Scratch of a step: heads that are to be delivered at its end.
    pub(crate) deferred: Vec<(Lane, Slot)>,
    /// The state of whatever the plain router does not have.
    pub(crate) general: Option<Box<General>>,
}

impl<R: RoutingFunction> RouterBank<R> {
    /// Builds the bank.
    ///
    /// # Panics
    /// If a router has more than [`MAX_PORTS`] ports or 64 VCs, a buffer holds 0 or more than 65,535
    /// flits, or VA, SA or ST have no cycles: machines are checked before they are built.
    pub fn new(params: &[RouterParams], pipeline: Pipeline, routing: R) -> Self {
        let Pipeline { vcs, rc: _, va, sa, st, arch } = pipeline;
        assert!((1..=64).contains(&vcs), "a port has {vcs} VCs, 1 to 64 are modelled");
        assert!(va >= 1 && sa >= 1 && st >= 1, "VA, SA and ST take at least a cycle");
        let shift = u32::from(vcs).next_power_of_two().ilog2();
        let ports = params.iter().map(|p| p.input_depth.len()).max().unwrap_or(0);
        assert!(ports <= MAX_PORTS, "a router has {ports} ports, at most {MAX_PORTS} are modelled");
        let general = (arch != RouterArch::default())
            .then(|| Box::new(General::new(params, &pipeline, shift)));
        let mut this = Self {
            adaptive: routing.adaptive(),
            traversal: u64::from(sa) + u64::from(st),
            routing,
            pipeline,
            shift,
            blocks: Vec::with_capacity(params.len()),
            words: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            ports: Vec::new(),
            loads: Vec::new(),
            timers: vec![Vec::new(); params.len()],
            store: Store::default(),
            claimed: Vec::new(),
            promised: vec![Lane(0); ports],
            stirred: false,
            deferred: Vec::new(),
            general,
        };
        params.iter().for_each(|p| this.add(p));
        if this.routing.global() {
            this.loads = vec![Load::default(); this.outputs.len()];
        }
        this
    }

    fn add(&mut self, params: &RouterParams) {
        let ports = params.input_depth.len();
        let lanes = ports << self.shift;
        let first = |n: usize| u32::try_from(n).expect("banks are bounded at elaboration");
        let words = lanes.div_ceil(64).max(1);
        self.blocks.push(Block {
            lane: first(self.inputs.len()),
            port: first(self.ports.len()),
            word: first(self.words.len()),
            ports: u16::try_from(ports).unwrap_or(u16::MAX),
            words: u16::try_from(words).unwrap_or(u16::MAX),
            timed: false,
            forwarded: 0,
        });
        self.words.resize(self.words.len() + words, Word::default());
        let depth = |d: u32| {
            let flits = u16::try_from(d).ok().filter(|d| *d > 0);
            flits.unwrap_or_else(|| panic!("a VC's buffer holds {d} flits"))
        };
        for port in 0..ports {
            let (here, there) = (depth(params.input_depth[port]), depth(params.output_depth[port]));
            self.ports.push(Port {
                free: u64::MAX >> (64 - self.pipeline.vcs),
                input_pointer: 0,
                busy: false,
                choice_pointer: 0,
                output_pointer: 0,
            });
            for _ in 0..1 << self.shift {
                self.inputs.push(InputVc {
                    first: Slot(0),
                    last: Slot(0),
                    len: 0,
                    depth: here,
                    out: Lane(0),
                    pointer: 0,
                    stage: Stage::Idle,
                    left: u32::MAX,
                    allowed: 0,
                });
                self.outputs.push(OutputVc {
                    credits: there,
                    depth: there,
                    owner: NOBODY,
                    pointer: 0,
                    claim: NOBODY,
                });
            }
        }
    }

    /// The routing function.
    pub const fn routing(&self) -> &R {
        &self.routing
    }

    /// What all routers have in common.
    pub const fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// How many routers there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// VCs a port.
    pub fn vcs(&self) -> usize {
        usize::from(self.pipeline.vcs)
    }

    /// Ports of router `i`.
    pub fn ports(&self, i: RouterIdx) -> usize {
        usize::from(self.blocks[i.at()].ports)
    }

    /// The lane of a VC of a port.
    #[inline]
    pub const fn lane(&self, port: usize, vc: u8) -> Lane {
        Lane::new(port << self.shift | vc as usize)
    }

    /// Port and VC of a lane.
    #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
    #[inline]
    pub const fn port_vc(&self, lane: Lane) -> (usize, VcIdx) {
        (lane.at() >> self.shift, VcIdx((lane.at() & ((1 << self.shift) - 1)) as u8))
    }

    /// Flits that left router `i` so far.
    pub fn forwarded(&self, i: RouterIdx) -> u64 {
        self.blocks[i.at()].forwarded
    }

    /// Flits buffered at router `i`, input `port`, `vc`.
    pub fn buffered(&self, i: RouterIdx, port: usize, vc: VcIdx) -> usize {
        let at = self.blocks[i.at()].lane as usize + self.lane(port, vc.0).at();
        usize::from(self.inputs[at].len)
    }

    /// Credits that router `i` holds for `vc` of the link out of `port`, and how many there are in
    /// all. What waits in an output buffer has spent its credit.
    pub fn credits(&self, i: RouterIdx, port: usize, vc: VcIdx) -> (u32, u32) {
        let at = self.blocks[i.at()].lane as usize + self.lane(port, vc.0).at();
        (u32::from(self.outputs[at].credits), u32::from(self.outputs[at].depth))
    }

    /// Every packet at the front of an input VC of router `i`, with what it waits for.
    pub fn blocked(&self, i: RouterIdx) -> Vec<Blocked> {
        let block = &self.blocks[i.at()];
        let lanes = usize::from(block.ports) << self.shift;
        let inputs = &self.inputs[block.lane as usize..][..lanes];
        let fronts = inputs.iter().enumerate().filter(|(_, vc)| vc.len > 0);
        fronts
            .map(|(at, vc)| {
                let (out_port, out_vc) = self.port_vc(vc.out);
                let flit = self.store.flit(vc.first, out_vc);
                Blocked {
                    packet: flit.packet,
                    dst: flit.dst,
                    at: self.port_vc(Lane::new(at)),
                    out_port,
                    out_vc: (vc.stage == Stage::Active).then_some(out_vc),
                }
            })
            .collect()
    }
}
