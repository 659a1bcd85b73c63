//! Bad input: exit code 2, one clear error, nothing left half-written.

use crate::place::Place;
use crate::results::SMALL;

/// The shipped board, to break one thing of.
const BOARD: &str = include_str!("../../../../topologies/nvl8.ron");

/// Name, words, and the file `bad` that they are about, if any.
const CASES: &[(&str, &str, Option<&str>)] = &[
    ("topology_missing", "run --topology no.ron", None),
    ("topology_name_unknown", "run --topology nvl9", None),
    ("verb_missing_value", "run --trace", None),
    ("topology_folder", "run --topology folder", None),
    ("trace_missing", "run --trace no/such.trace", None),
    ("trace_name_unknown", "run --trace jacobi9", None),
    ("trace_folder", "run --trace folder", None),
    ("flag_misspelt", "run --tread 4", None),
    ("flag_unknown", "run --frobnicate", None),
    ("verb_misspelt", "rum", None),
    ("threads_zero", "run --threads 0", None),
    ("threads_no_number", "run --threads many", None),
    ("format_unknown", "import lackie bad -o out.lkst", Some("")),
    ("log_unknown", "run --trace small.trace --log barier=debug", None),
    ("trace_empty", "run --trace bad", Some("")),
    ("trace_comment_only", "run --trace bad", Some("# nothing\n")),
    ("trace_word", "run --trace bad", Some("0 load 0x1000 8\n0 lod 0x1040 8\n")),
    ("trace_address", "run --trace bad", Some("0 load 0x10g0 8\n")),
    ("trace_size", "run --trace bad", Some("0 load 0x1000 65\n")),
    ("trace_too_few_words", "run --trace bad", Some("0 store 0x1000\n")),
    ("trace_atomic_crosses", "run --trace bad", Some("0 add 0x3c 8 1\n")),
    ("trace_copy_overlaps", "run --trace bad", Some("0 copy 0x0 0x10 32\n")),
    ("trace_past_the_end", "run --trace bad", Some("0 load 0xffffffffffffffff 8\n")),
    ("trace_thread", "run --trace bad", Some("65536 fence\n")),
    ("barrier_of_nobody", "run --trace bad", Some("0 barrier 0 0\n")),
    ("barrier_mismatch", "run --trace bad", Some("0 barrier 0 2\n1 barrier 0 3\n2 fence\n")),
    ("barrier_never_released", "run --trace bad", Some("0 barrier 7 2\n1 fence\n")),
    ("barrier_too_large", "run --trace bad", Some("0 barrier 0 3\n1 barrier 0 3\n")),
    ("trace_is_a_program", "run --trace bad", Some("\u{7f}ELF\0\0\0\0")),
    ("info_missing", "trace info no.lkst", None),
    ("pack_missing_folder", "trace pack small.trace -o no/out.lkst", None),
    ("pack_to_a_folder", "trace pack small.trace -o folder", None),
    ("text_missing_folder", "trace text small.trace -o no/out.trace", None),
    ("text_to_a_folder", "trace text small.trace -o folder", None),
    ("json_missing_folder", "run --trace small.trace --json no/out.json", None),
    ("json_to_a_folder", "run --trace small.trace --json folder", None),
    ("lackey_damaged", "import lackey bad -o out.lkst", Some("I  04000000,3\n L xyz,8\n")),
    ("lackey_empty", "import lackey bad -o out.lkst", Some("")),
    ("ramulator_damaged", "import ramulator bad -o out.lkst", Some("3 20734016\n1 ten\n")),
    ("ramulator_empty", "import ramulator bad -o out.lkst", Some("\n\n")),
    ("import_missing", "import ramulator no.gz -o out.lkst", None),
    ("import_folder", "import lackey folder -o out.lkst", None),
    ("check_json_missing_folder", "check nvl8 --json no/out.json", None),
    ("sweep_no_rates", "sweep mesh8x8", None),
    ("sweep_rate_none", "sweep mesh8x8 --rates 0.1,0", None),
    ("sweep_rate_word", "sweep mesh8x8 --rates 0.1;0.2", None),
    ("sweep_rate_twice", "sweep mesh8x8 --rates 0.1,0.2,0.1", None),
    ("sweep_range_unfinished", "sweep mesh8x8 --rates 0.1..0.4", None),
    ("sweep_topology_unknown", "sweep mesh8x8 mesh9x9 --rates 0.1", None),
    ("sweep_flag_misspelt", "sweep mesh8x8 --rate 0.1", None),
    ("sweep_reply_missing", "sweep mesh8x8 --rates 0.1 --request-reply 1", None),
    ("sweep_two_on_stdout", "sweep mesh8x8 --rates 0.1 --json - --csv -", None),
    ("sweep_slices_too_long", "sweep mesh8x8 --rates 0.1 --measure 10 --series 20", None),
    ("sweep_json_missing_folder", "sweep mesh8x8 --rates 0.1 --json no/out.json", None),
    ("sweep_csv_to_a_folder", "sweep mesh8x8 --rates 0.1 --csv folder", None),
    ("validate_filter_unknown", "validate --filter mesh9", None),
    ("validate_json_missing_folder", "validate --json no/out.json", None),
    ("verify_caches_many", "verify --caches 7", None),
    ("verify_cells_many", "verify --caches 6 --lines 4", None),
    ("verify_network_unknown", "verify --networks Reg|rest", None),
    ("verify_mutant_unknown", "verify --mutant Nobody", None),
    ("verify_directory_unknown", "verify --directory half-map", None),
    ("verify_pointers_few", "verify --directory limited:1:recall", None),
    ("verify_limit_reached", "verify --limit 100", None),
    ("verify_json_missing_folder", "verify --json no/out.json", None),
    ("verify_save_missing_folder", "verify --save no/out.schedule", None),
    ("verify_replay_missing", "verify --replay no.schedule", None),
    ("verify_replay_damaged", "verify --replay bad", Some("lockstep-schedule 1\nbegin\nlod n0\n")),
    ("info_json_missing_folder", "trace info small.trace --json no/out.json", None),
];

#[test]
fn bad_input_is_one_error_with_exit_2_and_leaves_nothing_behind() {
    for (name, words, bad) in CASES {
        let place = Place::new();
        place.put("small.trace", SMALL).put("out.json", "old").put("out.lkst", "old");
        std::fs::create_dir(place.path("folder")).expect("a folder");
        if let Some(text) = bad {
            place.put("bad", text);
        }
        let before = place.names();
        let error = place.fail(words);
        assert_eq!(place.names(), before, "{name}: something was left behind");
        assert_eq!((place.get("out.json"), place.get("out.lkst")), ("old".into(), "old".into()));
        insta::assert_snapshot!(*name, error);
    }
}

#[test]
fn an_empty_name_is_called_empty() {
    let place = Place::new();
    for flag in ["--trace", "--topology"] {
        let said = place.run_with(&["run", flag, ""], &[], b"");
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("is empty\n  mend: name a file, or one of "), "{said:?}");
    }
}

/// The result's place comes before the work: what would stop the replay is not reached.
#[test]
fn a_result_that_cannot_be_written_is_noticed_before_the_replay() {
    let place = Place::new();
    place.put("stuck.trace", "0 barrier 7 2\n1 fence\n");
    assert!(place.fail("run --trace stuck.trace --json out.json").contains("wait for good"));
    assert!(place.fail("run --trace stuck.trace --json no/out.json").contains("no/out.json"));
    assert_eq!(place.names(), ["stuck.trace"]);
}

#[test]
fn a_capture_that_cannot_be_written_is_noticed_before_the_compiler_runs() {
    let place = Place::new();
    place.put("broken.c", "int main(void) { return x; }\n");
    let words = ["capture", "broken.c", "-o", "no/out.lkst"];
    let said = place.run_with(&words, &[("CC", "nosuch-cc")], b"");
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("no/out.lkst") && !said.err.contains("nosuch"), "{said:?}");
}

#[test]
fn a_compiler_named_by_cc_has_no_substitute() {
    let place = Place::new();
    place.put("fine.c", "int x; int main(void) { x = 1; return 0; }\n");
    for cc in ["nosuch-cc", "nosuch-cc -m64", "false"] {
        let words = ["capture", "fine.c", "-o", "out.lkst"];
        let said = place.run_with(&words, &[("CC", cc)], b"");
        assert_eq!(said.code, Some(2), "{cc}: {said:?}");
        let named = format!("CC names `{}`", cc.split(' ').next().unwrap_or_default());
        assert!(said.err.contains(&named) && said.err.contains("mend:"), "{cc}: {said:?}");
    }
    assert_eq!(place.names(), ["fine.c"]);
}

#[test]
fn a_program_that_is_not_there_cannot_be_captured() {
    let place = Place::new();
    place.fail("capture no.c -o out.lkst");
    assert!(place.names().is_empty(), "{:?}", place.names());
}

/// Name, what is replaced in the shipped board, by what.
const BOARDS: &[(&str, &str, &str)] = &[
    ("board_field_misspelt", "lane_rate:", "lane_rat:"),
    ("board_bracket_missing", "fabric: SwitchPlanes(", "fabric: SwitchPlanes"),
    ("board_unit_missing", "\"75.6 ns\"", "\"75.6\""),
    ("board_clock_unknown", "clock: \"switch\"", "clock: \"swich\""),
    ("board_link_unknown", "link: \"nvlink4\"", "link: \"nvlink5\""),
    ("board_of_one", "accelerators: 8", "accelerators: 1"),
    ("board_window_huge", "window: 32", "window: 65536"),
    ("board_rate_tiny", "\"167.5 GB/s\"", "\"1 B/s\""),
    ("board_flit_huge", "flit: \"32 B\"", "flit: \"1 GiB\""),
    ("board_header_huge", "header: \"16 B\"", "header: \"1 GiB\""),
    ("board_latency_of_years", "\"20 ns\"", "\"31536000000 ms\""),
];

#[test]
fn a_malformed_topology_is_refused_with_its_place() {
    for (name, find, put) in BOARDS {
        assert!(BOARD.contains(find), "{name}: nothing to break");
        let place = Place::new();
        place.put("board.ron", BOARD.replacen(find, put, 1));
        let error = place.fail("run --topology board.ron");
        assert!(error.contains("board.ron:"), "{name}: {error}");
        assert!(place.fail("check board.ron").contains("board.ron:"), "{name}");
        insta::assert_snapshot!(*name, error);
    }
}

/// Tight and slow machines run to a clean end or say what is wrong; none panics.
#[test]
fn extreme_machines_run_or_are_refused() {
    let edits: &[&[(&str, &str)]] = &[
        &[("window: 32", "window: 16384")],
        &[("buffer_flits: 192", "buffer_flits: 1")],
        &[("flit: \"32 B\"", "flit: \"1 B\""), ("header: \"16 B\"", "header: \"4096 B\"")],
        &[("\"1.755 GHz\"", "\"1 Hz\""), ("\"1.7 GHz\"", "\"1 Hz\"")],
        &[("\"1.7 GHz\"", "\"1 Hz\""), ("st_cycles: 24", "st_cycles: 1000")],
        &[("\"1.755 GHz\"", "\"1 Hz\""), ("latency_cycles: 40", "latency_cycles: 1000000")],
        &[("\"1.755 GHz\"", "\"1000 GHz\""), ("\"1.6 GHz\"", "\"1 Hz\"")],
        &[("\"20 ns\"", "\"1000 ms\""), ("\"75.6 ns\"", "\"1000 ms\"")],
        &[("\"0.5 m\"", "\"100 km\"")],
        &[("\"167.5 GB/s\"", "\"1 MB/s\""), ("\"60 ns\"", "\"1000 ms\"")],
        &[("size: \"1 MiB\", ways: 16", "size: \"64 B\", ways: 1"), ("mshrs: 64", "mshrs: 2")],
        &[("interleave: \"4 KiB\"", "interleave: \"64 B\", directory_lines: 1")],
        &[("\"1.755 GHz\"", "(frequency: \"1.755 GHz\", phase: \"1000 ms\")")],
        &[("flit: \"32 B\"", "synchronizer_edges: 64, flit: \"32 B\"")],
    ];
    for edits in edits {
        let board = edits.iter().fold(BOARD.to_owned(), |board, (find, put)| {
            assert!(board.contains(find), "nothing to break: {find}");
            board.replacen(find, put, 1)
        });
        let place = Place::new();
        place.put("board.ron", board).put("small.trace", SMALL);
        let said = place.run("run --topology board.ron --trace small.trace");
        assert!(matches!(said.code, Some(0 | 2)), "{edits:?}: {said:?}");
        assert!(said.code == Some(0) || said.err.starts_with("error: "), "{edits:?}: {said:?}");
    }
}

#[test]
fn think_time_beyond_what_time_can_count_is_refused() {
    let place = Place::new();
    place.put("board.ron", BOARD.replacen("\"1.755 GHz\"", "\"1 Hz\"", 1));
    place.put("long.trace", "0 think 4294967295\n0 load 0 8\n".repeat(9));
    insta::assert_snapshot!(
        "think_beyond_time",
        place.fail("run --topology board.ron --trace long.trace")
    );
}
