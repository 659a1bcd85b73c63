//! The order that an agent keeps between its own accesses.
//!
//! An agent issues in program order; what differs is what an access waits for. Counts of what is
//! under way are enough to say so.
//!
//! | model | a load waits for | a store waits for |
//! |---|---|---|
//! | sequential | everything | everything |
//! | TSO | loads and atomics: the thread waits for each | the same, then in the store buffer for earlier stores |
//! | relaxed | nothing | nothing; behind a fence of stores, earlier stores |
//!
//! A release waits for everything before it. What follows an acquire waits for it, which is the
//! agent's affair. Source: Sorin, Hill and Wood, *A Primer on Memory Consistency and Cache
//! Coherence*, 2nd ed., ch. 3 to 5; Arm Architecture Reference Manual (DDI 0487), B2.3.

use topology::spec::Consistency;

use super::Kind;

/// How an access is ordered beyond what its model says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) enum Rule {
    Plain,
    /// What follows waits for it.
    Acquire,
    /// As `Acquire`, and it waits for earlier releases.
    AcquireSc,
    /// It waits for everything before it.
    Release,
}

/// Pieces under way, by what others may wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ledger {
    model: Consistency,
    loads: u32,
    stores: u32,
    releases: u32,
    /// The next store waits for the stores before it.
    stores_fenced: bool,
}

base::state!([] Ledger { keeps loads, stores, releases, stores_fenced; each; fixed model });

impl Ledger {
    pub(super) const fn new(model: Consistency) -> Self {
        Self { model, loads: 0, stores: 0, releases: 0, stores_fenced: false }
    }

    pub(super) fn is_tso(&self) -> bool {
        self.model == Consistency::Tso
    }

    /// A piece is with the cache.
    pub(super) fn issued(&mut self, kind: Kind, rule: Rule) {
        self.loads += u32::from(kind != Kind::Store);
        self.stores += u32::from(kind != Kind::Load);
        self.releases += u32::from(rule == Rule::Release);
    }

    /// A piece is done.
    pub(super) fn completed(&mut self, kind: Kind, rule: Rule) {
        self.loads -= u32::from(kind != Kind::Store);
        self.stores -= u32::from(kind != Kind::Load);
        self.releases -= u32::from(rule == Rule::Release);
        self.stores_fenced &= self.stores > 0;
    }

    /// Whether no load or atomic is under way.
    pub(super) const fn loads_are_done(&self) -> bool {
        self.loads == 0
    }

    /// Whether no store or atomic is under way.
    pub(super) const fn stores_are_done(&self) -> bool {
        self.stores == 0
    }

    /// Later stores wait for those under way.
    pub(super) fn fence_stores(&mut self) {
        self.stores_fenced = self.stores > 0;
    }

    /// Whether a piece may go to the cache. `first`: of its operation, whose rule it is.
    pub(super) fn admits(&self, kind: Kind, rule: Rule, first: bool) -> bool {
        let idle = self.loads == 0 && self.stores == 0;
        match self.model {
            Consistency::Sequential => return idle,
            Consistency::Tso if kind == Kind::Atomic && !idle => return false,
            Consistency::Tso if kind == Kind::Store && self.stores > 0 => return false,
            Consistency::Tso | Consistency::Relaxed => {}
        }
        if kind != Kind::Load && self.stores_fenced {
            return false;
        }
        match rule {
            Rule::Release => idle || !first,
            Rule::AcquireSc => self.releases == 0,
            Rule::Plain | Rule::Acquire => true,
        }
    }
}
