//! An agent's place in its thread, after a checkpoint.

use traffic::TraceError;

use super::Agent;

base::state!([] Agent {
    keeps ledger, buffer, scopes, offered, current, stores, entries, free, outstanding, copying,
        think_until, refused, retired, taken;
    each;
    fixed thread, counter, seed, window, observes, source, batch, at, ended
});

impl Agent {
    /// Whether its operations depend on what its loads read.
    pub(crate) const fn observes(&self) -> bool {
        self.observes
    }

    /// Brings a source that stands at its start to behind the operations that were taken; false if it has
    /// fewer.
    pub(crate) fn find_place(&mut self) -> Result<bool, TraceError> {
        self.batch.clear();
        self.at = 0;
        let mut passed = 0;
        while passed < self.taken {
            self.batch.clear();
            self.source.refill(&mut self.batch)?;
            if self.batch.is_empty() {
                return Ok(false);
            }
            let left = usize::try_from(self.taken - passed).unwrap_or(usize::MAX);
            self.at = left.min(self.batch.len());
            passed += self.at as u64;
        }
        Ok(true)
    }
}
