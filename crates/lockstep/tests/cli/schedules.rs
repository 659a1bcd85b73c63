//! `schedule`: the shipped examples prove and run, faults are named at their place, and a schedule that is
//! forced shows them.

use serde_json::Value;

use crate::place::Place;

const MESH: &str = include_str!("../../../../traces/schedules/mesh4x4.ron");
const ADAPTIVE: &str = include_str!("../../../../traces/schedules/mesh4x4-adaptive.ron");
const ALL_TO_ALL: &str = include_str!("../../../../traces/schedules/all-to-all.ron");
const RELAY: &str = include_str!("../../../../traces/schedules/relay.ron");

fn place() -> Place {
    let place = Place::new();
    place.put("mesh4x4.ron", MESH).put("mesh4x4-adaptive.ron", ADAPTIVE);
    place.put("all-to-all.ron", ALL_TO_ALL).put("relay.ron", RELAY);
    place
}

fn json(place: &Place, words: &str) -> Value {
    serde_json::from_str(&place.succeed(words).out).expect("JSON")
}

#[test]
fn the_shipped_schedules_prove_and_run_without_any_spread() {
    let place = place();
    let words =
        "schedule all-to-all.ron --against mesh4x4-adaptive.ron --load 0.1 --runs 4 --json -";
    let all = json(&place, words);
    assert_eq!(all["transfers"].as_array().map(Vec::len), Some(240));
    let rows = all["rows"].as_array().expect("rows");
    let names: Vec<&str> = rows.iter().filter_map(|r| r["name"].as_str()).collect();
    assert_eq!(
        names,
        [
            "schedule, counters right",
            "dynamic, dimension-order",
            "dynamic, dimension-order, load 0.1",
            "dynamic, odd-even",
            "dynamic, odd-even, load 0.1",
        ]
    );
    let range = |r: &Value| r["arrival_range"]["max"].as_f64().expect("a number");
    assert_eq!((range(&rows[0]), &rows[0]["losses"]), (0.0, &0.into()));
    assert!(rows[1..].iter().all(|r| range(r) > 10.0 && r["losses"].as_u64() > Some(0)));

    let relay = json(&place, "schedule relay.ron --runs 32 --json -");
    let rows = relay["rows"].as_array().expect("rows");
    assert_eq!((range(&rows[0]), range(&rows[1])), (0.0, 2.0), "right, and off by a cycle");
    assert!(rows[..2].iter().all(|r| r["kept"] == true), "{relay}");
}

#[test]
fn what_is_planned_is_written_and_is_the_shipped_one() {
    let place = place();
    let words = "schedule --topology mesh4x4.ron --collective all-to-all --runs 1 -o new.ron";
    let said = place.succeed(words);
    assert!(said.out.contains("240 transfers, planned free of contention"), "{}", said.out);
    assert_eq!(place.get("new.ron"), ALL_TO_ALL);
    // A schedule whose releases are taken out is planned to the same.
    let bare: String = ALL_TO_ALL
        .lines()
        .map(|line| match (line.find(", release"), line.find("),")) {
            (Some(from), Some(_)) => format!("{}),\n", &line[..from]),
            _ => format!("{line}\n"),
        })
        .collect();
    place.put("bare.ron", bare);
    place.succeed("schedule bare.ron --runs 1 -o again.ron");
    assert_eq!(place.get("again.ron"), ALL_TO_ALL);
}

#[test]
fn a_topology_is_named_from_the_folder_of_the_schedule_that_is_written() {
    let place = Place::new();
    for folder in ["maps", "plans", "plans/new"] {
        std::fs::create_dir(place.path(folder)).expect("a folder");
    }
    place.put("maps/mesh4x4.ron", MESH);
    let named = |topology: &str, to: &str| {
        let plan =
            format!("schedule --topology {topology} --collective all-to-all --runs 1 -o {to}");
        place.succeed(&plan);
        let text = place.get(to);
        place.succeed(&format!("schedule {to} --runs 1"));
        text.lines().nth(1).map(|line| line.trim().to_owned()).expect("a second line")
    };
    let absolute = place.path("maps/mesh4x4.ron").display().to_string();
    for topology in ["maps/mesh4x4.ron", "./plans/../maps/mesh4x4.ron", &absolute] {
        assert_eq!(named(topology, "plans/new/a.ron"), "topology: \"../../maps/mesh4x4.ron\",");
        assert_eq!(named(topology, "maps/a.ron"), "topology: \"mesh4x4.ron\",");
        assert_eq!(named(topology, "a.ron"), "topology: \"maps/mesh4x4.ron\",");
    }
    assert_eq!(named("nvl8", "plans/b.ron"), "topology: \"nvl8\",");
    // A schedule that is planned anew elsewhere still finds its own.
    place.succeed("schedule plans/new/a.ron --plan --runs 1 -o plans/c.ron");
    assert!(place.get("plans/c.ron").contains("topology: \"../maps/mesh4x4.ron\","));
    place.succeed("schedule plans/c.ron --runs 1");
}

#[test]
fn faults_are_named_at_their_place_and_shown_by_the_network_if_forced() {
    let place = place();
    let hand = |transfers: &str| {
        format!(
            "Schedule(\n    topology: \"mesh4x4.ron\",\n    transfers: [\n{transfers}    ],\n)\n"
        )
    };
    let met = "        (from: 0, to: 2, flits: 4, release: 0),\n        \
               (from: 1, to: 2, flits: 4, release: 6),\n";
    let cases = [
        ("met.ron", hand(met)),
        ("early.ron", RELAY.replace("release: 34", "release: 33")),
        ("ahead.ron", RELAY.replace("flits: 4, release: 1)", "flits: 4, release: 0)")),
        ("path.ron", RELAY.replace("\"r(2,3)\", ", "")),
        ("bare.ron", RELAY.replace("release: 34, ", "")),
        ("none.ron", hand(met).replace("    topology: \"mesh4x4.ron\",\n", "")),
    ];
    let mut all = Vec::new();
    for (name, text) in cases {
        place.put(name, text);
        let said = place.run(&format!("schedule {name}"));
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{name}: {}", said.err);
        all.push(said.err);
    }
    for words in
        ["schedule relay.ron --against nvl8", "schedule --topology nvl8 --collective to-all"]
    {
        let said = place.run(words);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{words}: {}", said.err);
        all.push(said.err);
    }
    insta::assert_snapshot!("schedule_faults", all.join("\n"));
    let said = place.run("schedule met.ron --force");
    assert_eq!(said.code, Some(1), "{}", said.err);
    insta::assert_snapshot!("schedule_forced", said.out);
}

#[test]
fn the_bulk_copies_of_a_trace_are_planned() {
    let place = place();
    place.put("copies.trace", "0 copy 0x0 0x1000 256\n1 load 0x0 8\n1 copy 0x1000 0x2000 64\n");
    let all = json(&place, "schedule --topology mesh8x8 --trace copies.trace --runs 1 --json -");
    let transfers = all["transfers"].as_array().expect("transfers");
    let ends = |t: &Value| (t["from"].as_u64(), t["to"].as_u64(), t["flits"].as_u64());
    let told: Vec<_> = transfers.iter().map(ends).collect();
    let (zero, one, two) = (Some(0), Some(1), Some(2));
    assert_eq!(told, [(zero, one, Some(4)), (zero, one, Some(4)), (one, two, two)]);
    assert!(transfers[2]["release"].as_u64() > transfers[0]["arrival"].as_u64());
    place.put("none.trace", "0 load 0x0 8\n");
    let said = place.run("schedule --topology mesh8x8 --trace none.trace");
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("copies nothing") && said.err.contains("mend: "), "{}", said.err);
}

#[test]
fn nothing_to_schedule_and_links_that_cannot_be_scheduled_are_errors_with_a_mend() {
    let place = place();
    let refused = |words: &str| {
        let said = place.run(&format!("schedule {words}"));
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
        assert!(said.err.contains("mend: "), "{}", said.err);
        said.err
    };
    assert!(refused("").contains("nothing to schedule"));
    assert!(refused("--topology nvl8").contains("name a schedule file"));
    let framed = refused("--topology nvl8-framed --collective all-to-all");
    assert!(framed.contains("links of class `nvlink4` have frames"), "{framed}");
}

/// Counters that may be off by a millisecond keep releases far apart; that takes no time to run.
#[test]
fn counters_that_are_far_off_make_no_longer_runs() {
    let words = "schedule --topology nvl8 --collective ring-all-reduce --counter-error 1000000 \
                 --runs 2 --json -";
    let report = json(&place(), words);
    let last = report["completion_cycles"].as_u64().expect("a cycle");
    assert!(last > 20_000_000, "{report}");
    assert!(report["rows"][1]["kept"] == true, "{report}");
}
