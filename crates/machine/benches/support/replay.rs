//! Replays of shipped traces on shipped machines.

use machine::{Machine, Options};
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

    /// Replays the trace from its start until `records` of it are taken or it ends. Gives how many
    /// operations were completed.
    pub(crate) fn run(&self, check: bool, records: u64) -> u64 {
        let options = Options { check, ..Options::default() };
        let mut machine = Machine::new(&self.spec, &self.trace, options).expect("it is modelled");
        let mut steps = 0_u32;
        while machine.step().expect("no deadlock") {
            steps += 1;
            // Counting what was taken is not free: look at it once in a while.
            if steps.is_multiple_of(256) && machine.operations_taken() >= records {
                break;
            }
        }
        machine.stats().all().count()
    }
}
