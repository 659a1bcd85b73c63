//! What keeps an agent, in words.

use clock::{Domain, Edge};

use super::{Agent, Current};

impl Agent {
    /// What keeps the agent at `edge` of its `clock`, in words; `None` if it is done.
    pub(crate) fn stuck(&self, edge: Edge, clock: &Domain) -> Option<String> {
        let what = match self.current {
            Current::None
                if self.ended
                    && self.think_until <= edge
                    && self.outstanding == 0
                    && self.copying == 0
                    && self.buffer.is_empty() =>
            {
                return None;
            }
            _ if self.scopes.told().is_some() => self.scopes.told().unwrap_or_default(),
            Current::Barrier { id, members, arrived: true, .. } => {
                format!("waits at barrier {id} for {members} members")
            }
            Current::Barrier { id, .. } => {
                format!("drains {} accesses before barrier {id}", self.outstanding)
            }
            Current::Acquired { .. } => "waits for an acquire".to_owned(),
            Current::Order(_) | Current::Fence(_) => {
                format!("drains {} accesses at a fence", self.outstanding)
            }
            Current::None if self.think_until > edge => {
                format!("thinks until {}", clock.instant(self.think_until))
            }
            _ => format!("has {} accesses outstanding", self.outstanding),
        };
        Some(format!("{} {what} (operation {})", self.thread, self.taken))
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent")
            .field("thread", &self.thread)
            .field("current", &self.current)
            .field("outstanding", &self.outstanding)
            .finish_non_exhaustive()
    }
}
