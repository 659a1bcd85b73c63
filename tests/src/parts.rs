//! Runs in parts: cut, on threads, in any order, a machine must tell what it tells in one piece.

use lockstep::machine::{Cut, Deal, Latency, Machine, Options, Summary};
use lockstep::topology::spec::MachineSpec;
use lockstep::traffic::Trace;
use proptest::prelude::*;

/// Cuts into 2 to 8 partitions: planned, or drawn.
pub fn cuts() -> impl Strategy<Value = Cut> {
    prop_oneof![
        (2_usize..9).prop_map(Cut::Parts),
        (2_usize..9, any::<u64>()).prop_map(|(parts, seed)| Cut::Drawn { parts, seed }),
    ]
}

/// All that a run tells of the machine, in words: its summary but for the emulator's threads.
pub fn told(summary: &Summary) -> String {
    let of = |l: &Latency| {
        let quantiles = [0.0, 0.1, 0.5, 0.9, 0.99, 1.0].map(|q| l.quantile_ns(q));
        (l.count(), l.mean_ns(), l.max_ns(), quantiles, l.doublings())
    };
    let latencies: Vec<_> = [&summary.latency].into_iter().chain(&summary.kinds).map(of).collect();
    let (latency, kinds) = (Latency::default(), [(); 3].map(|()| Latency::default()));
    let rest = Summary { threads: 0, latency, kinds, ..summary.clone() };
    format!("{latencies:#?}\n{rest:#?}")
}

/// Runs to the end or to an error; gives what it tells, the rows of the protocol's tables that it took, and
/// the number of partitions.
fn run(spec: &MachineSpec, trace: &Trace, options: Options) -> Result<(String, usize), String> {
    let mut machine = Machine::new(spec, trace, options).map_err(|e| e.to_string())?;
    let result = machine.run();
    let parts = machine.engine().partitions;
    Ok(match result {
        Ok(()) => (format!("{}{:#?}", told(&machine.summary()), machine.coverage()), parts),
        Err(error) => (error.to_string(), parts),
    })
}

/// Runs with `options`, and in one piece on one thread. Gives the number of partitions.
///
/// # Errors
/// Where the two differ, line by line.
pub fn same(spec: &MachineSpec, trace: &Trace, options: Options) -> Result<usize, String> {
    let plain = Options { cut: Cut::Auto, threads: 1, shuffle: None, ..options };
    let (one, whole) = run(spec, trace, plain)?;
    // Not as is faster, so that threads have met often.
    let deal = if options.deal == Deal::Measured { Deal::Together } else { options.deal };
    let (other, parts) = run(spec, trace, Options { deal, ..options })?;
    if whole == 1 && one == other {
        return Ok(parts);
    }
    let lines = one.lines().zip(other.lines()).filter(|(a, b)| a != b).take(12);
    let lines: Vec<String> = lines.map(|(a, b)| format!("{a}  |  {b}")).collect();
    Err(format!("{options:?}, {parts} partitions:\n{}", lines.join("\n")))
}
