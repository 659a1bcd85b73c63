//! Independent pieces of work on several threads, with results in the order of the work.
//!
//! Which thread does what is left to chance; nothing that a result holds may depend on it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `work` of every index below `count`, on up to `threads` threads, in order of index.
///
/// # Panics
/// If `work` does.
pub fn map<T: Send>(threads: usize, count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    if threads <= 1 || count <= 1 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    let result = work(at);
                    done.lock().expect("no thread stops while it adds").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread stops while it adds");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_and_each_piece_is_done_once() {
        for threads in [0, 1, 2, 7, 100] {
            let counts: Vec<AtomicUsize> = (0..50).map(|_| AtomicUsize::new(0)).collect();
            let squares = map(threads, 50, |n| {
                counts[n].fetch_add(1, Ordering::Relaxed);
                n * n
            });
            assert!(squares.into_iter().eq((0..50).map(|n| n * n)), "{threads}");
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1), "{threads}");
        }
        assert!(map(4, 0, |n| n).is_empty());
    }
}
