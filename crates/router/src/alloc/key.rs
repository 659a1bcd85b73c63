//! What puts one request before another, whatever the arbiter: class priority, then age.
//!
//! ```text
//!   bit 55      48 47                          0
//!      ┌──────────┬──────────────────────────────┐
//!      │ priority │ 2^48 - 1 - birth, or 0       │   the greater goes first
//!      └──────────┴──────────────────────────────┘
//! ```
//!
//! Age arbitration is the birth in the key and round-robin among equals, so that allocators need
//! no arbiter that sees packets.

use base::Class;
use base::arch::{Arbitration, Priority};

/// The rank of a request: the greater goes first at every arbiter, equals are the arbiter's.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key(u64);

impl Key {
    /// The key of requests that are all equal; the lowest.
    pub const EQUAL: Self = Self(0);

    /// The last edge that a birth tells apart: at 1 GHz, after 78 hours of simulated time. Later
    /// births count as this one.
    pub const BIRTH_MAX: u64 = (1 << 48) - 1;

    /// Higher `priority` first.
    #[inline]
    pub const fn new(priority: u8) -> Self {
        Self((priority as u64) << 48)
    }

    /// Higher `priority` first, then the smaller `birth` (any count of time, range 0 to
    /// [`Key::BIRTH_MAX`]).
    #[inline]
    pub const fn aged(priority: u8, birth: u64) -> Self {
        let older = Self::BIRTH_MAX.saturating_sub(birth);
        Self((priority as u64) << 48 | older)
    }

    /// The key of a request that is no speculation: before all that are.
    #[inline]
    #[must_use]
    pub const fn firm(self) -> Self {
        Self(self.0 | 1 << 55)
    }

    /// The key with a label in its lowest byte, in one word.
    #[inline]
    pub(super) const fn pack(self, label: u8) -> u64 {
        self.0 << 8 | label as u64
    }

    /// The key of a word of [`Key::pack`].
    #[inline]
    pub(super) const fn unpack(word: u64) -> Self {
        Self(word >> 8)
    }
}

/// Which of a packet's properties count in its key; from a router's architecture.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct KeyRule {
    class: bool,
    age: bool,
}

impl KeyRule {
    /// `Priority::Class`: later classes first. `Priority::Age` or `Arbitration::Age`: older packets
    /// first, within the class if both count.
    pub const fn new(priority: Priority, arbiter: Arbitration) -> Self {
        let by_age = matches!(priority, Priority::Age) || matches!(arbiter, Arbitration::Age);
        Self { class: matches!(priority, Priority::Class), age: by_age }
    }

    /// The key of a packet of `class` that was made at `birth`. Made once a packet, not once a
    /// request: it does not change while the packet waits.
    #[inline]
    pub const fn key(self, class: Class, birth: u64) -> Key {
        // At most CLASS_COUNT, which is 5.
        let priority = if self.class { class as u8 } else { 0 };
        if self.age { Key::aged(priority, birth) } else { Key::new(priority) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_counts_before_age_and_older_goes_first() {
        assert!(Key::aged(1, 500) > Key::aged(0, 3));
        assert!(Key::aged(1, 3) > Key::aged(1, 4));
        assert!(Key::aged(0, 0) < Key::new(1));
        assert_eq!(Key::aged(2, u64::MAX), Key::new(2));
    }

    #[test]
    fn a_rule_takes_what_the_architecture_names() {
        let key = |priority, arbiter| KeyRule::new(priority, arbiter).key(Class::RspUp, 9);
        assert_eq!(key(Priority::None, Arbitration::Matrix), Key::EQUAL);
        assert_eq!(key(Priority::Class, Arbitration::RoundRobin), Key::new(2));
        assert_eq!(key(Priority::Age, Arbitration::Matrix), Key::aged(0, 9));
        assert_eq!(key(Priority::None, Arbitration::Age), Key::aged(0, 9));
        assert_eq!(key(Priority::Class, Arbitration::Age), Key::aged(2, 9));
    }

    #[test]
    fn a_label_rides_along() {
        let key = Key::aged(255, 0);
        assert_eq!(Key::unpack(key.pack(255)), key);
        assert_eq!(key.pack(7).to_le_bytes()[0], 7);
    }
}
