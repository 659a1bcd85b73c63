//! Machines whose cables are not of one length.

use base::rng::draw;

use crate::spec::{Link, LinkTiming, MachineSpec};

/// Doublings of a cable's length at most: a thousand times.
pub const DOUBLINGS_MAX: u32 = 10;

impl MachineSpec {
    /// The machine with each serial cable 1 to `2^doublings` times as long, drawn from `seed`: some messages
    /// then overtake others by far, which a fabric of equal cables never shows. Wires on a die and
    /// framed links, whose replay is laid out for their length, stay as they are.
    #[must_use]
    pub fn stretched(mut self, seed: u64, doublings: u32) -> Self {
        let doublings = doublings.min(DOUBLINGS_MAX);
        let classes = &self.fabric.classes;
        let plain = |link: &Link| {
            let class = &classes[link.class];
            class.phy.is_none() && matches!(class.timing, LinkTiming::Serial { .. })
        };
        for (cable, ends) in (0..).zip(self.fabric.links.chunks_mut(2)) {
            let times = 1 << (draw(seed, cable, 0, 21) % u64::from(doublings + 1));
            for link in ends.iter_mut().filter(|link| plain(link)) {
                link.length_um *= times;
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::Description;
    use crate::spec::MachineSpec;

    fn machine(name: &str) -> MachineSpec {
        Description::shipped(name).expect("it is shipped").elaborate().expect("it is sound")
    }

    fn lengths(spec: &MachineSpec) -> Vec<u64> {
        spec.fabric.links.iter().map(|l| l.length_um).collect()
    }

    #[test]
    fn both_ways_of_a_serial_cable_are_as_long_and_not_all_cables_are() {
        let (even, odd) = (machine("fullmesh8"), machine("fullmesh8").stretched(3, 9));
        assert_eq!(lengths(&odd), lengths(&machine("fullmesh8").stretched(3, 9)));
        let mut times: Vec<u64> = Vec::new();
        for (was, is) in even.fabric.links.chunks(2).zip(odd.fabric.links.chunks(2)) {
            assert_eq!(is[0].length_um, is[1].length_um);
            times.extend(is[0].length_um.checked_div(was[0].length_um));
        }
        let most = times.iter().copied().max().expect("there are cables");
        assert!(times.contains(&1) && (128..=512).contains(&most), "{times:?}");
        assert_eq!(lengths(&machine("fullmesh8").stretched(3, 0)), lengths(&even));
        for name in ["ring16", "nvl8-framed"] {
            assert_eq!(lengths(&machine(name).stretched(3, 9)), lengths(&machine(name)));
        }
    }
}
