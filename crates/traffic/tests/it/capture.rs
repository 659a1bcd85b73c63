//! Captures of real programs. Without a C compiler these tests say so and pass.

use std::fs;
use std::path::{Path, PathBuf};

use base::{Op, Rmw};
use traffic::capture::{CaptureError, Options, compile_and_run};
use traffic::{ErrorKind, Trace, barriers::check_barriers};

use crate::{merged, records};

/// The trace, or `None` where there is no compiler with the hooks.
fn capture(options: &Options, out: &Path) -> Option<Result<Trace, CaptureError>> {
    match compile_and_run(options, out) {
        Err(error @ (CaptureError::NoCompiler { .. } | CaptureError::NoInstrumentation { .. })) => {
            tell(&error);
            None
        }
        other => Some(other),
    }
}

#[expect(clippy::print_stderr, reason = "a test that is skipped must not be silent")]
fn tell(error: &CaptureError) {
    eprintln!("SKIPPED, nothing is tested here: {error}");
}

fn program(folder: &Path, text: &str) -> Options {
    let path = folder.join("prog.c");
    fs::write(&path, text).expect("write");
    let mut options = Options::new([path]);
    options.quiet = true;
    options
}

fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../traces/capture").join(name)
}

const ALL_KINDS: &str = r"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
static _Atomic int word; static int from[32], to[32]; static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static volatile int plain;
static void *child(void *arg) { pthread_mutex_lock(&m); plain = 5; pthread_mutex_unlock(&m); return arg; }
int main(int argc, char **argv) {
  (void)argv;
  pthread_t t;
  atomic_fetch_sub(&word, 1);
  atomic_exchange(&word, 12);
  atomic_fetch_or(&word, 3);
  int expected = 15;
  atomic_compare_exchange_strong(&word, &expected, 16);
  atomic_store(&word, 77);
  memcpy(to, from, 64 * argc);
  memset(to, 9, 8 * argc);
  pthread_create(&t, 0, child, 0);
  pthread_join(t, 0);
  return plain != 5;
}";

#[test]
fn every_kind_of_access_is_recorded_with_its_operands() {
    let folder = tempfile::tempdir().expect("folder");
    let mut options = program(folder.path(), ALL_KINDS);
    options.cycles_per_block = 0;
    let out = folder.path().join("t.lkst");
    let Some(trace) = capture(&options, &out) else { return };
    let threads = records(&trace.expect("capture")).expect("read");
    let rmws: Vec<Rmw> = threads[0]
        .iter()
        .filter_map(|op| if let Op::Atomic { rmw, .. } = op { Some(*rmw) } else { None })
        .collect();
    let expect = [
        Rmw::Add(0xffff_ffff),
        Rmw::Swap(12),
        Rmw::Cas { expected: 12, new: 15 },
        Rmw::Cas { expected: 15, new: 16 },
    ];
    assert_eq!(rmws, expect);
    let is = |test: fn(&Op) -> bool| threads[0].iter().filter(|op| test(op)).count();
    assert_eq!(is(|op| matches!(op, Op::Store { size: 4, value: Some(77), .. })), 1);
    assert_eq!(is(|op| matches!(op, Op::Copy { bytes: 64, .. })), 1);
    let nines = Some(0x0909_0909_0909_0909);
    assert_eq!(
        threads[0]
            .iter()
            .filter(|op| matches!(op, Op::Store { size: 8, value, .. } if *value == nines))
            .count(),
        1
    );
    let [Op::Barrier { id: 0, members: 2 }, lock, Op::Fence, store, Op::Fence, unlock, end] =
        threads[1][..]
    else {
        panic!("the child's records are {:?}", threads[1]);
    };
    assert!(matches!(lock, Op::Atomic { size: 4, rmw: Rmw::Cas { expected: 0, new: 1 }, .. }));
    assert!(matches!(store, Op::Store { size: 4, value: None, .. }));
    assert!(matches!(unlock, Op::Atomic { size: 4, rmw: Rmw::Swap(0), .. }));
    assert_eq!(end, Op::Barrier { id: 1, members: 2 });
}

#[test]
fn our_programs_capture_and_replay_to_their_end_with_few_and_many_threads() {
    let folder = tempfile::tempdir().expect("folder");
    for (source, work) in
        [("jacobi.c", ["16", "2"]), ("histogram.c", ["512", "64"]), ("bfs.c", ["256", "4"])]
    {
        for threads in ["1", "5"] {
            let mut options = Options::new([ours(source)]);
            options.quiet = true;
            options.args = [threads, work[0], work[1]].map(str::to_owned).to_vec();
            let out = folder.path().join("t.lkst");
            let Some(trace) = capture(&options, &out) else { return };
            let trace = trace.unwrap_or_else(|e| panic!("{source} with {threads} threads: {e}"));
            assert_eq!(trace.threads().to_string(), threads);
            check_barriers(&trace).expect("ends");
        }
    }
}

#[test]
fn two_captures_of_a_deterministic_program_differ_in_nothing_but_the_interleaving() {
    let folder = tempfile::tempdir().expect("folder");
    let mut options = Options::new([ours("jacobi.c")]);
    options.quiet = true;
    options.args = ["3", "20", "2"].map(str::to_owned).to_vec();
    let mut all = Vec::new();
    for name in ["a", "b"] {
        let Some(trace) = capture(&options, &folder.path().join(name)) else { return };
        all.push(trace.expect("capture"));
    }
    let threads = [&all[0], &all[1]].map(|t| records(t).expect("read"));
    assert!(threads[0] == threads[1], "captures differ");
    assert_eq!(all[0].info().provenance, all[1].info().provenance);
}

/// Two threads take turns by a lock or by a flag that they watch; each turn is a store of its
/// number to `turns`.
const TURNS: &str = r"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
static _Atomic int turn; static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int next; static int turns[200];
static void *watch(void *arg) {
  int me = (int)(long)arg;
  for (int i = me; i < 100; i += 2) {
    while (atomic_load(&turn) != i) sched_yield();
    turns[i] = i;
    atomic_store(&turn, i + 1);
  }
  while (atomic_load(&turn) != 100) sched_yield();
  for (int i = 0; i < 50; i++) {
    pthread_mutex_lock(&m);
    turns[100 + next++] = 1;
    pthread_mutex_unlock(&m);
    sched_yield();
  }
  return 0;
}
int main(void) {
  pthread_t t;
  pthread_create(&t, 0, watch, (void *)1L);
  watch((void *)0L);
  pthread_join(t, 0);
  return turns[199] != 1;
}";

#[test]
fn what_locks_and_flags_put_in_order_is_in_that_order() {
    let folder = tempfile::tempdir().expect("folder");
    let options = program(folder.path(), TURNS);
    let Some(trace) = capture(&options, &folder.path().join("t.lkst")) else { return };
    let trace = trace.expect("capture");
    assert!(trace.info().ordered);
    let (mut stores, mut holder) = (Vec::new(), None);
    for record in merged(&trace).expect("read") {
        match record.op {
            Op::Store { addr, size: 4, value: None } => {
                stores.push((addr.0, record.thread.0));
                assert!(holder.is_none_or(|h| h == record.thread), "a store in another's lock");
            }
            Op::Atomic { rmw: Rmw::Cas { expected: 0, new: 1 }, .. } => {
                assert_eq!(holder.replace(record.thread), None, "locked twice");
            }
            Op::Atomic { rmw: Rmw::Swap(0), .. } => {
                assert_eq!(holder.take(), Some(record.thread), "unlocked by another");
            }
            _ => {}
        }
    }
    // Each turn is stored once; what is stored more often is `next`.
    let times = |addr| stores.iter().filter(|(a, _)| *a == addr).count();
    let turns: Vec<(u64, u32)> = stores.iter().copied().filter(|s| times(s.0) == 1).collect();
    assert_eq!((turns.len(), stores.len()), (200, 300));
    for (i, pair) in turns.windows(2).enumerate() {
        assert_eq!(pair[1].0 - pair[0].0, 4, "turn {} comes before turn {i}", i + 1);
        assert!(i >= 99 || pair[0].1 != pair[1].1, "two turns of one thread at {i}");
    }
}

#[test]
fn what_goes_wrong_has_a_name_and_leaves_no_file() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("t.lkst");
    let fails = |options: &Options| {
        let error = capture(options, &out)?.expect_err("must fail");
        assert!(!out.exists(), "left behind after {error}");
        Some(error)
    };
    let mut options = program(folder.path(), "int main(void) { return x; }");
    let Some(error) = fails(&options) else { return };
    assert!(error.to_string().contains("prog.c:1:"), "{error}");
    assert!(matches!(error, CaptureError::Compile { .. }), "{error}");

    program(folder.path(), "int x; int main(void) { x = 1; return 3; }");
    assert!(matches!(fails(&options), Some(CaptureError::Failed { .. })));
    program(folder.path(), "int main(void) { __builtin_trap(); }");
    assert!(matches!(fails(&options), Some(CaptureError::Failed { .. })));
    program(folder.path(), "int main(void) { return 0; }");
    assert!(matches!(fails(&options), Some(CaptureError::NothingRecorded)));
    program(folder.path(), "volatile int x; int main(void) { for (;;) x++; }");
    options.limit = 10_000;
    assert!(matches!(fails(&options), Some(CaptureError::Limit { limit: 10_000 })));

    options.compiler = Some("/nonexistent/cc".into());
    let error = compile_and_run(&options, &out).expect_err("no compiler");
    assert!(matches!(error, CaptureError::NoCompiler { .. }), "{error}");
    let error = compile_and_run(&Options::new(["/nonexistent.c"]), &out).expect_err("no source");
    let named = matches!(
        error,
        CaptureError::Compile { .. }
            | CaptureError::NoCompiler { .. }
            | CaptureError::NoInstrumentation { .. }
    );
    assert!(named, "{error}");
}

#[test]
fn a_barrier_that_a_running_thread_never_reaches_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    // The child waits for a second that never comes; main ends without it.
    let text = r"
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
static pthread_barrier_t b; static _Atomic int there;
static void *child(void *arg) { atomic_store(&there, 1); pthread_barrier_wait(&b); return arg; }
int main(void) {
  pthread_t t;
  pthread_barrier_init(&b, 0, 2);
  pthread_create(&t, 0, child, 0);
  while (!atomic_load(&there)) {}
  sleep(1);
  return 0;
}";
    let mut options = program(folder.path(), text);
    options.limit = 0;
    let Some(result) = capture(&options, &folder.path().join("t.lkst")) else { return };
    match result {
        Err(CaptureError::Trace(e)) => {
            assert!(matches!(*e.kind, ErrorKind::BarrierHangs { .. }), "{e}");
        }
        other => panic!("not named: {other:?}"),
    }
}

#[test]
fn accesses_to_a_threads_own_stack_are_kept_on_demand() {
    let folder = tempfile::tempdir().expect("folder");
    let text = r"
volatile int shared;
__attribute__((noinline)) void fill(volatile int *to) { for (int i = 0; i < 16; i++) to[i] = i; }
int main(void) {
  volatile int own[16];
  fill(own);
  shared = 3;
  return 0;
}";
    let mut options = program(folder.path(), text);
    let stores = |options: &Options| {
        let trace = capture(options, &folder.path().join("t.lkst"))?.expect("capture");
        let ops = records(&trace).expect("read").remove(0);
        Some(ops.iter().filter(|op| matches!(op, Op::Store { .. })).count())
    };
    let Some(without) = stores(&options) else { return };
    assert_eq!(without, 1);
    options.keep_stack = true;
    assert_eq!(stores(&options), Some(17));
}
