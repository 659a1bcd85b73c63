//! The link classes that ship with this crate.

use super::FramedForm;

/// Name and RON text of every class.
pub const CLASSES: [(&str, &str); 11] = [
    ("on_die", include_str!("../../classes/on_die.ron")),
    ("ucie_advanced", include_str!("../../classes/ucie_advanced.ron")),
    ("ucie_standard", include_str!("../../classes/ucie_standard.ron")),
    ("nvlink_c2c", include_str!("../../classes/nvlink_c2c.ron")),
    ("nvlink4", include_str!("../../classes/nvlink4.ron")),
    ("nvlink5", include_str!("../../classes/nvlink5.ron")),
    ("pcie6_cxl", include_str!("../../classes/pcie6_cxl.ron")),
    ("pcie5_cxl68", include_str!("../../classes/pcie5_cxl68.ron")),
    ("ualink200", include_str!("../../classes/ualink200.ron")),
    ("ub", include_str!("../../classes/ub.ron")),
    ("ethernet_800g", include_str!("../../classes/ethernet_800g.ron")),
];

/// A class by name.
///
/// # Panics
/// Not for the classes shipped, which tests read.
pub fn class(name: &str) -> Option<FramedForm> {
    let (_, text) = CLASSES.iter().find(|(n, _)| *n == name)?;
    let read = crate::parse::class(text);
    Some(read.unwrap_or_else(|e| panic!("the class {name} that ships: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phy::{PhySpec, resolve, values};
    use crate::units::Span;

    #[test]
    fn every_class_that_ships_is_whole_and_sound() {
        for (name, text) in CLASSES {
            let form = FramedForm { class: Some(name.to_owned()), ..FramedForm::default() };
            let (spec, _) = resolve("links.x", &form).unwrap_or_else(|p| panic!("{name}: {p:?}"));
            values("x", &spec, 32).unwrap_or_else(|p| panic!("{name}: {p:?}"));
            // Each figure says where it is from.
            assert!(text.contains("ASSUMED") || text.contains("Source"), "{name}");
        }
    }

    #[test]
    fn frames_have_the_efficiency_of_their_standards() {
        let spec = |name: &str| {
            let form = FramedForm { class: Some(name.to_owned()), ..FramedForm::default() };
            resolve("links.x", &form).unwrap().0
        };
        let line = |s: &PhySpec| {
            f64::from(s.payload_bits + s.header_bits + s.crc_bits) / f64::from(s.frame_bits())
        };
        assert!((line(&spec("ualink200")) - 5120.0 / 5440.0).abs() < 1e-12);
        assert!((line(&spec("ub")) - 0.9375).abs() < 1e-12);
        let pcie = spec("pcie6_cxl");
        assert_eq!((pcie.payload_bits, pcie.frame_bits()), (236 * 8, 256 * 8));
        let cxl = spec("pcie5_cxl68");
        assert_eq!((cxl.payload_bits, cxl.frame_bits()), (512, 544));
    }

    fn of(class: &str, change: impl FnOnce(&mut FramedForm)) -> Result<PhySpec, String> {
        let mut form = FramedForm { class: Some(class.to_owned()), ..FramedForm::default() };
        change(&mut form);
        crate::phy::resolved(&form)
    }

    #[test]
    fn a_class_with_fewer_lanes_keeps_the_widths_below() {
        let lanes = |n| move |f: &mut FramedForm| f.lanes = Some(n);
        assert_eq!(of("pcie5_cxl68", lanes(4)).unwrap().widths, [2, 1]);
        assert_eq!(of("ucie_advanced", lanes(16)).unwrap().widths, [0; 0]);
        assert_eq!(of("pcie5_cxl68", lanes(32)).unwrap().widths, [8, 4, 2, 1]);
        let given = of("pcie5_cxl68", |f| {
            (f.lanes, f.widths) = (Some(4), Some(vec![8]));
        });
        assert!(given.unwrap_err().contains("8 of 4 lanes"));
    }

    #[test]
    fn headers_and_checks_can_be_left_out() {
        let none = || "0 B".parse().ok();
        assert_eq!(of("ucie_standard", |f| f.frame.header = none()).unwrap().header_bits, 0);
        let block = of("ub", |f| {
            (f.block.header, f.block.next_header, f.block.check) = (none(), none(), none());
        });
        let block = block.unwrap().block.unwrap();
        assert_eq!((block.header_slots, block.next_header_slots, block.check_slots), (0, 0, 0));
    }

    #[test]
    fn a_timeout_is_a_million_frames_at_most() {
        // 544 bits at 2,048 Gb/s, 265.625 ps: 2^20 frames are 278.528 us.
        let timeout = |fs| move |f: &mut FramedForm| f.replay.timeout = Some(Span(base::Fs(fs)));
        let frame = 265_625;
        let most = (1 << 20) * frame;
        of("ucie_advanced", timeout(most + frame - 1)).unwrap();
        let told = of("ucie_advanced", timeout(most + frame)).unwrap_err();
        assert!(
            told.contains("links.\"link\".replay.timeout: 278.528 us are 1048577 frames"),
            "{told}"
        );
        let delay = of("ub", |f| f.replay.ack_delay = "100 ms".parse().ok());
        assert!(delay.unwrap_err().contains("replay.ack_delay"));
    }
}
