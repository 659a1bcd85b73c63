//! What a bank offers whose routers are stepped all at once.

use base::{Head, PacketIdx, RoutingFunction};

use super::RouterBank;
use crate::express::{Border, Engine, PackedFlit};
use crate::state::Lane;

impl<R: RoutingFunction> RouterBank<R> {
    /// Whether the bank is stepped by [`cycle`](Self::cycle).
    pub const fn is_express(&self) -> bool {
        self.express.is_some()
    }

    /// Whether an express bank need not ask: the function [tells](RoutingFunction::fixed) all hops by itself.
    pub fn knows_hops(&self) -> bool {
        self.express.as_deref().is_some_and(Engine::knows_hops)
    }

    /// Goes on to cycle `now` in an express bank, which follows the one stepped before, if nothing goes on in it: it
    /// need not be [stepped](Self::cycle) then. Tells whether that is so.
    #[inline]
    pub fn rest(&mut self, now: u64) -> bool {
        self.express.as_deref_mut().is_some_and(|x| x.rest(now))
    }

    /// Steps all routers of an express bank through cycle `now`, which follows the one stepped before.
    #[inline]
    pub fn cycle<B: Border>(&mut self, now: u64, border: &mut B) {
        if let Some(x) = &mut self.express {
            x.cycle(now, &self.common.routing, border);
        }
    }

    /// Hands over a flit that arrives at its node in the cycle stepped last and is not among the
    /// [others](Border::ejects), until there is none; its node has been [told](Border::wake) of the cycle.
    #[inline]
    pub fn land(&mut self) -> Option<PackedFlit> {
        self.express.as_deref_mut().and_then(Engine::land)
    }

    /// Puts flits on their way into input VCs of an express bank, each with the low bits of the cycle in
    /// which it arrives, which is to come.
    ///
    /// # Panics
    /// If a buffer is full: the sender spent a credit it did not have.
    #[inline]
    pub fn enter<B: Border>(&mut self, flits: &[(Lane, PackedFlit, u32)], border: &mut B) {
        if let Some(x) = &mut self.express {
            x.enter(flits, &self.common.routing, border);
        }
    }

    /// The next cycle in which anything happens to what is in an express bank now, at least the one that follows the
    /// last one stepped: those in between may be [passed over](Self::pass).
    #[inline]
    pub fn quiet_until(&mut self) -> Option<u64> {
        self.express.as_deref_mut().map(Engine::quiet_until)
    }

    /// Passes over the cycles of an express bank before `now`, the next one to be stepped, in which
    /// [nothing happens](Self::quiet_until).
    #[inline]
    pub fn pass(&mut self, now: u64) {
        if let Some(x) = &mut self.express {
            x.pass(now);
        }
    }

    /// Has packets of one flit that meet nobody cross an express bank in one go while there are no more than `flits` flits
    /// in it, 0 for never, even where that hardly comes to anything; otherwise it is up to a number that goes by its links,
    /// and as long as it does. That changes no cycle of anything.
    pub fn set_flights<B: Border>(&mut self, flits: usize, border: &mut B) {
        if let Some(x) = &mut self.express {
            x.set_flights(flits, border);
        }
    }

    /// Takes a credit that is on its way back in an express bank. Tells whether there was one.
    pub fn lose_credit<B: Border>(&mut self, border: &mut B) -> bool {
        self.express.as_deref_mut().is_some_and(|x| x.lose_credit(border))
    }

    /// Takes up a packet whose flits are going to [`enter`](Self::enter) an express bank. What was known
    /// of an earlier one of the same number is forgotten.
    #[inline]
    pub fn take_up(&mut self, packet: PacketIdx, head: Head) {
        if let Some(x) = &mut self.express {
            x.take_up(packet, head);
        }
    }
}
