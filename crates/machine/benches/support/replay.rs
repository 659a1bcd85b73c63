//! Replays of shipped traces on shipped machines.

use base::Fs;
use machine::{Cut, Machine, Options};
use topology::Description;
use topology::spec::MachineSpec;
use traffic::Trace;

/// A machine and what it replays.
pub(crate) struct Replay {
    spec: MachineSpec,
    trace: Trace,
}

impl Replay {
    /// A shipped topology by name, and the bytes of a trace.
    pub(crate) fn new(topology: &str, trace: &[u8]) -> Self {
        let description = Description::shipped(topology).expect("a shipped topology");
        let spec = description.elaborate().expect("it is sound");
        let trace = Trace::from_bytes(trace.to_vec(), "shipped").expect("a shipped trace");
        Self { spec, trace }
    }

    /// Replays the trace on one thread, on the machine cut into `parts`, from its start until `records` of it are
    /// taken or it ends. Gives how many operations were completed.
    pub(crate) fn run(&self, check: bool, parts: usize, records: u64) -> u64 {
        let options = Options { check, cut: Cut::Parts(parts), ..Options::default() };
        let mut machine = Machine::new(&self.spec, &self.trace, options).expect("it is modelled");
        // Counting what was taken is not free: look at it once in a while.
        while machine.advance(256, Fs::NEVER).expect("no deadlock") {
            if machine.operations_taken() >= records {
                break;
            }
        }
        machine.stats().all().count()
    }
}
