//! Schedules' files: what is read, what is written, and where each error is.

use base::{NodeIdx, PortIdx};
use topology::Description;
use topology::schedule::{ScheduleFile, Transfer, write};
use topology::spec::MachineSpec;

fn mesh() -> MachineSpec {
    Description::mesh8x8().elaborate().expect("a machine")
}

fn transfers(text: &str) -> Result<Vec<Transfer>, String> {
    let file = ScheduleFile::parse("s.ron", text).map_err(|e| e.to_string())?;
    file.transfers(&mesh()).map_err(|e| e.to_string())
}

/// The error of a schedule with this list of transfers.
fn refused(list: &str) -> String {
    transfers(&format!("Schedule(\n    transfers: [\n        {list}\n    ],\n)\n"))
        .expect_err("an error")
}

#[test]
fn a_transfer_has_a_way_by_ports_and_what_it_comes_after() {
    let text = "Schedule(topology: \"mesh8x8\", counter_error_cycles: 2, transfers: [
        (from: 0, to: 9, flits: 4, release: 7),
        (from: 9, to: 0, flits: 1, after: [0], path: [\"r(1,1)\", \"r(1,0)\", \"r(0,0)\"]),
    ])";
    let file = ScheduleFile::parse("s.ron", text).expect("a schedule");
    assert_eq!((file.topology(), file.counter_error_cycles()), (Some("mesh8x8"), 2));
    let all = file.transfers(&mesh()).expect("transfers");
    assert_eq!((all[0].src, all[0].dst, all[0].release), (NodeIdx(0), NodeIdx(9), Some(7)));
    assert_eq!(all[1].after, [0]);
    // The node has one port; then down, left and to the node.
    let path = all[1].path.as_ref().expect("a path");
    assert_eq!((path.len(), path[0]), (4, PortIdx(0)));
}

#[test]
fn what_is_written_reads_the_same() {
    let text = "Schedule(transfers: [
        (from: 0, to: 9, flits: 4, release: 7, flow: 3),
        (from: 9, to: 0, flits: 1, after: [0], path: [\"r(1,1)\", \"r(1,0)\", \"r(0,0)\"]),
    ])";
    let all = transfers(text).expect("transfers");
    let written = write(&mesh().fabric, Some("mesh8x8"), 5, &all);
    assert_eq!(transfers(&written).expect("transfers"), all);
    let file = ScheduleFile::parse("t.ron", &written).expect("a schedule");
    assert_eq!((file.topology(), file.counter_error_cycles()), (Some("mesh8x8"), 5));
}

#[test]
fn errors_say_where_and_how_to_mend() {
    let all = [
        "(from: 0, to: 64, flits: 1, release: 0),",
        "(from: 0, to: 0, flits: 1, release: 0),",
        "(from: 0, to: 1, flits: 0, release: 0),",
        "(from: 0, to: 1, flit: 1, release: 0),",
        "(from: 0, to: 1, flits: 1, release: 0, path: [\"r(0,0)\", \"r(1,1)\", \"r(1,0)\"]),",
        "(from: 0, to: 1, flits: 1, release: 0, path: [\"r(0,0)\", \"r(9,0)\"]),",
        "(from: 0, to: 1, flits: 1, release: 0, path: [\"r(0,0)\"]),",
        "(from: 0, to: 1, flits: 1, release: 0, path: []),",
        "(from: 0, to: 1, flits: 1, release: 0, flow: 2, path: [\"r(0,0)\", \"r(1,0)\"]),",
        "(from: 0, to: 1, flits: 1, release: 0, after: [0]),",
        "(from: 0, to: 1, flits: 1), (from: 2, to: 3, flits: 1, after: [0]),",
        "",
    ]
    .map(refused);
    insta::assert_snapshot!(all.join("\n\n"));
    let other = ["", "Schedule()", "Schedule(transfers: [(from: 0)])", "Machine(name: \"x\")"]
        .map(|text| transfers(text).expect_err("an error"));
    insta::assert_snapshot!("forms", other.join("\n\n"));
}

#[test]
fn a_missing_field_is_named_in_the_transfer_that_lacks_it() {
    for (line, field) in [
        ("(from: 0, to: 1)", "flits"),
        ("(from: 0, to: 1, after: [0])", "flits"),
        ("(from: 0, to: 1, path: [\"r(0,0)\"], )", "flits"),
        ("(from: 0, to: 1, after: [0] // (flits)\n)", "flits"),
        ("(to: 1,\n flits: 2\n)", "from"),
        ("()", "from"),
    ] {
        let text = format!("Schedule(transfers: [\n  (from: 1, to: 0, flits: 1),\n  {line},\n])\n");
        let error = ScheduleFile::parse("s.ron", &text).expect_err("an error");
        let place = (error.key(), error.line(), error.column());
        assert_eq!(place, (&*format!("transfers[1].{field}"), Some(3), Some(3)), "{error}");
    }
}
