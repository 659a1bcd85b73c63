//! The bank of all routers: receive, decide, commit.

use base::route::Empty;
use base::{Flit, Head, Part, RouterIdx, RoutingFunction, VcIdx};
use clock::{Domain, Edge};

use crate::allocate::{decide_switch, decide_vcs};
use crate::grants::{SwitchGrant, VcGrant};
use crate::ports::behind;
use crate::state::{Blocked, InputVc, OutputVc, Port, Router, Stage};
use crate::store::Store;
use crate::{Grants, MAX_PORTS, PortSet, Wires};

/// What a router is built from.
#[derive(Clone, Debug)]
pub struct RouterParams {
    /// Its clock.
    pub clock: Domain,
    /// Flits of buffer a VC: `[port]`, at this router's inputs; at most [`MAX_PORTS`] ports.
    pub input_depth: Vec<u32>,
    /// Flits of buffer a VC: `[port]`, at the far end of the link out of the port.
    pub output_depth: Vec<u32>,
    /// VCs a port, at most 64.
    pub vcs: u8,
}

/// Stage delays, the same for all routers, in router cycles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stages {
    rc: u32,
    va: u32,
    sa: u32,
    st: u32,
}

/// All routers of a machine, with one routing function.
#[derive(Clone, Debug)]
pub struct RouterBank<R> {
    routers: Vec<Router>,
    stages: Stages,
    routing: R,
}

impl<R: RoutingFunction> RouterBank<R> {
    /// Builds the bank. `stages` are the delays of RC, VA, SA and ST, each at least 1.
    ///
    /// # Panics
    /// If a router has more than [`MAX_PORTS`] ports or 64 VCs, or a stage has no cycles: machines
    /// are checked before they are built.
    pub fn new(params: &[RouterParams], stages: [u32; 4], routing: R) -> Self {
        let [rc, va, sa, st] = stages;
        assert!(stages.iter().all(|s| *s >= 1), "every stage takes at least a cycle");
        let routers = params.iter().map(build).collect();
        Self { routers, stages: Stages { rc, va, sa, st }, routing }
    }

    /// The routing function.
    pub const fn routing(&self) -> &R {
        &self.routing
    }

    /// How many routers there are.
    pub fn len(&self) -> usize {
        self.routers.len()
    }

    /// VCs a port; 0 where there are no routers.
    pub fn vcs(&self) -> usize {
        self.routers.first().map_or(0, |r| r.vcs)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.routers.is_empty()
    }

    /// Steps router `i` at `edge`: receives, decides, commits. Gives the next edge at which it
    /// must be stepped if nothing arrives before, [`Edge::NEVER`] if none.
    pub fn step<W: Wires>(
        &mut self,
        i: RouterIdx,
        edge: Edge,
        wires: &mut W,
        grants: &mut Grants,
    ) -> Edge {
        self.receive(i, edge, wires);
        self.decide(i, edge, grants);
        self.commit(i, edge, wires, grants)
    }

    /// Takes in credits and flits visible at `edge`.
    fn receive<W: Wires>(&mut self, i: RouterIdx, edge: Edge, wires: &mut W) {
        let router = &mut self.routers[i.at()];
        for port in &wires.credit_ports(edge) {
            while let Some(vc) = wires.receive_credit(port, edge) {
                let output = &mut router.outputs[port * router.vcs + vc.at()];
                output.credits += 1;
                let depth = router.ports[port].out_depth;
                assert!(output.credits <= depth, "{i} port{port} {vc}: a credit too many");
            }
        }
        for port in &wires.flit_ports(edge) {
            while let Some(flit) = wires.receive(port, edge) {
                match router.push(port, flit) {
                    Stage::Idle => {
                        let ready = edge.plus(self.stages.rc);
                        start(router, &self.routing, i, (port, flit.vc.0), ready);
                    }
                    Stage::Active => router.set_active(port, flit.vc.0),
                    Stage::Waiting => {}
                }
            }
        }
    }

    /// Decides VC and switch allocation on the state as it is.
    fn decide(&self, i: RouterIdx, edge: Edge, grants: &mut Grants) {
        grants.clear();
        let router = &self.routers[i.at()];
        decide_vcs(router, edge, grants);
        let depart = edge.plus(self.stages.sa + self.stages.st);
        decide_switch(router, edge, depart, grants);
    }

    /// Carries out the grants.
    fn commit<W: Wires>(
        &mut self,
        i: RouterIdx,
        edge: Edge,
        wires: &mut W,
        grants: &Grants,
    ) -> Edge {
        let stages = self.stages;
        let router = &mut self.routers[i.at()];
        for g in &grants.vcs {
            commit_vc(router, edge, stages, g);
        }
        for g in &grants.switch {
            let next = commit_switch(router, edge, stages, g, wires);
            if next {
                let ready = edge.plus(1 + stages.rc);
                start(router, &self.routing, i, (g.port, g.vc), ready);
            }
        }
        wires.await_credits(&grants.starved);
        let idle = router.waiting_ports.is_empty() && router.active_ports.is_empty();
        match (idle, grants.is_empty() && !grants.losers) {
            (true, _) => Edge::NEVER,
            (false, true) => grants.timer,
            (false, false) => edge.plus(1),
        }
    }

    /// Flits that left router `i` so far.
    pub fn forwarded(&self, i: RouterIdx) -> u64 {
        self.routers[i.at()].forwarded
    }

    /// Flits buffered at router `i`, input `port`, `vc`.
    pub fn buffered(&self, i: RouterIdx, port: usize, vc: VcIdx) -> usize {
        let router = &self.routers[i.at()];
        router.inputs[port * router.vcs + vc.at()].len as usize
    }

    /// Credits that router `i` holds for `vc` of the link out of `port`, and how many there are in
    /// all.
    pub fn credits(&self, i: RouterIdx, port: usize, vc: VcIdx) -> (u32, u32) {
        let router = &self.routers[i.at()];
        let output = &router.outputs[port * router.vcs + vc.at()];
        (output.credits, router.ports[port].out_depth)
    }

    /// Every packet at the front of an input VC of router `i`, with what it waits for.
    pub fn blocked(&self, i: RouterIdx) -> Vec<Blocked> {
        let router = &self.routers[i.at()];
        let fronts = router.inputs.iter().enumerate().filter(|(_, vc)| vc.len > 0);
        fronts
            .map(|(at, vc)| Blocked {
                packet: router.front(vc).packet,
                dst: router.front(vc).dst,
                at: (at / router.vcs, VcIdx::new(at % router.vcs)),
                out_port: usize::from(vc.out_port),
                out_vc: (vc.stage == Stage::Active).then_some(VcIdx(vc.out_vc)),
            })
            .collect()
    }
}

fn build(params: &RouterParams) -> Router {
    let ports = params.input_depth.len();
    let vcs = usize::from(params.vcs);
    assert!(ports <= MAX_PORTS, "a router has {ports} ports, at most {MAX_PORTS} are modelled");
    assert!((1..=64).contains(&vcs), "a port has {vcs} VCs, 1 to 64 are modelled");
    let input = InputVc {
        first: 0,
        last: 0,
        len: 0,
        out_port: 0,
        out_vc: 0,
        stage: Stage::Idle,
        ready: Edge(0),
        routed: Edge(0),
        allowed: 0,
        pointer: (0, 0),
    };
    let output = |at: usize| OutputVc { credits: params.output_depth[at / vcs], pointer: 0 };
    let port = |at: usize| Port {
        link_ready: Edge(0),
        waiting: 0,
        active: 0,
        free: u64::MAX >> (64 - vcs),
        depth: params.input_depth[at],
        out_depth: params.output_depth[at],
        input_pointer: 0,
        choice_pointer: 0,
        output_pointer: 0,
    };
    Router {
        clock: params.clock,
        vcs,
        ports: (0..ports).map(port).collect(),
        inputs: vec![input; ports * vcs],
        outputs: (0..ports * vcs).map(output).collect(),
        flits: Store::new(),
        waiting_ports: PortSet::EMPTY,
        active_ports: PortSet::EMPTY,
        forwarded: 0,
    }
}

/// Routes the packet at the front of an input VC; it asks for an output VC from `ready` on.
fn start<R: RoutingFunction>(
    router: &mut Router,
    routing: &R,
    i: RouterIdx,
    (port, vc): (usize, u8),
    ready: Edge,
) {
    let at = port * router.vcs + usize::from(vc);
    let flit = *router.front(&router.inputs[at]);
    assert!(flit.head, "{i} port{port} vc{vc}: a packet without a head");
    let Flit { src, dst, flow, class, state, .. } = flit;
    let mut head = Head { src, dst, flow, class, state };
    let hop = routing.route(i, base::PortIdx::new(port), VcIdx(vc), &mut head, &Empty);
    assert!(
        hop.port.at() < router.ports.len() && hop.vcs != 0,
        "{i}: the routing function gave {hop:?} for {head:?}"
    );
    let input = &mut router.inputs[at];
    input.stage = Stage::Waiting;
    input.ready = ready;
    input.routed = ready;
    input.out_port = hop.port.0;
    input.allowed = hop.vcs;
    router.set_waiting(port, vc);
}

fn commit_vc(router: &mut Router, edge: Edge, stages: Stages, g: &VcGrant) {
    let count = u8::try_from(router.vcs).unwrap_or(u8::MAX);
    let input = &mut router.inputs[g.at];
    input.stage = Stage::Active;
    input.ready = edge.plus(stages.va);
    input.out_vc = g.out_vc;
    // Behind the last VC of a port comes the first of another, which asks from its first anyway.
    input.pointer = (input.out_port, behind(g.out_vc, count));
    router.ports[g.out_port].free &= !(1 << g.out_vc);
    let next = if g.at + 1 == router.inputs.len() { 0 } else { g.at + 1 };
    router.outputs[g.output].pointer = u32::try_from(next).unwrap_or(0);
    router.clear_waiting(g.port, g.vc);
    router.set_active(g.port, g.vc);
}

/// Sends one flit. Tells whether another packet is now at the front of the input VC.
fn commit_switch<W: Wires>(
    router: &mut Router,
    edge: Edge,
    stages: Stages,
    g: &SwitchGrant,
    wires: &mut W,
) -> bool {
    let at = g.port * router.vcs + usize::from(g.vc);
    let count = u8::try_from(router.vcs).unwrap_or(u8::MAX);
    let mut flit = router.pop(at);
    let input = &mut router.inputs[at];
    let out_vc = input.out_vc;
    flit.vc = VcIdx(out_vc);
    let depart = edge.plus(stages.sa + stages.st);
    if flit.head {
        let front = Edge(input.routed.0 - u64::from(stages.rc));
        let passage = [
            (Part::BufferQueue, front),
            (Part::Router, input.routed),
            (Part::VcAllocation, input.ready),
            (Part::SwitchAllocation, edge.plus(stages.sa)),
            (Part::Router, depart),
        ];
        wires.charge(flit.packet, &router.clock, &passage);
    }
    let more = input.len > 0;
    if flit.tail {
        input.stage = Stage::Idle;
        router.ports[g.out_port].free |= 1 << out_vc;
    }
    if flit.tail || !more {
        router.clear_active(g.port, g.vc);
    }
    router.outputs[g.out_port * router.vcs + usize::from(out_vc)].credits -= 1;
    let ports = router.ports.len();
    let after = |port: usize| {
        let next = if port + 1 == ports { 0 } else { port + 1 };
        u16::try_from(next).unwrap_or(0)
    };
    let input = &mut router.ports[g.port];
    input.input_pointer = behind(g.vc, count);
    input.choice_pointer = after(g.out_port);
    let output = &mut router.ports[g.out_port];
    output.output_pointer = after(g.port);
    output.link_ready = wires.send(g.out_port, flit, depart);
    wires.send_credit(g.port, VcIdx(g.vc), edge.plus(1));
    router.forwarded += 1;
    flit.tail && more
}
