//! Lines of two words of a byte each: enough for two caches to write to one line and to lose nothing.

use crate::scoped::Parts;
use crate::value::Value;

/// A line of the model.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Cells(pub [u8; 2]);

/// What an access does to a line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum CellWrite {
    /// This half becomes this.
    Set(u8, u8),
    /// This half grows by this.
    Add(u8, u8),
}

impl Value for Cells {
    type Write = CellWrite;

    fn written(&self, write: &CellWrite) -> Self {
        let mut cells = self.0;
        match *write {
            CellWrite::Set(part, value) => cells[usize::from(part & 1)] = value,
            CellWrite::Add(part, by) => {
                let cell = &mut cells[usize::from(part & 1)];
                *cell = cell.wrapping_add(by);
            }
        }
        Self(cells)
    }

    fn kept(&self) -> CellWrite {
        CellWrite::Add(0, 0)
    }
}

impl Parts for Cells {
    const ALL: u64 = 3;

    fn with(&self, mask: u64, from: &Self) -> Self {
        let pick = |part: usize| if mask >> part & 1 == 1 { from.0[part] } else { self.0[part] };
        Self([pick(0), pick(1)])
    }

    fn of(write: &CellWrite) -> u64 {
        match write {
            CellWrite::Set(part, _) | CellWrite::Add(part, _) => 1 << (part & 1),
        }
    }

    fn same(&self, mask: u64, as_in: &Self) -> u64 {
        let same = |part: usize| u64::from(self.0[part] == as_in.0[part]) << part;
        mask & (same(0) | same(1))
    }
}
