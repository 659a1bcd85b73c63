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
    /// The bits of a lane that are its VC; as many ones as a port has lanes.
    pub(crate) vc_mask: u32,
    pub(crate) lanes: u64,
    /// No router has more than 64 lanes: router `i` has word `i`.
    pub(crate) small: bool,
    /// From switch allocation to the link.
    pub(crate) traversal: u64,
    /// Whether a packet that gets no VC is routed again.
    pub(crate) adaptive: bool,
    pub(crate) blocks: Vec<Block>,
    /// Bit per router: has something to do in its next step.
    pub(crate) active: Vec<u64>,
    /// `[word]`, each of one router.
    pub(crate) words: Vec<Word>,
    pub(crate) router_of: Vec<u32>,
    /// `[lane]`, both.
    pub(crate) inputs: Vec<InputVc>,
    pub(crate) outputs: Vec<OutputVc>,
    /// `[lane >> shift]`.
    pub(crate) ports: Vec<Port>,
    /// What routing functions with global knowledge may see, by lane; empty for others.
    pub(crate) loads: Vec<Load>,
    pub(crate) timers: Vec<Vec<(u64, Timer)>>,
    /// The flits of the network.
    pub store: Store,
    /// Scratch of a step: the input lane that each output port was promised to.
    pub(crate) promised: [Lane; MAX_PORTS],
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
        let mut this = Self {
            adaptive: routing.adaptive(),
            traversal: u64::from(sa) + u64::from(st),
            routing,
            pipeline,
            shift,
            vc_mask: (1 << shift) - 1,
            lanes: u64::MAX >> (64 - (1 << shift)),
            small: ports << shift <= 64,
            blocks: Vec::with_capacity(params.len()),
            active: vec![0; params.len().div_ceil(64)],
            words: Vec::new(),
            router_of: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            ports: Vec::new(),
            loads: Vec::new(),
            timers: vec![Vec::new(); params.len()],
            store: Store::default(),
            promised: [Lane(0); MAX_PORTS],
            stirred: false,
            deferred: Vec::new(),
            general: None,
        };
        params.iter().for_each(|p| this.add(p));
        if this.routing.global() {
            this.loads = vec![Load::default(); this.outputs.len()];
        }
        this.general =
            (arch != RouterArch::default()).then(|| Box::new(General::new(params, &this)));
        this
    }

    fn add(&mut self, params: &RouterParams) {
        let ports = params.input_depth.len();
        let words = (ports << self.shift).div_ceil(64).max(1);
        let router = u32::try_from(self.blocks.len()).expect("banks are bounded at elaboration");
        self.blocks.push(Block {
            word: u32::try_from(self.words.len()).expect("banks are bounded at elaboration"),
            ports: u16::try_from(ports).unwrap_or(u16::MAX),
            words: u16::try_from(words).unwrap_or(u16::MAX),
            timed: false,
            forwarded: 0,
        });
        self.words.resize(self.words.len() + words, Word::default());
        self.router_of.resize(self.words.len(), router);
        let depth = |d: &[u32], port: usize| {
            let Some(&d) = d.get(port) else { return 0 };
            let flits = u16::try_from(d).ok().filter(|d| *d > 0);
            flits.unwrap_or_else(|| panic!("a VC's buffer holds {d} flits"))
        };
        for port in 0..(words * 64) >> self.shift {
            let here = depth(&params.input_depth, port);
            let there = depth(&params.output_depth, port);
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
        let first = Lane::new((self.words.len() - words) * 64);
        for at in first.at()..self.inputs.len() {
            // Arbiters start with the first.
            self.inputs[at].pointer = first.low();
            self.outputs[at].pointer = first.low();
        }
        let first_port = Lane(first.0 >> self.shift);
        for port in first_port.at()..self.ports.len() {
            self.ports[port].choice_pointer = first_port.low();
            self.ports[port].output_pointer = first_port.low();
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

    /// How many ports there are in the bank's numbering, some of which are not there.
    pub fn port_count(&self) -> usize {
        self.ports.len()
    }

    /// The number of a router's port among those of the bank.
    #[inline]
    pub fn link(&self, i: RouterIdx, port: usize) -> usize {
        self.lane(i, port, 0).at() >> self.shift
    }

    /// The lane of a VC of a port of router `i`.
    #[inline]
    pub fn lane(&self, i: RouterIdx, port: usize, vc: u8) -> Lane {
        let first = (self.blocks[i.at()].word as usize) << 6;
        Lane::new(first + (port << self.shift | usize::from(vc)))
    }

    /// Router, port and VC of a lane.
    pub fn place(&self, lane: Lane) -> (RouterIdx, usize, VcIdx) {
        let i = RouterIdx(self.router_of[lane.word()]);
        (i, self.port_of(i, lane), self.vc_of(lane))
    }

    #[inline]
    pub(crate) fn port_of(&self, i: RouterIdx, lane: Lane) -> usize {
        let first = (self.blocks[i.at()].word as usize) << 6;
        (lane.at() - first) >> self.shift
    }

    #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
    #[inline]
    pub(crate) const fn vc_of(&self, lane: Lane) -> VcIdx {
        VcIdx((lane.0 & self.vc_mask) as u8)
    }

    /// The lanes of router `i`.
    pub(crate) fn lanes_of(&self, i: RouterIdx) -> impl Iterator<Item = Lane> + use<R> {
        let first = self.lane(i, 0, 0).0;
        let lanes = u32::from(self.blocks[i.at()].ports) << self.shift;
        (first..first + lanes).map(Lane)
    }

    /// Flits that left router `i` so far.
    pub fn forwarded(&self, i: RouterIdx) -> u64 {
        self.blocks[i.at()].forwarded
    }

    /// Flits buffered at router `i`, input `port`, `vc`.
    pub fn buffered(&self, i: RouterIdx, port: usize, vc: VcIdx) -> usize {
        usize::from(self.inputs[self.lane(i, port, vc.0).at()].len)
    }

    /// Credits that router `i` holds for `vc` of the link out of `port`, and how many there are in
    /// all. What waits in an output buffer has spent its credit.
    pub fn credits(&self, i: RouterIdx, port: usize, vc: VcIdx) -> (u32, u32) {
        let output = &self.outputs[self.lane(i, port, vc.0).at()];
        (u32::from(output.credits), u32::from(output.depth))
    }

    /// Every packet at the front of an input VC of router `i`, with what it waits for.
    pub fn blocked(&self, i: RouterIdx) -> Vec<Blocked> {
        let fronts = self.lanes_of(i).map(|lane| (lane, &self.inputs[lane.at()]));
        fronts
            .filter(|(_, input)| input.len > 0)
            .map(|(lane, input)| {
                let flit = self.store.flit(input.first, self.vc_of(input.out));
                Blocked {
                    packet: flit.packet,
                    dst: flit.dst,
                    at: (self.port_of(i, lane), self.vc_of(lane)),
                    out_port: self.port_of(i, input.out),
                    out_vc: (input.stage == Stage::Active).then_some(flit.vc),
                }
            })
            .collect()
    }
}
