//! `litmus` and `stress`: verdicts, the JSON they leave, and what they say of bad input.

use serde_json::Value;

use crate::place::Place;

const SB: &str = "X86 SB\n{ x=0; y=0; }\n P0 | P1 ;\n MOV [x],$1 | MOV [y],$1 ;\n\
                  \x20MOV EAX,[y] | MOV EAX,[x] ;\nexists (0:EAX=0 /\\ 1:EAX=0)\n";

fn verdict(place: &Place, words: &str) -> Value {
    let said = place.succeed(&format!("litmus SB.litmus --timings 512 --json - {words}"));
    let all: Value = serde_json::from_str(&said.out).expect("JSON");
    all[0].clone()
}

#[test]
fn litmus_tells_each_outcome_and_repeats_itself() {
    let place = Place::new();
    place.put("SB.litmus", SB);
    let tso = verdict(&place, "");
    assert_eq!((&tso["model"], &tso["verdict"]), (&"tso".into(), &"ok".into()));
    assert_eq!(tso["condition_holds"], true);
    assert_eq!(tso["outcomes"].as_array().map(Vec::len), Some(4));
    assert_eq!(tso, verdict(&place, "--threads 2"));
    let sc = verdict(&place, "--model sc");
    assert_eq!((&sc["condition_holds"], &sc["forbidden_seen"]), (&false.into(), &0.into()));
    let uncached = verdict(&place, "--uncached --no-search");
    assert_eq!((&uncached["condition_holds"], &uncached["states"]), (&true.into(), &Value::Null));
    let scoped = verdict(&place, "--scoped 4 --model ra --topology nvl8");
    assert_eq!((&scoped["condition_holds"], &scoped["verdict"]), (&true.into(), &"ok".into()));
    for (words, part) in [("--scoped 4", "--model ra"), ("--scoped 3 --model ra", "divisor")] {
        let said = place.run(&format!("litmus SB.litmus --topology nvl8 {words}"));
        assert_eq!(said.code, Some(2), "{words}");
        assert!(said.err.contains(part) && said.err.contains("mend: "), "{words}: {}", said.err);
    }
}

#[test]
fn bad_litmus_input_is_one_error_with_its_place() {
    let place = Place::new();
    place.put("bad.litmus", SB.replace("MOV EAX,[x]", "FROB EAX"));
    let said = place.run("litmus bad.litmus");
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("bad.litmus:5:16: `FROB`"), "{}", said.err);
    assert!(said.err.contains("mend: "), "{}", said.err);
    let said = place.run("litmus none.litmus");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("none.litmus"), "{}", said.err);
    place.put("SB.litmus", SB);
    let said = place.run("litmus SB.litmus --model pso");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("use sc, tso, ra or relaxed"), "{}", said.err);
}

#[test]
fn stress_passes_tells_its_rows_and_replays_files() {
    let place = Place::new();
    let said = place.succeed("stress --cases 20 --seed 7 --topology nvl8 --json -");
    let told: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((&told["cases"], &told["failures"]), (&20.into(), &Value::Array(vec![])));
    assert!(told["rows_taken"].as_u64().is_some_and(|rows| rows > 60), "{told}");
    place.put(
        "case.trace",
        "# stress seed=1 topology=nvl8 sets=1 ways=1\n0 store 0x8 8\n1 load 0x8 8\n",
    );
    assert_eq!(place.succeed("stress --replay case.trace").out, "case.trace: passes\n");
    place.put("case.trace", "0 store 0x8 8\n");
    let said = place.run("stress --replay case.trace");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("case.trace:1:1: this is no saved case"), "{}", said.err);
    place.put("seeds.txt", "1\n2 x\n");
    let said = place.run("stress --seeds seeds.txt");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("seeds.txt:2:3: `x` is no seed"), "{}", said.err);
}
