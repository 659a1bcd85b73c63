//! Clocks, counters and barriers on the command line.

use serde_json::Value;

use crate::place::Place;

/// The shipped board, to change one thing of.
const BOARD: &str = include_str!("../../../../topologies/nvl8.ron");

/// A thread that takes longer than some exchanges of counters.
const LONG: &str = "0 load 0x1000 8\n0 think 200000\n0 store 0x1000 8\n1 load 0x2000 8\n";

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn aligned_counters_are_told_as_text_and_as_json() {
    let place = Place::new();
    let words = "align aligned8 --for 400us --load 100";
    let text = place.succeed(words).out;
    assert!(
        text.starts_with("aligned8: 8 counters, node0 is the root, an exchange every 20000 ns\n")
    );
    for line in ["true offset ", "measured latency ", "load ", "bounds broken    0\n"] {
        assert!(text.contains(&format!("\n  {line}")), "{text}");
    }
    let told = json(&place.succeed(&format!("{words} --json -")).out);
    let keys = [
        "topology",
        "seed",
        "nodes",
        "root",
        "every_ns",
        "load_flits_per_1000_edges",
        "offered_flits_per_1000_edges",
        "arrived_flits_per_1000_edges",
        "exchanges",
        "latency_ns",
        "latency_sigma_ns",
        "latency_ticks",
        "latency_sigma_ticks",
        "measured_offset_rms_ns",
        "offset_max_ns",
        "offset_rms_ns",
        "bound_max_ns",
        "broken",
        "series",
    ];
    assert_eq!(keys.iter().find(|k| told.get(**k).is_none()), None, "{told}");
    let offered = told["offered_flits_per_1000_edges"].as_f64().expect("a number");
    assert!((90.0..110.0).contains(&offered), "{offered}");
    assert!(told["series"].as_array().expect("a list").len() >= 19, "{told}");
    let error = place.fail("align nvl8");
    assert!(
        error.contains("add `counters: (frequency: \"1 GHz\", ppm: 50, every: \"20 us\"),`"),
        "{error}"
    );
}

#[test]
fn a_run_tells_of_counters_where_nodes_keep_them_and_says_nothing_where_not() {
    let place = Place::new();
    place.put("long.trace", LONG);
    let told = json(&place.succeed("run --trace long.trace --topology aligned8 --json -").out);
    let counters = &told["counters"];
    assert!(counters["exchanges"].as_u64().expect("a count") > 10, "{counters}");
    assert_eq!(counters["broken"], 0);
    let series = counters["series"].as_array().expect("a list");
    let time = told["time_ns"].as_f64().expect("a number");
    assert!(series.iter().all(|p| p["time_ns"].as_f64().expect("a number") <= time));
    let text = place.succeed("run --trace long.trace --topology aligned8 --quiet").out;
    assert!(text.contains("counters  in as long beside as much load"), "{text}");
    let told = json(&place.succeed("run --trace long.trace --topology nvl8 --json -").out);
    assert_eq!(told.get("counters"), None);
}

/// An idle stretch costs no more than the intervals that are told of it, and has no load beside it.
#[test]
fn of_a_long_idle_run_as_many_intervals_of_counters_are_told_as_show_them() {
    let place = Place::new();
    let ops = |t: u32| format!("{t} barrier 1 8\n{t} think 150000000\n{t} barrier 2 8\n");
    place.put("idle.trace", (0..8).map(ops).collect::<String>());
    let told = json(&place.succeed("run --trace idle.trace --topology aligned8 --json -").out);
    let counters = &told["counters"];
    assert_eq!(counters["series"].as_array().map(Vec::len), Some(4096));
    assert_eq!(counters["offered_flits_per_1000_edges"], 0.0);
    assert_eq!(counters["broken"], 0);
    let text = place.succeed("run --trace idle.trace --topology aligned8 --quiet").out;
    assert!(text.contains("counters  in 81.920 ms of the run beside as much load"), "{text}");
}

#[test]
fn barriers_are_measured_where_nodes_halt_and_their_trees_are_told() {
    let place = Place::new();
    let more = "barriers: Hardware, node_events: [(node: \"node3\", at: \"1 us\", what: Halts)],\n    memory: (";
    place.put("halts.ron", BOARD.replacen("memory: (", more, 1));
    let told = json(&place.succeed("barriers halts.ron --nodes 4 --rounds 2 --json -").out);
    let rows = told.as_array().expect("a list");
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|r| r["early"] == 0 && r["round_ns"].as_f64() > Some(0.0)), "{told}");
    let text = place.succeed("check halts.ron").out;
    assert!(
        text.contains("\n    entry 0: 8 members under router0, 2 levels of 1 + 8 units, "),
        "{text}"
    );
    let told = json(&place.succeed("check halts.ron --json -").out);
    assert_eq!(told[0]["barriers"]["trees"][1]["root"], "router1");
    assert_eq!(told[0]["barriers"]["table"], 16);
}

/// What no run lives to see is an error and neither a hang nor the end.
#[test]
fn a_thread_that_waits_for_a_count_beyond_all_time_is_told_so() {
    let place = Place::new();
    for count in [u64::MAX, u64::MAX - 1, 1 << 62] {
        place.put("late.trace", format!("0 at {count}\n0 load 0x1000 8\n"));
        let error = place.fail("run --trace late.trace");
        assert!(error.contains("does not end within 10 000 s"), "{error}");
    }
}

#[test]
fn a_clock_that_is_absurdly_off_is_refused_with_its_key() {
    let place = Place::new();
    for ppm in [i32::MAX, i32::MIN, 100_001] {
        let clock = format!(
            "\"switch\": (frequency: \"1.7 GHz\", ppm: {ppm}, spread: (direction: Down, ppm: 50000, rate: \"32 kHz\"))"
        );
        let crossing = "crossings: [(between: (\"switch\", \"memory\"), via: Elastic(depth: 8, skip_edges: 100))],\n    flit:";
        let board = BOARD.replacen("\"switch\": \"1.7 GHz\"", &clock, 1);
        place.put("off.ron", board.replacen("flit:", crossing, 1));
        let error = place.fail("check off.ron");
        assert!(error.contains("ppm"), "{error}");
    }
}
