//! What the controllers hand back with what: tags, causes, completions and refusals.

use base::{Line, NodeIdx};
use coherence::{
    Access, Atomics, Audit, AuditFault, ByteWrite, CacheCtrl, CacheGeometry, CacheState, Cause,
    Checker, Completion, Config, Effect, HomeCtrl, MsgKind, Outbox, Outcome, Outgoing, Replacement,
    Request, RetryReason, SharedEviction, TARGETS_MAX, audit, join_shares,
};

const HOME: NodeIdx = NodeIdx(0);
const LINE: Line = Line(5);
const SET: ByteWrite = ByteWrite::Set(9);

/// Some caches and one home, with messages delivered in the order in which they were sent. Each
/// message is handed in with the tag that it was sent with, plus 100.
pub(crate) struct Bench {
    pub(crate) caches: Vec<CacheCtrl<u8, u32>>,
    pub(crate) home: HomeCtrl<u8, u32>,
    out: Outbox<u8, u32>,
    done: Vec<Completion<u8, u32>>,
    seen: Vec<Outgoing<u8, u32>>,
}

impl Bench {
    pub(crate) fn new(cfg: Config, directory_lines: Option<u32>) -> Self {
        let replacement = Replacement::Lru;
        let shape = CacheGeometry { sets: 1, ways: 2, replacement, mshrs: 3 };
        Self {
            caches: (0..3).map(|n| CacheCtrl::new(cfg, NodeIdx(n), &shape)).collect(),
            home: HomeCtrl::new(cfg, HOME, directory_lines, |_| 1),
            out: Outbox::default(),
            done: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn access(&mut self, node: usize, line: Line, access: Access<u8>, tag: u32) -> Outcome<u8> {
        let request = Request { line, home: HOME, access, token: tag, tag };
        self.caches[node].access(&request, &mut self.out)
    }

    /// Delivers the first message that is not `held`; whether there was one.
    fn deliver(&mut self, held: &[MsgKind]) -> bool {
        let waiting = &mut self.out.messages;
        let Some(at) = waiting.iter().position(|m| !held.contains(&m.msg.kind)) else {
            self.done.append(&mut self.out.completions);
            return false;
        };
        let m = waiting.remove(at);
        self.seen.push(m);
        if m.msg.to_home() {
            self.home.receive(m.line, &m.msg, m.tag + 100, &mut self.out);
        } else {
            self.caches[m.msg.dst.at()].receive(m.line, &m.msg, m.tag + 100, &mut self.out);
        }
        self.done.append(&mut self.out.completions);
        true
    }

    fn settle(&mut self) {
        while self.deliver(&[]) {}
    }

    pub(crate) fn run(&mut self, node: usize, line: Line, access: Access<u8>, tag: u32) {
        let _ = self.access(node, line, access, tag);
        self.settle();
    }

    fn sent(&self, kind: MsgKind) -> &Outgoing<u8, u32> {
        self.seen.iter().rfind(|m| m.msg.kind == kind).expect("sent")
    }
}

#[test]
fn a_miss_completes_with_its_own_tag_and_that_of_the_data() {
    let mut b = Bench::new(Config::default(), None);
    assert_eq!(b.access(1, LINE, Access::Load, 7), Outcome::Pending);
    b.settle();
    assert_eq!(b.done.len(), 1);
    let done = b.done[0];
    assert_eq!((done.token, done.tag, done.reply_tag), (7, 7, Some(207)));
    assert_eq!((done.effect, done.waited_for_acks), (Effect::Load(1), false));
    assert!(b.sent(MsgKind::DataE).from_memory);
    assert_eq!(b.access(1, LINE, Access::Load, 8), Outcome::Hit(Effect::Load(1)));
}

#[test]
fn a_writer_that_waits_for_acks_completes_with_the_tag_of_its_data() {
    let mut b = Bench::new(Config::default(), None);
    b.run(0, LINE, Access::Load, 1);
    b.run(1, LINE, Access::Load, 2);
    let _ = b.access(2, LINE, Access::Store(SET), 3);
    while b.deliver(&[MsgKind::InvAck]) {}
    assert_eq!(b.caches[2].look_up(LINE).0, CacheState::ImA);
    b.done.clear();
    b.settle();
    let done = b.done[0];
    assert_eq!((done.reply_tag, done.waited_for_acks), (Some(203), true));
    let ack = b.sent(MsgKind::CompAck);
    assert_eq!((ack.tag, ack.cause), (203, Cause::Gathered));
}

#[test]
fn a_stalled_request_goes_on_with_its_own_tag() {
    let mut b = Bench::new(Config::default(), None);
    let _ = b.access(1, LINE, Access::Load, 1);
    while b.deliver(&[MsgKind::CompAck]) {}
    let _ = b.access(2, LINE, Access::Load, 2);
    while b.deliver(&[MsgKind::CompAck]) {}
    let blocked: Vec<_> = b.home.blocked().collect();
    assert_eq!(blocked[0].queued, [(NodeIdx(2), MsgKind::GetS)]);
    assert!(blocked[0].to_string().contains("node2's GetS is queued"), "{}", blocked[0]);
    b.settle();
    let fwd = b.sent(MsgKind::FwdGetS);
    assert_eq!((fwd.tag, fwd.cause), (102, Cause::Unstalled));
    assert!(b.home.is_idle());
}

#[test]
fn a_far_atomic_answers_with_its_own_tag_once_home_has_gathered() {
    let mut b = Bench::new(Config { atomics: Atomics::Far, ..Config::default() }, None);
    b.run(0, LINE, Access::Load, 1);
    b.run(1, LINE, Access::Load, 2);
    b.out.memory_writes.clear();
    b.run(2, LINE, Access::Atomic(SET), 3);
    let answer = b.sent(MsgKind::FarResp);
    assert_eq!((answer.tag, answer.cause, answer.from_memory), (103, Cause::Gathered, true));
    assert_eq!(b.out.memory_writes, [LINE]);
    assert_eq!(b.home.memory(LINE), 9);
    assert_eq!(b.done.last().map(|d| d.effect), Some(Effect::Store { old: 1, new: 9 }));
}

#[test]
fn a_far_atomic_on_a_modified_line_goes_out_after_the_line() {
    let mut b = Bench::new(Config { atomics: Atomics::Far, ..Config::default() }, None);
    b.run(1, LINE, Access::Store(SET), 1);
    b.seen.clear();
    b.run(1, LINE, Access::Atomic(ByteWrite::Increment(100)), 2);
    let kinds: Vec<_> = b.seen.iter().map(|m| m.msg.kind).collect();
    assert_eq!(
        kinds,
        [MsgKind::PutM, MsgKind::PutAck, MsgKind::Far, MsgKind::FarResp, MsgKind::CompAck]
    );
    let far = b.sent(MsgKind::Far);
    assert_eq!((far.tag, far.cause), (2, Cause::Unstalled));
    assert_eq!(b.home.memory(LINE), 10);
}

#[test]
fn accesses_that_queue_complete_in_order_and_a_store_goes_on_with_an_upgrade() {
    let mut b = Bench::new(Config::default(), None);
    b.run(0, LINE, Access::Load, 1);
    b.run(2, LINE, Access::Load, 2);
    b.done.clear();
    for (tag, access) in [(3, Access::Load), (4, Access::Load), (5, Access::Store(SET))] {
        assert_eq!(b.access(1, LINE, access, tag), Outcome::Pending);
    }
    b.settle();
    let order: Vec<_> = b.done.iter().map(|d| (d.tag, d.reply_tag.is_some())).collect();
    assert_eq!(order, [(3, true), (4, false), (5, true)]);
    let upgrade = b.sent(MsgKind::Upg);
    assert_eq!((upgrade.tag, upgrade.cause), (5, Cause::Unstalled));
}

#[test]
fn a_full_directory_recalls_the_line_used_longest_ago() {
    let mut b = Bench::new(Config::default(), Some(2));
    b.run(0, Line(1), Access::Load, 1);
    b.run(1, Line(2), Access::Store(SET), 2);
    b.run(2, Line(1), Access::Load, 3);
    b.run(2, Line(3), Access::Load, 4);
    let recall = b.sent(MsgKind::FwdInv);
    assert_eq!((recall.line, recall.tag, recall.cause), (Line(2), 104, Cause::Direct));
    assert_eq!(b.home.memory(Line(2)), 9);
    let answer = b.sent(MsgKind::DataE);
    assert_eq!((answer.line, answer.tag, answer.cause), (Line(3), 104, Cause::Unstalled));
    assert_eq!(b.home.tracked(), 2);
}

#[test]
fn a_cache_refuses_what_it_has_no_room_for() {
    let mut b = Bench::new(Config::default(), None);
    let retry = |why| Outcome::Retry(why);
    assert_eq!(b.access(1, Line(1), Access::Load, 1), Outcome::Pending);
    assert_eq!(b.access(1, Line(2), Access::Load, 2), Outcome::Pending);
    assert_eq!(b.access(1, Line(3), Access::Load, 3), retry(RetryReason::SetBusy));
    for tag in 4..11 {
        assert_eq!(b.access(1, Line(1), Access::Load, tag), Outcome::Pending);
    }
    assert_eq!(TARGETS_MAX, 8);
    assert_eq!(b.access(1, Line(1), Access::Load, 11), retry(RetryReason::TargetsFull));
    b.settle();
    assert_eq!(b.access(1, Line(3), Access::Load, 12), Outcome::Pending);
    assert_eq!(b.access(1, Line(1), Access::Load, 13), retry(RetryReason::Leaving));
    assert_eq!(b.access(1, Line(4), Access::Load, 14), retry(RetryReason::MshrsBusy));
    b.settle();
    assert!(b.caches[1].is_idle());
}

#[test]
fn a_silent_eviction_sends_nothing() {
    let cfg = Config { shared_eviction: SharedEviction::Silent, ..Config::default() };
    let mut b = Bench::new(cfg, None);
    b.run(0, Line(1), Access::Load, 1);
    b.run(1, Line(1), Access::Load, 2);
    for n in 2..4 {
        b.run(1, Line(n), Access::Load, 3);
    }
    assert_eq!(b.caches[1].look_up(Line(1)).0, CacheState::I);
    assert!(b.seen.iter().all(|m| m.msg.kind != MsgKind::PutS));
    b.run(0, Line(1), Access::Store(SET), 4);
    assert_eq!(b.sent(MsgKind::InvAck).msg.src, NodeIdx(1));
}

#[test]
fn the_audit_names_what_is_still_busy_and_what_is_stale() {
    let mut b = Bench::new(Config::default(), None);
    let checker = Checker::new(|_| 1);
    let faults = |b: &Bench| -> Vec<_> {
        let caches: Vec<_> = b.caches.iter().collect();
        let golden = |line| checker.golden(line);
        let found = audit(&caches, &[&b.home], golden);
        // In shares, of which some may be empty, it is the same.
        for of in 2..7 {
            let homes = [&b.home];
            let shares = Audit::new(&caches, &homes, golden);
            assert_eq!(join_shares((0..of).map(|at| shares.share(at, of))), found, "{of} shares");
        }
        found.iter().map(|e| e.fault).collect()
    };
    let _ = b.access(1, LINE, Access::Load, 1);
    while b.deliver(&[MsgKind::DataE]) {}
    assert_eq!(faults(&b), [AuditFault::CacheBusy, AuditFault::HomeBusy]);
    b.settle();
    assert_eq!(faults(&b), []);
    // Written without the checker being told.
    b.run(2, LINE, Access::Store(SET), 2);
    assert_eq!(faults(&b), [AuditFault::StaleCopy]);
    assert!(b.home.recall(LINE, 3, &mut b.out));
    b.settle();
    assert_eq!(faults(&b), [AuditFault::StaleMemory]);
}
