//! The ranges of every operation, checked in one place for text, binary, imports and library users.

use base::{Addr, LINE_BYTES, Op, Rmw};

/// Threads that a trace may have: their indices are below this.
pub const THREADS_MAX: u32 = 1 << 16;

/// Why an operation is not one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpFault {
    /// Access size.
    #[error("a size of {0} bytes is out of range")]
    Size(u64),
    /// Atomic size.
    #[error("an atomic of {0} bytes is out of range")]
    AtomicSize(u64),
    /// An atomic over two lines.
    #[error("{size} bytes at {addr} cross a line of 64 bytes, an atomic may not")]
    AtomicCrosses {
        /// First byte.
        addr: Addr,
        /// Bytes.
        size: u8,
    },
    /// Beyond the address space.
    #[error("{bytes} bytes at {addr} run past the end of the address space")]
    AddressOverflow {
        /// First byte.
        addr: Addr,
        /// Bytes.
        bytes: u32,
        /// Which argument of the operation it is, from 0.
        argument: usize,
    },
    /// A barrier of nobody.
    #[error("a barrier of no members releases nobody")]
    NoMembers,
    /// A copy of nothing.
    #[error("a copy of no bytes does nothing")]
    NoBytes,
    /// Source and destination overlap.
    #[error("the {bytes} bytes from {from} and to {to} overlap")]
    CopyOverlaps {
        /// First byte read.
        from: Addr,
        /// First byte written.
        to: Addr,
        /// Length.
        bytes: u32,
    },
}

impl OpFault {
    pub(crate) const fn mend(self) -> &'static str {
        match self {
            Self::Size(_) => "give a size of 1 to 64 bytes",
            Self::AtomicSize(_) => "give a size of 1, 2, 4 or 8 bytes",
            Self::AtomicCrosses { .. } => "align the address to the size",
            Self::AddressOverflow { .. } => "give an address and a size whose sum is below 2^64",
            Self::NoMembers => "give at least one member",
            Self::NoBytes => "give a length of at least 1",
            Self::CopyOverlaps { .. } => "keep source and destination apart, or split the copy",
        }
    }

    /// The argument of the operation that is at fault, counted from 0.
    pub(crate) const fn argument(self) -> usize {
        match self {
            Self::Size(_) | Self::AtomicSize(_) | Self::NoMembers | Self::CopyOverlaps { .. } => 1,
            Self::AtomicCrosses { .. } => 0,
            Self::AddressOverflow { argument, .. } => argument,
            Self::NoBytes => 2,
        }
    }
}

/// Checks the ranges that [`Op`] documents.
///
/// # Errors
/// The first range that is not kept.
#[inline]
pub fn check(op: &Op) -> Result<(), OpFault> {
    let (op, _) = op.split();
    match op {
        Op::Load { addr, size }
        | Op::Store { addr, size, .. }
        | Op::Acquire { addr, size, .. }
        | Op::Release { addr, size, .. } => {
            if size == 0 || size > 64 {
                return Err(OpFault::Size(u64::from(size)));
            }
            end(addr, u32::from(size), 0)
        }
        Op::Atomic { addr, size, .. } => {
            if !matches!(size, 1 | 2 | 4 | 8) {
                return Err(OpFault::AtomicSize(u64::from(size)));
            }
            end(addr, u32::from(size), 0)?;
            if u64::from(addr.offset()) + u64::from(size) > LINE_BYTES {
                return Err(OpFault::AtomicCrosses { addr, size });
            }
            Ok(())
        }
        Op::Fence | Op::Order(_) | Op::Think { .. } | Op::At { .. } | Op::Package(_) => Ok(()),
        Op::Barrier { members, .. } | Op::Reduce { members, .. } => {
            if members == 0 {
                Err(OpFault::NoMembers)
            } else {
                Ok(())
            }
        }
        Op::Copy { from, to, bytes } => {
            if bytes == 0 {
                return Err(OpFault::NoBytes);
            }
            end(from, bytes, 0)?;
            end(to, bytes, 1)?;
            if from.0.abs_diff(to.0) < u64::from(bytes) {
                return Err(OpFault::CopyOverlaps { from, to, bytes });
            }
            Ok(())
        }
    }
}

/// The same operation with its values cut to its size, which changes nothing that it does.
#[inline]
pub(crate) fn canonical(op: Op) -> Op {
    match op {
        Op::Store { addr, size, value: Some(v) } => {
            Op::Store { addr, size, value: Some(v & value_mask(size)) }
        }
        Op::Release { addr, size, value: Some(v) } => {
            Op::Release { addr, size, value: Some(v & value_mask(size)) }
        }
        Op::Atomic { addr, size, rmw } => {
            let cut = value_mask(size);
            let rmw = match rmw {
                Rmw::Add(v) => Rmw::Add(v & cut),
                Rmw::Swap(v) => Rmw::Swap(v & cut),
                Rmw::Cas { expected, new } => Rmw::Cas { expected: expected & cut, new: new & cut },
            };
            Op::Atomic { addr, size, rmw }
        }
        Op::Package(op) => canonical(op.wide()).within_package().unwrap_or(Op::Package(op)),
        other => other,
    }
}

/// The bits of a value that an access of `size` bytes uses.
#[inline]
pub(crate) const fn value_mask(size: u8) -> u64 {
    if size >= 8 { u64::MAX } else { (1 << (8 * size as u32)) - 1 }
}

#[inline]
fn end(addr: Addr, bytes: u32, argument: usize) -> Result<(), OpFault> {
    match addr.0.checked_add(u64::from(bytes)) {
        Some(_) => Ok(()),
        None => Err(OpFault::AddressOverflow { addr, bytes, argument }),
    }
}
