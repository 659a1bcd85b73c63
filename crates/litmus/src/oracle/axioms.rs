//! The axioms of the models over one candidate execution.
//!
//! All: accesses to each location alone are sequentially consistent, and nothing comes between the
//! halves of an atomic. Beyond that,
//!
//! | model | must have no cycle | source |
//! |---|---|---|
//! | sc | program order, rf, co, fr | Shasha and Snir, 1988 |
//! | tso | program order but write to read, fences, rf from other threads, co, fr | x86-TSO, CACM 53(7), 2010 |
//! | ra | happens-before = (program order, rf, order of full fences)+; nor with coherence behind it | Lahav, Giannarakis and Vafeiadis, *Taming Release-Acquire Consistency*, POPL 2016 |
//! | relaxed | dependencies, barriers, atomics, communication between threads | Pulte et al., *Simplifying ARM Concurrency*, POPL 2018; an atomic that acquires and releases as in Arm's own, later model (herdtools7, `aarch64.cat`) |

use super::candidates::Execution;
use super::relation::{Relation, bits};
use super::runs::{Event, EventKind};
use crate::model::Model;
use crate::program::Fence;

/// Whether the execution can happen under `model`.
pub(super) fn hold(x: &Execution<'_>, model: Model) -> bool {
    let n = x.events.len();
    let (rf, co, fr) = (x.rf(), x.co(), x.fr());
    let com = rf.clone().or(&co).or(&fr);
    let access = |e: usize| !matches!(x.events[e].kind, EventKind::Fence(_));
    let po_loc = x.po.filter(|a, b| access(a) && access(b) && x.events[a].loc == x.events[b].loc);
    if !po_loc.or(&com).acyclic() || !atomics_hold(x, &co, &fr) {
        return false;
    }
    let external = |r: &Relation| r.filter(|a, b| x.events[a].thread != x.events[b].thread);
    match model {
        Model::Sc => x.po.clone().or(&com).acyclic(),
        Model::Tso => tso_order(x).or(&external(&rf)).or(&co).or(&fr).acyclic(),
        Model::Ra => release_acquire(x, &rf, &com.closure()),
        Model::Relaxed => {
            let observed = external(&com);
            let barriers = Relation::of(n, |a, b| x.po.has(a, b) && barrier(x, a, b));
            local_order(x, &rf).or(&barriers).or(&observed).acyclic()
        }
    }
}

/// No write comes between the halves of an atomic.
fn atomics_hold(x: &Execution<'_>, co: &Relation, fr: &Relation) -> bool {
    let halves = |(w, event): (usize, &Event)| {
        let read = if event.rmw { Some(w - 1) } else { event.pair };
        read.map(|read| (read, w))
    };
    let mut atomics = x.events.iter().enumerate().filter_map(halves);
    atomics.all(|(read, w)| bits(fr.0[read]).all(|between| !co.has(between, w)))
}

/// Whether a fence that `orders` stands between two events.
fn fenced(x: &Execution<'_>, a: usize, b: usize, orders: impl Fn(Fence) -> bool) -> bool {
    (a + 1..b).any(|f| matches!(x.events[f].kind, EventKind::Fence(fence) if orders(fence)))
}

/// Program order of accesses as it holds under total store order: a locked atomic is a fence by itself; of the others
/// only full ones order anything that is not in order anyway.
fn tso_order(x: &Execution<'_>) -> Relation {
    let access = |e: usize| x.is_read(e) || x.is_write(e);
    x.po.filter(|a, b| {
        if !access(a) || !access(b) {
            return false;
        }
        let released = matches!(x.events[a].kind, EventKind::Write { release: true });
        let acquired = matches!(x.events[b].kind, EventKind::Read { sc: true, .. });
        let atomic = |e: usize| {
            x.events[e].rmw
                || x.events[e].locked
                || x.events.get(e + 1).is_some_and(|next| next.rmw)
        };
        !(x.is_write(a) && x.is_read(b))
            || atomic(a)
            || atomic(b)
            || released && acquired
            || fenced(x, a, b, |f| f == Fence::Full)
    })
}

/// Every order of the full fences is tried; a locked atomic is one.
fn release_acquire(x: &Execution<'_>, rf: &Relation, communicated: &Relation) -> bool {
    let full = |e: &usize| {
        let (e, event) = (*e, x.events[*e]);
        // The last half of a locked atomic; its only one if a compare and swap failed.
        let last = event.rmw || !x.events.get(e + 1).is_some_and(|next| next.rmw);
        event.kind == EventKind::Fence(Fence::Full) || event.locked && last
    };
    let fences: Vec<usize> = (0..x.events.len()).filter(full).collect();
    let base = x.po.clone().or(rf);
    let sound = |order: &[usize]| {
        let mut hb = base.clone();
        order.windows(2).for_each(|pair| hb.add(pair[0], pair[1]));
        let hb = hb.closure();
        hb.is_irreflexive() && hb.then(communicated).is_irreflexive()
    };
    some_order(&fences, &mut Vec::new(), &|a, b| x.po.has(a, b), &sound)
}

/// Whether an order of `rest` behind `chosen`, within program order, is `sound`; so is then each beginning of it.
fn some_order(
    rest: &[usize],
    chosen: &mut Vec<usize>,
    before: &impl Fn(usize, usize) -> bool,
    sound: &impl Fn(&[usize]) -> bool,
) -> bool {
    // More order makes nothing sound.
    if !sound(chosen) {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    for next in rest {
        if rest.iter().any(|other| before(*other, *next)) {
            continue;
        }
        let others: Vec<usize> = rest.iter().copied().filter(|e| e != next).collect();
        chosen.push(*next);
        let found = some_order(&others, chosen, before, sound);
        chosen.pop();
        if found {
            return true;
        }
    }
    false
}

/// Dependencies and atomics.
fn local_order(x: &Execution<'_>, rf: &Relation) -> Relation {
    let n = x.events.len();
    let on = |set: u64, e: usize| set >> e & 1 == 1;
    let depends = |a: usize, b: usize| on(x.events[b].addr | x.events[b].data, a);
    // A read from a write of the thread's own comes behind what the write depends on.
    let forwarded = |a: usize, b: usize| {
        bits((0..n).filter(|w| rf.has(*w, b)).fold(0, |s, w| s | 1 << w))
            .any(|w| x.events[w].thread == x.events[b].thread && depends(a, w))
    };
    let atomic = |a: usize, b: usize| {
        let acquires = matches!(x.events[b].kind, EventKind::Read { acquire: true, .. });
        let second = x.events[a].rmw || x.events[a].pair.is_some();
        x.events[b].rmw && a + 1 == b
            || x.events[b].pair == Some(a)
            || second && acquires && rf.has(a, b)
    };
    Relation::of(n, |a, b| {
        let behind_address = || (a + 1..b).any(|m| x.po.has(a, m) && on(x.events[m].addr, a));
        let controls = || on(x.events[b].ctrl, a);
        let synchronized = || {
            x.is_read(b)
                && (a + 1..b).any(|f| {
                    x.events[f].kind == EventKind::Fence(Fence::Instruction)
                        && x.po.has(a, f)
                        && (on(x.events[f].ctrl, a) || (a + 1..f).any(|m| on(x.events[m].addr, a)))
                })
        };
        atomic(a, b)
            || forwarded(a, b)
            || x.po.has(a, b)
                && (depends(a, b)
                    || x.is_write(b) && (controls() || behind_address())
                    || synchronized())
    })
}

/// What fences, acquires and releases order.
fn barrier(x: &Execution<'_>, a: usize, b: usize) -> bool {
    let (read, write) = (x.is_read(a), x.is_write(a));
    let to_write = x.is_write(b);
    if !(read || write) || !(x.is_read(b) || to_write) {
        return false;
    }
    let acquires = matches!(x.events[a].kind, EventKind::Read { acquire: true, .. });
    let releases = matches!(x.events[b].kind, EventKind::Write { release: true });
    let released = matches!(x.events[a].kind, EventKind::Write { release: true });
    let sc = matches!(x.events[b].kind, EventKind::Read { sc: true, .. });
    // One instruction that acquires and releases: nothing behind it comes before its write.
    let both = released
        && x.events[a].rmw
        && matches!(x.events[a - 1].kind, EventKind::Read { acquire: true, .. });
    acquires
        || both
        || releases
        || released && sc
        // A locked atomic is a full fence for what is before and behind it, its halves included.
        || (a..=b).any(|e| x.events[e].locked)
        || fenced(x, a, b, |fence| match fence {
            Fence::Full => true,
            Fence::Loads => read,
            Fence::Stores => write && to_write,
            Fence::Release => to_write,
            Fence::AcquireRelease => read || to_write,
            Fence::Instruction => false,
        })
}
