//! Framed links of a network on one clock: those of [`phy`], asked by cycles.
//!
//! ```text
//!   router, source ─▶ launch(flit, edge) ─▶ seen in cycle c ─▶ ahead [c] ─▶ the calendar's lists of cycle c
//! ```
//!
//! They have slots, frames, FEC, losses, replays, training and credits in headers, as in a run. What happens at
//! given times, lanes that fail by chance and clocks that differ are not here: all ends have the routers' clock, and
//! nothing crosses. A flit can be seen much later than any ring of the calendar reaches, so what is to come lies in
//! a map by cycle.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Flit, LinkIdx, RouterIdx, RoutingFunction, VcIdx};
use clock::{Crossing, Domain, Edge};
use phy::{FrameClass, LinkParams, Links, Spares, Timing};
use router::{Departure, Lane, RouterBank, Slot, Store};
use topology::spec::{End, LinkTiming, MachineSpec};

use super::calendar::{Calendar, Kind};
use crate::BuildError;

/// No framed link.
const NONE: u32 = u32::MAX;

/// What is seen in one cycle.
#[derive(Clone, Default, Debug)]
struct Coming {
    /// At routers, and whether it is a head; those of a link in their order.
    flits: Vec<(Lane, Slot, bool)>,
    /// At nodes, with the router's output VC that gets the credit.
    ejects: Vec<(Slot, Lane)>,
    credits: Vec<Lane>,
    source_credits: Vec<Lane>,
}

/// All framed links, and what is on them.
#[derive(Clone, Debug)]
pub(super) struct Framed {
    links: Links,
    /// `[lane of a router's output]` and `[source]`: the link out, if it is framed.
    out: Vec<u32>,
    near: Vec<u32>,
    ahead: BTreeMap<u64, Coming>,
    /// Flits of this cycle behind a head on their link, itself among them: a frame brings many at once.
    behind: Vec<(Lane, Slot, bool)>,
    /// `[port]`: the last cycle in which a head came there.
    head_at: Vec<u64>,
    vc_mask: u32,
}

impl Framed {
    /// The framed links of a machine; none if it has none.
    pub(super) fn new<R: RoutingFunction>(
        spec: &MachineSpec,
        bank: &RouterBank<R>,
        seed: u64,
    ) -> Result<Option<Box<Self>>, BuildError> {
        let fabric = &spec.fabric;
        if !is_framed(spec) {
            return Ok(None);
        }
        let clock = fabric.routers.first().map_or((1, 1), |r| spec.domains[r.clock.at()].hertz);
        let clock = Domain::new(clock, base::Fs::ZERO)
            .ok_or_else(|| BuildError::new("the routers' clock has no rate that can be kept"))?;
        let all: Vec<LinkIdx> = (0..fabric.links.len()).map(LinkIdx::new).collect();
        let mut pairs = crate::network::pairs(spec, &all)?;
        for pair in &mut pairs {
            pair.events.clear();
            let spares = Spares { failures_per_s: 0.0, ..pair.class.spares.clone() };
            pair.class =
                Arc::new(FrameClass { ppm: [0, 0], spares, ..FrameClass::clone(&pair.class) });
        }
        let params = all.iter().map(|link| params(spec, *link, &clock)).collect();
        let number = |link: &LinkIdx| {
            let framed = spec.fabric.classes[fabric.links[link.at()].class].phy.is_some();
            if framed { link.0 } else { NONE }
        };
        let mut out = vec![NONE; bank.lane_count()];
        for (r, router) in fabric.routers.iter().enumerate() {
            for (p, link) in router.ports.iter().enumerate() {
                for vc in 0..u8::try_from(bank.vcs()).unwrap_or(u8::MAX) {
                    out[bank.lane(RouterIdx::new(r), p, vc).0 as usize] = number(link);
                }
            }
        }
        let near = fabric.node_ports.iter().flatten().map(number).collect();
        let links = Links::framed(params, &pairs, seed);
        let (ahead, behind) = (BTreeMap::new(), Vec::new());
        let vc_mask = u32::try_from(bank.vcs()).unwrap_or(64).next_power_of_two() - 1;
        let head_at = vec![u64::MAX; out.len() / (vc_mask as usize + 1)];
        Ok(Some(Box::new(Self { links, out, near, ahead, behind, head_at, vc_mask })))
    }

    /// The framed link out of a router's output VC.
    pub(super) fn of(&self, lane: Lane) -> Option<LinkIdx> {
        Some(LinkIdx(self.out[lane.0 as usize])).filter(|link| link.0 != NONE)
    }

    /// A flit leaves a router by `link`, to a lane or a node. Gives the first cycle for another.
    pub(super) fn send(
        &mut self,
        link: LinkIdx,
        store: &Store,
        d: &Departure,
        far: (u32, bool),
    ) -> u64 {
        let flit = store.flit(d.slot, self.vc(d.to));
        let transit = self.links.launch(link, &flit, Edge(d.depart));
        let coming = self.ahead.entry(transit.visible.0).or_default();
        match far {
            (_, true) => coming.ejects.push((d.slot, d.to)),
            (lane, false) => coming.flits.push((Lane(lane), d.slot, d.head)),
        }
        transit.ready.0
    }

    /// A flit leaves a source, if by a framed link; it is at `slot` and goes to `lane`. Gives the first cycle for
    /// another.
    pub(super) fn inject(
        &mut self,
        source: usize,
        flit: &Flit,
        (lane, slot): (Lane, Slot),
        depart: u64,
    ) -> Option<u64> {
        let link = Some(LinkIdx(self.near[source])).filter(|link| link.0 != NONE)?;
        let transit = self.links.launch(link, flit, Edge(depart));
        let coming = self.ahead.entry(transit.visible.0).or_default();
        coming.flits.push((lane, slot, flit.head));
        Some(transit.ready.0)
    }

    /// A credit of input VC `from`, whose port has a framed link `out`, leaves for the far end.
    pub(super) fn credit(&mut self, out: LinkIdx, from: Lane, depart: u64, far: (u32, bool)) {
        let vc = self.vc(from);
        let visible = self.links.launch_credit(out.reverse(), vc, Edge(depart));
        let coming = self.ahead.entry(visible.0).or_default();
        let list = if far.1 { &mut coming.source_credits } else { &mut coming.credits };
        list.push(Lane(far.0));
    }

    /// The first cycle in which anything is seen, or `until`.
    pub(super) fn next(&self, until: u64) -> u64 {
        self.ahead.first_key_value().map_or(until, |(at, _)| until.min(*at))
    }

    /// Puts all that is seen in cycle `now` into the calendar, but for heads and what is behind them on their
    /// links: see [`take_behind`](Self::take_behind).
    pub(super) fn arrive(&mut self, now: u64, calendar: &mut Calendar) {
        while let Some(entry) = self.ahead.first_entry().filter(|entry| *entry.key() <= now) {
            let coming = entry.remove();
            for (lane, slot, head) in coming.flits {
                let head_at = &mut self.head_at[(lane.0 / (self.vc_mask + 1)) as usize];
                if head || *head_at == now {
                    *head_at = now;
                    self.behind.push((lane, slot, head));
                } else {
                    calendar.bodies.push(now, (lane, slot));
                }
            }
            coming.credits.into_iter().for_each(|lane| calendar.credits.push(now, lane));
            for lane in coming.source_credits {
                calendar.marks.set(now, Kind::Credits);
                calendar.source_credits.push(now, lane);
            }
            for (slot, lane) in coming.ejects {
                calendar.ejects.push(now, slot);
                // A node takes a flit at once; its credit leaves in the next cycle.
                let Some(link) = self.of(lane) else { continue };
                let visible = self.links.launch_credit(link, self.vc(lane), Edge(now + 1));
                self.ahead.entry(visible.0).or_default().credits.push(lane);
            }
        }
    }

    /// Takes the heads that are seen in this cycle, and what is behind them, in their order.
    pub(super) fn take_behind(&mut self) -> Vec<(Lane, Slot, bool)> {
        core::mem::take(&mut self.behind)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
    const fn vc(&self, lane: Lane) -> VcIdx {
        VcIdx((lane.0 & self.vc_mask) as u8)
    }

    /// Gives the lanes other numbers.
    pub(super) fn renumber(&mut self, lanes: usize, number: impl Fn(usize) -> u32) {
        self.head_at = vec![u64::MAX; lanes / (self.vc_mask as usize + 1)];
        let old = core::mem::replace(&mut self.out, vec![NONE; lanes]);
        for (lane, link) in old.into_iter().enumerate() {
            self.out[number(lane) as usize] = link;
        }
    }
}

/// Whether a machine has framed links.
pub(super) fn is_framed(spec: &MachineSpec) -> bool {
    let used = |class: usize| spec.fabric.classes[class].phy.is_some();
    spec.fabric.links.iter().any(|link| used(link.class))
}

/// A link whose ends have one clock. Of those that are not framed nothing is asked.
fn params(spec: &MachineSpec, link: LinkIdx, clock: &Domain) -> LinkParams {
    let of = &spec.fabric.links[link.at()];
    let class = &spec.fabric.classes[of.class];
    let timing = match class.timing {
        LinkTiming::Serial { serdes, fec, flight_per_m, .. } if class.phy.is_some() => {
            let flight = u128::from(flight_per_m.0) * u128::from(of.length_um) / 1_000_000;
            let flight = base::Fs(u64::try_from(flight).unwrap_or(u64::MAX));
            Timing::Framed { at: 0, serdes, fec, flight }
        }
        _ => Timing::OnDie { latency_cycles: 1, interval_cycles: 1 },
    };
    let crossing = Crossing { to: clock.clone(), synchronizer_edges: 0 };
    LinkParams {
        timing,
        sender: clock.clone(),
        receiver: crossing.clone(),
        credit: crossing,
        credit_cycles: match of.from {
            End::Router(..) => spec.router.credit_cycles,
            End::Node(..) => 0,
        },
        fifo_depth: None,
    }
}

#[cfg(test)]
mod tests {
    use topology::Description;
    use topology::describe::LinkForm;
    use topology::phy::Chance;
    use topology::spec::MachineSpec;

    use crate::sweep::alone;

    fn spec(ber: f64, strength: u32) -> MachineSpec {
        let mut d = Description::shipped("nvl8-framed").expect("it ships");
        if let Some(LinkForm::Framed(form)) = d.links.get_mut("nvlink4") {
            (form.ber, form.code.strength) = (Some(Chance(ber)), Some(strength));
        }
        d.elaborate().expect("a sound machine")
    }

    fn pairs() -> Vec<(u32, u32)> {
        (0..56).map(|n| (n / 7, (n / 7 + 1 + n % 7) % 8)).collect()
    }

    /// Slot by slot with a pencil: frames of 25.6 ns with 160 slots of 160 ps, of which a flit takes 8; 72.3 ns
    /// behind them; RC 2, VA 1, SA 1, ST 24.
    #[test]
    fn a_lone_packet_takes_what_slots_and_frames_say() {
        let cycle = |k: u128| k * 1_000_000_000_000 / 1_700_000;
        let edge = |t: u128| (t * 1_700).div_ceil(1_000_000_000);
        let there =
            |t: u128| (t.div_ceil(160_000) + 7) / 160 * 25_600_000 + 25_600_000 + 72_300_000;
        let told = alone(&spec(0.0, 15), 1, &pairs()).expect("they arrive");
        let mut created = 0;
        for (n, one) in told.iter().enumerate() {
            let at_switch = edge(there(cycle(created + 1)));
            let arrival = edge(there(cycle(at_switch + 28)));
            assert_eq!(u128::from(one.latency_cycles), arrival - created, "packet {n}");
            assert_eq!(one.hops, 1);
            // As long again until the next, and 64 cycles and one for a credit.
            created = 2 * arrival - created + 65;
        }
    }

    #[test]
    fn errors_delay_packets_and_lose_none() {
        let [clean, noisy] = [(0.0, 15), (6e-4, 5)]
            .map(|(ber, strength)| alone(&spec(ber, strength), 9, &pairs()).expect("they arrive"));
        let cycles =
            |all: &[crate::sweep::Alone]| all.iter().map(|a| a.latency_cycles).sum::<u64>();
        assert_eq!(noisy.len(), 56);
        assert!(cycles(&noisy) > cycles(&clean) + 500, "{} {}", cycles(&noisy), cycles(&clean));
    }
}
