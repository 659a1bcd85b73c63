//! How barriers are described: what is filled in, and what is refused.

use base::{Fs, NodeIdx};
use topology::describe::{BarrierForm, NodeEventForm, NodeHappening};
use topology::spec::{BarrierSpec, NodeEventSpec, UnitSpec};
use topology::units::Span;
use topology::{Description, parse};

fn with(barriers: &str) -> Result<BarrierSpec, String> {
    let (_, text) = topology::SHIPPED.iter().find(|(name, _)| *name == "nvl8").expect("it ships");
    let text = text.replacen("    memory: (", &format!("    {barriers},\n    memory: ("), 1);
    parse("nvl8.ron", &text).map(|spec| spec.barriers).map_err(|error| error.to_string())
}

#[test]
fn units_are_as_fast_as_routers_where_nothing_else_is_said() {
    assert_eq!(with("barriers: Packets()"), Ok(BarrierSpec::default()));
    let units = UnitSpec { table: 16, unit_cycles: 28, node_cycles: 1 };
    let spec = BarrierSpec { units: Some(units), timeout: None };
    assert_eq!(with("barriers: Hardware()"), Ok(spec));
    // Bare names stand for all that is not said, whatever is around them.
    assert_eq!(with("barriers: Packets"), Ok(BarrierSpec::default()));
    assert_eq!(with("barriers: Hardware"), Ok(spec));
    assert_eq!(with("barriers: Hardware /* by units */"), Ok(spec));
    let units = UnitSpec { table: 4, unit_cycles: 3, node_cycles: 2 };
    let spec = BarrierSpec { units: Some(units), timeout: Some(Fs(2_000_000_000)) };
    let said = "barriers: Hardware(table: 4, unit_cycles: 3, node_cycles: 2, timeout: \"2 us\")";
    assert_eq!(with(said), Ok(spec));
}

#[test]
fn what_cannot_be_is_refused_with_key_and_mend() {
    for (barriers, parts) in [
        ("barriers: Hardware(table: 0)", ["barriers.table", "use at least 1"]),
        ("barriers: Hardware(table: 5000)", ["barriers.table", "use at most 4096"]),
        ("barriers: Hardware(unit_cycles: 0)", ["barriers.unit_cycles", "use at least 1"]),
        ("barriers: Hardware(node_cycles: 0)", ["barriers.node_cycles", "use at least 1"]),
        ("barriers: Hardware(tabel: 4)", ["tabel", "did you mean `table`?"]),
        ("barriers: Hardwear", ["Hardwear", "did you mean `Hardware`?"]),
        ("barriers: Hardware, fabrik: 3", ["fabrik", "did you mean `fabric`?"]),
        (
            "crossings: [(between: (\"switch\", \"memory\"), via: Fifo)]",
            ["via", "expected opening `(`"],
        ),
        ("barriers: Hardwear()", ["Hardwear", "did you mean `Hardware`?"]),
        ("barriers: Packets(timeout: \"0 us\")", ["barriers.timeout", "leave it out"]),
    ] {
        let said = with(barriers).expect_err(barriers);
        assert!(parts.iter().all(|part| said.contains(part)), "{barriers}: {said}");
    }
}

#[test]
fn a_node_that_halts_is_named_as_reports_name_it() {
    let mut d = Description::nvl8();
    let event = |node: &str| NodeEventForm {
        node: node.into(),
        at: Span(Fs(7)),
        what: NodeHappening::Halts,
    };
    d.node_events = vec![event("node3")];
    let spec = d.elaborate().expect("it is sound");
    let event_spec = NodeEventSpec { node: NodeIdx(3), at: Fs(7), what: NodeHappening::Halts };
    assert_eq!(spec.node_events, [event_spec]);
    d.node_events = vec![event("node3"), event("nod4")];
    let said = d.elaborate().expect_err("there is none").to_string();
    assert!(
        said.contains("node_events[1].node") && said.contains("did you mean `node4`?"),
        "{said}"
    );
    assert_eq!(d.barriers, BarrierForm::Packets { timeout: None });
}
