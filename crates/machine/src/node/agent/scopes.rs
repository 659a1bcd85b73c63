//! What a thread's acquires and releases do where memory is kept valid by scopes.
//!
//! | operation | before it | behind it |
//! |---|---|---|
//! | release | release at its scope | |
//! | acquire | | acquire at its scope |
//! | fence | both, at its scope | |
//! | fence of loads | | acquire of the supernode |
//! | fence of stores | release of the supernode | |
//! | barrier | release of the supernode | acquire of the supernode |
//! | end of the thread | release of the supernode | |
//!
//! Machines without scoped memory pass by all of it.

use base::{Fs, Order, Scope};
use coherence::scoped::Sync;

use super::{Agent, Current, Next, Wish};

/// Where an acquire or a release stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
enum Stage {
    #[default]
    None,
    /// To be begun; then whether the operation at hand goes on when it is done.
    Wanted(Sync, bool),
    Begun(Sync, bool, Fs),
    /// What the operation at hand needs is done.
    Done,
}

/// A thread's acquires and releases.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scopes {
    on: bool,
    stage: Stage,
}

base::state!([] Scopes { keeps stage; each; fixed on });

impl Scopes {
    /// What has to come before anything else.
    pub(super) const fn pending(&self) -> Option<Next> {
        match self.stage {
            Stage::Wanted(sync, _) => Some(Next::Wish(Wish::Sync(sync))),
            Stage::Begun(..) => Some(Next::Blocked),
            Stage::None | Stage::Done => None,
        }
    }

    /// What the thread waits for, in words, if it does.
    pub(super) fn told(&self) -> Option<String> {
        let (Stage::Wanted(sync, _) | Stage::Begun(sync, ..)) = self.stage else { return None };
        let what = match (sync.release, sync.acquire) {
            (true, true) => "fence",
            (true, false) => "release",
            _ => "acquire",
        };
        let scope = match sync.scope {
            Scope::Package => "package",
            Scope::Supernode => "supernode",
        };
        Some(format!("waits for its {what} at {scope} scope"))
    }

    /// What the release at hand has to wait for; nothing when that is done.
    pub(super) fn release(&mut self, scope: Scope) -> Option<Next> {
        self.before(Sync { release: true, acquire: false, scope })
    }

    /// The same of a fence.
    fn fence(&mut self, scope: Scope) -> Option<Next> {
        self.before(Sync { release: true, acquire: true, scope })
    }

    /// The same of the end of the thread.
    pub(super) fn end(&mut self) -> Option<Next> {
        self.release(Scope::Supernode)
    }

    /// An acquire has read: what is stale is dropped before anything else.
    pub(super) fn acquire(&mut self, scope: Scope) {
        if self.on {
            let sync = Sync { release: false, acquire: true, scope };
            self.stage = Stage::Wanted(sync, false);
        }
    }

    /// The operation that waited goes on.
    pub(super) fn used(&mut self) {
        if self.stage == Stage::Done {
            self.stage = Stage::None;
        }
    }

    fn before(&mut self, sync: Sync) -> Option<Next> {
        if !self.on || self.stage == Stage::Done {
            return None;
        }
        self.stage = Stage::Wanted(sync, true);
        self.pending()
    }
}

impl Agent {
    /// What the fence or barrier at hand comes to. `quiet`: nothing of the thread is under way.
    pub(super) fn pass(&mut self, quiet: bool) -> Next {
        let scoped = match self.current {
            Current::Fence(scope) if quiet => self.scopes.fence(scope),
            Current::Order(Order::Loads) if self.ledger.loads_are_done() => {
                self.scopes.acquire(Scope::Supernode);
                None
            }
            Current::Order(Order::Stores) if !self.scopes.on => {
                self.ledger.fence_stores();
                None
            }
            Current::Order(Order::Stores) if self.ledger.stores_are_done() => {
                self.scopes.release(Scope::Supernode)
            }
            Current::Barrier { id, members, share, .. } if quiet => {
                let arrive = Next::Wish(Wish::Arrive { id, members, share });
                return self.scopes.release(Scope::Supernode).unwrap_or(arrive);
            }
            _ => return Next::Blocked,
        };
        scoped.unwrap_or_else(|| {
            self.current = Current::None;
            self.scopes.used();
            Next::Again
        })
    }

    /// The machine has memory that is kept valid by scopes.
    pub(crate) fn use_scopes(&mut self) {
        self.scopes.on = true;
    }

    /// What was wished for is begun, at `now`.
    pub(crate) fn syncing(&mut self, now: Fs) {
        if let Stage::Wanted(sync, before) = self.scopes.stage {
            self.scopes.stage = Stage::Begun(sync, before, now);
        }
    }

    /// It is done, at `now`; gives it, and when it was begun.
    pub(crate) fn synced(&mut self, now: Fs) -> Option<(Sync, Fs)> {
        let Stage::Begun(sync, before, begun) = self.scopes.stage else { return None };
        self.scopes.stage = if before { Stage::Done } else { Stage::None };
        if let (Current::Span { token, .. }, true) = (self.current, before) {
            self.entries[token as usize].released = Some(now);
        }
        Some((sync, begun))
    }
}
