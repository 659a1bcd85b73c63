//! The table of a line in a scoped cache or slice.
//!
//! `r`, `w`: the parts read or written. Where a row has no effect, who asked waits and asks again.
//!
//! | | Load r | Store w | At r, Far | Atomic w | Flush | Evict | Drop | Data | Ack | Resp |
//! |---|---|---|---|---|---|---|---|---|---|---|
//! | I | Read, Iv | D | ask, A | Read, Iv | - | | - | | | |
//! | V | r valid: hit; else Read, Iv | D | ask, A | w valid: D; else Read, Iv | - | I | I | | | |
//! | D | the same | D | r dirty: hit; else Through, W | the same | Through, W | Through, Wi | dirty stays | | | |
//! | Iv | r valid: hit; else stall | stall | stall | stall | stall | | Ii | V or D | | |
//! | Ii | the same | stall | stall | stall | stall | | - | I or D | | |
//! | W | the same | W | r dirty or under way: hit; else stall | w valid: W; else stall | clean: -; else stall | | Wi | | V or D | |
//! | Wi | the same | Wi | the same | the same | the same | | dirty stays | | I or D | |
//! | A | stall | stall | stall | stall | stall | | - | | | I |
//!
//! A fill leaves dirty parts alone. Nothing is told to anybody else: no row waits for another cache.
//!
//! Why a line waits for its acknowledgement: the network keeps no order, and a read or a second
//! write-through that overtook the first would see or leave an older value. Why an acquire makes a
//! line that is being written through unreadable (`Wi`): the write may have reached its point of
//! coherence before the one that the acquire synchronized with, and so be older than it.

use super::line::{Parts, ScopedLine, ScopedState as S};
use super::{ScopedConfig, ScopedFaults, ScopedMutant};

/// What can happen to a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopedEvent<V: Parts> {
    /// Parts are read.
    Load {
        /// Which.
        mask: u64,
    },
    /// Parts are written.
    Store {
        /// Which.
        mask: u64,
        /// What they become.
        value: V,
    },
    /// Parts are read by an acquire whose point of coherence is further up.
    At {
        /// Which.
        mask: u64,
    },
    /// An atomic, whose point of coherence is further up.
    Far,
    /// An atomic, whose point of coherence is here.
    Atomic(V::Write),
    /// A release writes through what is dirty.
    Flush,
    /// The cache needs the place.
    Evict,
    /// An acquire drops what is clean.
    Drop,
    /// The line's value arrives; the atomic that asked for it, if one did, is performed on it.
    Data {
        /// The value.
        value: V,
        /// The atomic.
        atomic: Option<V::Write>,
    },
    /// The write-through has arrived.
    Ack,
    /// The answer of the point of coherence.
    Resp {
        /// The line's value there; for an atomic, before it.
        value: V,
    },
}

/// What a line asks of the unit above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Upward {
    /// Nothing.
    Nothing,
    /// The whole line.
    Read,
    /// To take these parts.
    Through(u64),
    /// What the event asked for.
    Ask,
}

/// What became of the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopedEffect<V> {
    /// Nothing yet: who asked waits.
    None,
    /// The line was read.
    Load(V),
    /// It was written.
    Stored,
    /// An atomic was performed.
    Atomic {
        /// The line before.
        old: V,
        /// And after.
        new: V,
    },
}

impl<V: Copy> ScopedEffect<V> {
    /// What was read, if anything was.
    pub const fn read(&self) -> Option<V> {
        match self {
            Self::Load(value) | Self::Atomic { old: value, .. } => Some(*value),
            Self::None | Self::Stored => None,
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopedStep<V: Parts> {
    /// The line, what is asked, what was done.
    Next(ScopedLine<V>, Upward, ScopedEffect<V>),
    /// Not now.
    Stall,
    /// Nobody can have caused it.
    Illegal,
}

/// The row for `line` and `event`. Pure.
pub fn scoped_step<V: Parts, F: ScopedFaults>(
    cfg: ScopedConfig<F>,
    line: &ScopedLine<V>,
    event: &ScopedEvent<V>,
) -> ScopedStep<V> {
    use ScopedEvent::{Ack, At, Atomic, Data, Drop, Evict, Far, Flush, Load, Resp, Store};
    let row = Row { line: *line, up: Upward::Nothing, effect: ScopedEffect::None };
    let hit = |mask: u64| mask & !line.valid == 0;
    let own = |mask: u64| mask & !(line.dirty | line.flight) == 0;
    match (line.state, *event) {
        (S::I | S::V | S::D | S::Iv | S::Ii | S::W | S::Wi, Load { mask }) if hit(mask) => {
            row.read()
        }
        (S::V | S::D, Atomic(write)) if hit(V::of(&write)) => row.atomic(&write).to(S::D),
        (S::W | S::Wi, Atomic(write)) if hit(V::of(&write)) => row.atomic(&write),
        (S::I | S::V | S::D, Load { .. } | Atomic(_)) => row.to(S::Iv).ask(Upward::Read),

        (S::I | S::V | S::D, Store { mask, value }) => row.write(mask, &value).to(S::D),
        (S::W | S::Wi, Store { mask, value }) => row.write(mask, &value),

        (S::D | S::W | S::Wi, At { mask }) if own(mask) => row.read(),
        (S::D, Far) if cfg.has(ScopedMutant::AtomicPassesDirty) => row.to(S::A).ask(Upward::Ask),
        (S::I | S::V, At { .. } | Far) => row.keep(0).to(S::A).ask(Upward::Ask),
        (S::D, At { .. } | Far | Flush) => row.through(cfg).to(S::W),

        (S::I | S::V, Flush) => row,
        (S::W | S::Wi, Flush) if line.dirty == 0 => row,

        (S::D, Evict) if cfg.has(ScopedMutant::EvictionDropsDirty) => row.clean().keep(0).to(S::I),
        (S::D, Evict) if cfg.has(ScopedMutant::ReadPassesWrite) => {
            row.through(cfg).keep(0).to(S::I)
        }
        (S::V, Evict) => row.keep(0).to(S::I),
        (S::D, Evict) => row.through(cfg).keep(0).to(S::Wi),

        (S::W, Drop) if cfg.has(ScopedMutant::AcquireKeepsFlight) => {
            row.keep(line.dirty | line.flight)
        }
        (S::Iv, Drop) if cfg.has(ScopedMutant::AcquireForgetsFills) => row.keep(line.dirty),
        (S::D, Drop) if cfg.has(ScopedMutant::AcquireSkipsDirty) => row,
        (_, Drop) => row.keep(line.dirty).dropped(),

        (S::Iv | S::Ii, Data { value, atomic }) => row.fill(cfg, &value, atomic.as_ref()),
        (S::W | S::Wi, Ack) => row.acknowledged(),
        (S::I | S::Iv | S::Ii | S::V | S::D | S::A, Ack)
            if cfg.has(ScopedMutant::ReadPassesWrite) =>
        {
            row
        }
        (S::A, Resp { value }) => row.respond(value),

        (
            S::Iv | S::Ii | S::W | S::Wi | S::A,
            Load { .. } | At { .. } | Far | Atomic(_) | Flush,
        )
        | (S::Iv | S::Ii | S::A, Store { .. }) => return ScopedStep::Stall,
        _ => return ScopedStep::Illegal,
    }
    .done()
}

/// A row being filled in.
struct Row<V: Parts> {
    line: ScopedLine<V>,
    up: Upward,
    effect: ScopedEffect<V>,
}

impl<V: Parts> Row<V> {
    fn to(mut self, state: S) -> Self {
        self.line.state = state;
        self
    }

    fn ask(mut self, up: Upward) -> Self {
        self.up = up;
        self
    }

    fn read(mut self) -> Self {
        self.effect = ScopedEffect::Load(self.line.value);
        self
    }

    fn write(mut self, mask: u64, value: &V) -> Self {
        let line = &mut self.line;
        line.value = line.value.with(mask, value);
        (line.valid, line.dirty) = (line.valid | mask, line.dirty | mask);
        self.effect = ScopedEffect::Stored;
        self
    }

    fn atomic(mut self, write: &V::Write) -> Self {
        let (old, mask) = (self.line.value, V::of(write));
        let new = old.written(write);
        self = self.write(mask, &new);
        self.effect = ScopedEffect::Atomic { old, new };
        self
    }

    /// Only these parts may still be read.
    fn keep(mut self, mask: u64) -> Self {
        let line = &mut self.line;
        (line.valid, line.flight) = (line.valid & mask, line.flight & mask);
        self
    }

    fn clean(mut self) -> Self {
        self.line.dirty = 0;
        self
    }

    /// What is dirty goes up.
    fn through<F: ScopedFaults>(mut self, cfg: ScopedConfig<F>) -> Self {
        let dirty = self.line.dirty;
        let whole = cfg.has(ScopedMutant::WholeLineThrough);
        self.up = Upward::Through(if whole { V::ALL } else { dirty });
        (self.line.flight, self.line.dirty) = (dirty, 0);
        self
    }

    /// The state behind an acquire, for a line of which only dirty parts are left.
    fn dropped(self) -> Self {
        let state = match self.line.state {
            S::V => S::I,
            S::Iv => S::Ii,
            S::W => S::Wi,
            other => other,
        };
        self.to(state)
    }

    fn fill<F: ScopedFaults>(
        mut self,
        cfg: ScopedConfig<F>,
        value: &V,
        atomic: Option<&V::Write>,
    ) -> Self {
        let line = &mut self.line;
        let dirty = if cfg.has(ScopedMutant::FillOverDirty) { 0 } else { line.dirty };
        line.value = value.with(dirty, &line.value);
        let kept = line.state == S::Iv;
        line.valid = if kept { V::ALL } else { line.dirty };
        self = match atomic {
            Some(write) => self.atomic(write),
            None => self.read(),
        };
        let state = match (self.line.dirty, kept) {
            (0, true) => S::V,
            (0, false) => S::I,
            _ => S::D,
        };
        self.to(state)
    }

    fn acknowledged(mut self) -> Self {
        self.line.flight = 0;
        let state = match (self.line.dirty, self.line.valid) {
            (0, 0) => S::I,
            (0, _) => S::V,
            _ => S::D,
        };
        self.to(state)
    }

    fn respond(mut self, value: V) -> Self {
        self.effect = ScopedEffect::Load(value);
        self.to(S::I)
    }

    fn done(self) -> ScopedStep<V> {
        ScopedStep::Next(self.line, self.up, self.effect)
    }
}
