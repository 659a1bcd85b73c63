//! The allocator that a machine's description names, chosen outside the loop.

use core::fmt::Debug;

use base::arch::{Allocation, Arbitration};
use base::form::Form;
use base::state::{Loader, Saver, State, Unfit};

use super::Allocator;
use super::arbiter::{Matrix, RoundRobin};
use super::matching::Matching;
use super::requests::Requests;
use super::separable::{InputFirst, Islip, OutputFirst};
use super::wavefront::Wavefront;

/// Any of the allocators, with any of the arbiters: one `match` a call, none inside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AnyAllocator {
    /// Separable input-first, round-robin.
    InputFirst(InputFirst<RoundRobin>),
    /// Separable input-first, matrix.
    InputFirstMatrix(InputFirst<Matrix>),
    /// Separable output-first, round-robin.
    OutputFirst(OutputFirst<RoundRobin>),
    /// Separable output-first, matrix.
    OutputFirstMatrix(OutputFirst<Matrix>),
    /// iSLIP, round-robin.
    Islip(Islip<RoundRobin>),
    /// iSLIP, matrix.
    IslipMatrix(Islip<Matrix>),
    /// Wavefront; it has no arbiters.
    Wavefront(Wavefront),
    /// One of the user's own.
    Own(Own),
}

/// Of its state; one of the user's own has none that is known here.
impl State for AnyAllocator {
    fn save(&self, to: &mut Saver) {
        match self {
            Self::InputFirst(allocator) => allocator.save(to),
            Self::InputFirstMatrix(allocator) => allocator.save(to),
            Self::OutputFirst(allocator) => allocator.save(to),
            Self::OutputFirstMatrix(allocator) => allocator.save(to),
            Self::Islip(allocator) => allocator.save(to),
            Self::IslipMatrix(allocator) => allocator.save(to),
            Self::Wavefront(allocator) => allocator.save(to),
            Self::Own(_) => {}
        }
    }

    fn load(&mut self, from: &mut Loader<'_>) -> Result<(), Unfit> {
        match self {
            Self::InputFirst(allocator) => allocator.load(from),
            Self::InputFirstMatrix(allocator) => allocator.load(from),
            Self::OutputFirst(allocator) => allocator.load(from),
            Self::OutputFirstMatrix(allocator) => allocator.load(from),
            Self::Islip(allocator) => allocator.load(from),
            Self::IslipMatrix(allocator) => allocator.load(from),
            Self::Wavefront(allocator) => allocator.load(from),
            Self::Own(_) => Err(Unfit),
        }
    }

    fn form(&self, to: &mut Form) {
        match self {
            Self::InputFirst(allocator) => allocator.form(to),
            Self::InputFirstMatrix(allocator) => allocator.form(to),
            Self::OutputFirst(allocator) => allocator.form(to),
            Self::OutputFirstMatrix(allocator) => allocator.form(to),
            Self::Islip(allocator) => allocator.form(to),
            Self::IslipMatrix(allocator) => allocator.form(to),
            Self::Wavefront(allocator) => allocator.form(to),
            Self::Own(_) => {}
        }
    }
}

impl AnyAllocator {
    /// An allocator of the user's own: one indirect call an allocation.
    pub fn own(allocator: impl Allocator + Clone + Debug + Send + Sync + 'static) -> Self {
        Self::Own(Own(Box::new(allocator)))
    }

    /// An allocator at reset. `Arbitration::Age` is round-robin among packets of one birth, for the
    /// births are in the keys: the requests must have those of [`KeyRule`](super::KeyRule).
    pub fn new(
        allocation: Allocation,
        arbiter: Arbitration,
        inputs: usize,
        outputs: usize,
    ) -> Self {
        let matrix = arbiter == Arbitration::Matrix;
        match allocation {
            Allocation::InputFirst if matrix => {
                Self::InputFirstMatrix(InputFirst::new(inputs, outputs))
            }
            Allocation::InputFirst => Self::InputFirst(InputFirst::new(inputs, outputs)),
            Allocation::OutputFirst if matrix => {
                Self::OutputFirstMatrix(OutputFirst::new(inputs, outputs))
            }
            Allocation::OutputFirst => Self::OutputFirst(OutputFirst::new(inputs, outputs)),
            Allocation::Islip { iterations } if matrix => {
                Self::IslipMatrix(Islip::new(inputs, outputs, iterations))
            }
            Allocation::Islip { iterations } => {
                Self::Islip(Islip::new(inputs, outputs, iterations))
            }
            Allocation::Wavefront => Self::Wavefront(Wavefront::new(inputs, outputs)),
        }
    }
}

impl Allocator for AnyAllocator {
    #[inline]
    fn allocate(&self, requests: &Requests, matching: &mut Matching) {
        match self {
            Self::InputFirst(allocator) => allocator.allocate(requests, matching),
            Self::InputFirstMatrix(allocator) => allocator.allocate(requests, matching),
            Self::OutputFirst(allocator) => allocator.allocate(requests, matching),
            Self::OutputFirstMatrix(allocator) => allocator.allocate(requests, matching),
            Self::Islip(allocator) => allocator.allocate(requests, matching),
            Self::IslipMatrix(allocator) => allocator.allocate(requests, matching),
            Self::Wavefront(allocator) => allocator.allocate(requests, matching),
            Self::Own(allocator) => allocator.0.allocate(requests, matching),
        }
    }

    #[inline]
    fn commit(&mut self, matching: &Matching) {
        match self {
            Self::InputFirst(allocator) => allocator.commit(matching),
            Self::InputFirstMatrix(allocator) => allocator.commit(matching),
            Self::OutputFirst(allocator) => allocator.commit(matching),
            Self::OutputFirstMatrix(allocator) => allocator.commit(matching),
            Self::Islip(allocator) => allocator.commit(matching),
            Self::IslipMatrix(allocator) => allocator.commit(matching),
            Self::Wavefront(allocator) => allocator.commit(matching),
            Self::Own(allocator) => allocator.0.commit(matching),
        }
    }
}

/// An allocator of a type that is not known here. Two are equal if they show the same.
#[derive(Debug)]
pub struct Own(Box<dyn Object>);

impl Clone for Own {
    fn clone(&self) -> Self {
        Self(self.0.copy())
    }
}

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl Eq for Own {}

/// What an allocator behind a pointer can do.
trait Object: Allocator + Debug + Send + Sync {
    fn copy(&self) -> Box<dyn Object>;
}

impl<A: Allocator + Clone + Debug + Send + Sync + 'static> Object for A {
    fn copy(&self) -> Box<dyn Object> {
        Box::new(self.clone())
    }
}
