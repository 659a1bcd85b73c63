//! The bulk copies of a trace as transfers: from the home of what is read to the home of what is written.

use std::collections::BTreeMap;

use base::addr::LINE_BYTES;
use base::{Addr, Op, ThreadIdx};
use memory::AddressMap;
use topology::schedule::{TRANSFERS_MAX, Transfer};
use topology::spec::MachineSpec;
use traffic::Trace;

use super::collective::{CollectiveError, wrong};

/// The transfers of a trace's bulk copies, the first of every thread, then the second, and so on, in packets
/// of at most so many flits. One that reads what an earlier one wrote comes after it; of other operations
/// nothing is taken, and what is copied within a node stays there.
///
/// # Errors
/// If there are no copies between nodes, too many, or the trace is damaged.
pub fn copies(
    spec: &MachineSpec,
    trace: &Trace,
    packet_flits: u32,
) -> Result<Vec<Transfer>, CollectiveError> {
    let damaged =
        |e: traffic::TraceError| wrong(e.to_string(), "give a trace that `trace info` can read");
    let mut rounds: BTreeMap<(usize, u32), (Addr, Addr, u32)> = BTreeMap::new();
    for thread in 0..trace.threads() {
        let mut count = 0;
        for op in trace.stream(ThreadIdx(thread)).map_err(damaged)? {
            if let Op::Copy { from, to, bytes } = op.map_err(damaged)? {
                rounds.insert((count, thread), (from, to, bytes));
                count += 1;
            }
        }
    }
    let mut all = Copies::new(spec, packet_flits);
    for (from, to, bytes) in rounds.into_values() {
        all.copy(from, to, bytes)?;
    }
    if all.transfers.is_empty() {
        let what = "the trace copies nothing from node to node in bulk";
        return Err(wrong(what, "give a trace with `copy` between pages of different homes"));
    }
    Ok(all.transfers)
}

struct Copies {
    map: AddressMap,
    /// Bytes of a packet's data.
    packet_bytes: u64,
    flit_bytes: u64,
    transfers: Vec<Transfer>,
    /// By line: the last transfer that wrote to it.
    written: BTreeMap<u64, usize>,
}

impl Copies {
    fn new(spec: &MachineSpec, packet_flits: u32) -> Self {
        let nodes = u32::try_from(spec.fabric.node_ports.len()).unwrap_or(u32::MAX);
        let (home, memory) = (&spec.accelerator.home, &spec.memory);
        let map =
            AddressMap::new(nodes, home.interleave_bytes, memory.channels, memory.interleave_bytes);
        let flit_bytes = u64::from(spec.flit_bytes.max(1));
        Self {
            map,
            packet_bytes: flit_bytes * u64::from(packet_flits.max(1)),
            flit_bytes,
            transfers: Vec::new(),
            written: BTreeMap::new(),
        }
    }

    /// A copy, in packets that have one home at each end.
    fn copy(&mut self, from: Addr, to: Addr, bytes: u32) -> Result<(), CollectiveError> {
        let mut done = 0;
        while done < u64::from(bytes) {
            let (read, write) = (Addr(from.0 + done), Addr(to.0 + done));
            let ends = (self.map.home(read.line()), self.map.home(write.line()));
            let mut length = 0;
            while done + length < u64::from(bytes) && length < self.packet_bytes {
                let (r, w) = (Addr(read.0 + length), Addr(write.0 + length));
                if (self.map.home(r.line()), self.map.home(w.line())) != ends {
                    break;
                }
                // Up to the next line at either end.
                let room = LINE_BYTES - u64::from(r.offset()).max(u64::from(w.offset()));
                length +=
                    room.min(u64::from(bytes) - done - length).min(self.packet_bytes - length);
            }
            self.packet((read, write), length)?;
            done += length;
        }
        Ok(())
    }

    fn packet(&mut self, (read, write): (Addr, Addr), bytes: u64) -> Result<(), CollectiveError> {
        let lines = |at: Addr| at.line().0..=Addr(at.0 + bytes - 1).line().0;
        let (src, dst) = (self.map.home(read.line()), self.map.home(write.line()));
        let number = self.transfers.len();
        let mut after: Vec<usize> =
            lines(read).filter_map(|line| self.written.get(&line).copied()).collect();
        after.sort_unstable();
        after.dedup();
        if src == dst {
            // What stays at a node is there when what it was made of is.
            for line in lines(write) {
                match after.last() {
                    Some(before) => self.written.insert(line, *before),
                    None => self.written.remove(&line),
                };
            }
            return Ok(());
        }
        if number == TRANSFERS_MAX {
            let what = format!("the trace's copies are more than {TRANSFERS_MAX} packets");
            return Err(wrong(what, "use longer packets, or a shorter trace"));
        }
        for line in lines(write) {
            self.written.insert(line, number);
        }
        let flits = u32::try_from(bytes.div_ceil(self.flit_bytes)).unwrap_or(u32::MAX);
        let (release, flow, path) = (None, 0, None);
        self.transfers.push(Transfer { src, dst, flits, release, flow, path, after });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use base::{NodeIdx, Record};
    use topology::Description;

    use super::*;

    #[test]
    fn a_copy_goes_from_home_to_home_and_after_what_it_reads() {
        let spec = Description::mesh8x8().elaborate().expect("a machine");
        let copy = |thread, from, to, bytes| Record {
            thread: ThreadIdx(thread),
            op: Op::Copy { from: Addr(from), to: Addr(to), bytes },
        };
        // Homes change every 4 KiB; flits are of 32 bytes.
        let records = [
            copy(0, 0x0, 0x1000, 192),
            copy(0, 0x2000, 0x2100, 64),
            copy(1, 0x1040, 0x3000, 64),
            copy(1, 0x3fe0, 0x5fe0, 64),
        ];
        let trace = Trace::from_records(records).expect("sound records");
        let all = copies(&spec, &trace, 4).expect("copies");
        let told: Vec<_> = all.iter().map(|t| (t.src, t.dst, t.flits, t.after.clone())).collect();
        let n = NodeIdx;
        assert_eq!(
            told,
            [
                (n(0), n(1), 4, vec![]),
                (n(0), n(1), 2, vec![]),
                (n(1), n(3), 2, vec![0]),
                (n(3), n(5), 1, vec![]),
                (n(4), n(6), 1, vec![]),
            ]
        );
    }
}
