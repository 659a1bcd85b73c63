//! Separable input-first allocation with round-robin arbiters, for VCs and for the switch.
//!
//! Decisions read the router as it is at the edge and change nothing; pointers move in the commit,
//! and only past a granted requester.

use clock::Edge;

use crate::grants::{SwitchGrant, VcGrant};
use crate::ports::{pick, sooner};
use crate::state::Router;
use crate::{Grants, Wires};

/// VC allocation: every waiting input VC picks one free output VC, every output VC one of them.
pub(crate) fn decide_vcs(router: &Router, edge: Edge, grants: &mut Grants) {
    for port in router.waiting_ports.iter() {
        let mut mask = router.waiting[port];
        while mask != 0 {
            let vc = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let at = port * router.vcs + vc;
            let input = &router.inputs[at];
            if input.ready > edge {
                grants.timer = grants.timer.min(input.ready);
                continue;
            }
            let free = input.allowed & router.free[input.out_port];
            if free == 0 {
                continue;
            }
            let out_vc = pick(free, input.pointer);
            let output = input.out_port * router.vcs + usize::from(out_vc);
            let best = &mut grants.best_vc[output];
            if best.0 == grants.stamp {
                grants.losers = true;
                if sooner(at, best.1, router.outputs[output].pointer) {
                    best.1 = at;
                }
            } else {
                *best = (grants.stamp, at);
                grants.asked_vcs.push(output);
            }
        }
    }
    for &output in &grants.asked_vcs {
        let at = grants.best_vc[output].1;
        grants.vcs.push(VcGrant {
            port: at / router.vcs,
            vc: u8::try_from(at % router.vcs).unwrap_or(0),
            out_port: output / router.vcs,
            out_vc: u8::try_from(output % router.vcs).unwrap_or(0),
        });
    }
}

/// Switch allocation: every input port picks one VC that could send, every output port one of them.
pub(crate) fn decide_switch<W: Wires>(
    router: &Router,
    edge: Edge,
    depart: Edge,
    wires: &W,
    grants: &mut Grants,
) {
    for port in router.active_ports.iter() {
        let mut able = 0_u64;
        let mut mask = router.active[port];
        while mask != 0 {
            let vc = mask.trailing_zeros();
            mask &= mask - 1;
            let input = &router.inputs[port * router.vcs + vc as usize];
            let output = input.out_port * router.vcs + usize::from(input.out_vc);
            if input.ready > edge {
                grants.timer = grants.timer.min(input.ready);
            } else if router.outputs[output].credits > 0 {
                let ready = wires.ready(router.out[input.out_port]);
                if ready <= depart {
                    able |= 1 << vc;
                } else {
                    let ahead = depart.0 - edge.0;
                    grants.timer = grants.timer.min(Edge(ready.0 - ahead));
                }
            }
        }
        if able == 0 {
            continue;
        }
        grants.losers |= !able.is_power_of_two();
        let vc = pick(able, router.input_pointer[port]);
        let out_port = router.inputs[port * router.vcs + usize::from(vc)].out_port;
        let best = &mut grants.best_port[out_port];
        if best.0 == grants.stamp {
            grants.losers = true;
            if sooner(port, best.1, router.output_pointer[out_port]) {
                (best.1, best.2) = (port, vc);
            }
        } else {
            *best = (grants.stamp, port, vc);
            grants.asked_ports.push(out_port);
        }
    }
    for &out_port in &grants.asked_ports {
        let (_, port, vc) = grants.best_port[out_port];
        grants.switch.push(SwitchGrant { port, vc, out_port });
    }
}
