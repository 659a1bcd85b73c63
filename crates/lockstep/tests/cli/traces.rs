//! Traces through the command line: described, converted, imported, captured, damaged.

use crate::place::Place;
use crate::results::SMALL;

fn digest(json: &str) -> String {
    let told: serde_json::Value = serde_json::from_str(json).expect("JSON");
    told["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn a_trace_survives_packing_and_writing_as_text() {
    let place = Place::new();
    place.put("small.trace", SMALL);
    place.succeed("trace pack small.trace -o small.lkst");
    let first = place.succeed("trace text small.lkst").out;
    place.put("again.trace", &first);
    place.succeed("trace pack again.trace -o again.lkst");
    assert_eq!(place.succeed("trace text again.lkst -o -").out, first);
    place.succeed("trace text small.lkst -o file.trace");
    assert_eq!(place.get("file.trace"), first);
    for line in SMALL.lines().filter(|l| l.starts_with("0 barrier")) {
        assert!(first.contains(line), "{line} in {first}");
    }
    let run = |trace: &str| digest(&place.succeed(&format!("run --trace {trace} --json -")).out);
    assert_eq!(run("small.trace"), run("small.lkst"));
    assert_eq!(run("small.trace"), run("file.trace"));
    let names = ["again.lkst", "again.trace", "file.trace", "small.lkst", "small.trace"];
    assert_eq!(place.names(), names);
}

#[test]
fn info_tells_threads_and_records() {
    let place = Place::new();
    place.put("small.trace", SMALL);
    let out = place.succeed("trace info small.trace").out;
    for word in ["4", "12", "threads", "records"] {
        assert!(out.contains(word), "no {word} in {out}");
    }
    assert!(place.succeed("trace info jacobi8").out.contains("jacobi"));
}

/// Every byte of a packed trace matters: cut short or changed anywhere, it is refused.
#[test]
fn a_damaged_trace_is_refused_wherever_it_is_damaged() {
    let place = Place::new();
    place.put("small.trace", SMALL);
    place.succeed("trace pack small.trace -o small.lkst");
    let whole = std::fs::read(place.path("small.lkst")).expect("the trace is there");
    for cut in [1, 7, 20, whole.len() / 2, whole.len() - 1] {
        place.put("bad.lkst", &whole[..cut]);
        let error = place.fail("run --trace bad.lkst");
        assert!(error.contains("bad.lkst"), "cut at {cut}: {error}");
    }
    for at in (0..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        place.put("bad.lkst", bytes);
        let error = place.fail("trace pack bad.lkst -o out.lkst");
        assert!(error.contains("bad.lkst"), "byte {at}: {error}");
        let error = place.fail("run --trace bad.lkst");
        assert!(error.contains("bad.lkst"), "byte {at}: {error}");
    }
}

#[test]
#[cfg(unix)]
fn traces_of_every_form_come_through_a_pipe() {
    let place = Place::new();
    place.put("small.trace", SMALL);
    place.succeed("trace pack small.trace -o small.lkst");
    let sound = digest(&place.succeed("run --trace small.lkst --json -").out);
    let binary = std::fs::read(place.path("small.lkst")).expect("the trace is there");
    let piped =
        |bytes: &[u8]| place.run_with(&["run", "--trace", "/dev/stdin", "--json", "-"], &[], bytes);
    for bytes in [&binary, SMALL.as_bytes()] {
        let said = piped(bytes);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(digest(&said.out), sound);
    }
    for bytes in [&b""[..], &binary[..binary.len() - 1], &binary[..5], b"\x7fELF\0"] {
        let said = piped(bytes);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("/dev/stdin"), "{said:?}");
    }
}

/// What valgrind's lackey writes, its own banner included.
const LACKEY: &str = "\
==7== Lackey, an example Valgrind tool
I  04001090,3
 S 1ffefffe58,8
I  04001093,5
 L 1ffefffe58,8
 M 04222018,4
I  04001098,2
 S 04222018,8
";

#[test]
fn samples_of_other_tools_import_and_run_clean() {
    let place = Place::new();
    place.put("a.lackey", LACKEY).put("b.ramulator", "3 20734016\n1 20846400 20841280\n0 64\n");
    place.succeed("import lackey a.lackey -o a.lkst");
    place.succeed("import ramulator b.ramulator -o b.lkst");
    for (trace, loads, stores) in [("a.lkst", 2, 3), ("b.lkst", 3, 1)] {
        let said = place.succeed(&format!("run --trace {trace} --json -"));
        let told: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        assert_eq!((&told["loads"], &told["stores"]), (&loads.into(), &stores.into()), "{trace}");
    }
}

const PROGRAM: &str = "\
#include <pthread.h>
#include <stdio.h>
static int shared;
static void *work(void *x) {
    for (int i = 0; i < 10; i++) __atomic_fetch_add(&shared, 1, __ATOMIC_SEQ_CST);
    return x;
}
int main(void) {
    pthread_t t[2];
    for (int i = 0; i < 2; i++) pthread_create(&t[i], 0, work, 0);
    for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
    return shared == 20 ? 0 : 1;
}
";

#[expect(clippy::print_stderr, reason = "a test that is skipped must not be silent")]
fn skip(why: &str) {
    eprintln!("SKIPPED, nothing is tested here: {why}");
}

#[test]
fn a_captured_program_runs_clean() {
    let compiler = std::process::Command::new("cc").arg("--version").output();
    if !compiler.is_ok_and(|o| o.status.success()) {
        skip("there is no C compiler");
        return;
    }
    let place = Place::new();
    place.put("count.c", PROGRAM);
    place.succeed("capture count.c -o count.lkst");
    let said = place.succeed("run --trace count.lkst --json -");
    let told: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert!(told["atomics"].as_u64() >= Some(20), "{told}");
    assert_eq!(place.names(), ["count.c", "count.lkst"]);
}
