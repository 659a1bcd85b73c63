//! What waits in a level, in words: for whoever explains why nothing goes on.

use base::{Line, NodeIdx};

use super::{Level, SyncId};
use crate::scoped::line::{Parts, ScopedState};
use crate::scoped::{ScopedFaults, Unit};

/// Lines that a release is told to wait for, before the rest is only counted.
const SHOWN: usize = 4;

impl<V: Parts, T: Copy, F: ScopedFaults> Level<V, T, F> {
    /// Lines with a request under way or asks that wait, then releases with what each waits for.
    pub fn waits(&self) -> Vec<String> {
        let unit = match self.unit {
            Unit::Cache => "cache",
            Unit::Slice => "slice",
            Unit::Home => "home",
        };
        let who = format!("{} {unit}", self.me);
        let mut told = Vec::new();
        for (line, at, asks) in self.lines() {
            if !at.state.is_stable() || asks > 0 {
                let what = under_way(at.state);
                told.push(format!("{who}: {line} in {:?}{what}, {asks} asks at it", at.state));
            }
        }
        for (SyncId(node, number), left) in &self.syncs {
            let lines: Vec<Line> = left.keys().copied().collect();
            let lines = named(&lines);
            told.push(format!("{who}: {} waits for {lines}", release(*node, *number)));
        }
        told
    }
}

/// What a state waits for.
const fn under_way(state: ScopedState) -> &'static str {
    match state {
        ScopedState::I | ScopedState::V | ScopedState::D => "",
        ScopedState::Iv | ScopedState::Ii => " waits for its value",
        ScopedState::W | ScopedState::Wi => " waits for the acknowledgement of a write-through",
        ScopedState::A => " waits for the point of coherence",
    }
}

fn release(node: NodeIdx, number: u32) -> String {
    format!("release {number} of {node}")
}

fn named(lines: &[Line]) -> String {
    let shown: Vec<String> = lines.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = lines.len() - shown.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("the writes of {}{rest}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoped::model::{Cells, ModelLine};
    use crate::scoped::{Ask, ScopedConfig, ScopedNode, ScopedOutbox, ScopedRequest, Sync};

    #[test]
    fn a_release_tells_the_lines_whose_acknowledgements_it_lacks() {
        let (me, home) = (NodeIdx(0), NodeIdx(1));
        let mut node = ScopedNode::new(ScopedConfig::new(1), me, None, |_| Cells::default());
        let mut out = ScopedOutbox::default();
        let ask = Ask::Store(Cells::store(0, 1));
        let request = ScopedRequest { line: Line(5), home, ask, token: 1, tag: () };
        node.access(&request, &mut out);
        assert_eq!(node.waits(), Vec::<String>::new());
        let sync = Sync { release: true, acquire: false, scope: base::Scope::Supernode };
        node.sync(7, sync, (), &mut out);
        let told = node.waits();
        let line = Line(5);
        assert!(
            told.iter().any(|t| t.ends_with(&format!("waits for the writes of {line}"))),
            "{told:?}"
        );
    }
}
