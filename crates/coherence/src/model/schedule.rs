//! Schedules as text.

use core::fmt;

use super::system::Flight;

/// Writes a message under way: what, from whom, to whom, for whom, and what it carries.
pub(crate) fn write_flight(f: &mut fmt::Formatter<'_>, flight: &Flight) -> fmt::Result {
    write!(
        f,
        "{:?} {} -> {} for {}",
        flight.msg.kind, flight.msg.src, flight.msg.dst, flight.msg.requester
    )
}
