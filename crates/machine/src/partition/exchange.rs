//! How partitions meet: letters from one to another, and one meeting at the end of each epoch.
//!
//! ```text
//!   post(from, to, letter) ... meet(notice) ─▶ everyone's notices, together ─▶ collect(from, to) ...
//! ```
//!
//! Whoever steps partitions knows no more of the others than this trait says, so it can be threads of a
//! process, or anything else that carries letters. What is posted before a meeting is there after it; who
//! collects may be overtaken by posts of the next epoch, but not of the one after.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::Fs;

/// What those who step partitions tell each other at the end of an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Notice {
    /// The next instant at which anything happens, of what they know.
    pub(crate) next: Fs,
    /// Component edges stepped in the epoch.
    pub(crate) edges: u64,
    /// Whether a partition met an error.
    pub(crate) failed: bool,
    /// Whether the stretch has taken longer than it may.
    pub(crate) late: bool,
}

impl Notice {
    /// Of nobody.
    pub(crate) const NONE: Self = Self { next: Fs::NEVER, edges: 0, failed: false, late: false };

    /// What both say.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            next: self.next.min(other.next),
            edges: self.edges + other.edges,
            failed: self.failed || other.failed,
            late: self.late || other.late,
        }
    }
}

/// Carries letters and notices between partitions.
pub(crate) trait Exchange<L> {
    /// Has partition `from` write its letter to `to`, on an empty one.
    fn post(&mut self, from: usize, to: usize, write: impl FnOnce(&mut L));

    /// Waits for all others. Gives the sum of all notices; `None` if one of them is gone.
    fn meet(&mut self, notice: Notice) -> Option<Notice>;

    /// Hands the letter from `from` to `to` to its reader, who empties it.
    fn collect(&mut self, from: usize, to: usize, read: impl FnOnce(&mut L));
}

/// All partitions on one thread.
#[derive(Debug)]
pub(crate) struct Alone<L> {
    parts: usize,
    /// `[from][to]`
    boxes: Vec<L>,
}

impl<L: Default> Alone<L> {
    pub(crate) fn new(parts: usize) -> Self {
        Self { parts, boxes: (0..parts * parts).map(|_| L::default()).collect() }
    }
}

impl<L> Exchange<L> for Alone<L> {
    #[inline]
    fn post(&mut self, from: usize, to: usize, write: impl FnOnce(&mut L)) {
        write(&mut self.boxes[from * self.parts + to]);
    }

    fn meet(&mut self, notice: Notice) -> Option<Notice> {
        Some(notice)
    }

    #[inline]
    fn collect(&mut self, from: usize, to: usize, read: impl FnOnce(&mut L)) {
        read(&mut self.boxes[from * self.parts + to]);
    }
}

/// How long a thread that waits keeps its core, and when it sleeps. ASSUMED: parts of an epoch that are dealt well
/// end within microseconds of each other; and whoever is waited for may want this core.
const KEEPS: Duration = Duration::from_micros(5);
const SLEEPS: Duration = Duration::from_micros(200);

/// Looks at the meeting before the time.
const SPINS: u32 = 16;

/// What the threads of a machine share.
#[derive(Debug)]
pub(crate) struct Hall<L> {
    parts: usize,
    /// `[epoch mod 2][from][to]`
    boxes: [Vec<Mutex<L>>; 2],
    /// `[epoch mod 2][thread]`
    notices: [Vec<Mutex<Notice>>; 2],
    here: AtomicUsize,
    /// Meetings held.
    held: AtomicU64,
    gone: AtomicBool,
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    bell: Condvar,
}

impl<L: Default> Hall<L> {
    pub(crate) fn new(parts: usize, threads: usize) -> Self {
        let boxes = || (0..parts * parts).map(|_| Mutex::default()).collect();
        let notices = || (0..threads).map(|_| Mutex::new(Notice::NONE)).collect();
        Self {
            parts,
            boxes: [boxes(), boxes()],
            notices: [notices(), notices()],
            here: AtomicUsize::new(0),
            held: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            lock: Mutex::new(()),
            bell: Condvar::new(),
        }
    }

    /// The seat of thread `me`.
    pub(crate) fn seat(&self, me: usize) -> Seat<'_, L> {
        Seat { hall: self, me, epoch: 0, waited: Duration::ZERO }
    }
}

/// One thread in the hall. Others learn of it if it panics, and wait for it no more.
#[derive(Debug)]
pub(crate) struct Seat<'a, L> {
    hall: &'a Hall<L>,
    me: usize,
    /// Meetings attended; every second one uses the same boxes.
    epoch: usize,
    /// Time of the host spent waiting.
    pub(crate) waited: Duration,
}

impl<L> Seat<'_, L> {
    /// Waits until more than `before` meetings were held.
    fn wait(&mut self, before: u64) {
        let hall = self.hall;
        let over =
            || hall.held.load(Ordering::SeqCst) != before || hall.gone.load(Ordering::SeqCst);
        let started = now();
        let mut waited = Duration::ZERO;
        while waited < SLEEPS {
            for _ in 0..SPINS {
                if over() {
                    self.waited += now().duration_since(started);
                    return;
                }
                core::hint::spin_loop();
            }
            if waited >= KEEPS {
                std::thread::yield_now();
            }
            waited = now().duration_since(started);
        }
        let mut asleep = lock(&hall.lock);
        hall.sleepers.fetch_add(1, Ordering::SeqCst);
        while !over() {
            asleep = hall.bell.wait(asleep).unwrap_or_else(PoisonError::into_inner);
        }
        hall.sleepers.fetch_sub(1, Ordering::SeqCst);
        self.waited += now().duration_since(started);
    }
}

impl<L> Exchange<L> for Seat<'_, L> {
    fn post(&mut self, from: usize, to: usize, write: impl FnOnce(&mut L)) {
        let boxes = &self.hall.boxes[self.epoch % 2];
        write(&mut lock(&boxes[from * self.hall.parts + to]));
    }

    fn meet(&mut self, notice: Notice) -> Option<Notice> {
        let hall = self.hall;
        let notices = &hall.notices[self.epoch % 2];
        *lock(&notices[self.me]) = notice;
        let before = hall.held.load(Ordering::SeqCst);
        if hall.here.fetch_add(1, Ordering::SeqCst) + 1 == notices.len() {
            hall.here.store(0, Ordering::SeqCst);
            hall.held.fetch_add(1, Ordering::SeqCst);
            hall.ring();
        } else {
            self.wait(before);
        }
        self.epoch += 1;
        if hall.gone.load(Ordering::SeqCst) {
            return None;
        }
        Some(notices.iter().fold(Notice::NONE, |all, one| all.and(*lock(one))))
    }

    fn collect(&mut self, from: usize, to: usize, read: impl FnOnce(&mut L)) {
        // The meeting is over, so its boxes are those of the epoch before.
        let boxes = &self.hall.boxes[(self.epoch + 1) % 2];
        read(&mut lock(&boxes[from * self.hall.parts + to]));
    }
}

impl<L> Drop for Seat<'_, L> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.hall.gone.store(true, Ordering::SeqCst);
            self.hall.ring();
        }
    }
}

impl<L> Hall<L> {
    /// Wakes those who sleep.
    fn ring(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(lock(&self.lock));
            self.bell.notify_all();
        }
    }
}

/// A lock whose holder panicked: the machine is lost anyway, and says so.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The host's time: who steps what depends on it, and no result does.
#[expect(clippy::disallowed_methods, reason = "no result depends on the host's time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
