//! Which lines have a place in a scoped cache, and who gives way.

use std::collections::BTreeMap;

use base::Line;

/// Sets and ways.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Geometry {
    /// Sets, a power of two.
    pub sets: u32,
    /// Ways, at least 1.
    pub ways: u32,
    /// Lines with a request under way at a time; accesses beyond wait. Releases keep to it, too.
    pub mshrs: u32,
}

/// The lines of each set, the one used longest ago first.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Places {
    shape: Geometry,
    sets: BTreeMap<u64, Vec<Line>>,
}

base::state!([] Places { keeps sets; each; fixed shape });

impl Places {
    pub(super) fn new(shape: Geometry) -> Self {
        assert!(shape.sets.is_power_of_two(), "{} sets: must be a power of two", shape.sets);
        Self { shape, sets: BTreeMap::new() }
    }

    fn set(&mut self, line: Line) -> &mut Vec<Line> {
        let set = line.0 & (u64::from(self.shape.sets) - 1);
        self.sets.entry(set).or_default()
    }

    /// The line was used: it comes last. Says whether the set is now over-full.
    pub(super) fn touch(&mut self, line: Line) -> bool {
        let ways = self.shape.ways as usize;
        let set = self.set(line);
        if set.last() != Some(&line) {
            set.retain(|l| *l != line);
            set.push(line);
        }
        set.len() > ways
    }

    pub(super) fn leave(&mut self, line: Line) {
        self.set(line).retain(|l| *l != line);
    }

    /// The lines of a set, the one used longest ago first.
    pub(super) fn by_age(&mut self, line: Line) -> &[Line] {
        self.set(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_used_longest_ago_comes_first_in_its_set() {
        let mut places = Places::new(Geometry { sets: 2, ways: 2, mshrs: 2 });
        assert!(!places.touch(Line(0)) && !places.touch(Line(2)) && !places.touch(Line(1)));
        assert!(!places.touch(Line(0)) && places.touch(Line(4)));
        assert_eq!(places.by_age(Line(0)), [Line(2), Line(0), Line(4)]);
        places.leave(Line(2));
        assert_eq!(places.by_age(Line(0)), [Line(0), Line(4)]);
    }
}
