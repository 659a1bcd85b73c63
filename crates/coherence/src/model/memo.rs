//! What the tables said, remembered: a system meets few distinct pairs of a line and an event, and
//! asks the tables once for each. Also counts how often each pair was met.

use base::rng::mix;

/// Messages of one step: at most an invalidation for each of five caches, an answer, and a spare.
pub(crate) const SENDS_MAX: usize = 8;

const EMPTY: u64 = u64::MAX;

/// What becomes of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Next,
    Stall,
    Illegal,
    /// A count, a value or the number of messages does not fit.
    Unbounded,
}

/// An access that was performed, values as codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Performed {
    Nothing,
    Load(u8),
    Store(u8, u8),
}

/// A step of the tables, packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    key: u64,
    pub(crate) hits: u64,
    /// The line after; of a line at a package's home the first word, and the second.
    pub(crate) next: u32,
    pub(crate) more: u32,
    pub(crate) verdict: Verdict,
    pub(crate) performed: Performed,
    pub(crate) count: u8,
    pub(crate) sends: [u32; SENDS_MAX],
}

impl Entry {
    pub(crate) const fn new(verdict: Verdict) -> Self {
        Self {
            key: EMPTY,
            hits: 0,
            next: 0,
            more: 0,
            verdict,
            performed: Performed::Nothing,
            count: 0,
            sends: [0; SENDS_MAX],
        }
    }

    #[inline]
    pub(crate) fn sends(&self) -> &[u32] {
        &self.sends[..usize::from(self.count)]
    }

    /// False if there is no room.
    pub(crate) fn push(&mut self, message: u32) -> bool {
        let at = usize::from(self.count);
        if at < SENDS_MAX {
            self.sends[at] = message;
            self.count += 1;
        }
        at < SENDS_MAX
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Memo {
    slots: Vec<Entry>,
    used: usize,
}

impl Memo {
    pub(crate) fn new() -> Self {
        Self { slots: vec![Entry::new(Verdict::Stall); 1 << 10], used: 0 }
    }

    /// The step of `key`, made by `ask` when it is first met.
    #[inline]
    pub(crate) fn get(&mut self, key: u64, ask: impl FnOnce() -> Entry) -> &Entry {
        let mut at = self.place(key);
        if self.slots[at].key == EMPTY {
            if self.used * 2 > self.slots.len() {
                self.grow();
                at = self.place(key);
            }
            self.slots[at] = Entry { key, ..ask() };
            self.used += 1;
        }
        let entry = &mut self.slots[at];
        entry.hits += 1;
        entry
    }

    /// Every pair met: its key and how often.
    pub(crate) fn met(&self) -> impl Iterator<Item = (u64, u64)> {
        self.slots.iter().filter(|e| e.key != EMPTY).map(|e| (e.key, e.hits))
    }

    #[inline]
    fn place(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "masked to the table's size")]
        let mut at = mix(key) as usize & mask;
        while self.slots[at].key != key && self.slots[at].key != EMPTY {
            at = (at + 1) & mask;
        }
        at
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![Entry::new(Verdict::Stall); self.slots.len() * 2];
        let old = core::mem::replace(&mut self.slots, larger);
        for entry in old.into_iter().filter(|e| e.key != EMPTY) {
            let at = self.place(entry.key);
            self.slots[at] = entry;
        }
    }
}
