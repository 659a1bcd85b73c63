//! Links that go down and come up beside barriers: nothing waits for what never comes, nothing is given up that
//! comes yet.

use lockstep::base::{Addr, Fs, Op, Record, Rmw, ThreadIdx};
use lockstep::machine::{Cut, Machine, Options, RunError};
use lockstep::topology::Description;
use lockstep::topology::describe::{BarrierForm, LinkForm};
use lockstep::topology::phy::{EventForm, Happening};
use lockstep::topology::units::Span;
use lockstep::traffic::Trace;
use tests::parts::same;

/// Every thread stores to lines of all nodes, adds to one, and all meet, over and over.
fn rounds(count: u32) -> Trace {
    let record = |n: u32| {
        let (thread, step) = (n % 8, n / 8);
        let op = match step % 4 {
            0 => {
                Op::Store { addr: Addr(u64::from(step % 64 + thread) * 4096), size: 8, value: None }
            }
            1 => Op::Load { addr: Addr(u64::from(step % 64) * 4096), size: 8 },
            2 => Op::Atomic { addr: Addr(64), size: 8, rmw: Rmw::Add(1) },
            _ => Op::Barrier { id: step % 3, members: 8 },
        };
        Record { thread: ThreadIdx(thread), op }
    };
    Trace::from_records((0..8 * 4 * count).map(record)).expect("a sound trace")
}

fn event(node: &str, (switch, nth): (usize, u32), at: Fs, what: Happening) -> EventForm {
    EventForm { link: (node.to_owned(), format!("switch{switch}")), nth, at: Span(at), what }
}

/// The same for all links of a node.
fn all(node: &str, at: Fs, what: Happening) -> Vec<EventForm> {
    let links = [5, 4, 4, 5].into_iter().enumerate();
    let links = links.flat_map(|(switch, count)| (0..count).map(move |nth| (switch, nth)));
    links.map(|link| event(node, link, at, what)).collect()
}

/// The framed machine of 8 nodes, quickly trained, with these events.
fn machine(barriers: BarrierForm, events: Vec<EventForm>) -> Description {
    let mut d = Description::shipped("nvl8-framed").expect("it ships");
    if let Some(LinkForm::Framed(form)) = d.links.get_mut("nvlink4") {
        form.replay.retrain = Some(Span(Fs::from_ns(500)));
    }
    (d.barriers, d.events) = (barriers, events);
    d
}

const fn units() -> BarrierForm {
    BarrierForm::Hardware { table: 16, unit_cycles: None, node_cycles: 1, timeout: None }
}

const US: u64 = 1_000;

/// Tokens that are under way when tables change arrive, and those on a link that is down wait for it.
#[test]
fn barriers_by_units_outlast_links_that_go_down_and_come_up() {
    let trace = rounds(24);
    let mut clean = 0;
    for down_ns in [2_003, 2_417, 3_111, 4_750, 6_001] {
        let down = Fs::from_ns(down_ns);
        let mut events = all("node0", down, Happening::Down);
        events.extend(all("node0", down + Fs::from_ns(9 * US), Happening::Up));
        let spec = machine(units(), events).elaborate().expect("a sound machine");
        let options = Options { seed: down_ns, shuffle: Some(down_ns), ..Options::default() };
        let parts = Options { threads: 2, cut: Cut::Parts(4), ..options };
        assert_eq!(same(&spec, &trace, parts), Ok(1), "such a machine stays whole");
        let mut machine = Machine::new(&spec, &trace, options).expect("a machine");
        machine.run().unwrap_or_else(|e| panic!("{down_ns}: {e}"));
        let run = machine.summary();
        assert!(run.checks.clean(), "{down_ns}: {:?}", run.checks);
        assert!(run.time > down + Fs::from_ns(9 * US), "{} is before it is up", run.time);
        assert_eq!(run.barriers, 24);
        let phy = run.phy.expect("it is framed");
        assert!(phy.reroutes == 1 && phy.dropped_flits > 0, "{phy:?}");
        clean += run.barrier_use.tokens;
    }
    assert!(clean > 0, "no barrier was done by units");
}

/// Trees keep off links that go down for good, and where there is no other way the machine is refused.
#[test]
fn trees_of_units_keep_off_links_that_go_down_for_good() {
    let trace = rounds(16);
    let down = Fs::from_ns(3 * US);
    let most = |switches: &[usize]| {
        let mut events = all("node0", down, Happening::Down);
        events.retain(|e| switches.iter().any(|s| e.link.1 == format!("switch{s}")));
        events
    };
    let spec = machine(units(), most(&[0, 1, 3])).elaborate().expect("a sound machine");
    let mut m = Machine::new(&spec, &trace, Options::default()).expect("switch 2 is left");
    m.run().expect("it is reached by switch 2");
    assert!(m.summary().checks.clean(), "{:?}", m.summary().checks);
    assert!(m.summary().barrier_use.tokens > 0);

    let spec = machine(units(), most(&[0, 1, 2, 3])).elaborate().expect("a sound machine");
    let error = Machine::new(&spec, &trace, Options::default()).map(|_| ()).expect_err("no way");
    let text = error.to_string();
    assert!(text.contains("no link stays up") && text.contains("mend: "), "{text}");
}

/// Everyone sleeps until a link comes up: that is soon enough, and no barrier is given up before.
#[test]
fn a_barrier_is_not_given_up_while_a_link_is_still_to_come_up() {
    let timeout = |us| BarrierForm::Packets { timeout: Some(Span(Fs::from_ns(us * US))) };
    let mut events = all("node0", Fs::from_ns(5_060), Happening::Down);
    events.extend(all("node0", Fs::from_ns(100 * US), Happening::Up));
    let trace = rounds(24);
    let spec = machine(timeout(1_000), events.clone()).elaborate().expect("a sound machine");
    let mut machine_ = Machine::new(&spec, &trace, Options::default()).expect("a machine");
    machine_.run().expect("the link comes up long before the time is over");
    let run = machine_.summary();
    assert!(
        run.checks.clean() && run.time > Fs::from_ns(100 * US),
        "{} {:?}",
        run.time,
        run.checks
    );
    // Stepped by stretches it is the same run.
    let mut again = Machine::new(&spec, &trace, Options::default()).expect("a machine");
    let mut at = Fs::ZERO;
    while again.run_until(at).expect("likewise") {
        at += Fs::from_ns(7 * US);
    }
    assert_eq!(again.summary().digest, run.digest);
    // A time that is over before is over.
    let spec = machine(timeout(50), events).elaborate().expect("a sound machine");
    let mut machine_ = Machine::new(&spec, &trace, Options::default()).expect("a machine");
    match machine_.run() {
        Err(RunError::BarrierTimeout { at, .. }) => assert!(at < Fs::from_ns(60 * US), "{at}"),
        other => panic!("{other:?}"),
    }
}

/// One thread thinks for long while others wait for a link: they go on when it is up, not when somebody wakes.
#[test]
fn packets_see_a_link_that_comes_up_when_it_does() {
    let mut events = all("node0", Fs::from_ns(1), Happening::Down);
    events.extend(all("node0", Fs::from_ns(20 * US), Happening::Up));
    let spec = machine(BarrierForm::default(), events).elaborate().expect("a sound machine");
    let op = |thread, op| Record { thread: ThreadIdx(thread), op };
    let records = [
        // Of another node's home.
        op(0, Op::Load { addr: Addr(4096), size: 8 }),
        op(5, Op::Think { cycles: 1_000_000 }),
    ];
    let trace = Trace::from_records(records).expect("a sound trace");
    let mut machine = Machine::new(&spec, &trace, Options::default()).expect("a machine");
    machine.run().expect("it comes up");
    let run = machine.summary();
    let waited = run.latency.max_ns();
    assert!((20_000.0..23_000.0).contains(&waited), "{waited} ns");
}
