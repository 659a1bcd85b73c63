//! Runs that are killed, interrupted and gone on with.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use lockstep::machine::checkpoint::Header;
use lockstep::topology::SHIPPED;

use crate::place::Place;

/// Simulated time between two checkpoints: a few hundred of them in the run.
const EVERY_NS: u64 = 500;

/// A run that writes checkpoints as it goes.
fn start(place: &Place, more: &[&str]) -> Child {
    let every = format!("{EVERY_NS} ns");
    Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(["run", "--quiet", "--checkpoint", "c", "--checkpoint-every", &every])
        .args(more)
        .current_dir(place.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is there")
}

/// The instant of a checkpoint, in intervals; none if there is no file.
fn intervals(file: &Path) -> Option<u64> {
    let header = Header::read(File::open(file).ok()?).expect("a checkpoint is whole or not there");
    assert!(header.now.0 > 0 && header.operations > 0);
    Some(header.now.0 / (EVERY_NS * 1_000_000))
}

/// Waits until a run has come so many intervals far by its checkpoints, or has ended.
fn wait_for(run: &mut Child, file: &Path, far: u64) -> Option<u64> {
    loop {
        let at = intervals(file);
        if at.unwrap_or(0) >= far || run.try_wait().expect("it can be asked").is_some() {
            return at;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn json(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|e| {
        panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr));
    });
    let object = json.as_object_mut().expect("an object");
    object.remove("wall_s");
    object.remove("threads");
    // How it was stepped is no result.
    object.remove("engine");
    json
}

/// The result of a run that is neither killed nor interrupted.
fn whole(place: &Place, more: &[&str]) -> serde_json::Value {
    let words = [&["run", "--quiet", "--json", "-"], more].concat();
    let output = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(words)
        .current_dir(place.path("."))
        .output()
        .expect("the binary is there");
    json(&output)
}

/// Kills a run of so many threads now and then, each of two threads that goes on with what is left of the one before.
/// Gives the partitions of its machine.
fn kill_now_and_then(threads: &str) -> u32 {
    let place = Place::new();
    let expected = whole(&place, &[]);
    let file = place.path("c");
    // Before anything is written, and later and later.
    let mut known = 0;
    for ahead in [0, 1, 3, 20] {
        let more: &[&str] = match known {
            0 => &["--threads", threads],
            _ => &["--resume", "c", "--threads", "2"],
        };
        let mut run = start(&place, more);
        let seen = wait_for(&mut run, &file, known + ahead).unwrap_or(0);
        run.kill().expect("it can be killed");
        run.wait().expect("it can be waited for");
        // Whatever was there when it was killed is there, or something newer.
        let left = intervals(&file).unwrap_or(0);
        assert!(left >= seen && left >= known, "{left} intervals left of {seen}, {known}");
        known = left;
    }
    assert!(known >= 20, "only {known} intervals");
    let names = place.names();
    let drafts = names.iter().filter(|n| n.rsplit('.').next() == Some("part")).count();
    assert_eq!(names.len(), 1 + drafts, "{names:?}");
    let header = Header::read(File::open(&file).expect("it is there")).expect("it is whole");
    assert_eq!(whole(&place, &["--resume", "c"]), expected);
    header.partitions
}

#[test]
fn a_run_that_is_killed_at_any_moment_loses_an_interval_at_most() {
    assert_eq!(kill_now_and_then("1"), 1);
}

#[test]
#[expect(clippy::print_stderr, reason = "what is left out is told")]
fn a_run_of_two_threads_that_is_killed_loses_no_more() {
    let parts = kill_now_and_then("2");
    match std::thread::available_parallelism().map_or(1, usize::from) {
        1 => eprintln!("SKIPPED: this host has one core, so no machine was cut"),
        _ => assert_eq!(parts, 2),
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_writes_a_checkpoint_and_partial_results_and_says_how_to_go_on() {
    let place = Place::new();
    let expected = whole(&place, &["--seed", "3"]);
    let file = place.path("c");
    let mut run = start(&place, &["--seed", "3", "--json", "part.json"]);
    let seen = wait_for(&mut run, &file, 2).expect("a checkpoint");
    let pid = run.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().expect("there is a kill");
    assert!(sent.success());
    let output = run.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}{told}");
    assert!(said.contains("interrupted at") && said.contains("where the time goes"), "{said}");
    let line = "lockstep run --topology nvl8 --trace jacobi8 --seed 3 --resume c";
    assert!(told.contains(line), "{told}");
    assert!(intervals(&file).expect("a checkpoint") >= seen);
    let part: serde_json::Value = serde_json::from_str(&place.get("part.json")).expect("a result");
    assert_eq!(part["interrupted"]["checkpoint"], "c");
    assert_eq!(part["checks"]["quiescent"], false);
    assert_eq!(whole(&place, &["--seed", "3", "--resume", "c"]), expected);
}

/// Signals a run that has said its first word of a barrier, and gives how it ends and what it says on standard error.
#[cfg(unix)]
fn interrupt(place: &Place, words: &[&str]) -> (Output, String) {
    let mut run = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(["run", "--log", "barrier=debug"])
        .args(words)
        .current_dir(place.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is there");
    let mut first = [0];
    let mut log = run.stderr.take().expect("it is piped");
    log.read_exact(&mut first).expect("it says something");
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        log.read_to_string(&mut rest).map(|_| rest)
    });
    let pid = run.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("a kill").success());
    let output = run.wait_with_output().expect("it ends");
    (output, rest.join().expect("it reads").expect("it is text"))
}

/// Threads that do something each, meet, and load for long.
#[cfg(unix)]
fn long_trace(threads: u64, first: &str) -> String {
    let mut trace = String::new();
    for t in 0..threads {
        let _ = writeln!(trace, "{t} {first} {} 8", (t + 1) << 20);
        let _ = writeln!(trace, "{t} barrier 1 {threads}");
        for k in 0..1_500_u64 {
            let _ = writeln!(trace, "{t} load {} 8", (k * 7919 + t * 104_729) % (1 << 20) * 64);
        }
    }
    trace
}

/// Whatever an epoch of a large machine takes, nobody waits for thousands of them.
#[cfg(unix)]
#[test]
fn ctrl_c_is_heard_soon_where_a_large_machine_is_stepped_in_parts() {
    let place = Place::new();
    place.put("long.trace", long_trace(72, "load"));
    let machine = ["--topology", "nvl72", "--trace", "long.trace", "--threads", "2"];
    let (output, told) = interrupt(&place, &[&machine[..], &["--checkpoint", "c"]].concat());
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{said}{told}");
    let header = Header::read(File::open(place.path("c")).expect("a checkpoint")).expect("whole");
    assert!(header.operations < 72 * 1_000, "it was not interrupted soon");
}

/// A machine with a clock that may be retuned, which is not written down.
fn unwritten(place: &Place) -> &'static str {
    let (_, text) = SHIPPED.iter().find(|(name, _)| *name == "nvl8").expect("it is shipped");
    let clock = "\"accelerator\": (frequency: \"1.755 GHz\", tunable: true)";
    let text = text.replacen("\"accelerator\": \"1.755 GHz\"", clock, 1);
    assert!(text.contains("tunable"));
    place.put("with a clock.ron", text);
    "with a clock.ron"
}

#[test]
fn a_machine_that_cannot_be_written_down_says_so_before_it_runs() {
    let place = Place::new();
    let words = ["run", "--quiet", "--checkpoint", "c", "--topology", unwritten(&place)];
    let output = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(words)
        .current_dir(place.path("."))
        .output()
        .expect("the binary is there");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{told}");
    assert!(
        told.contains("could not write c") && told.contains("clocks that are retuned"),
        "{told}"
    );
    assert!(told.contains("mend: "), "{told}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_tells_what_was_measured_where_nothing_can_be_written_down() {
    let place = Place::new();
    // Somebody has stored before the first word of a barrier, as one waits for stores.
    place.put("long.trace", long_trace(8, "store"));
    let machine = ["--topology", unwritten(&place), "--trace", "long.trace"];
    let (output, told) = interrupt(&place, &[&machine[..], &["--json", "part.json"]].concat());
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{said}{told}");
    assert!(said.contains("interrupted at") && !said.contains("checkpoint "), "{said}");
    assert!(
        told.contains("nothing to go on with") && told.contains("clocks that are retuned"),
        "{told}"
    );
    let part: serde_json::Value = serde_json::from_str(&place.get("part.json")).expect("a result");
    assert_eq!(part["interrupted"].get("checkpoint"), None);
    assert!(part["transactions"].as_u64().is_some_and(|n| n > 0));
}

#[test]
fn a_checkpoint_that_does_not_fit_is_an_error_with_a_mend() {
    let place = Place::new();
    let mut run = start(&place, &[]);
    wait_for(&mut run, &place.path("c"), 1);
    run.kill().expect("it can be killed");
    run.wait().expect("it can be waited for");
    let refused = |words: &str| {
        let said = place.run(&format!("run --quiet {words}"));
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
        assert!(said.err.contains("mend: "), "{}", said.err);
        said.err
    };
    assert!(refused("--resume c --topology fullmesh8").contains("another topology: nvl8"));
    assert!(refused("--resume c --trace bfs8").contains("another trace"));
    assert!(refused("--resume c --seed 9").contains("add `--seed 1`"));
    assert!(refused("--resume none").contains("could not go on with none"));
    let mut bytes = std::fs::read(place.path("c")).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    place.put("damaged", &bytes);
    place.put("short", &bytes[..middle]);
    place.put("text", "0 L 0x40 8\n");
    assert!(refused("--resume damaged").contains("its checksum is wrong"));
    assert!(refused("--resume short").contains("cut short"));
    assert!(refused("--resume text").contains("no checkpoint"));
    assert!(refused("--resume .").contains("it is a directory"));
    assert!(refused("--checkpoint none/c").contains("could not write none/c"));
    assert!(refused("--checkpoint x --checkpoint-every 5").contains("the unit is missing"));
    // What has no end is not read to its end.
    #[cfg(target_os = "linux")]
    assert!(refused("--resume /dev/zero").contains("no checkpoint"));
    let said = place.run("run --quiet --checkpoint x --checkpoint-every 0ns");
    assert_eq!(said.code, Some(2), "{}", said.err);
}
