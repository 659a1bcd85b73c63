//! Those who watch a run: whoever counts what links, routers and VCs do, and whoever follows packets.

use base::{PacketIdx, RoutingFunction};
use router::{Departure, Lane, Stall};
use topology::spec::MachineSpec;

use super::load::{Meter, NetworkLoad};
use super::record::Told;
use crate::cycle::{CycleNetwork, Follow, Passage, Sighting, Watch};

/// A watcher of a run, who also hears of its phases. `()` hears nothing and costs nothing.
pub(super) trait Sight: Watch {
    /// The run begins, with so many lanes in its routers.
    fn start(&mut self, _lanes: usize) {}
    /// The measured window begins.
    fn open(&mut self, _now: u64) {}
    /// The measured window is over.
    fn close(&mut self, _now: u64) {}
    /// What packets did at terminals in the last cycle.
    fn tell(&mut self, _told: &[Told]) {}
    /// All that it has to say.
    fn told<R: RoutingFunction>(
        &self,
        _: &MachineSpec,
        _: &CycleNetwork<R, Self>,
    ) -> (Option<NetworkLoad>, Vec<String>)
    where
        Self: Sized,
    {
        (None, Vec::new())
    }
}

impl Sight for () {}

/// Counts, and follows.
#[derive(Clone, Debug)]
pub(super) struct Watching {
    meter: Option<Meter>,
    follow: Follow,
    wanted: Vec<u32>,
    /// Followed packets at their sources and destinations.
    ends: Vec<(Passage, Option<u64>)>,
}

impl Watching {
    pub(super) fn new(stats: bool, wanted: &[u32]) -> Self {
        Self {
            meter: stats.then(Meter::default),
            follow: Follow::default(),
            wanted: wanted.to_vec(),
            ends: Vec::new(),
        }
    }

    /// What followed packets did, in words.
    fn lines<R: RoutingFunction, W: Watch>(
        &self,
        spec: &MachineSpec,
        net: &CycleNetwork<R, W>,
    ) -> Vec<String> {
        let mut lines: Vec<(u64, u64, usize, String)> = Vec::new();
        for (p, arrived) in &self.ends {
            let number = u64::from(p.tag);
            let Passage { src, dst, flits, created, injected, .. } = *p;
            if let Some(at) = arrived {
                let cycles = at - created;
                let said = format!("{dst}: delivered after {cycles} cycles, {} routers", p.hops);
                lines.push((number, *at, usize::MAX, said));
            } else {
                let said = format!("{src}: created, {flits} flits to {dst}");
                lines.push((number, created, 0, said));
                lines.push((number, injected, 1, format!("{src}: head leaves the source")));
            }
        }
        let place = |lane: Lane| {
            let (router, port, vc) = net.routers().place(lane);
            (spec.fabric.routers[router.at()].name.as_str(), port, vc.0)
        };
        for (n, seen) in self.follow.seen().into_iter().enumerate() {
            let Sighting { packet, cycle, stage, flit, at, to } = seen;
            let (router, port, vc) = place(at);
            let to = to
                .map(place)
                .map_or(String::new(), |(_, port, vc)| format!(" to port {port} VC {vc}"));
            let word = stage.word();
            let said = format!("{router} port {port} VC {vc}: flit {flit} {word}{to}");
            lines.push((packet, cycle, n + 2, said));
        }
        lines.sort();
        let line = |(packet, cycle, _, said)| format!("packet {packet} | {cycle} | {said}");
        lines.into_iter().map(line).collect()
    }
}

impl Sight for Watching {
    fn start(&mut self, lanes: usize) {
        if let Some(meter) = &mut self.meter {
            meter.start(lanes);
        }
    }

    fn open(&mut self, now: u64) {
        if let Some(meter) = &mut self.meter {
            meter.open(now);
        }
    }

    fn close(&mut self, now: u64) {
        if let Some(meter) = &mut self.meter {
            meter.close(now);
        }
    }

    fn tell(&mut self, told: &[Told]) {
        for told in told {
            let (passage, arrived) = match told {
                Told::Injected(p) => (p, None),
                Told::Delivered(p, at) => (p, Some(*at)),
            };
            if !self.wanted.contains(&passage.tag) {
                continue;
            }
            match arrived {
                None => self.follow.follow(passage.packet, u64::from(passage.tag)),
                Some(_) => self.follow.arrived(passage.packet),
            }
            self.ends.push((*passage, arrived));
        }
    }

    fn told<R: RoutingFunction>(
        &self,
        spec: &MachineSpec,
        net: &CycleNetwork<R, Self>,
    ) -> (Option<NetworkLoad>, Vec<String>) {
        (self.meter.as_ref().map(|m| m.told(spec, net)), self.lines(spec, net))
    }
}

impl Watch for Watching {
    fn cycle(&mut self, now: u64) {
        if let Some(meter) = &mut self.meter {
            meter.cycle(now);
        }
        self.follow.cycle(now);
    }

    fn received(&mut self, at: Lane, packet: PacketIdx, now: u64) {
        if let Some(meter) = &mut self.meter {
            meter.received(at, packet, now);
        }
        self.follow.received(at, packet, now);
    }

    fn at_front(&mut self, at: Lane, packet: PacketIdx, now: u64, routed: u64) {
        if let Some(meter) = &mut self.meter {
            meter.at_front(at, packet, now, routed);
        }
        self.follow.at_front(at, packet, now, routed);
    }

    fn vc_granted(&mut self, ends: (Lane, Lane), packet: PacketIdx, ready: u64) {
        if let Some(meter) = &mut self.meter {
            meter.vc_granted(ends, packet, ready);
        }
        self.follow.vc_granted(ends, packet, ready);
    }

    fn sent(&mut self, d: &Departure) {
        if let Some(meter) = &mut self.meter {
            meter.sent(d);
        }
        self.follow.sent(d);
    }

    fn stalled(&mut self, at: Lane, why: Stall) {
        if let Some(meter) = &mut self.meter {
            meter.stalled(at, why);
        }
        self.follow.stalled(at, why);
    }
}
