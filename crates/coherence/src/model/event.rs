//! Moves and events as words: what a core or a home does, or the message that is delivered.

use super::code::{self, msg};
use super::packages::OfPackage;
use crate::cache_table::CacheEvent;

/// A move, packed: an act of a core or home, or the delivery of the message at a place in the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Move {
    Core(u32),
    Deliver(usize),
}

/// Bits of a core's move: whose, which line, the write's code, the kind.
pub(super) mod core_bits {
    pub(crate) const FLAG: u32 = 1 << 31;
    pub(crate) const LINE: u32 = 4;
    pub(crate) const WRITE: u32 = 8;
    pub(crate) const KIND: u32 = 16;
}

/// The kind of a home's recall.
pub(super) const RECALL: u32 = 5;
/// What a package's home does of its own accord; which of [`OfPackage::ALL`] stands in the write's place.
pub(crate) const PACKAGE: u32 = 6;
/// The bit of a core's event.
pub(crate) const FLAG: u32 = core_bits::FLAG;
/// A core's move, or home's.
pub(crate) const fn core_move(kind: u32, cache: u32, line: u32, write: u32) -> Move {
    let at = core_bits::FLAG | cache | line << core_bits::LINE;
    Move::Core(at | write << core_bits::WRITE | kind << core_bits::KIND)
}

pub(super) const fn kind_of(event: u32) -> u32 {
    event >> core_bits::KIND & 7
}

/// What a package's home does of its own accord, if the event is that.
pub(crate) fn of_package(event: u32) -> Option<OfPackage> {
    let is = event & core_bits::FLAG != 0 && kind_of(event) == PACKAGE;
    OfPackage::ALL.get((event >> core_bits::WRITE & 7) as usize).copied().filter(|_| is)
}

/// The line that an event is about.
#[inline]
pub(crate) const fn line_of_event(event: u32) -> u32 {
    if event & core_bits::FLAG != 0 { event >> core_bits::LINE & 3 } else { line_of(event) }
}

/// The line that a message is about.
#[inline]
pub(crate) const fn line_of(message: u32) -> u32 {
    message >> msg::LINE & 3
}

/// What a core does, if the event is that.
pub(crate) fn core_event(event: u32, values: u8) -> Option<CacheEvent<'static, u8>> {
    (event & core_bits::FLAG != 0).then_some(())?;
    let write = code::write(event >> core_bits::WRITE & 7, values);
    match kind_of(event) {
        0 => Some(CacheEvent::Load),
        1 => write.map(CacheEvent::Store),
        2 => write.map(CacheEvent::Far),
        3 => Some(CacheEvent::Evict),
        4 => Some(CacheEvent::Drop),
        _ => None,
    }
}
