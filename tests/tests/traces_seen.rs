//! Traces of real programs by other tools: imported and replayed with every check on.

use std::io::Read;
use std::path::Path;
use std::process::Command;

use lockstep::machine::{Machine, Options, Summary};
use lockstep::topology::Description;
use lockstep::traffic::import::{self, Imported};
use lockstep::traffic::{Trace, TraceError, Writer};
use tests::{shared, skip};

type Import<R> = fn(R, &import::Options, &mut Writer) -> Result<Imported, TraceError>;

fn imported<R: Read>(from: R, import: Import<R>, to: &Path) -> (Trace, Imported) {
    let mut writer = Writer::create(to, "seen", "imported by a test").expect("a writable file");
    let told = import(from, &import::Options::default(), &mut writer).expect("a sound trace");
    (writer.finish().expect("a writable file"), told)
}

fn replay(topology: &str, trace: &Trace) -> Summary {
    let description = Description::shipped(topology).expect("it is shipped");
    let spec = description.elaborate().expect("a sound machine");
    let mut machine = Machine::new(&spec, trace, Options::default()).expect("a sound machine");
    machine.run().expect("a sound run");
    let summary = machine.summary();
    assert!(summary.checks.clean() && summary.checks.per_access, "{:#?}", summary.checks);
    assert_eq!(summary.operations, trace.info().records);
    summary
}

#[test]
fn a_ramulator_trace_of_namd_replays_clean() {
    let Some(shared) = shared() else { return };
    let file = shared.join("reference/traces/ramulator_444.namd.gz");
    let Ok(file) = std::fs::File::open(&file) else {
        return skip("there is no ramulator_444.namd.gz among the reference data");
    };
    let place = tempfile::tempdir().expect("a temporary folder");
    let (trace, told) = imported(file, import::import_ramulator, &place.path().join("namd.lkst"));
    assert!(told.lines > 1_000, "{told:?}");
    let summary = replay("nvl8", &trace);
    assert!(summary.loads > 0 && summary.stores > 0 && summary.atomics == 0);
    assert_eq!(summary.loads, told.lines, "each line of it is a load");
}

#[test]
fn a_lackey_trace_of_a_program_replays_clean() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let log = place.path().join("true.lackey");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=lackey", "--trace-mem=yes"]);
    valgrind.arg(format!("--log-file={}", log.display())).arg("/bin/true");
    match valgrind.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => return skip(&format!("valgrind fails: {}", output.status)),
        Err(error) => return skip(&format!("there is no valgrind: {error}")),
    }
    let file = std::fs::File::open(&log).expect("valgrind wrote it");
    let (trace, told) = imported(file, import::import_lackey, &place.path().join("true.lkst"));
    assert!(told.lines > 1_000 && told.instructions > 0, "{told:?}");
    let summary = replay("fullmesh8", &trace);
    assert!(summary.loads > 0 && summary.stores > 0);
}
