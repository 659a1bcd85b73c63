//! `verify`: what it finds, tells and keeps.

use lockstep::coherence::Mutant;
use serde_json::Value;

use crate::place::Place;

fn json(place: &Place, words: &str, code: i32) -> Value {
    let said = place.run(words);
    assert_eq!(said.code, Some(code), "{words}: {}", said.err);
    serde_json::from_str(&said.out).expect("JSON")
}

#[test]
fn a_clean_search_tells_what_it_saw_and_leaves_nothing() {
    let place = Place::new();
    let told = json(&place, "verify --caches 2 --drain --raw --json -", 0);
    assert_eq!(told["states"], 5376);
    assert_eq!(told["longest_drain"], 11);
    assert_eq!(told["complete"], true);
    assert_eq!(told["counter_example"], Value::Null);
    for key in ["transitions", "depth", "wall_s", "states_per_s", "memory_bytes", "symmetry"] {
        assert!(!told[key].is_null(), "{key}");
    }
    let said = place.succeed("verify --caches 2");
    assert!(said.out.contains("clean: every promise holds"), "{}", said.out);
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn a_seeded_fault_is_drawn_and_kept_as_a_schedule_that_replays() {
    let place = Place::new();
    let said = place.run("verify --caches 2 --mutant StalePutWrites --save stale.schedule");
    assert_eq!(said.code, Some(1), "{}", said.err);
    for part in ["broken after 13 acts: stale memory", "PutM", "saved as stale.schedule"] {
        assert!(said.out.contains(part), "no `{part}` in {}", said.out);
    }
    assert_eq!(place.names(), ["stale.schedule"]);
    let again = place.run("verify --replay stale.schedule");
    assert_eq!(again.code, Some(1), "{}", again.err);
    assert!(again.out.contains("tables:      stale memory"), "{}", again.out);
    assert!(again.out.contains("controllers: stale memory"), "{}", again.out);
    let mended = place.get("stale.schedule").replace("mutant StalePutWrites\n", "");
    place.put("mended.schedule", mended);
    let clean = place.succeed("verify --replay mended.schedule");
    assert!(clean.out.contains("controllers: clean"), "{}", clean.out);
}

#[test]
fn scoped_caches_are_searched_and_their_faults_drawn() {
    let place = Place::new();
    let told = json(&place, "verify --mode scoped --ops 1 --json -", 0);
    assert_eq!((&told["complete"], &told["counter_example"]), (&true.into(), &Value::Null));
    assert_eq!(told["mode"], "scoped");
    let said = place.run("verify --mode scoped --mutant WholeLineThrough");
    assert_eq!(said.code, Some(1), "{}", said.err);
    for part in ["broken after", "Through", "memory does not hold what was written"] {
        assert!(said.out.contains(part), "no `{part}` in {}", said.out);
    }
    assert!(said.out.ends_with("saved as counter-example.schedule\n"), "{}", said.out);
    let again = place.run("verify --replay counter-example.schedule");
    assert_eq!(again.code, Some(1), "{}", again.err);
    let lost = "memory does not hold what was written";
    for whose in ["lines of two bytes: ", "machine's lines:    "] {
        assert!(again.out.contains(&format!("{whose}{lost}")), "{}", again.out);
    }
    let mended = place.get("counter-example.schedule").replace("mutant WholeLineThrough\n", "");
    place.put("mended.schedule", mended);
    let clean = json(&place, "verify --replay mended.schedule --json -", 0);
    assert_eq!((&clean["search"], &clean["machine"]), (&Value::Null, &Value::Null));
    let broken = place.get("mended.schedule").replace("begin\n", "begin\nt0 leap x\n");
    place.put("broken.schedule", broken);
    let said = place.run("verify --replay broken.schedule");
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("broken.schedule:7:4: no operation is called `leap`"),
        "{}",
        said.err
    );
    let said = place.succeed("verify --mode scoped --mutants");
    assert!(said.out.ends_with("15 of 15 faults are found\n"), "{}", said.out);
    assert!(said.out.contains("into a package        25     5,802"), "{}", said.out);
    for (bad, part) in [
        ("--mutant StalePutWrites", "of scoped caches"),
        ("--package-nodes 3", "--package-nodes 1 or 2"),
        ("--caches 9", "--caches 1 to 4"),
    ] {
        let said = place.run(&format!("verify --mode scoped {bad}"));
        assert_eq!(said.code, Some(2), "{bad}");
        assert!(said.err.contains(part) && said.err.contains("mend: "), "{bad}: {}", said.err);
    }
}

#[test]
fn every_fault_is_in_the_table_of_kills() {
    let place = Place::new();
    let told = json(&place, "verify --mutants --json -", 0);
    let all = told.as_array().expect("an array");
    assert_eq!(all.len(), Mutant::ALL.len());
    assert!(all.iter().all(|m| m["killed"] == true && m["acts"].as_u64() > Some(1)));
    let said = place.succeed("verify --mutants");
    let all = format!("{0} of {0} faults are found\n", Mutant::ALL.len());
    assert!(said.out.ends_with(&all), "{}", said.out);
}

#[test]
fn a_deadlock_of_two_networks_is_found_and_replays() {
    let place = Place::new();
    let told = json(&place, "verify --networks Req,Fwd|Rsp --json -", 1);
    assert_eq!(told["counter_example"]["fault"], "deadlock");
    assert_eq!(place.names(), ["counter-example.schedule"]);
    let again = place.run("verify --replay counter-example.schedule");
    assert!(again.out.contains("tables:      deadlock"), "{}", again.out);
    assert!(again.out.contains("under way: "), "{}", again.out);
    place.succeed("verify --networks shipped --depth 1 --lines 1");
}

#[test]
fn a_directory_of_one_line_for_two_is_searched() {
    let words = "verify --caches 2 --lines 2 --values 1 --no-recalls --json -";
    let place = Place::new();
    let told = json(&place, &format!("{words} --directory-lines 1"), 0);
    assert_eq!((&told["directory_lines"], &told["complete"]), (&1.into(), &true.into()));
    let roomy = json(&place, &format!("{words} --directory-lines 2"), 0);
    assert_ne!(told["states"], roomy["states"]);
    let found = json(&place, &format!("{words} --directory-lines 1 --mutant RecallForgetsInvs"), 1);
    let schedule = found["counter_example"]["schedule"].as_str().expect("a schedule");
    assert!(schedule.contains("\ndirectory_lines 1\n"), "{schedule}");
    let said = place.run("verify --directory-lines 0");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("0 directory lines: 1 to 4 can be searched"), "{}", said.err);
}

#[test]
fn a_directory_of_two_levels_is_searched_and_its_faults_replay() {
    let place = Place::new();
    let told = json(&place, "verify --directory two-level --caches 2 --json -", 0);
    assert_eq!((&told["packages"], &told["complete"]), (&2.into(), &true.into()));
    assert_eq!(told["package_directory"], "full-map");
    let fault = "verify --directory two-level:1 --mutant PackageKeepsDirtyData --json -";
    let found = json(&place, fault, 1);
    assert_eq!(found["counter_example"]["fault"], "stale memory");
    let again = place.run("verify --replay counter-example.schedule");
    assert!(again.out.contains("tables:      stale memory"), "{}", again.out);
    assert!(again.out.contains("controllers: stale memory"), "{}", again.out);
    assert!(again.out.contains("p0"), "{}", again.out);
    for (words, what) in [
        ("--directory two-level:3 --caches 2", "2 caches are not 3 packages of one size"),
        ("--directory two-level:2,half-map", "`half-map` is no directory"),
        ("--directory two-level:2,full-map,full-map,more", "`more` is too much"),
        ("--directory two-level --caches 6", "6 together can be searched"),
    ] {
        let said = place.run(&format!("verify {words}"));
        assert_eq!(said.code, Some(2));
        assert!(said.err.contains(what), "{words}: {}", said.err);
    }
}

#[test]
fn tables_are_printed_as_the_functions_have_them() {
    let place = Place::new();
    let said = place.succeed("verify --tables --owned");
    for part in ["Cache, owned", "| OmAd ", "Directory, owned", "GetS to Dir/IsD"] {
        assert!(said.out.contains(part), "no `{part}` in {}", said.out);
    }
    let said = place.succeed("verify --mode scoped --tables");
    assert!(said.out.contains("Read up/Iv"), "{}", said.out);
    let said = place.succeed("verify --tables --directory two-level:2,full-map,coarse:2");
    for part in ["Cache, MESI, coarse:2", "Home of a package", "up GetS to Dir/I under IsD"] {
        assert!(said.out.contains(part), "no `{part}` in {}", said.out);
    }
    let told = json(&place, "verify --tables --json -", 0);
    assert_eq!(
        (&told[0]["title"], &told[0]["columns"][0]),
        (&"Cache, MESI".into(), &"load".into())
    );
    assert_eq!(told[0]["rows"][0][0], "I");
}

#[test]
fn a_flag_that_would_say_nothing_is_an_error() {
    let place = Place::new();
    for (words, flag) in [
        ("--tables --far", "--far"),
        ("--tables --save x", "--save"),
        ("--tables --mode scoped --owned", "--owned"),
        ("--mutants --owned", "--owned"),
        ("--mutants --limit 9", "--limit"),
        ("--mutants --mode scoped --threads 2", "--threads"),
        ("--replay x --raw", "--raw"),
        ("--replay x --directory coarse:2", "--directory"),
        ("--ops 3", "--ops"),
        ("--package-nodes 2", "--package-nodes"),
        ("--mode scoped --far", "--far"),
        ("--mode scoped --lines 2", "--lines"),
        ("--mode scoped --directory full-map", "--directory"),
        ("--mode scoped --drain", "--drain"),
    ] {
        let said = place.run(&format!("verify {words}"));
        assert_eq!(said.code, Some(2), "{words}");
        let part = format!("{flag} says nothing to --");
        assert!(said.err.contains(&part) && said.err.contains("mend: "), "{words}: {}", said.err);
    }
    let said = place.run("verify --mode scoped --evictions silent");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("--evictions none or notify"), "{}", said.err);
    let said = place.run("verify --depth 3");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("--networks"), "{}", said.err);
}

#[test]
fn a_search_that_is_given_up_says_how_far_it_was() {
    let said = Place::new().run("verify --caches 4 --limit 1000");
    assert_eq!(said.code, Some(2), "{}", said.out);
    for part in ["given up after ", "clean up to a depth of ", "--limit or --memory"] {
        assert!(said.err.contains(part), "no `{part}` in {}", said.err);
    }
}

/// The counts that VALIDATION.md compares with those of the planning model.
#[test]
fn silent_evictions_make_for_these_many_states() {
    let place = Place::new();
    for (words, states) in [
        ("--caches 2 --symmetry caches", 3_100),
        ("--caches 2 --raw", 6_138),
        ("--caches 3 --symmetry caches", 40_294),
        ("--caches 3 --raw", 231_698),
        ("--caches 3 --far --symmetry caches", 55_026),
    ] {
        let told = json(&place, &format!("verify --evictions silent {words} --json -"), 0);
        assert_eq!((&told["states"], &told["complete"]), (&states.into(), &true.into()), "{words}");
    }
}
