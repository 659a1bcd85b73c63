//! Instructions a router visit, an access and a protocol message, and the memory of a large mesh.
//!
//! The program runs itself under callgrind (of valgrind) at two lengths and divides the difference,
//! so start-up does not count. Instruction counts do not depend on what else the computer does;
//! compare them before and after a change. Without valgrind it says so and does nothing.

#[path = "support/callgrind.rs"]
mod callgrind;
#[path = "../../coherence/benches/support/mod.rs"]
mod protocol;
#[path = "support/replay.rs"]
mod replay;
mod support;
#[path = "support/sweep.rs"]
mod sweep;

use std::process::{Command, ExitCode};

use protocol::Protocol;
use replay::Replay;
use support::Load;
use sweep::{CASES, Case, Sweep};

const BFS: &[u8] = include_bytes!("../../../traces/bfs8.lkst");

/// A thing to count: how it is called, its unit, and two lengths.
const SUBJECTS: [(&str, &str, [u64; 2]); 12] = [
    ("mesh8x8-0.001", "router visit", [20_000, 60_000]),
    ("mesh8x8-0.01", "router visit", [100_000, 300_000]),
    ("mesh8x8-0.05", "router visit", [100_000, 300_000]),
    ("mesh8x8-0.2", "router visit", [100_000, 300_000]),
    ("mesh16x16-0.2", "router visit", [200_000, 400_000]),
    ("planes-serial", "router visit", [50_000, 150_000]),
    ("planes-framed", "router visit", [50_000, 150_000]),
    ("nvl8-bfs8-unchecked", "access", [20_000, 60_000]),
    ("nvl8-bfs8-checked", "access", [20_000, 60_000]),
    ("nvl8-bfs8-cut", "access", [20_000, 60_000]),
    ("protocol-unchecked", "message", [20_000, 60_000]),
    ("protocol-checked", "message", [20_000, 60_000]),
];

/// The network whose memory is looked at, the visits it is run for, and the limit in kB.
const MEMORY: (&str, u64, u64) = ("cycle-mesh32x32-0.4", 2_000_000, 32 << 10);

/// Runs a subject at a length; gives how many of its units that was.
fn run(subject: &str, length: u64) -> Option<u64> {
    let mut load = match subject {
        "mesh8x8-0.001" => Load::mesh(8, 1),
        "mesh8x8-0.01" => Load::mesh(8, 10),
        "mesh8x8-0.05" => Load::mesh(8, 50),
        "mesh8x8-0.2" => Load::mesh(8, 200),
        "mesh16x16-0.2" => Load::mesh(16, 200),
        "planes-serial" => Load::planes(false, 800),
        "planes-framed" => Load::planes(true, 800),
        _ => return run_other(subject, length),
    };
    Some(load.run(length))
}

/// As [`run`], of what is no bare network.
fn run_other(subject: &str, length: u64) -> Option<u64> {
    match subject {
        "nvl8-bfs8-unchecked" => return Some(Replay::new("nvl8", BFS).run(false, 1, length)),
        "nvl8-bfs8-checked" => return Some(Replay::new("nvl8", BFS).run(true, 1, length)),
        "nvl8-bfs8-cut" => return Some(Replay::new("nvl8", BFS).run(true, 2, length)),
        "protocol-unchecked" => Protocol::new(false).run(length),
        "protocol-checked" => Protocol::new(true).run(length),
        _ => return named(subject).map(|case| Sweep::new(case).run(length)),
    }
    Some(length)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the program's report")]
fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    if args.peek().map(String::as_str) == Some("--memory") {
        println!("{}", peak_kib().unwrap_or(0));
        return ExitCode::SUCCESS;
    }
    if let (Some("--count"), Some(subject), Some(length)) =
        (args.next().as_deref(), args.next(), args.next())
    {
        let units = length.parse().ok().and_then(|length| run(&subject, length));
        return units.map_or(ExitCode::FAILURE, |units| {
            println!("{units}");
            ExitCode::SUCCESS
        });
    }
    match memory() {
        Ok(kib) => println!("{:<26} {kib:>8} KiB at most", MEMORY.0),
        Err(why) => {
            eprintln!("{}: {why}", MEMORY.0);
            return ExitCode::FAILURE;
        }
    }
    if !callgrind::is_there() {
        eprintln!("SKIPPED: instruction counts need valgrind, and there is none on the PATH");
        return ExitCode::SUCCESS;
    }
    let sweeps = CASES.map(|case| (case.name, "router visit", [150_000, 450_000]));
    for (subject, unit, lengths) in SUBJECTS.into_iter().chain(sweeps) {
        let count = |length: u64| callgrind::count(&["--count", subject, &length.to_string()]);
        match lengths.map(count) {
            [Ok(short), Ok(long)] => {
                let instructions = long.0 - short.0;
                let units = (long.1 - short.1).max(1);
                println!("{subject:<26} {:>8} instructions per {unit}", instructions / units);
            }
            [Err(why), _] | [_, Err(why)] => {
                eprintln!("{subject}: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Runs the large mesh and reads the most memory that this process has had, in KiB.
fn peak_kib() -> Option<u64> {
    Sweep::new(named(MEMORY.0)?).run(MEMORY.1);
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The peak memory of the large mesh, in a process of its own; 0 where there is no `/proc`.
fn memory() -> Result<u64, String> {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let output = Command::new(me).arg("--memory").output().map_err(|e| e.to_string())?;
    let kib = String::from_utf8_lossy(&output.stdout).trim().parse().map_err(|_| "no figure")?;
    if kib > MEMORY.2 { Err(format!("{kib} KiB are more than {}", MEMORY.2)) } else { Ok(kib) }
}

/// The case of a name.
fn named(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|c| c.name == name)
}
