//! All domains together: the next instant at which anything happens, and who steps then.

use base::{DomainIdx, Fs};

use crate::{Domain, Edge, Wheel};

#[derive(Clone, Debug)]
struct Lane {
    domain: Domain,
    wheel: Wheel,
    /// The next edge last asked for, with its instant: saves a division where nothing changed.
    memo: (Edge, Fs),
}

base::state!([] Lane { keeps wheel, memo; each; fixed domain });

/// The wake wheels of every domain, merged by instant.
#[derive(Clone, Debug)]
pub struct Schedule {
    lanes: Vec<Lane>,
    now: Fs,
}

base::state!([] Schedule { keeps now; each lanes; fixed });

impl Schedule {
    /// One lane a domain, with its number of components.
    pub fn new(domains: &[(Domain, usize)]) -> Self {
        let lane = |(domain, components): &(Domain, usize)| Lane {
            domain: domain.clone(),
            wheel: Wheel::new(*components),
            memo: (Edge::NEVER, Fs::NEVER),
        };
        Self { lanes: domains.iter().map(lane).collect(), now: Fs::ZERO }
    }

    /// The clock of a domain.
    #[inline]
    pub fn domain(&self, domain: DomainIdx) -> &Domain {
        &self.lanes[domain.at()].domain
    }

    /// The instant stepped last.
    #[inline]
    pub const fn now(&self) -> Fs {
        self.now
    }

    /// Wakes a component of a domain at an edge of that domain.
    #[inline]
    pub fn wake(&mut self, domain: DomainIdx, component: u32, edge: Edge) {
        self.lanes[domain.at()].wheel.wake(component, edge);
    }

    /// Looks at the clocks anew, one of which has been retuned.
    pub fn refresh(&mut self) {
        for lane in &mut self.lanes {
            lane.memo = (Edge::NEVER, Fs::NEVER);
        }
    }

    /// The next instant at which anyone wakes; [`Fs::NEVER`] when everyone sleeps for good.
    #[inline]
    pub fn next_instant(&mut self) -> Fs {
        let mut first = Fs::NEVER;
        for lane in &mut self.lanes {
            let next = lane.wheel.next();
            let edge = next.unwrap_or(Edge::NEVER);
            if edge != lane.memo.0 {
                lane.memo = (edge, next.map_or(Fs::NEVER, |edge| lane.domain.instant(edge)));
            }
            first = first.min(lane.memo.1);
        }
        first
    }

    /// Goes on to the next instant at which anyone wakes, and lists who: `(domain, edge,
    /// component)`, all at that one instant. `None` when everyone sleeps for good.
    pub fn advance(&mut self, woken: &mut Vec<(DomainIdx, Edge, u32)>) -> Option<Fs> {
        self.advance_before(Fs::NEVER, woken)
    }

    /// As [`advance`](Self::advance), if the next instant is before `end`; else `None`.
    pub fn advance_before(
        &mut self,
        end: Fs,
        woken: &mut Vec<(DomainIdx, Edge, u32)>,
    ) -> Option<Fs> {
        woken.clear();
        let first = self.next_instant();
        if first >= end {
            return None;
        }
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            if lane.memo.1 == first {
                let edge = lane.memo.0;
                let domain = DomainIdx::new(at);
                lane.wheel.take(edge, |component| woken.push((domain, edge, component)));
            }
        }
        self.now = first;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_with_an_edge_at_one_instant_step_together() {
        let ghz = |g: u64| Domain::new((g * 1_000_000_000, 1), Fs::ZERO).unwrap();
        let mut s = Schedule::new(&[(ghz(2), 1), (ghz(3), 1)]);
        for (domain, edges) in [(0, [1, 2, 4]), (1, [1, 3, 6])] {
            for edge in edges {
                s.wake(DomainIdx(domain), 0, Edge(edge));
            }
        }
        let mut seen = Vec::new();
        let mut woken = Vec::new();
        while let Some(t) = s.advance(&mut woken) {
            seen.push((t.0, woken.iter().map(|w| w.0.0).collect::<Vec<_>>()));
        }
        let expect: Vec<(u64, Vec<u16>)> = vec![
            (333_333, vec![1]),
            (500_000, vec![0]),
            (1_000_000, vec![0, 1]),
            (2_000_000, vec![0, 1]),
        ];
        assert_eq!(seen, expect);
    }
}
