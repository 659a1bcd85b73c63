//! Malformed descriptions, and the one clear error that each gives.

use topology::{ErrorKind, TopologyError, parse};

/// A small machine that is right; every case breaks one thing of it.
const RIGHT: &str = r#"Machine(
    name: "small",
    clocks: {
        "core": "1 GHz",
        "switch": (frequency: "1.7 GHz", phase: "100 ps"),
    },
    flit: "32 B",
    header: "16 B",
    links: {
        "cable": Serial(
            lanes: 2,
            lane_rate: "106.25 Gb/s",
            efficiency: (512, 544),
            serdes: "20 ns",
            flight: "4.6 ns/m",
            buffer_flits: 256,
        ),
        "wire": OnDie(latency_cycles: 1, buffer_flits: 8),
    },
    accelerator: (
        clock: "core",
        window: 16,
        consistency: Relaxed,
        atomics: Far,
        cache: (size: "64 KiB", ways: 4, replacement: Lru, latency_cycles: 4, mshrs: 16),
        home: (latency_cycles: 4, interleave: "4 KiB"),
    ),
    router: (
        vcs_per_class: 2,
        rc_cycles: 1,
        va_cycles: 1,
        sa_cycles: 1,
        st_cycles: 1,
        credit_cycles: 1,
    ),
    memory: (
        clock: "core",
        channels: 2,
        interleave: "256 B",
        latency: "60 ns",
        channel_rate: "25.6 GB/s",
    ),
    fabric: FABRIC,
)
"#;

const PLANES: &str = r#"SwitchPlanes(
        accelerators: 4,
        switches: 2,
        links_per_pair: [2, 1],
        link: "cable",
        length: "1 m",
        clock: "switch",
    )"#;
const MESH: &str = r#"Mesh(dims: [3, 2], local: "wire", link: "wire", clock: "core")"#;
const TORUS: &str =
    r#"Torus(dims: [4, 2], local: "wire", link: "cable", length: "1 m", clock: "core")"#;
const RING_OF_4: &str = r#"Ring(routers: 4, local: "wire", link: "wire", clock: "core")"#;
const FULL: &str =
    r#"FullMesh(accelerators: 4, local: "wire", link: "cable", length: "1 m", clock: "core")"#;
const HYPERX: &str = r#"HyperX(dims: [3, 2], local: "wire", link: "wire", clock: "core")"#;
const DRAGONFLY: &str = r#"Dragonfly(
        nodes_per_router: 1,
        routers_per_group: 2,
        globals_per_router: 1,
        local: "wire",
        link: "wire",
        global_link: "cable",
        global_length: "1 m",
        clock: "core",
    )"#;
const SLIMFLY: &str =
    r#"SlimFly(q: 3, nodes_per_router: 1, local: "wire", link: "wire", clock: "core")"#;
const GRAPH: &str = r#"Graph(
        nodes: ["a", "b"],
        routers: {"left": "switch", "right": "switch"},
        links: [
            (from: "a", to: "left", link: "cable", length: "1 m", count: 2),
            (from: "left", to: "right", link: "cable", length: "2 m"),
            (from: "b", to: "right", link: "cable", length: "1 m"),
        ],
    )"#;

/// Fabric, what is replaced, by what.
type Case = (&'static str, &'static str, &'static str, &'static str);

/// Where choices that make a router are put in.
const CREDIT: &str = "credit_cycles: 1";

/// Every case: its name, the fabric, and the one edit that breaks it.
const CASES: &[Case] = &[
    ("field_misspelt", PLANES, "lanes: 2", "lnaes: 2"),
    ("field_unknown", PLANES, "window: 16", "colour: 3, window: 16"),
    ("field_missing", PLANES, "            buffer_flits: 256,\n", ""),
    ("field_missing_at_the_top", PLANES, "    header: \"16 B\",\n", ""),
    ("field_without_its_name", PLANES, "Serial(\n            lanes: 2", "Serial(\n            2"),
    ("field_twice", PLANES, "window: 16,", "window: 16, window: 8,"),
    ("variant_misspelt", PLANES, "SwitchPlanes", "SwitchPlane"),
    ("variant_of_a_word", PLANES, "Relaxed", "Relax"),
    ("type_wrong", PLANES, "window: 16", "window: \"many\""),
    ("number_negative", PLANES, "window: 16", "window: -1"),
    ("number_huge", PLANES, "window: 16", "window: 99999999999999999999999999"),
    ("number_not_whole", PLANES, "window: 16", "window: 1.5"),
    ("comma_missing", PLANES, "window: 16,", "window: 16"),
    ("unit_missing", PLANES, "\"1 GHz\"", "\"1\""),
    ("unit_unknown", PLANES, "\"20 ns\"", "\"20 nanoseconds\""),
    ("unit_of_another_kind", PLANES, "\"106.25 Gb/s\"", "\"106.25 GHz\""),
    ("unit_without_number", PLANES, "\"16 B\"", "\"B\""),
    ("quantity_too_fine", PLANES, "\"60 ns\"", "\"0.0000001 ns\""),
    ("frequency_of_zero", PLANES, "\"1 GHz\"", "\"0 GHz\""),
    ("frequency_too_fine", PLANES, "\"1 GHz\"", "\"999999999989/1000003 Hz\""),
    ("clock_field_misspelt", PLANES, "phase:", "fase:"),
    ("clock_unknown", PLANES, "clock: \"switch\"", "clock: \"swich\""),
    (
        "clock_of_memory_unknown",
        PLANES,
        "clock: \"core\",\n        channels",
        "clock: \"hbm\",\n        channels",
    ),
    ("clock_twice", PLANES, "\"switch\": (", "\"core\": ("),
    ("link_class_dangling", PLANES, "link: \"cable\"", "link: \"cabel\""),
    ("length_missing", PLANES, "        length: \"1 m\",\n", ""),
    ("length_on_die", MESH, "clock: \"core\")", "clock: \"core\", length: \"1 mm\")"),
    ("on_die_between_clocks", MESH, "clock: \"core\")", "clock: \"switch\")"),
    ("efficiency_of_zero", PLANES, "(512, 544)", "(0, 544)"),
    ("efficiency_above_one", PLANES, "(512, 544)", "(544, 512)"),
    ("latency_of_zero", PLANES, "OnDie(latency_cycles: 1", "OnDie(latency_cycles: 0"),
    ("lanes_of_zero", PLANES, "lanes: 2", "lanes: 0"),
    ("window_of_zero", PLANES, "window: 16", "window: 0"),
    ("buffer_of_zero", PLANES, "buffer_flits: 8", "buffer_flits: 0"),
    ("buffers_beyond_memory", TORUS, "[4, 2]", "[128, 128]"),
    ("cache_does_not_divide", PLANES, "\"64 KiB\"", "\"65 KiB\""),
    ("cache_without_ways", PLANES, "ways: 4", "ways: 0"),
    (
        "ways_no_power_of_two_for_the_tree",
        PLANES,
        "\"64 KiB\", ways: 4, replacement: Lru",
        "\"48 KiB\", ways: 12, replacement: TreePlru",
    ),
    (
        "protocol_option_unknown",
        PLANES,
        "atomics: Far",
        "atomics: Far, protocol: (owned: true, forward: true)",
    ),
    ("protocol_option_no_flag", PLANES, "atomics: Far", "atomics: Far, protocol: (direct: 1)"),
    ("interleave_not_of_lines", PLANES, "\"4 KiB\"", "\"100 B\""),
    ("vcs_of_zero", PLANES, "vcs_per_class: 2", "vcs_per_class: 0"),
    ("vcs_too_many", PLANES, "vcs_per_class: 2", "vcs_per_class: 65"),
    ("pipeline_stage_of_zero", PLANES, "va_cycles: 1", "va_cycles: 0"),
    ("input_speedup_of_zero", PLANES, CREDIT, "credit_cycles: 1, input_speedup: 0"),
    ("input_speedup_too_large", PLANES, CREDIT, "credit_cycles: 1, input_speedup: 9"),
    ("output_speedup_unbuffered", PLANES, CREDIT, "credit_cycles: 1, output_speedup: 2"),
    ("internal_speedup_unbuffered", PLANES, CREDIT, "credit_cycles: 1, internal_speedup: 2"),
    ("output_buffer_of_zero", PLANES, CREDIT, "credit_cycles: 1, output_buffer_flits: 0"),
    (
        "iterations_of_zero",
        PLANES,
        CREDIT,
        "credit_cycles: 1, switch_allocator: Islip(iterations: 0)",
    ),
    (
        "iterations_too_many",
        PLANES,
        CREDIT,
        "credit_cycles: 1, vc_allocator: Islip(iterations: 200)",
    ),
    ("reserved_of_zero", PLANES, CREDIT, "credit_cycles: 1, buffers: Shared(reserved_flits: 0)"),
    (
        "reserved_beyond_the_buffers",
        PLANES,
        CREDIT,
        "credit_cycles: 1, buffers: Shared(reserved_flits: 9)",
    ),
    ("dims_of_zero", MESH, "[3, 2]", "[3, 0]"),
    ("dims_empty", MESH, "[3, 2]", "[]"),
    ("dims_overflow", MESH, "[3, 2]", "[16384, 16384, 16384, 16384, 16384]"),
    ("dims_of_one", MESH, "[3, 2]", "[1, 1]"),
    ("dims_too_large", MESH, "[3, 2]", "[4000000000]"),
    ("accelerators_too_many", PLANES, "accelerators: 4", "accelerators: 1000000000"),
    ("switches_too_many", PLANES, "switches: 2", "switches: 4294967295"),
    ("links_per_pair_of_other_length", PLANES, "[2, 1]", "[2, 1, 1]"),
    ("links_per_pair_too_many", FULL, "accelerators: 4", "accelerators: 4, links_per_pair: 100"),
    ("hyperx_dims_of_zero", HYPERX, "[3, 2]", "[3, 0]"),
    ("hyperx_dims_empty", HYPERX, "[3, 2]", "[]"),
    ("hyperx_too_large", HYPERX, "[3, 2]", "[16384, 16384, 16384, 16384, 16384]"),
    ("hyperx_of_no_nodes", HYPERX, "[3, 2]", "[3, 2], nodes_per_router: 0"),
    ("hyperx_ports_too_many", HYPERX, "[3, 2]", "[3, 2], links_per_pair: [200, 1]"),
    ("hyperx_links_of_other_length", HYPERX, "[3, 2]", "[3, 2], links_per_pair: [2, 1, 1]"),
    ("hyperx_link_class_dangling", HYPERX, "link: \"wire\"", "link: [\"wire\", \"wires\"]"),
    ("hyperx_length_missing", HYPERX, "link: \"wire\"", "link: [\"wire\", \"cable\"]"),
    ("hyperx_length_of_a_number", HYPERX, "[3, 2]", "[3, 2], length: 3"),
    ("hyperx_routing_unknown", HYPERX, "[3, 2]", "[3, 2], routing: Dall"),
    ("dragonfly_groups_too_many", DRAGONFLY, "per_router: 1,\n", "per_router: 1, groups: 4,\n"),
    ("dragonfly_groups_of_zero", DRAGONFLY, "per_router: 1,\n", "per_router: 1, groups: 0,\n"),
    ("dragonfly_too_large", DRAGONFLY, "group: 2", "group: 250"),
    ("dragonfly_global_length_missing", DRAGONFLY, "        global_length: \"1 m\",\n", ""),
    ("dragonfly_without_vcs", DRAGONFLY, "vcs_per_class: 2", "vcs_per_class: 1"),
    ("slimfly_of_no_prime", SLIMFLY, "q: 3", "q: 9"),
    ("slimfly_of_two", SLIMFLY, "q: 3", "q: 2"),
    ("slimfly_too_large", SLIMFLY, "q: 3", "q: 89"),
    ("slimfly_without_vcs", SLIMFLY, "q: 3", "q: 3, routing: Ugal"),
    ("graph_end_unknown", GRAPH, "to: \"left\"", "to: \"lift\""),
    (
        "graph_link_class_dangling",
        GRAPH,
        "to: \"right\", link: \"cable\", length: \"1 m\"",
        "to: \"right\", link: \"wires\", length: \"1 m\"",
    ),
    ("graph_router_on_unknown_clock", GRAPH, "\"right\": \"switch\"", "\"right\": \"swatch\""),
    ("graph_name_twice", GRAPH, "[\"a\", \"b\"]", "[\"a\", \"b\", \"a\"]"),
    ("graph_link_to_itself", GRAPH, "to: \"left\"", "to: \"a\""),
    ("graph_link_between_nodes", GRAPH, "to: \"left\"", "to: \"b\""),
    (
        "graph_in_two_parts",
        GRAPH,
        "            (from: \"left\", to: \"right\", link: \"cable\", length: \"2 m\"),\n",
        "",
    ),
    ("graph_of_one_node", GRAPH, "[\"a\", \"b\"]", "[\"a\"]"),
    ("torus_without_dateline_vcs", TORUS, "vcs_per_class: 2", "vcs_per_class: 1"),
    ("torus_by_table_deadlocks", TORUS, "dims: [4, 2]", "dims: [4, 2], routing: Table"),
    ("text_after_the_machine", PLANES, ",\n)\n", ",\n)\nMachine()"),
    ("another_struct", PLANES, "Machine(", "Fabric("),
    ("routing_misspelt", MESH, "dims: [3, 2]", "dims: [3, 2], routing: ValiantLB"),
    ("routing_of_two_dimensions", MESH, "dims: [3, 2]", "dims: [3, 2, 2], routing: O1TURN"),
    ("odd_even_on_a_torus", TORUS, "dims: [4, 2]", "dims: [4, 2], routing: OddEven"),
    ("valiant_without_vcs", TORUS, "dims: [4, 2]", "dims: [4, 2], routing: Valiant"),
    ("adaptive_without_vcs", TORUS, "dims: [4, 2]", "dims: [4, 2], routing: MinimalAdaptive"),
    ("order_of_one_dimension", MESH, "dims: [3, 2]", "dims: [3, 2], order: [0]"),
    ("order_without_effect", MESH, "dims: [3, 2]", "dims: [3, 2], routing: YX, order: [0, 1]"),
    ("twist_of_a_mesh", MESH, "dims: [3, 2]", "dims: [3, 2], twist: [(wrap: 1, shifts: 0, by: 1)]"),
    ("twist_too_far", TORUS, "[4, 2]", "[4, 2], twist: [(wrap: 1, shifts: 0, by: 4)]"),
    ("twist_of_no_dimension", TORUS, "[4, 2]", "[4, 2], twist: [(wrap: 2, shifts: 0, by: 2)]"),
    ("twist_of_itself", TORUS, "[4, 2]", "[4, 2], twist: [(wrap: 0, shifts: 0, by: 2)]"),
    (
        "twist_twice",
        TORUS,
        "[4, 2]",
        "[4, 2], twist: [(wrap: 1, shifts: 0, by: 2), (wrap: 1, shifts: 0, by: 1)]",
    ),
    ("link_of_too_few_dimensions", MESH, "link: \"wire\"", "link: [\"wire\"]"),
    ("link_of_a_dimension_dangling", MESH, "link: \"wire\"", "link: [\"wire\", \"wir\"]"),
    ("no_nodes_on_routers", MESH, "dims: [3, 2]", "dims: [3, 2], nodes_per_router: 0"),
    ("nodes_of_routers_too_many", MESH, "dims: [3, 2]", "dims: [100, 100], nodes_per_router: 2"),
    ("ring_of_none", RING_OF_4, "routers: 4", "routers: 0"),
    ("package_nodes_not_whole", PLANES, "flit:", "package_nodes: 3, flit:"),
    ("package_nodes_of_none", PLANES, "flit:", "package_nodes: 0, flit:"),
    (
        "two_levels_without_packages",
        PLANES,
        "\"4 KiB\"",
        "\"4 KiB\", directory: TwoLevel(inner: FullMap, outer: FullMap)",
    ),
    (
        "two_levels_of_no_pointers",
        PLANES,
        "\"4 KiB\"",
        "\"4 KiB\", directory: TwoLevel(inner: Limited(pointers: 0, overflow: Broadcast), outer: FullMap)",
    ),
    ("clock_without_frequency_or_parent", PLANES, "\"1 GHz\"", "(phase: \"1 ns\")"),
    ("clock_with_both", PLANES, "\"1 GHz\"", "(frequency: \"1 GHz\", parent: \"switch\")"),
    ("clock_of_no_parent", PLANES, "\"1 GHz\"", "(parent: \"swich\", ratio: (1, 2))"),
    ("clock_of_itself", PLANES, "\"1 GHz\"", "(parent: \"core\", ratio: (1, 2))"),
    ("clock_ratio_of_none", PLANES, "\"1 GHz\"", "(parent: \"switch\", ratio: (0, 2))"),
    ("clock_ratio_of_a_reference", PLANES, "\"1 GHz\"", "(frequency: \"1 GHz\", ratio: (1, 2))"),
    ("clock_that_is_off_below_its_reference", PLANES, "\"1 GHz\"", "(parent: \"switch\", ppm: 3)"),
    (
        "clock_below_one_that_changes",
        PLANES,
        "\"1 GHz\",\n        \"switch\": (frequency: \"1.7 GHz\",",
        "(parent: \"switch\"), \"switch\": (frequency: \"1.7 GHz\", tunable: true,",
    ),
    ("clock_of_too_much_jitter", PLANES, "\"1 GHz\"", "(frequency: \"1 GHz\", jitter: \"150 ps\")"),
    (
        "clock_changes_out_of_order",
        PLANES,
        "\"1 GHz\"",
        "(frequency: \"1 GHz\", changes: [(at: \"2 us\", frequency: \"2 GHz\"), (at: \"1 us\", frequency: \"1 GHz\")])",
    ),
    (
        "clock_spread_too_wide",
        PLANES,
        "\"1 GHz\"",
        "(frequency: \"1 GHz\", spread: (direction: Down, ppm: 60000, rate: \"31 kHz\"))",
    ),
    (
        "clock_drift_too_quick",
        PLANES,
        "\"1 GHz\"",
        "(frequency: \"1 GHz\", drift: (ppb: 100, every: \"1 ns\"))",
    ),
    (
        "crossing_of_no_clock",
        PLANES,
        "flit:",
        "crossings: [(between: (\"core\", \"swich\"), via: Fifo(depth: 8))], flit:",
    ),
    (
        "crossing_twice",
        PLANES,
        "flit:",
        "crossings: [(between: (\"core\", \"switch\"), via: Fifo(depth: 8)), (between: (\"switch\", \"core\"), via: Fifo(depth: 8))], flit:",
    ),
    (
        "crossing_of_one_place",
        PLANES,
        "flit:",
        "crossings: [(between: (\"core\", \"switch\"), via: Fifo(depth: 1))], flit:",
    ),
    (
        "mesochronous_of_two_references",
        PLANES,
        "flit:",
        "crossings: [(between: (\"core\", \"switch\"), via: Mesochronous(edges: 1))], flit:",
    ),
    (
        "elastic_that_slips",
        PLANES,
        "\"1.7 GHz\", phase: \"100 ps\"),\n    },",
        "\"1 GHz\", ppm: 200),\n    }, crossings: [(between: (\"core\", \"switch\"), via: Elastic(depth: 4, skip_edges: 10000))],",
    ),
    ("nul_byte", PLANES, "window: 16", "window: \0"),
    ("string_unclosed", PLANES, "\"small\"", "\"small"),
];

fn error_of(text: &str) -> TopologyError {
    match parse("small.ron", text) {
        Err(error) => error,
        Ok(spec) => panic!("accepted as {}", spec.name),
    }
}

#[test]
fn every_malformed_description_is_refused_with_place_key_and_mend() {
    for (name, fabric, find, put) in CASES {
        let right = RIGHT.replace("FABRIC", fabric);
        assert!(parse("small.ron", &right).is_ok(), "{name}: the base must be right");
        assert!(right.contains(find), "{name}: nothing to break");
        let error = error_of(&right.replacen(find, put, 1));
        assert!(error.line().is_some() && error.column().is_some(), "{name}");
        insta::assert_snapshot!(*name, error);
    }
}

#[test]
fn a_missing_field_is_named_in_what_lacks_it_whatever_stands_last() {
    let right = RIGHT.replace("FABRIC", GRAPH);
    for (find, put, key, from) in [
        (", interleave: \"4 KiB\")", ")", "accelerator.home.interleave", "(latency_cycles: 4)"),
        (", mshrs: 16)", ",\n /* mshrs */ )", "accelerator.cache.mshrs", "(size: \"64 KiB\""),
        (
            "from: \"b\", to: \"right\", link: \"cable\", ",
            "from: \"b\", to: \"right\", ",
            "fabric.links[2].link",
            "(from: \"b\"",
        ),
        ("        credit_cycles: 1,\n", "", "router.credit_cycles", "(\n        vcs_per_class"),
        (
            "        channel_rate: \"25.6 GB/s\",\n",
            "",
            "memory.channel_rate",
            "(\n        clock: \"core\",\n        channels",
        ),
    ] {
        assert!(right.contains(find), "{key}: nothing to break");
        let text = right.replacen(find, put, 1);
        let before = &text[..text.find(from).expect("what lacks it")];
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.len() - before.rfind('\n').map_or(0, |n| n + 1);
        let error = parse("small.ron", &text).expect_err("an error");
        assert_eq!(
            (error.key(), error.line(), error.column()),
            (key, Some(line), Some(column)),
            "{error}"
        );
    }
}

#[test]
fn cycles_that_take_hours_of_a_slow_clock_are_refused() {
    let slow = RIGHT.replace("FABRIC", PLANES).replace("1.7 GHz", "1 Hz");
    let st = |cycles: u32| slow.replace("st_cycles: 1", &format!("st_cycles: {cycles}"));
    assert!(parse("small.ron", &st(1_000)).is_ok());
    insta::assert_snapshot!("cycles_beyond_time", error_of(&st(1_001)));
}

#[test]
fn buffers_smaller_than_a_packet_are_refused_with_cut_through_only() {
    // 16 B and a line of 64 B are 3 flits of 32 B.
    let of = |switching: &str, flits: u32| {
        let choice = format!("{CREDIT}, switching: {switching}");
        let wire = format!("latency_cycles: 1, buffer_flits: {flits}");
        let text = RIGHT.replace("FABRIC", PLANES).replace(CREDIT, &choice);
        text.replace("latency_cycles: 1, buffer_flits: 8", &wire)
    };
    assert!(parse("small.ron", &of("Wormhole", 2)).is_ok());
    assert!(parse("small.ron", &of("VirtualCutThrough", 3)).is_ok());
    insta::assert_snapshot!("cut_through_without_room", error_of(&of("VirtualCutThrough", 2)));
}

#[test]
fn choices_of_a_router_that_fit_together_are_accepted() {
    for choice in [
        "rc_cycles: 0",
        "rc_cycles: 1, output_speedup: 8, internal_speedup: 2, output_buffer_flits: 8",
        "rc_cycles: 1, input_speedup: 2, buffers: Shared(reserved_flits: 8)",
        "rc_cycles: 1, vc_allocator: Islip(iterations: 4), speculative: true",
    ] {
        let text = RIGHT.replace("FABRIC", PLANES).replace("rc_cycles: 1", choice);
        assert!(parse("small.ron", &text).is_ok(), "{choice}: {}", error_of(&text));
    }
}

#[test]
fn more_vcs_than_traces_can_use_are_a_warning() {
    for (vcs, warnings) in [(12, 0), (13, 1), (64, 1)] {
        let text = RIGHT.replace("FABRIC", PLANES);
        let text = text.replace("vcs_per_class: 2", &format!("vcs_per_class: {vcs}"));
        let (_, report) = topology::parse_and_check("small.ron", &text).expect("right");
        let of_vcs = report.warnings.iter().filter(|w| w.contains("too many VCs to run traces"));
        assert_eq!(of_vcs.count(), warnings, "{report}");
    }
}

#[test]
fn hostile_text_is_refused() {
    let cases = [
        ("hostile_empty", String::new()),
        ("hostile_blank", " \n\t// nothing here\n".to_owned()),
        ("hostile_nesting", "(".repeat(1_000_000)),
        ("hostile_nesting_in_place", RIGHT.replace("FABRIC", &"[(".repeat(100_000))),
        ("hostile_long_line", format!("Machine(name: \"{}\", x: 1)", "y".repeat(1_000_000))),
        ("hostile_ring", RIGHT.replace("FABRIC", RING)),
    ];
    for (name, text) in cases {
        insta::assert_snapshot!(name, error_of(&text));
    }
}

/// A ring of four routers with shortest-path routing, which can deadlock.
const RING: &str = r#"Graph(
        nodes: ["a", "b", "c", "d"],
        routers: {"ra": "switch", "rb": "switch", "rc": "switch", "rd": "switch"},
        links: [
            (from: "a", to: "ra", link: "cable", length: "1 m"),
            (from: "b", to: "rb", link: "cable", length: "1 m"),
            (from: "c", to: "rc", link: "cable", length: "1 m"),
            (from: "d", to: "rd", link: "cable", length: "1 m"),
            (from: "ra", to: "rb", link: "cable", length: "1 m"),
            (from: "rb", to: "rc", link: "cable", length: "1 m"),
            (from: "rc", to: "rd", link: "cable", length: "1 m"),
            (from: "rd", to: "ra", link: "cable", length: "1 m"),
        ],
    )"#;

#[test]
fn a_ring_by_table_is_refused_with_the_cycle_named() {
    let error = error_of(&RIGHT.replace("FABRIC", RING));
    assert_eq!(error.kind(), ErrorKind::Deadlock);
    for hop in ["ra port 1 -> rb", "rb port 2 -> rc", "rc port 2 -> rd", "rd port 2 -> ra"] {
        let back = hop.split(" -> ").last().expect("an end");
        let other = format!("{back} port");
        assert!(error.message().contains(hop) || error.message().contains(&other), "{error}");
    }
}

#[test]
fn unreadable_files_are_refused() {
    let missing = topology::load("no/such/file.ron").expect_err("missing");
    assert_eq!(missing.kind(), ErrorKind::Read);
    let path = std::env::temp_dir().join(format!("lockstep-not-utf8-{}.ron", std::process::id()));
    std::fs::write(&path, b"Machine(\n  name: \"\xff\"").expect("written");
    let error = topology::load(&path).expect_err("not text");
    std::fs::remove_file(&path).expect("removed");
    assert_eq!((error.line(), error.column()), (Some(2), Some(10)));
    assert!(topology::load(std::env::temp_dir()).is_err(), "a directory is no file");
}

#[test]
fn an_explicit_graph_with_parallel_links_is_routed_over_all_of_them() {
    let spec = parse("small.ron", &RIGHT.replace("FABRIC", GRAPH)).expect("right");
    assert_eq!(spec.fabric.node_ports[0].len(), 2);
    assert_eq!(spec.fabric.links.len(), 8);
    let report = topology::check(&spec).expect("checked");
    assert_eq!(report.diameter, 2);
    // A single link of 25 GB/s between the routers.
    assert_eq!(report.bisection_bytes_per_s, Some(25_000_000_000));
}

/// A tree: a crystal, a core by a PLL, a switch by a divider of the core.
#[test]
fn clocks_inherit_from_their_parents_by_exact_ratios() {
    let tree = r#""crystal": (frequency: "100 MHz", ppm: 50, drift: (ppb: 300, every: "1 ms")),
        "core": (parent: "pll", ratio: (1, 2), skew: "70 ps"),
        "pll": (parent: "crystal", ratio: (35, 1), phase: "10 ps", spread: (direction: Down, ppm: 5000, rate: "32 kHz")),
        "switch": (parent: "crystal", ratio: (17, 1), jitter: "1 ps"),
    "#;
    let start = RIGHT.find(r#""core": "1 GHz""#).expect("the clocks");
    let end = RIGHT.find("},\n    flit").expect("their end");
    let text = format!("{}{tree}{}", &RIGHT[..start], &RIGHT[end..]).replace("FABRIC", PLANES);
    let spec = parse("tree.ron", &text).expect("a sound tree");
    let of = |name: &str| spec.domains.iter().find(|d| d.name == name).expect("it is there");
    let (core, switch) = (of("core"), of("switch"));
    assert_eq!(of("crystal").hertz, (100_005_000, 1));
    assert_eq!(core.hertz, (1_750_087_500, 1));
    assert_eq!(core.phase.0, 80_000);
    assert_eq!((core.reference, core.drift), (switch.reference, switch.drift));
    assert_eq!(core.spread.map(|s| s.of.at()), Some(2));
    assert_eq!(switch.spread, None);
    assert_eq!((switch.ppm, switch.jitter_rms.0, core.jitter_rms.0), (50, 1_000, 0));
}

#[test]
fn a_shallow_fifo_is_told_with_the_depth_that_it_needs() {
    let warnings = |depth: u32| {
        let via =
            format!("crossings: [(between: (\"core\", \"switch\"), via: Fifo(depth: {depth}))],");
        let text = RIGHT.replace("FABRIC", PLANES).replace("flit:", &(via + " flit:"));
        topology::parse_and_check("small.ron", &text).expect("it holds").1.warnings
    };
    // Three edges of each clock, 3 ns and 1.76 ns, against flits of 1.28 ns.
    let told = warnings(3);
    assert!(told.iter().any(|w| w.contains("depth 3, and 4 are needed")), "{told:?}");
    assert!(warnings(4).iter().all(|w| !w.contains("FIFO")));
}
