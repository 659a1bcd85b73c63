//! Separable input-first allocation with round-robin arbiters, for VCs and for the switch.
//!
//! Decisions read the router as it is at the edge and change nothing; pointers move in the commit,
//! and only past a granted requester. The first request for an output is granted on trial; a later
//! one that the output's arbiter prefers takes its place.

use clock::Edge;

use crate::Grants;
use crate::grants::{SwitchGrant, VcGrant};
use crate::ports::{pick, sooner};
use crate::state::Router;

/// VC allocation: every waiting input VC picks one free output VC, every output VC one of them.
#[inline]
pub(crate) fn decide_vcs(router: &Router, edge: Edge, grants: &mut Grants) {
    for port in &router.waiting_ports {
        let mut mask = router.ports[port].waiting;
        while mask != 0 {
            let vc = u8::try_from(mask.trailing_zeros()).unwrap_or(0);
            mask &= mask - 1;
            let at = port * router.vcs + usize::from(vc);
            let input = &router.inputs[at];
            if input.ready > edge {
                grants.timer = grants.timer.min(input.ready);
                continue;
            }
            let out_port = usize::from(input.out_port);
            let free = input.allowed & router.ports[out_port].free;
            if free == 0 {
                continue;
            }
            // One arbiter over all output VCs of the router: its pointer counts only at its port.
            let (pointed, vc_of) = input.pointer;
            let from = if usize::from(pointed) == out_port { vc_of } else { 0 };
            let out_vc = pick(free, from);
            let output = out_port * router.vcs + usize::from(out_vc);
            let grant = VcGrant { at, output, port, out_port, vc, out_vc };
            let best = &mut grants.best_vc[output];
            if best.0 == grants.stamp {
                grants.losers = true;
                let held = &mut grants.vcs[best.1];
                if sooner(at, held.at, router.outputs[output].pointer as usize) {
                    *held = grant;
                }
            } else {
                *best = (grants.stamp, grants.vcs.len());
                grants.vcs.push(grant);
            }
        }
    }
}

/// Switch allocation: every input port picks one VC that could send, every output port one of them.
#[inline]
pub(crate) fn decide_switch(router: &Router, edge: Edge, depart: Edge, grants: &mut Grants) {
    for port in &router.active_ports {
        let able = able(router, port, edge, depart, grants);
        if able == 0 {
            continue;
        }
        grants.losers |= !able.is_power_of_two();
        let (vc, out_port) = choose(router, port, able);
        let grant = SwitchGrant { port, vc, out_port };
        let best = &mut grants.best_port[out_port];
        if best.0 == grants.stamp {
            grants.losers = true;
            let held = &mut grants.switch[best.1];
            if sooner(port, held.port, usize::from(router.ports[out_port].output_pointer)) {
                *held = grant;
            }
        } else {
            *best = (grants.stamp, grants.switch.len());
            grants.switch.push(grant);
        }
    }
}

/// The choice of an input port among its VCs that could send: first among the output ports that
/// they want, then among the VCs that want this one, both round-robin.
#[inline]
fn choose(router: &Router, port: usize, able: u64) -> (u8, usize) {
    let wanted = |vc: u8| usize::from(router.inputs[port * router.vcs + usize::from(vc)].out_port);
    let first = pick(able, router.ports[port].input_pointer);
    let mut best = (first, wanted(first));
    let from = usize::from(router.ports[port].choice_pointer);
    let mut rest = able & !(1 << first);
    while rest != 0 {
        // In the order of the VCs' own turn, so that the first of equals is kept.
        let vc = pick(rest, first);
        rest &= !(1 << vc);
        let out_port = wanted(vc);
        if out_port != best.1 && sooner(out_port, best.1, from) {
            best = (vc, out_port);
        }
    }
    best
}

/// The VCs of an input port that could send now. What the others wait for is noted.
#[inline]
fn able(router: &Router, port: usize, edge: Edge, depart: Edge, grants: &mut Grants) -> u64 {
    let mut able = 0_u64;
    let mut mask = router.ports[port].active;
    while mask != 0 {
        let vc = mask.trailing_zeros();
        mask &= mask - 1;
        let input = &router.inputs[port * router.vcs + vc as usize];
        let out_port = usize::from(input.out_port);
        let output = out_port * router.vcs + usize::from(input.out_vc);
        if input.ready > edge {
            grants.timer = grants.timer.min(input.ready);
        } else if router.outputs[output].credits == 0 {
            grants.starved.insert(out_port);
        } else {
            let ready = router.ports[out_port].link_ready;
            if ready <= depart {
                able |= 1 << vc;
            } else {
                let ahead = depart.0 - edge.0;
                grants.timer = grants.timer.min(Edge(ready.0 - ahead));
            }
        }
    }
    able
}
