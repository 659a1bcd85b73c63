//! Results: the keys of the JSON contract, and the same digest however a run is run.

use serde_json::Value;

use crate::place::Place;

/// A few threads that share lines, meet and count.
pub(crate) const SMALL: &str = "\
0 store 0x1000 8 =42
0 barrier 0 2
1 think 100
1 barrier 0 2
1 load 0x1000 8
0 add 0x1040 4 1
1 add 0x1040 4 1
2 copy 0x2000 0x3010 300
2 load 0x103c 8
3 store 0x2000 64
3 fence
3 swap 0x2000 8 7
";

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn small() -> Place {
    let place = Place::new();
    place.put("small.trace", SMALL);
    place
}

fn run(place: &Place, words: &str) -> Value {
    json(&place.succeed(&format!("run --trace small.trace --json - {words}")).out)
}

#[test]
fn json_on_standard_output_is_alone_and_keeps_the_contract() {
    let place = small();
    let said = place.succeed("run --trace small.trace --json -");
    assert_eq!(said.err, "");
    let told = json(&said.out);
    for key in [
        "topology",
        "trace",
        "seed",
        "threads",
        "digest",
        "time_ns",
        "edges",
        "transactions",
        "loads",
        "stores",
        "atomics",
        "barriers",
        "packets",
        "flits_delivered",
        "flit_hops",
        "latency_ns",
        "breakdown_ns",
        "checks",
        "wall_s",
    ] {
        assert!(told.get(key).is_some(), "no {key} in {told}");
    }
    for key in ["mean", "p50", "p99", "max"] {
        assert!(told["latency_ns"][key].is_number(), "no latency_ns.{key}");
    }
    let checks = &told["checks"];
    for key in ["coherence_violations", "flits_lost", "credits_lost"] {
        assert_eq!(checks[key], 0, "{key}");
    }
    assert_eq!(checks["quiescent"], true);
    assert_eq!((&told["topology"], &told["trace"]), (&"nvl8".into(), &"small.trace".into()));
    assert_eq!((&told["seed"], &told["threads"]), (&1.into(), &1.into()));
    assert_eq!((&told["atomics"], &told["barriers"]), (&3.into(), &1.into()));
    let counted = told["loads"].as_u64().zip(told["stores"].as_u64()).map(|(l, s)| l + s + 3);
    assert_eq!(counted, told["transactions"].as_u64());
    let digest = told["digest"].as_str().expect("a digest");
    assert!(digest.len() >= 16 && digest.chars().all(|c| c.is_ascii_hexdigit()), "{digest}");
}

#[test]
fn the_breakdown_sums_to_the_mean_latency() {
    let told = run(&small(), "--topology fullmesh8");
    let parts = told["breakdown_ns"].as_object().expect("parts");
    let sum: f64 = parts.values().map(|v| v.as_f64().expect("a number")).sum();
    let mean = told["latency_ns"]["mean"].as_f64().expect("a mean");
    assert!(mean > 0.0 && (sum - mean).abs() < 1e-6 * mean, "{sum} for {mean}");
}

#[test]
fn runs_agree_whatever_the_threads_and_the_step_order() {
    let place = small();
    let mut first = run(&place, "");
    first["wall_s"] = 0.into();
    first["engine"] = 0.into();
    for words in ["", "--threads 4", "--shuffle 9", "--shuffle 77 --threads 3", "--quiet"] {
        let mut told = run(&place, words);
        told["wall_s"] = 0.into();
        told["engine"] = 0.into();
        told["threads"] = 1.into();
        assert_eq!(told, first, "{words}");
    }
    assert_eq!(run(&place, "--no-check")["digest"], first["digest"]);
    assert_ne!(run(&place, "--seed 2")["digest"], first["digest"]);
}

#[test]
fn the_result_goes_to_a_file_too_and_replaces_the_old_one() {
    let place = small();
    place.put("out.json", "old");
    let said = place.succeed("run --trace small.trace --json out.json");
    assert!(said.out.contains("small.trace"), "people get their report: {}", said.out);
    assert_eq!(json(&place.get("out.json"))["atomics"], 3);
    assert_eq!(place.names(), ["out.json", "small.trace"]);
}

#[test]
fn every_shipped_topology_holds_and_runs() {
    let place = small();
    for name in ["nvl8", "nvl72", "mesh8x8", "torus4x4x4", "fullmesh8"] {
        assert!(place.succeed(&format!("check {name}")).out.contains(name), "{name}");
        let told = run(&place, &format!("--topology {name}"));
        assert_eq!(told["checks"]["quiescent"], true, "{name}");
    }
}

#[test]
fn a_topology_that_fails_is_an_entry_among_the_reports() {
    let place = Place::new();
    place.put("bad.ron", "(");
    for (words, names, fails) in [
        ("check nvl8 bad.ron fullmesh8", &["nvl8", "bad.ron", "fullmesh8"][..], 1),
        ("check bad.ron", &["bad.ron"], 0),
    ] {
        let said = place.run(&format!("{words} --json out.json"));
        assert_eq!(said.code, Some(2), "{said:?}");
        let piped = place.run(&format!("{words} --json -"));
        assert_eq!((piped.code, &piped.out), (Some(2), &place.get("out.json")), "{piped:?}");
        let told = json(&piped.out);
        let entries = told.as_array().expect("an array");
        let named: Vec<&str> = entries.iter().filter_map(|e| e["name"].as_str()).collect();
        assert_eq!(named, names, "{told}");
        for (at, entry) in entries.iter().enumerate() {
            let error = entry.get("error").and_then(|e| e.as_str());
            assert_eq!(error.is_some_and(|e| e.contains("bad.ron")), at == fails, "{entry}");
        }
    }
}

/// The table of verbs that `cargo xtask help` shows.
const XTASK_HELP: &str = include_str!("../../../../xtask/src/help.rs");

#[test]
fn xtask_lists_the_verbs_that_there_are() {
    let help = Place::new().succeed("--help").out;
    let (_, commands) = help.split_once("Commands:\n").expect("a list of verbs");
    let verbs: Vec<&str> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    let (_, table) = XTASK_HELP.split_once("const EMULATOR: ").expect("a table of verbs");
    let listed: Vec<&str> = table
        .lines()
        .skip(1)
        .take_while(|line| *line != "];")
        .filter_map(|line| line.trim().strip_prefix("(\"")?.split('"').next())
        .collect();
    assert!(verbs.len() >= 5, "{help}");
    assert_eq!(listed, verbs);
}

#[test]
fn help_and_version_succeed_for_every_verb() {
    let place = Place::new();
    for words in [
        "--help",
        "--version",
        "run --help",
        "check --help",
        "sweep --help",
        "validate --help",
        "trace --help",
        "trace info --help",
        "import --help",
        "capture --help",
    ] {
        assert!(!place.succeed(words).out.is_empty(), "{words}");
    }
}

/// `nvl8` with another directory in its homes.
fn board(place: &Place, directory: &str) {
    let (find, board) = ("interleave: \"4 KiB\")", include_str!("../../../../topologies/nvl8.ron"));
    assert!(board.contains(find));
    place
        .put("board.ron", board.replacen(find, &format!("interleave: \"4 KiB\", {directory})"), 1));
}

#[test]
fn a_check_tells_the_bits_of_the_directories() {
    let place = Place::new();
    for (directory, name, entry_bits, entries, words) in [
        (
            "",
            "full-map",
            8 + 3,
            None,
            "11 bits an entry for each line of the pool: 2.1 % of its size",
        ),
        (
            "directory_lines: 64, directory: Limited(pointers: 2, overflow: Broadcast)",
            "limited:2:broadcast",
            2 * 3 + 3 + 1,
            Some(64),
            "10 bits an entry: 64 entries a home, 640 bits; 5120 bits in all",
        ),
    ] {
        board(&place, directory);
        let told = json(&place.succeed("check board.ron --json -").out)[0]["directory"].clone();
        assert_eq!(
            (&told["organisation"], &told["entry_bits"]),
            (&name.into(), &entry_bits.into())
        );
        assert_eq!(told["entries_per_home"], Value::from(entries));
        assert_eq!(told["storage_bits_per_home"], Value::from(entries.map(|n| n * entry_bits)));
        assert_eq!(told["storage_bits"], Value::from(entries.map(|n| 8 * n * entry_bits)));
        let said = place.succeed("check board.ron").out;
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_run_tells_what_the_directories_cost_where_they_cost_something() {
    let place = small();
    let quiet = place.succeed("run --trace small.trace").out;
    assert!(!quiet.contains("recalls") && !quiet.contains("bits an entry"), "{quiet}");
    let told = run(&place, "")["directory"].clone();
    assert_eq!((&told["organisation"], &told["recalls"]), (&"full-map".into(), &0.into()));
    let bits = told["lines_max"].as_u64().map(|lines| lines * 11);
    assert!(bits > Some(0) && told["storage_bits_per_home"].as_u64() == bits, "{told}");
    board(&place, "directory_lines: 1");
    let told = run(&place, "--topology board.ron")["directory"].clone();
    assert_eq!((&told["lines_max"], &told["entries_per_home"]), (&1.into(), &1.into()));
    assert_eq!((&told["storage_bits_per_home"], &told["storage_bits"]), (&11.into(), &88.into()));
    let recalls = told["capacity_recalls"].as_u64().expect("a count");
    assert!(recalls > 0 && told["recalls"].as_u64() == Some(recalls), "{told}");
    let said = place.succeed("run --trace small.trace --topology board.ron").out;
    let line = format!("recalls: {recalls} for want of an entry, 0 of a pointer");
    assert!(said.contains(&line) && said.contains("11 bits an entry"), "{said}");
}

#[test]
fn a_check_and_a_run_tell_of_both_levels_of_a_directory() {
    let place = small();
    let told = json(&place.succeed("check packages64 --json -").out)[0]["directory"].clone();
    assert_eq!((&told["entry_bits"], &told["packages"]["entry_bits"]), (&11.into(), &15.into()));
    assert_eq!(told["packages"]["count"], 8);
    let said = place.succeed("check packages64").out;
    assert!(said.contains("full-map of 8 packages, 11 bits an entry"), "{said}");
    assert!(said.contains("8 of 8 nodes: full-map, 15 bits an entry and 512 of data"), "{said}");
    let told = run(&place, "--topology packages64")["directory"].clone();
    let [requests, inside] =
        ["requests", "answered_inside"].map(|key| told["packages"][key].as_u64());
    // Its threads are in one package.
    assert!(requests > inside && told["crossings"] == 0, "{told}");
    let said = place.succeed("run --trace small.trace --topology packages64").out;
    assert!(said.contains("requests answered in the package"), "{said}");
    assert!(said.contains("packets to another package"), "{said}");
}
