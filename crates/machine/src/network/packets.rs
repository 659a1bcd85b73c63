//! The slab of packets in flight: what a flit's packet index stands for.

use base::{Fs, PacketIdx, Timeline};

/// A packet in flight.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Packet<P> {
    /// What it carries.
    pub payload: P,
    /// The stopwatch of the transaction it serves.
    pub timeline: Timeline,
}

/// All packets in flight, by index. Slots are reused.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Packets<P> {
    slots: Vec<Option<Packet<P>>>,
    free: Vec<PacketIdx>,
}

impl<P> Default for Packets<P> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<P> Packets<P> {
    /// Puts a packet in.
    pub fn insert(&mut self, packet: Packet<P>) -> PacketIdx {
        if let Some(at) = self.free.pop() {
            self.slots[at.at()] = Some(packet);
            at
        } else {
            self.slots.push(Some(packet));
            PacketIdx::new(self.slots.len() - 1)
        }
    }

    /// When the transaction that a packet serves began.
    pub fn began(&self, packet: PacketIdx) -> Option<Fs> {
        let timeline = &self.slots.get(packet.at())?.as_ref()?.timeline;
        Some(Fs(timeline.last().0 - timeline.parts().iter().sum::<u64>()))
    }

    /// Takes a packet out.
    ///
    /// # Panics
    /// If it is not there: a flit outlived its packet.
    pub fn remove(&mut self, at: PacketIdx) -> Packet<P> {
        self.free.push(at);
        self.slots[at.at()].take().expect("every flit's packet is in the slab")
    }

    /// Forgets a packet that has gone.
    ///
    /// # Panics
    /// As [`remove`](Self::remove).
    pub(crate) fn forget(&mut self, at: PacketIdx) {
        let slot = &mut self.slots[at.at()];
        assert!(slot.is_some(), "every flit's packet is in the slab");
        *slot = None;
        self.free.push(at);
    }

    /// The packet at `at`, if it is in flight.
    pub fn get(&self, at: PacketIdx) -> Option<&Packet<P>> {
        self.slots.get(at.at()).and_then(Option::as_ref)
    }

    /// The stopwatch of a packet in flight.
    #[inline]
    pub(crate) fn timeline(&mut self, at: PacketIdx) -> Option<&mut Timeline> {
        self.slots[at.at()].as_mut().map(|packet| &mut packet.timeline)
    }

    /// How many packets are in flight.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
