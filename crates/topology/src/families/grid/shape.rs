//! The shape of a grid: its points, and which are neighbours.
//!
//! ```text
//!   a twisted torus of 4 by 2: up from the top row leads to the bottom row, 2 to the right
//!
//!     2   3   0   1          the wrap-around of dimension 1 shifts dimension 0 by 2:
//!     │   │   │   │          (x, 1) up is (x + 2, 0)
//!     4 ─ 5 ─ 6 ─ 7 ─ 4
//!     │   │   │   │
//!     0 ─ 1 ─ 2 ─ 3 ─ 0
//! ```
//!
//! Points are numbered with the first dimension fastest. Twisted tori are as in Cámara et al.,
//! IEEE Trans. Parallel Distrib. Syst. 21(12), 2010: steps in different dimensions commute, so the
//! grid looks the same from every point.

use super::{Kind, Twist};
use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::validate::range;

/// Extents, and how each dimension ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    /// Extent of each dimension.
    pub(crate) extents: Vec<usize>,
    torus: bool,
    /// `[dimension]`: the dimension that its wrap-around shifts, and by how much.
    shifts: Vec<Option<(usize, usize)>>,
}

impl Shape {
    /// Checks extents and twists.
    pub(crate) fn new(kind: Kind, dims: &[u32], twists: &[Twist]) -> Result<Self, Problem> {
        let (key, torus) = (kind.key(), kind != Kind::Mesh);
        if !(1..=limits::DIMS_MAX).contains(&dims.len()) {
            let message = format!("{} dimensions are none or too many", dims.len());
            let mend = format!("use 1 to {}", limits::DIMS_MAX);
            return Err(Problem::new(ErrorKind::Value, key, message, mend));
        }
        for (d, extent) in dims.iter().enumerate() {
            let key = if kind == Kind::Ring { key.to_owned() } else { format!("{key}[{d}]") };
            range(&key, u64::from(*extent), 1, limits::NODES_MAX)?;
        }
        let extents = dims.iter().map(|k| *k as usize).collect();
        let mut this = Self { extents, torus, shifts: vec![None; dims.len()] };
        for (i, twist) in twists.iter().enumerate() {
            this.twist(&format!("fabric.twist[{i}]"), *twist)?;
        }
        Ok(this)
    }

    fn twist(&mut self, key: &str, twist: Twist) -> Result<(), Problem> {
        let refuse = |field: &str, message: String, mend: String| {
            Err(Problem::new(ErrorKind::Value, format!("{key}{field}"), message, mend))
        };
        if !self.torus {
            let message = "a mesh has no wrap-around to twist".to_owned();
            return refuse("", message, "use a Torus".to_owned());
        }
        let last = self.extents.len() - 1;
        range(&format!("{key}.wrap"), u64::from(twist.wrap), 0, last as u64)?;
        range(&format!("{key}.shifts"), u64::from(twist.shifts), 0, last as u64)?;
        let (wrap, shifts) = (twist.wrap as usize, twist.shifts as usize);
        let other = |s: &Option<(usize, usize)>| s.is_some_and(|(to, _)| to == wrap);
        if wrap == shifts || self.shifts[shifts].is_some() || self.shifts.iter().any(other) {
            let message = format!("dimension {shifts} is twisted itself");
            return refuse(".shifts", message, "shift a dimension that is not twisted".to_owned());
        }
        if self.shifts[wrap].is_some() || self.extents[wrap] < 2 {
            let message = format!("dimension {wrap} has no wrap-around left to twist");
            return refuse(".wrap", message, "twist each dimension of 2 and more once".to_owned());
        }
        let most = self.extents[shifts].saturating_sub(1);
        if !(1..=most).contains(&(twist.by as usize)) {
            let message = format!("a twist by {} does not fit the dimension", twist.by);
            return refuse(".by", message, format!("use 1 to {most}"));
        }
        self.shifts[wrap] = Some((shifts, twist.by as usize));
        Ok(())
    }

    /// How many points there are; the largest number if they cannot be counted.
    pub(crate) fn points(&self) -> u64 {
        let product = self.extents.iter().try_fold(1_u64, |n, k| n.checked_mul(*k as u64));
        product.unwrap_or(u64::MAX)
    }

    /// The dimension that the wrap-around of `d` shifts, and by how much.
    pub(crate) fn shift(&self, d: usize) -> Option<(usize, usize)> {
        self.shifts[d]
    }

    /// Whether dimension `d` closes into rings. A ring of two would be the same cable twice: such a
    /// dimension stays a line, unless it is twisted.
    pub(crate) fn closes(&self, d: usize) -> bool {
        self.torus && (self.extents[d] > 2 || self.shifts[d].is_some())
    }

    /// Whether any wrap-around is twisted.
    pub(crate) fn twisted(&self) -> bool {
        self.shifts.iter().any(Option::is_some)
    }

    fn stride(&self, d: usize) -> usize {
        self.extents[..d].iter().product()
    }

    /// The coordinate of a point in dimension `d`.
    pub(crate) fn coordinate(&self, point: usize, d: usize) -> usize {
        point / self.stride(d) % self.extents[d]
    }

    /// All coordinates of a point.
    pub(crate) fn coordinates(&self, point: usize) -> Vec<usize> {
        (0..self.extents.len()).map(|d| self.coordinate(point, d)).collect()
    }

    /// The neighbour up in dimension `d`, if there is one.
    pub(crate) fn up(&self, point: usize, d: usize) -> Option<usize> {
        let (stride, at) = (self.stride(d), self.coordinate(point, d));
        if at + 1 < self.extents[d] {
            return Some(point + stride);
        }
        if !self.closes(d) {
            return None;
        }
        let first = point - at * stride;
        Some(self.shifts[d].map_or(first, |(s, by)| {
            let (there, stride) = (self.coordinate(first, s), self.stride(s));
            first - there * stride + (there + by) % self.extents[s] * stride
        }))
    }
}
