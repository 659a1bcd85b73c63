//! Where a transaction's time goes: named parts that sum to its latency exactly.
//!
//! A [`Timeline`] follows a transaction's critical path as a stopwatch: whoever holds the
//! transaction charges the time since the last charge to one part. Nothing is charged twice and
//! nothing is left out, so the parts sum to the latency by construction.

use crate::Fs;

/// A named part of a latency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Part {
    /// Waiting at the source: for a free MSHR or way, for the injection queue, for a credit.
    SourceQueue,
    /// Waiting in an MSHR for an earlier access to the same line.
    MshrWait,
    /// Lookup and fill in the requester's cache, and in a cache that answers a snoop.
    Cache,
    /// Route computation, crossbar and switch traversal: the router's fixed pipeline.
    Router,
    /// Waiting in a router's input buffer behind another packet of the same virtual channel.
    BufferQueue,
    /// Waiting for a virtual channel, and the VA stage itself.
    VcAllocation,
    /// Waiting for the switch (credits and a busy link included), and the SA stage itself.
    SwitchAllocation,
    /// Putting the packet on the link: of the head on each link, and of the body behind it once.
    Serialization,
    /// The SerDes pair's fixed latency.
    Serdes,
    /// Forward error correction.
    Fec,
    /// Replays of corrupted frames.
    Replay,
    /// Time on the wire by its length.
    Flight,
    /// Waiting for the receiver's clock edge and its synchronizer.
    ClockCrossing,
    /// Home pipeline, and waiting for a line that home has blocked.
    Directory,
    /// Waiting for the memory channel.
    MemoryQueue,
    /// The memory access itself.
    DramCore,
    /// Waiting for snooped caches where home gathers their answers, or for the last
    /// acknowledgement where the requester does.
    InvalidationWait,
    /// A release in memory kept valid by scopes: writing through what is dirty, until all of it is
    /// acknowledged.
    ReleaseWait,
}

/// How many parts there are.
pub const PART_COUNT: usize = 18;

impl Part {
    /// Every part, in the order of a transaction's life.
    pub const ALL: [Self; PART_COUNT] = [
        Self::SourceQueue,
        Self::MshrWait,
        Self::Cache,
        Self::Router,
        Self::BufferQueue,
        Self::VcAllocation,
        Self::SwitchAllocation,
        Self::Serialization,
        Self::Serdes,
        Self::Fec,
        Self::Replay,
        Self::Flight,
        Self::ClockCrossing,
        Self::Directory,
        Self::MemoryQueue,
        Self::DramCore,
        Self::InvalidationWait,
        Self::ReleaseWait,
    ];

    /// The part's key in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SourceQueue => "source_queue",
            Self::MshrWait => "mshr_wait",
            Self::Cache => "cache",
            Self::Router => "router",
            Self::BufferQueue => "buffer_queue",
            Self::VcAllocation => "vc_allocation",
            Self::SwitchAllocation => "switch_allocation",
            Self::Serialization => "serialization",
            Self::Serdes => "serdes",
            Self::Fec => "fec",
            Self::Replay => "replay",
            Self::Flight => "flight",
            Self::ClockCrossing => "clock_crossing",
            Self::Directory => "directory",
            Self::MemoryQueue => "memory_queue",
            Self::DramCore => "dram_core",
            Self::InvalidationWait => "invalidation_wait",
            Self::ReleaseWait => "release_wait",
        }
    }
}

/// A stopwatch along a transaction's critical path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Timeline {
    last: Fs,
    parts: [u64; PART_COUNT],
}

impl Timeline {
    /// Starts at `now` with nothing charged.
    pub const fn start(now: Fs) -> Self {
        Self { last: now, parts: [0; PART_COUNT] }
    }

    /// Charges the time from the last charge up to `until` to `part`. An instant that lies before
    /// the last charge charges nothing and leaves the stopwatch where it is.
    #[inline]
    pub fn charge(&mut self, part: Part, until: Fs) {
        if until > self.last {
            self.parts[part as usize] += until.0 - self.last.0;
            self.last = until;
        }
    }

    /// Takes back what is charged beyond `to`, from the latest stages of a link and a router on: a packet
    /// whose way was known ahead goes another.
    pub fn rewind(&mut self, to: Fs) {
        let mut beyond = self.last.since(to).0;
        self.last = Fs(self.last.0 - beyond);
        let stages = [
            Part::ClockCrossing,
            Part::Flight,
            Part::Replay,
            Part::Fec,
            Part::Serdes,
            Part::Serialization,
            Part::Router,
            Part::SwitchAllocation,
        ];
        for part in stages.into_iter().chain(Part::ALL) {
            let back = beyond.min(self.parts[part as usize]);
            self.parts[part as usize] -= back;
            beyond -= back;
        }
    }

    /// The instant up to which time is charged.
    pub const fn last(&self) -> Fs {
        self.last
    }

    /// Femtoseconds charged to each part, in the order of [`Part::ALL`].
    pub const fn parts(&self) -> &[u64; PART_COUNT] {
        &self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_sum_to_the_time_between_start_and_last_charge() {
        let mut t = Timeline::start(Fs(100));
        t.charge(Part::SourceQueue, Fs(130));
        t.charge(Part::Flight, Fs(130));
        t.charge(Part::Router, Fs(200));
        t.charge(Part::Directory, Fs(190));
        assert_eq!(t.parts().iter().sum::<u64>(), 100);
        assert_eq!(t.last(), Fs(200));
        t.rewind(Fs(120));
        assert_eq!((t.parts().iter().sum::<u64>(), t.last()), (20, Fs(120)));
        t.rewind(Fs(150));
        assert_eq!(t.last(), Fs(120), "nothing lies beyond");
    }

    #[test]
    fn names_are_distinct_and_in_order() {
        for (i, p) in Part::ALL.iter().enumerate() {
            assert_eq!(*p as usize, i);
            assert!(Part::ALL[..i].iter().all(|q| q.name() != p.name()));
        }
    }
}
