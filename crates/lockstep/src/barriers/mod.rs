//! How long barriers take, by node count and by who does them: units in switches, packets to a home, or the
//! threads themselves with atomics and flags in coherent memory, all on one fabric.
//!
//! Threads go through one barrier after the other without work in between, so the time of a round is
//! from one release to the next: what a program pays for a barrier, its own part in it included.

mod software;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{Fs, Op};
use machine::{Machine, OpSource, Options, RunError};
use topology::spec::{BarrierSpec, MachineSpec, UnitSpec};
use traffic::TraceError;

pub use software::Algorithm;
use software::Thread;

/// Who does a barrier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum By {
    /// Units in nodes and switches.
    Units,
    /// Packets to a home node and back.
    Packets,
    /// The threads, by an algorithm.
    Software(Algorithm),
}

impl By {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Units,
        Self::Packets,
        Self::Software(Algorithm::Central),
        Self::Software(Algorithm::Dissemination),
        Self::Software(Algorithm::Tree),
    ];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Units => "units",
            Self::Packets => "packets",
            Self::Software(Algorithm::Central) => "central",
            Self::Software(Algorithm::Dissemination) => "dissemination",
            Self::Software(Algorithm::Tree) => "tree",
        }
    }
}

/// What was measured.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// Who did the barriers.
    pub by: By,
    /// Members, each on a node of its own.
    pub nodes: u32,
    /// All rounds together.
    pub time: Fs,
    /// Nanoseconds a round.
    pub round_ns: f64,
    /// Nanoseconds from the last arrival to the last release, on average; not of software barriers, of
    /// whose arrivals the machine does not know.
    pub release_ns: Option<f64>,
    /// Threads that left a round before all had arrived: none, if the barrier is one.
    pub early: u64,
    /// Hash of the run.
    pub digest: String,
}

/// The machine with barriers by units, as described or else with units as fast as the routers.
pub fn with_units(spec: &MachineSpec) -> MachineSpec {
    let mut spec = spec.clone();
    spec.barriers.units.get_or_insert(UnitSpec::plain(&spec.router));
    spec
}

/// Barriers that could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// The machine cannot be built, or its run ended with an error.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Threads that make barriers themselves got nowhere.
    #[error(
        "barriers of {nodes} nodes by `{by}` get nowhere: at {at} no thread has come to the next for {stalled}\n  \
         mend: look with `run` and a trace of barriers at what keeps the nodes apart"
    )]
    Stalled {
        /// The algorithm.
        by: &'static str,
        /// Members.
        nodes: u32,
        /// When that was noticed.
        at: Fs,
        /// For how long.
        stalled: Fs,
    },
}

/// Measures `rounds` barriers of the first `nodes` nodes of a machine none of whose nodes halts: its
/// `node_events` are left out.
///
/// # Errors
/// If the machine cannot be built or has fewer nodes, its run ends with an error, or threads that make
/// barriers themselves get nowhere.
pub fn measure(
    spec: &MachineSpec,
    by: By,
    nodes: u32,
    rounds: u64,
) -> Result<Measured, MeasureError> {
    let sound = MachineSpec { node_events: Vec::new(), ..spec.clone() };
    rounds_of(&sound, by, nodes, rounds)
}

/// Rounds of barriers that a member may be late by before its barrier is given up: software takes one round
/// trip after the other where packets take one in all.
const PATIENCE: u64 = 16;

fn rounds_of(
    spec: &MachineSpec,
    by: By,
    nodes: u32,
    rounds: u64,
) -> Result<Measured, MeasureError> {
    let spec = match by {
        By::Units => with_units(spec),
        _ => MachineSpec { barriers: BarrierSpec::default(), ..spec.clone() },
    };
    let (arrived, early) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let source = |thread: u32| -> Box<dyn OpSource> {
        let meet = Meet {
            nodes,
            rounds,
            begun: 0,
            arrived: Arc::clone(&arrived),
            early: Arc::clone(&early),
        };
        match by {
            By::Units | By::Packets => Box::new(Plain(meet)),
            By::Software(algorithm) => Box::new(Thread::new(algorithm, thread, meet, &spec)),
        }
    };
    let sources = (0..nodes).map(source).collect();
    let mut machine = Machine::of_sources(&spec, sources, Options::default())?;
    match by {
        By::Units | By::Packets => machine.run()?,
        By::Software(_) => {
            let (patience, from) = patience(&spec, nodes)?;
            let (mut seen, mut until) = (0, patience);
            while machine.run_until(until)? {
                let come = arrived.load(Ordering::Relaxed);
                let stalls = come == seen && until > from + patience;
                if stalls && come < rounds * u64::from(nodes) {
                    let (by, at) = (by.name(), machine.now());
                    return Err(MeasureError::Stalled { by, nodes, at, stalled: patience });
                }
                (seen, until) = (come, until + patience);
            }
        }
    }
    let summary = machine.summary();
    let latency = &summary.barrier_use.latency;
    Ok(Measured {
        by,
        nodes,
        time: summary.time,
        round_ns: per(summary.time, rounds),
        release_ns: (latency.count() > 0).then(|| latency.mean_ns()),
        early: early.load(Ordering::Relaxed) + summary.checks.barrier_violations,
        digest: summary.digest,
    })
}

/// For how long threads may be without one that comes to the next barrier, and from when on that counts: links
/// may be down before.
fn patience(spec: &MachineSpec, nodes: u32) -> Result<(Fs, Fs), MeasureError> {
    let one = rounds_of(spec, By::Packets, nodes, 1)?.time;
    let classes = spec.fabric.classes.iter().filter_map(|c| c.phy.as_ref());
    let train = classes.map(|phy| phy.replay.retrain).max().unwrap_or_default();
    let most = one.0.saturating_mul(PATIENCE * (16 + u64::from(nodes)));
    let from = spec.events.iter().map(|e| e.at).max().unwrap_or_default();
    Ok((Fs(most) + train + train, from))
}

fn per(time: Fs, rounds: u64) -> f64 {
    time.as_ns() / rounds.max(1) as f64
}

/// A thread's rounds, counted together with the others' to see that nobody leaves early.
struct Meet {
    nodes: u32,
    rounds: u64,
    /// Rounds begun: the number of the present one, from 1.
    begun: u64,
    /// Arrivals of all threads, and departures that came too early.
    arrived: Arc<AtomicU64>,
    early: Arc<AtomicU64>,
}

impl Meet {
    /// Leaves the round behind it, if there is one, and begins the next. `false`: there is none.
    fn next(&mut self) -> bool {
        if self.arrived.load(Ordering::Relaxed) < self.begun * u64::from(self.nodes) {
            self.early.fetch_add(1, Ordering::Relaxed);
        }
        if self.begun == self.rounds {
            return false;
        }
        self.begun += 1;
        self.arrived.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// A thread that leaves barriers to the machine.
struct Plain(Meet);

impl OpSource for Plain {
    fn refill(&mut self, batch: &mut Vec<Op>) -> Result<(), TraceError> {
        if self.0.next() {
            batch.push(Op::Barrier { id: 0, members: self.0.nodes });
        }
        Ok(())
    }

    fn barriers(&self) -> Result<Vec<(u32, u32)>, TraceError> {
        Ok(vec![(0, self.0.nodes)])
    }

    fn observes(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use base::NodeIdx;
    use topology::Description;
    use topology::describe::{EventForm, Happening};
    use topology::spec::{NodeEventSpec, NodeHappening};
    use topology::units::Span;

    use super::*;

    #[test]
    fn every_kind_of_barrier_is_one_and_units_are_the_fastest() {
        let spec = Description::nvl8().elaborate().expect("it ships");
        for nodes in [1, 2, 5, 8] {
            let each = By::ALL.map(|by| measure(&spec, by, nodes, 8).expect("it ends"));
            for m in &each {
                assert_eq!(m.early, 0, "{m:?}");
                assert!(nodes == 1 || each[0].round_ns <= m.round_ns, "{m:?} beats {:?}", each[0]);
            }
        }
    }
    /// Every thread of a node that halts is missing from then on: units and packets say who, spinning threads
    /// would wait for good.
    #[test]
    fn where_a_node_halts_nobody_waits_for_good_and_measurements_leave_it_out() {
        let mut spec = Description::nvl8().elaborate().expect("it ships");
        let sound = By::ALL.map(|by| measure(&spec, by, 8, 3).expect("it ends"));
        let (node, what) = (NodeIdx(5), NodeHappening::Halts);
        spec.node_events = vec![NodeEventSpec { node, at: Fs::from_ns(100), what }];
        for (by, sound) in By::ALL.into_iter().zip(sound) {
            assert_eq!(measure(&spec, by, 8, 3).expect("it ends"), sound);
            let error = rounds_of(&spec, by, 8, 3).expect_err("node5 is missing");
            match (by, error) {
                (By::Software(_), MeasureError::Stalled { nodes: 8, at, stalled, .. }) => {
                    assert!(at > stalled && at < stalled + stalled + stalled, "{at} {stalled}");
                }
                (By::Units | By::Packets, MeasureError::Run(error)) => {
                    assert!(matches!(error, RunError::BarrierNeverReleased { .. }), "{error}");
                }
                (_, error) => panic!("{by:?}: {error}"),
            }
        }
    }
    /// Two links of a node go down, one of them for good, while threads go from barrier to barrier.
    #[test]
    fn links_that_go_down_hold_barriers_up_and_do_not_end_them() {
        let mut d = Description::shipped("nvl8-framed").expect("it ships");
        let event = |switch: &str, us: u64, what| EventForm {
            link: ("node0".into(), switch.into()),
            nth: 0,
            at: Span(Fs::from_ns(us * 1_000)),
            what,
        };
        d.events = vec![
            event("switch1", 5, Happening::Down),
            event("switch2", 6, Happening::Down),
            event("switch2", 40, Happening::Up),
        ];
        let spec = d.elaborate().expect("it is sound");
        for by in By::ALL {
            let m = measure(&spec, by, 8, 40).unwrap_or_else(|e| panic!("{by:?}: {e}"));
            assert!(m.early == 0 && m.time > Fs::from_ns(6_000), "{m:?}");
        }
    }
}
