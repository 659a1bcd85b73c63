//! The packets in flight, by number.

use core::ops::{Index, IndexMut};

use base::{NodeIdx, PacketIdx};

use super::terminal::Passage;

/// All packets that are being sent or in flight.
#[derive(Clone, Debug)]
pub(super) struct Passages {
    all: Vec<Passage>,
    /// Numbers that no packet has.
    free: Vec<PacketIdx>,
}

impl Passages {
    /// None.
    pub(super) const fn new() -> Self {
        Self { all: Vec::new(), free: Vec::new() }
    }

    /// How many packets there are.
    pub(super) const fn len(&self) -> usize {
        self.all.len() - self.free.len()
    }

    /// The number of a packet that begins its way.
    #[inline]
    pub(super) fn begin(&mut self) -> PacketIdx {
        match self.free.pop() {
            Some(packet) => packet,
            None => self.add(),
        }
    }

    /// Takes back the number of a packet that has arrived.
    #[inline]
    pub(super) fn end(&mut self, packet: PacketIdx) {
        self.free.push(packet);
    }

    /// Room for one more packet in flight.
    #[cold]
    #[inline(never)]
    fn add(&mut self) -> PacketIdx {
        let packet = PacketIdx::new(self.all.len());
        self.all.push(Passage {
            packet,
            src: NodeIdx(0),
            dst: NodeIdx(0),
            class: 0,
            flits: 0,
            created: 0,
            injected: 0,
            tag: 0,
            hops: 0,
        });
        packet
    }
}

impl Index<PacketIdx> for Passages {
    type Output = Passage;

    #[inline]
    fn index(&self, packet: PacketIdx) -> &Passage {
        &self.all[packet.at()]
    }
}

impl IndexMut<PacketIdx> for Passages {
    #[inline]
    fn index_mut(&mut self, packet: PacketIdx) -> &mut Passage {
        &mut self.all[packet.at()]
    }
}
