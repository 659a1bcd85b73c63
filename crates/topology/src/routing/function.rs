//! A routing function as routers ask it.

use base::{Class, Head, Hop, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx, View};

use super::{OfClass, Routing, Step, Way, ask};

impl RoutingFunction for Routing {
    #[inline]
    fn fixed(&self, at: RouterIdx, dst: NodeIdx, class: Class) -> Option<Hop> {
        let port = *self.fixed.get(at.at() * self.nodes + dst.at())?;
        Some(Hop { port: PortIdx(u16::from(port)), vcs: self.first_vcs[class as usize] })
    }

    fn fixed_from(
        &self,
        at: RouterIdx,
        (in_port, in_vc): (PortIdx, VcIdx),
        dst: NodeIdx,
        class: Class,
    ) -> Option<Hop> {
        let Some((port, groups)) = self.memo.step(at, in_port, self.group(in_vc, class), dst)
        else {
            return self.fixed(at, dst, class);
        };
        // Classes beyond the 64 VCs of a port have none.
        let first = u32::from(class as u8) * u32::from(self.vcs_per_class);
        let vcs = self.vcs_of[usize::from(groups)].checked_shl(first).unwrap_or(0);
        Some(Hop { port, vcs })
    }

    #[inline]
    fn entry(&self, class: Class) -> Option<u64> {
        (!self.fixed.is_empty()).then(|| self.first_vcs[class as usize])
    }

    #[inline]
    fn inject<V: View>(&self, head: &mut Head, view: &V) -> Hop {
        let step = match &self.way {
            Way::DimensionOrder(f) => f.depart(head),
            _ => self.inject_elsewhere(head, view),
        };
        self.hop(step, head.class)
    }

    #[inline]
    fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_vc: VcIdx,
        head: &mut Head,
        view: &V,
    ) -> Hop {
        let group = self.group(in_vc, head.class);
        if let Some((port, groups)) = self.memo.step(at, in_port, group, head.dst) {
            return Hop { port, vcs: self.vcs_of_class(groups, head.class) };
        }
        // Grids are where networks are largest: their function is inlined.
        let step = match &self.way {
            Way::DimensionOrder(f) => f.onward(at, in_port, group, head),
            _ => self.route_elsewhere(at, in_port, group, head, view),
        };
        self.hop(step, head.class)
    }

    fn adaptive(&self) -> bool {
        ask!(&self.way, f => f.adaptive())
    }

    fn oblivious(&self) -> bool {
        self.way.oblivious()
    }

    fn source_adaptive(&self) -> bool {
        self.way.source_adaptive()
    }

    fn global(&self) -> bool {
        ask!(&self.way, f => f.global())
    }

    fn weighs(&self) -> bool {
        self.way.weighs()
    }
}

impl Routing {
    /// The step of a packet that leaves its source in any network.
    #[inline(never)]
    fn inject_elsewhere<V: View>(&self, head: &mut Head, view: &V) -> Step {
        ask!(&self.way, f => f.inject(head, &OfClass::new(self, view, head.class)))
    }

    /// The step of a packet in any network.
    #[inline(never)]
    fn route_elsewhere<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        group: usize,
        head: &mut Head,
        view: &V,
    ) -> Step {
        let view = OfClass::new(self, view, head.class);
        ask!(&self.way, f => f.route(at, in_port, group, head, &view))
    }

    /// The hop of a step for a class.
    #[inline]
    fn hop(&self, step: Step, class: Class) -> Hop {
        Hop { port: step.port, vcs: self.vcs_of_class(step.groups, class) }
    }

    /// The VCs of a class in these groups.
    #[inline]
    fn vcs_of_class(&self, groups: u8, class: Class) -> u64 {
        self.vcs_of[usize::from(groups)] << (class as u8 * self.vcs_per_class)
    }

    /// The group of a VC on which a packet of a class arrived.
    #[inline]
    fn group(&self, in_vc: VcIdx, class: Class) -> usize {
        let of_class = in_vc.0.wrapping_sub((class as u8).wrapping_mul(self.vcs_per_class));
        usize::from(self.group_of[usize::from(of_class) % 64])
    }
}
