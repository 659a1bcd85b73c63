//! The bank of all routers: receive, decide, commit.

use base::{Flit, Head, LinkIdx, Part, RouterIdx, RoutingFunction, VcIdx};
use clock::{Domain, Edge};

use crate::allocate::{decide_switch, decide_vcs};
use crate::grants::{SwitchGrant, VcGrant};
use crate::ports::behind;
use crate::state::{Blocked, InputVc, OutputVc, Router, Stage};
use crate::{Grants, MAX_PORTS, PortSet, Wires};

/// What a router is built from.
#[derive(Clone, Debug)]
pub struct RouterParams {
    /// Its clock.
    pub clock: Domain,
    /// The link out of each port; at most [`MAX_PORTS`].
    pub out: Vec<LinkIdx>,
    /// Flits of buffer a VC: `[port]`, at this router's inputs.
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
        self.decide(i, edge, wires, grants);
        self.commit(i, edge, wires, grants)
    }

    /// Takes in credits and flits visible at `edge`.
    fn receive<W: Wires>(&mut self, i: RouterIdx, edge: Edge, wires: &mut W) {
        let router = &mut self.routers[i.at()];
        for port in wires.credit_ports().iter() {
            while let Some(vc) = wires.receive_credit(port, edge) {
                let output = &mut router.outputs[port * router.vcs + vc.at()];
                output.credits += 1;
                assert!(output.credits <= output.depth, "{i} port{port} {vc}: a credit too many");
            }
        }
        for port in wires.flit_ports().iter() {
            while let Some(flit) = wires.receive(port, edge) {
                let input = port * router.vcs + flit.vc.at();
                router.push(input, flit);
                match router.inputs[input].stage {
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
    fn decide<W: Wires>(&self, i: RouterIdx, edge: Edge, wires: &W, grants: &mut Grants) {
        grants.clear();
        let router = &self.routers[i.at()];
        decide_vcs(router, edge, grants);
        let depart = edge.plus(self.stages.sa + self.stages.st);
        decide_switch(router, edge, depart, wires, grants);
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
            commit_vc(router, edge, stages, *g, wires);
        }
        for g in &grants.switch {
            let next = commit_switch(router, edge, stages, *g, wires);
            if next {
                let ready = edge.plus(1 + stages.rc);
                start(router, &self.routing, i, (g.port, g.vc), ready);
            }
        }
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
        router.inputs[port * router.vcs + vc.at()].len
    }

    /// Credits that router `i` holds for `vc` of the link out of `port`, and how many there are in
    /// all.
    pub fn credits(&self, i: RouterIdx, port: usize, vc: VcIdx) -> (u32, u32) {
        let router = &self.routers[i.at()];
        let output = &router.outputs[port * router.vcs + vc.at()];
        (output.credits, output.depth)
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
                out_port: vc.out_port,
                out_vc: (vc.stage == Stage::Active).then_some(VcIdx(vc.out_vc)),
            })
            .collect()
    }
}

fn build(params: &RouterParams) -> Router {
    let ports = params.out.len();
    let vcs = usize::from(params.vcs);
    assert!(ports <= MAX_PORTS, "a router has {ports} ports, at most {MAX_PORTS} are modelled");
    assert!((1..=64).contains(&vcs), "a port has {vcs} VCs, 1 to 64 are modelled");
    let mut base = 0;
    let mut inputs = Vec::with_capacity(ports * vcs);
    for port in 0..ports {
        for _ in 0..vcs {
            let depth = params.input_depth[port] as usize;
            inputs.push(InputVc {
                base,
                depth,
                first: 0,
                len: 0,
                stage: Stage::Idle,
                ready: Edge(0),
                out_port: 0,
                out_vc: 0,
                allowed: 0,
                pointer: 0,
            });
            base += depth;
        }
    }
    let output = |at: usize| {
        let depth = params.output_depth[at / vcs];
        OutputVc { credits: depth, depth, pointer: 0 }
    };
    let none = Flit {
        packet: base::PacketIdx(u32::MAX),
        dst: base::NodeIdx(0),
        src: base::NodeIdx(0),
        flow: 0,
        vc: VcIdx(0),
        class: base::Class::Req,
        head: false,
        tail: false,
    };
    Router {
        clock: params.clock,
        out: params.out.clone(),
        vcs,
        inputs,
        outputs: (0..ports * vcs).map(output).collect(),
        free: vec![u64::MAX >> (64 - vcs); ports],
        flits: vec![none; base],
        waiting: vec![0; ports],
        active: vec![0; ports],
        waiting_ports: PortSet::EMPTY,
        active_ports: PortSet::EMPTY,
        input_pointer: vec![0; ports],
        output_pointer: vec![0; ports],
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
    let head = Head { src: flit.src, dst: flit.dst, flow: flit.flow, class: flit.class };
    let hop = routing.route(i, base::PortIdx::new(port), VcIdx(vc), &head);
    assert!(
        hop.port.at() < router.out.len() && hop.vcs != 0,
        "{i}: the routing function gave {hop:?} for {head:?}"
    );
    let input = &mut router.inputs[at];
    input.stage = Stage::Waiting;
    input.ready = ready;
    input.out_port = hop.port.at();
    input.allowed = hop.vcs;
    router.set_waiting(port, vc);
}

fn commit_vc<W: Wires>(router: &mut Router, edge: Edge, stages: Stages, g: VcGrant, wires: &mut W) {
    let at = g.port * router.vcs + usize::from(g.vc);
    let count = u8::try_from(router.vcs).unwrap_or(u8::MAX);
    let input = &mut router.inputs[at];
    let routed = input.ready;
    input.stage = Stage::Active;
    input.ready = edge.plus(stages.va);
    input.out_vc = g.out_vc;
    input.pointer = behind(g.out_vc, count);
    let ready = input.ready;
    router.free[g.out_port] &= !(1 << g.out_vc);
    let next = if at + 1 == router.inputs.len() { 0 } else { at + 1 };
    router.outputs[g.out_port * router.vcs + usize::from(g.out_vc)].pointer = next;
    router.clear_waiting(g.port, g.vc);
    router.set_active(g.port, g.vc);
    let packet = router.front(&router.inputs[at]).packet;
    wires.charge(packet, Part::Router, &router.clock, routed);
    wires.charge(packet, Part::VcAllocation, &router.clock, ready);
}

/// Sends one flit. Tells whether another packet is now at the front of the input VC.
fn commit_switch<W: Wires>(
    router: &mut Router,
    edge: Edge,
    stages: Stages,
    g: SwitchGrant,
    wires: &mut W,
) -> bool {
    let at = g.port * router.vcs + usize::from(g.vc);
    let count = u8::try_from(router.vcs).unwrap_or(u8::MAX);
    let mut flit = router.pop(at);
    let out_vc = router.inputs[at].out_vc;
    flit.vc = VcIdx(out_vc);
    let output = &mut router.outputs[g.out_port * router.vcs + usize::from(out_vc)];
    output.credits -= 1;
    router.input_pointer[g.port] = behind(g.vc, count);
    router.output_pointer[g.out_port] = if g.port + 1 == router.out.len() { 0 } else { g.port + 1 };
    router.forwarded += 1;
    let depart = edge.plus(stages.sa + stages.st);
    if flit.head {
        wires.charge(flit.packet, Part::SwitchAllocation, &router.clock, edge.plus(stages.sa));
        wires.charge(flit.packet, Part::Router, &router.clock, depart);
    }
    wires.send(router.out[g.out_port], flit, depart);
    wires.send_credit(g.port, VcIdx(g.vc), edge.plus(1));
    let input = &mut router.inputs[at];
    let more = input.len > 0;
    if flit.tail {
        input.stage = Stage::Idle;
        router.free[g.out_port] |= 1 << out_vc;
        router.clear_active(g.port, g.vc);
        more
    } else {
        if !more {
            router.clear_active(g.port, g.vc);
        }
        false
    }
}
