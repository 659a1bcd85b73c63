//! Regions of the pool: what is refused, and what becomes of the rest.

use topology::Description;
use topology::describe::{Consistency, Mode, Region};
use topology::units::Size;

fn with(regions: &[(u64, u64)]) -> Result<Vec<std::ops::Range<u64>>, String> {
    let mut d = Description::nvl8();
    let region =
        |(base, size): &(u64, u64)| Region { base: *base, size: Size(*size), mode: Mode::Uncached };
    d.regions = regions.iter().map(region).collect();
    let spec = d.elaborate().map_err(|error| error.to_string())?;
    Ok(spec.regions.into_iter().map(|r| r.lines).collect())
}

#[test]
fn regions_are_whole_lines_apart_and_in_order() {
    assert_eq!(with(&[]), Ok(vec![]));
    assert_eq!(with(&[(4096, 128), (0, 64)]), Ok(vec![0..1, 64..66]));
    for (regions, key, part) in [
        (vec![(1, 64)], "regions[0].base", "no multiple of 64"),
        (vec![(0, 65)], "regions[0].size", "no whole lines"),
        (vec![(0, 0)], "regions[0].size", "no whole lines"),
        (vec![(u64::MAX - 63, 128)], "regions[0].size", "no whole lines"),
        (vec![(0, 128), (64, 64)], "regions[1].base", "overlaps"),
    ] {
        let said = with(&regions).expect_err("it is refused");
        assert!(said.contains(key) && said.contains(part), "{regions:?}: {said}");
    }
}

#[test]
fn a_scoped_region_needs_agents_that_leave_order_to_acquires_and_releases() {
    let mut d = Description::nvl8();
    d.regions = vec![Region { base: 0, size: Size(64), mode: Mode::Scoped }];
    assert!(d.elaborate().is_ok());
    for consistency in [Consistency::Sequential, Consistency::Tso] {
        d.accelerator.consistency = consistency;
        let said = d.elaborate().expect_err("it is refused").to_string();
        assert!(said.contains("regions[0].mode") && said.contains("Relaxed"), "{said}");
    }
}
