//! Agents against a memory of bytes: what they ask for, when, and what comes of it.

use std::collections::BTreeMap;

use base::{Addr, Fs, Line, LineData, Op, Part, Rmw, Scope, ThreadIdx};
use clock::{Domain, Edge};
use coherence::scoped::Sync;
use coherence::{Access, LineWrite, Value};
use topology::spec::Consistency;

use super::{Agent, Finished, Kind, Piece, Wish};
use crate::source::Iter;

fn agent(window: u32, ops: &[Op]) -> Agent {
    let ops = Vec::from(ops);
    Agent::new(
        ThreadIdx(3),
        1,
        window,
        Consistency::Relaxed,
        Box::new(Iter(ops.into_iter().map(Ok))),
    )
}

/// A clock of 1 GHz.
fn clock() -> Domain {
    Domain::new((1_000_000_000, 1), Fs::ZERO).expect("a sound clock")
}

fn load(addr: u64, size: u8) -> Op {
    Op::Load { addr: Addr(addr), size }
}

fn store(addr: u64, size: u8, value: Option<u64>) -> Op {
    Op::Store { addr: Addr(addr), size, value }
}

fn copy(from: u64, to: u64, bytes: u32) -> Op {
    Op::Copy { from: Addr(from), to: Addr(to), bytes }
}

fn wish(agent: &mut Agent, edge: u64) -> Wish {
    agent.wish(Edge(edge), Fs::from_ns(edge)).expect("a sound trace")
}

/// The piece that the agent offers at an edge.
#[track_caller]
fn offer(agent: &mut Agent, edge: u64) -> Piece {
    match wish(agent, edge) {
        Wish::Access(piece) => piece,
        other => panic!("wishes {other:?} at {edge}"),
    }
}

/// The agent's piece at an edge, taken by the cache.
#[track_caller]
fn issue(agent: &mut Agent, edge: u64) -> Piece {
    let piece = offer(agent, edge);
    agent.issued();
    piece
}

/// In which order a memory answers what is under way.
#[derive(Clone, Copy, Debug)]
enum Answers {
    First,
    Last,
}

/// A byte of memory that nobody has written.
fn untouched(addr: u64) -> u8 {
    base::rng::mix(addr).to_le_bytes()[0]
}

/// Bytes, and what an agent did to them.
#[derive(Default)]
struct Memory {
    bytes: BTreeMap<u64, u8>,
    under_way: Vec<(u32, LineData)>,
    under_way_max: usize,
    pieces: usize,
    finished: Vec<Finished>,
}

impl Memory {
    fn byte(&self, addr: u64) -> u8 {
        self.bytes.get(&addr).copied().unwrap_or_else(|| untouched(addr))
    }

    fn line(&self, line: Line) -> LineData {
        let word = |w: u64| {
            let byte = |i: u64| self.byte(line.addr().0 + 8 * w + i);
            u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(byte))
        };
        LineData([0, 1, 2, 3, 4, 5, 6, 7].map(word))
    }

    /// Performs a piece at once; it is answered later.
    fn perform(&mut self, piece: &Piece) {
        let old = self.line(piece.line);
        if let Access::Store(write) | Access::Atomic(write) = &piece.access {
            let words = old.written(write).0;
            let bytes = words.iter().flat_map(|w| w.to_le_bytes());
            self.bytes.extend((piece.line.addr().0..).zip(bytes));
        }
        self.pieces += 1;
        self.under_way.push((piece.token, old));
        self.under_way_max = self.under_way_max.max(self.under_way.len());
    }

    fn answer(&mut self, agent: &mut Agent, answers: Answers) {
        let at = match answers {
            Answers::First => 0,
            Answers::Last => self.under_way.len() - 1,
        };
        let (token, value) = self.under_way.remove(at);
        self.finished.extend(agent.complete(token, Some(value)));
    }
}

/// Lets a thread run to its end; answers come only when it can do nothing without.
fn run(window: u32, ops: &[Op], answers: Answers) -> Memory {
    let mut agent = agent(window, ops);
    let mut memory = Memory::default();
    let mut edge = 0;
    loop {
        match wish(&mut agent, edge) {
            Wish::Access(piece) => {
                memory.perform(&piece);
                agent.issued();
                edge += 1;
            }
            Wish::Sleep(until) if until == Edge::NEVER => {
                assert!(!memory.under_way.is_empty(), "{agent:?} waits for nothing");
                memory.answer(&mut agent, answers);
            }
            Wish::Sleep(until) => edge = until.0,
            Wish::Arrive { .. } => {
                assert!(memory.under_way.is_empty(), "a barrier is reached with nothing under way");
                agent.arrived();
                agent.released(None);
            }
            Wish::Forward(..) => panic!("only a store buffer forwards"),
            Wish::Sync(_) => panic!("no memory is kept valid by scopes"),
            Wish::Done => return memory,
        }
    }
}

/// A release waits for what is before it, then releases, then stores; an acquire loads, then acquires;
/// the end of the thread is a release.
#[test]
fn releases_and_acquires_go_to_their_scopes_in_their_turn() {
    let release = Op::Release { addr: Addr(0), size: 8, value: Some(1) };
    let acquire = Op::Acquire { addr: Addr(64), size: 8, sc: false };
    let near = acquire.within_package().expect("it has a scope");
    let mut a = agent(8, &[load(128, 8), release, near]);
    a.use_scopes();
    let first = issue(&mut a, 0);
    assert_eq!(wish(&mut a, 1), Wish::Sleep(Edge::NEVER));
    a.complete(first.token, None);
    let sync = |release, acquire, scope| Wish::Sync(Sync { release, acquire, scope });
    assert_eq!(wish(&mut a, 2), sync(true, false, Scope::Supernode));
    a.syncing(Fs::from_ns(2));
    assert_eq!(wish(&mut a, 3), Wish::Sleep(Edge::NEVER));
    a.synced(Fs::from_ns(9));
    let store = issue(&mut a, 9);
    assert!(store.ordered);
    assert_eq!(a.timeline(store.token).parts()[Part::ReleaseWait as usize], Fs::from_ns(7).0);
    let load = issue(&mut a, 10);
    assert!(load.ordered && load.scope == Scope::Package);
    a.complete(load.token, None);
    assert_eq!(wish(&mut a, 11), sync(false, true, Scope::Package));
    a.syncing(Fs::from_ns(11));
    a.synced(Fs::from_ns(11));
    assert_eq!(wish(&mut a, 12), Wish::Sleep(Edge::NEVER));
    a.complete(store.token, None);
    assert_eq!(wish(&mut a, 13), sync(true, false, Scope::Supernode));
    a.syncing(Fs::from_ns(13));
    a.synced(Fs::from_ns(14));
    assert_eq!(wish(&mut a, 14), Wish::Done);
}

#[test]
fn what_waits_for_its_count_goes_on_at_that_edge_or_at_once_if_it_is_past() {
    let at = |count| Op::At { count };
    let mut a = agent(8, &[at(40), load(0, 8), at(7), load(64, 8), at(41), load(128, 8)]);
    assert_eq!(wish(&mut a, 0), Wish::Sleep(Edge(40)));
    assert_eq!(wish(&mut a, 39), Wish::Sleep(Edge(40)));
    let told = "thread3 thinks until 40.000 ns (operation 1)";
    assert_eq!(a.stuck(Edge(39), &clock()).as_deref(), Some(told));
    assert_eq!(issue(&mut a, 40).line, Line(0));
    assert_eq!(issue(&mut a, 40).line, Line(1));
    assert_eq!(wish(&mut a, 40), Wish::Sleep(Edge(41)));
    assert_eq!(issue(&mut a, 41).line, Line(2));
}

#[test]
fn the_next_access_comes_when_thinking_is_over_and_not_a_cycle_before() {
    let think = |cycles| Op::Think { cycles };
    let mut a = agent(8, &[load(0, 8), think(7), load(64, 8), think(3), think(4), load(128, 8)]);
    issue(&mut a, 10);
    assert_eq!(wish(&mut a, 11), Wish::Sleep(Edge(18)));
    assert_eq!(wish(&mut a, 17), Wish::Sleep(Edge(18)));
    issue(&mut a, 18);
    assert_eq!(wish(&mut a, 19), Wish::Sleep(Edge(22)));
    assert_eq!(wish(&mut a, 22), Wish::Sleep(Edge(26)));
    assert_eq!(wish(&mut a, 25), Wish::Sleep(Edge(26)));
    assert_eq!(issue(&mut a, 26).line, Line(2));
    let mut a = agent(8, &[think(0), load(0, 8)]);
    offer(&mut a, 5);
}

#[test]
fn an_access_is_one_piece_for_each_line_that_it_touches() {
    for offset in 0..64 {
        for size in 1..=64_u8 {
            for op in [load(64 + offset, size), store(64 + offset, size, Some(1))] {
                let mut a = agent(8, &[op]);
                let crosses = offset + u64::from(size) > 64;
                let first = issue(&mut a, 0);
                assert_eq!(first.line, Line(1), "{op:?}");
                if crosses {
                    let second = issue(&mut a, 1);
                    assert_eq!((second.line, second.token), (Line(2), first.token), "{op:?}");
                    assert_eq!(a.complete(first.token, None), None, "{op:?}");
                }
                assert_eq!(wish(&mut a, 2), Wish::Sleep(Edge::NEVER), "{op:?}");
                assert!(a.complete(first.token, None).is_some(), "{op:?}");
                assert_eq!(wish(&mut a, 3), Wish::Done, "{op:?}");
            }
        }
    }
}

#[test]
fn byte_i_of_a_store_is_byte_i_mod_8_of_its_value() {
    let value = 0x1122_3344_5566_7788_u64;
    for offset in 0..64 {
        for size in 1..=64_u8 {
            let memory = run(2, &[store(64 + offset, size, Some(value))], Answers::First);
            let stored = 64 + offset..64 + offset + u64::from(size);
            for at in 0..256_u64 {
                let expected = match at.checked_sub(stored.start) {
                    Some(i) if stored.contains(&at) => value.to_le_bytes()[(i % 8) as usize],
                    _ => untouched(at),
                };
                assert_eq!(memory.byte(at), expected, "{size} bytes at {offset}, byte {at}");
            }
        }
    }
}

#[test]
fn a_store_without_a_value_writes_one_of_its_own() {
    let stores = [store(0, 8, None), store(64, 8, None)];
    let memory = run(2, &stores, Answers::First);
    let word = |line| memory.line(Line(line)).word(0, 8);
    assert_ne!(word(0), word(1));
    let again = run(2, &stores, Answers::Last);
    assert_eq!(again.line(Line(0)).word(0, 8), word(0), "the same in every run");
    for (thread, seed) in [(4, 1), (3, 2)] {
        let source = Iter(stores.into_iter().map(Ok));
        let mut other =
            Agent::new(ThreadIdx(thread), seed, 1, Consistency::Sequential, Box::new(source));
        let Access::Store(LineWrite::Bytes { data, .. }) = issue(&mut other, 0).access else {
            panic!("a store");
        };
        assert_ne!(data.word(0, 8), word(0), "thread {thread}, seed {seed}");
    }
}

#[test]
fn a_copy_moves_every_byte_from_any_place_to_any_place() {
    let (from, to) = (1 << 10, 1 << 20);
    for offsets in 0..64 * 64 {
        let (from, to) = (from + offsets % 64, to + offsets / 64);
        for bytes in [1, 7, 64, 65, 200] {
            let answers = if offsets % 2 == 0 { Answers::First } else { Answers::Last };
            let window = 1 + (u32::from(offsets % 3 == 0) * 4);
            let memory = run(window, &[copy(from, to, bytes)], answers);
            for i in 0..u64::from(bytes) {
                assert_eq!(memory.byte(to + i), untouched(from + i), "{bytes}: {from} to {to}");
            }
            for outside in [to - 1, to + u64::from(bytes)] {
                assert_eq!(memory.byte(outside), untouched(outside), "{bytes}: {from} to {to}");
            }
            let pieces = (1..u64::from(bytes))
                .filter(|i| (from + i).is_multiple_of(64) || (to + i).is_multiple_of(64))
                .count();
            assert_eq!(memory.pieces, 2 * (pieces + 1), "{bytes}: {from} to {to}");
            assert!(memory.under_way_max <= window as usize);
        }
    }
}

#[test]
fn a_copy_is_done_before_the_next_operation_and_tells_of_each_half() {
    let memory = run(4, &[load(0, 1), copy(64, 1 << 20, 128), load(0, 1)], Answers::First);
    let told: Vec<_> = memory.finished.iter().map(|f| (f.number, f.kind)).collect();
    let (reads, writes) = (Kind::Load, Kind::Store);
    let halves = [(2, reads), (2, reads), (2, writes), (2, writes)];
    assert_eq!(told, [&[(1, reads)], &halves[..], &[(3, reads)]].concat());

    let mut a = agent(4, &[copy(64, 1 << 20, 8), load(0, 1)]);
    let read = issue(&mut a, 0);
    assert_eq!(wish(&mut a, 1), Wish::Sleep(Edge::NEVER));
    a.complete(read.token, Some(LineData::default()));
    let written = issue(&mut a, 2);
    assert_eq!(wish(&mut a, 3), Wish::Sleep(Edge::NEVER));
    a.complete(written.token, None);
    assert_eq!(issue(&mut a, 4).line, Line(0));
}

#[test]
fn a_fence_lets_nothing_by_until_everything_before_it_is_done() {
    for last_first in [false, true] {
        let before = [load(0, 8), store(64, 8, None), load(120, 16)];
        let ops = [&before[..], &[Op::Fence, load(512, 8)]].concat();
        let mut a = agent(16, &ops);
        let mut tokens: Vec<u32> = (0..4).map(|edge| issue(&mut a, edge).token).collect();
        if last_first {
            tokens.reverse();
        }
        for token in tokens {
            assert_eq!(
                wish(&mut a, 10),
                Wish::Sleep(Edge::NEVER),
                "{:?}",
                a.stuck(Edge(10), &clock())
            );
            a.complete(token, None);
        }
        assert_eq!(issue(&mut a, 11).line, Line(8));
    }
}

#[test]
fn a_barrier_is_reached_with_nothing_under_way_and_left_when_released() {
    let barrier = Op::Barrier { id: 5, members: 2 };
    let mut a = agent(16, &[load(0, 8), store(64, 8, None), barrier, load(512, 8)]);
    let tokens = [issue(&mut a, 0).token, issue(&mut a, 1).token];
    for token in tokens {
        assert_eq!(wish(&mut a, 2), Wish::Sleep(Edge::NEVER));
        a.complete(token, None);
    }
    assert_eq!(wish(&mut a, 3), Wish::Arrive { id: 5, members: 2, share: None });
    a.arrived();
    assert_eq!(wish(&mut a, 4), Wish::Sleep(Edge::NEVER));
    a.released(None);
    assert_eq!(issue(&mut a, 5).line, Line(8));
}

#[test]
fn an_atomic_asks_for_its_word_and_changes_no_other_byte() {
    for size in [1_u8, 2, 4, 8] {
        for offset in (0..64).step_by(size.into()) {
            for rmw in [Rmw::Add(u64::MAX), Rmw::Swap(0x0123_4567_89ab_cdef)] {
                let ops = [Op::Atomic { addr: Addr(64 + offset), size, rmw }];
                let piece = issue(&mut agent(1, &ops), 0);
                let (at, bytes) = (u32::try_from(offset).expect("small"), u32::from(size));
                let asked = LineWrite::Rmw { offset: at, size: bytes, rmw };
                assert_eq!((piece.line, piece.access), (Line(1), Access::Atomic(asked)));

                let (before, after) = (Memory::default(), run(1, &ops, Answers::First));
                let word = |m: &Memory| m.line(Line(1)).word(at, bytes);
                assert_eq!(word(&after), rmw.apply(word(&before), bytes), "{size} at {offset}");
                let word = 64 + offset..64 + offset + u64::from(size);
                for other in (0..192).filter(|a| !word.contains(a)) {
                    assert_eq!(after.byte(other), untouched(other), "{size} at {offset}");
                }
            }
        }
    }
}

#[test]
fn no_more_pieces_are_under_way_than_the_window_takes() {
    let line_crossing = (0..20).map(|n| load(n * 128 + 60, 8)).collect::<Vec<_>>();
    for window in 1..=9 {
        for answers in [Answers::First, Answers::Last] {
            for ops in [&line_crossing[..], &[copy(10, 1 << 20, 2_000)]] {
                let memory = run(window, ops, answers);
                assert_eq!(memory.under_way_max, window as usize, "{answers:?}");
            }
        }
    }
}

#[test]
fn what_the_cache_refuses_is_offered_again_and_timed_from_the_first_offer() {
    let mut a = agent(4, &[load(60, 8), load(512, 8)]);
    let first = offer(&mut a, 3);
    assert_eq!(offer(&mut a, 9), first);
    assert_eq!(a.timeline(first.token).last(), Fs::from_ns(3));
    a.issued();
    // The second piece of an operation is timed as the first.
    let second = issue(&mut a, 12);
    assert_eq!((second.line, second.token), (Line(1), first.token));
    assert_eq!(a.timeline(second.token).last(), Fs::from_ns(3));
    let other = issue(&mut a, 13);
    assert_eq!(a.timeline(other.token).last(), Fs::from_ns(13));
}

fn tso(window: u32, ops: &[Op]) -> Agent {
    let ops = Vec::from(ops);
    let source = Box::new(Iter(ops.into_iter().map(Ok)));
    Agent::new(ThreadIdx(3), 1, window, Consistency::Tso, source)
}

fn kind(piece: &Piece) -> Kind {
    match piece.access {
        Access::Load => Kind::Load,
        Access::Store(_) => Kind::Store,
        Access::Atomic(_) => Kind::Atomic,
    }
}

#[test]
fn under_tso_a_load_passes_a_store_and_no_store_passes_a_load() {
    let mut a = tso(4, &[store(0, 8, Some(1)), load(64, 8), store(128, 8, Some(2)), load(192, 8)]);
    let first = issue(&mut a, 0);
    assert_eq!((kind(&first), first.line), (Kind::Load, Line(1)));
    let second = issue(&mut a, 1);
    assert_eq!((kind(&second), second.line), (Kind::Store, Line(0)));
    assert_eq!(wish(&mut a, 2), Wish::Sleep(Edge::NEVER), "the load is under way");
    a.complete(first.token, Some(LineData::default()));
    assert_eq!(issue(&mut a, 3).line, Line(3), "the second store waits behind the first");
    assert_eq!(wish(&mut a, 4), Wish::Sleep(Edge::NEVER));
    a.complete(second.token, None);
    assert_eq!(issue(&mut a, 5).line, Line(2));
}

#[test]
fn under_tso_a_load_takes_its_own_bytes_from_the_store_buffer() {
    let mut a = tso(4, &[store(0, 8, Some(5)), store(0, 4, Some(6)), load(2, 2), load(0, 8)]);
    let Wish::Forward(piece, line) = wish(&mut a, 0) else { panic!("the youngest store has all") };
    assert_eq!(line.word(2, 2), 0);
    a.forwarded();
    a.complete(piece.token, Some(line));
    let first = issue(&mut a, 1);
    assert_eq!(kind(&first), Kind::Store, "the load of eight waits for both stores");
    a.complete(first.token, None);
    let second = issue(&mut a, 2);
    assert_eq!(kind(&second), Kind::Store);
    a.complete(second.token, None);
    assert_eq!(kind(&issue(&mut a, 3)), Kind::Load);
}

#[test]
fn under_tso_fences_and_atomics_drain_the_store_buffer() {
    let add = Op::Atomic { addr: Addr(256), size: 8, rmw: Rmw::Add(1) };
    for op in [Op::Fence, add, Op::Acquire { addr: Addr(256), size: 8, sc: true }] {
        let mut a = tso(4, &[store(0, 8, Some(1)), op, load(64, 8)]);
        let drained = issue(&mut a, 0);
        assert_eq!(kind(&drained), Kind::Store);
        assert_eq!(wish(&mut a, 1), Wish::Sleep(Edge::NEVER), "{op:?}");
        a.complete(drained.token, None);
        let next = issue(&mut a, 2);
        assert_eq!(next.line, if op == Op::Fence { Line(1) } else { Line(4) });
    }
}

#[test]
fn nothing_passes_an_acquire_and_a_release_passes_nothing() {
    let acquire = |sc| Op::Acquire { addr: Addr(64), size: 8, sc };
    let release = Op::Release { addr: Addr(0), size: 8, value: Some(1) };
    let mut a = agent(8, &[acquire(false), load(128, 8), release, acquire(false), acquire(true)]);
    let first = issue(&mut a, 0);
    assert_eq!(wish(&mut a, 1), Wish::Sleep(Edge::NEVER));
    a.complete(first.token, Some(LineData::default()));
    let second = issue(&mut a, 2);
    assert_eq!(wish(&mut a, 3), Wish::Sleep(Edge::NEVER), "the release waits for the load");
    a.complete(second.token, Some(LineData::default()));
    let third = issue(&mut a, 4);
    assert_eq!(kind(&third), Kind::Store);
    let fourth = issue(&mut a, 5);
    assert_eq!(kind(&fourth), Kind::Load, "an RCpc acquire passes the release");
    a.complete(fourth.token, Some(LineData::default()));
    assert_eq!(wish(&mut a, 6), Wish::Sleep(Edge::NEVER), "an RCsc acquire does not");
    a.complete(third.token, None);
    assert_eq!(kind(&issue(&mut a, 7)), Kind::Load);
}

#[test]
fn partial_fences_hold_back_what_they_say() {
    let (loads, stores) = (Op::Order(base::Order::Loads), Op::Order(base::Order::Stores));
    let (one, two) = (store(0, 8, Some(1)), store(64, 8, Some(2)));
    let mut a = agent(8, &[one, stores, load(128, 8), two, load(192, 8), loads, two]);
    let first = issue(&mut a, 0);
    let second = issue(&mut a, 1);
    assert_eq!(kind(&second), Kind::Load, "a fence of stores lets loads pass");
    assert_eq!(wish(&mut a, 2), Wish::Sleep(Edge::NEVER), "and no store");
    a.complete(first.token, None);
    assert_eq!(kind(&issue(&mut a, 3)), Kind::Store);
    let third = issue(&mut a, 4);
    a.complete(second.token, Some(LineData::default()));
    assert_eq!(wish(&mut a, 5), Wish::Sleep(Edge::NEVER), "a fence of loads waits for loads");
    a.complete(third.token, Some(LineData::default()));
    assert_eq!(kind(&issue(&mut a, 6)), Kind::Store, "and not for stores");
}
