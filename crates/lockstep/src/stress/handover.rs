//! Programs that hand data from thread to thread, as programs on memory that is kept valid by scopes do: who gives
//! writes and releases a flag; who takes has looked before, waits for the flag by acquires, and looks again.
//!
//! Draws of any operations rarely come to what such memory gets wrong: an answer or a write is still under way when
//! news of a later write has come by another way, over other cables. So a phase is about few words: everybody gives and
//! takes the same ones. What ways there are depends on where the words are at home, so phases are many and short.
//!
//! After the phases about one word come some about several: a word beside it in its line, written while the first is
//! under way, so that the release that follows has two acknowledgements of one line to wait for; one of another line;
//! and one that takers write in the line that they wait for, so that the line is dirty when they acquire.

use base::rng::draw;
use base::{Addr, Op};

use super::case::Phase;

/// Lines of data, and flags on lines of their own behind them.
const DATA: u64 = 24;
const FLAGS: u64 = 8;
/// Words of a line that are used.
const WORDS: u64 = 7;
/// Lines that nobody else wants.
const OTHERS: u64 = 64;
/// Phases about several words.
const PHASES_OF_SEVERAL: u64 = 16;
/// Thinks are below this, or a fraction of it: a few misses over long cables.
const THINK_CYCLES_MAX: u64 = 1 << 12;

/// Phases on a machine of so many nodes, whose homes take turns by so many bytes: lines lie that far apart, or all of
/// them would be at home on one node. A few nodes have threads, one or two each: those of a node, and those of a
/// package, see each other's copies.
pub(super) fn phases(seed: u64, (nodes, stride): (usize, u64)) -> Vec<Phase> {
    let mut dice = Dice { seed, stream: u64::MAX, count: 0 };
    let (seats, count) = (seats(&mut dice, nodes), 16 + dice.below(32));
    let threads = seats.last().map_or(0, |seat| seat + 1);
    let phase = |number: u64| {
        let (line, slot) = (dice.below(DATA), dice.below(WORDS));
        let word = address(line * stride, slot);
        let flag = Addr((DATA + dice.below(FLAGS)) * stride);
        let others = (number >= count).then(|| Others {
            beside: address(line * stride, slot + 1 + dice.below(3)),
            elsewhere: address((line + 1 + dice.below(DATA - 1)) % DATA * stride, slot),
            takers: address(line * stride, slot + 4 + dice.below(3)),
        });
        let thread = |thread: usize| {
            let mut ops = Vec::new();
            if seats.contains(&thread) {
                let dice = Dice { seed, stream: number << 32 | thread as u64, count: 0 };
                let mut steps = Steps { dice, word, flag, others, stride, ops: &mut ops };
                for _ in 0..=steps.dice.below(3) {
                    steps.step();
                }
            }
            ops
        };
        (0..threads).map(thread).collect()
    };
    (0..count + PHASES_OF_SEVERAL).map(phase).collect()
}

/// A word of the line from this byte on, by turns. The first is left out, as in other programs.
fn address(line: u64, slot: u64) -> Addr {
    Addr(line + 8 * (1 + slot % WORDS))
}

/// The threads that do something, in order; threads are put on nodes by turns.
fn seats(dice: &mut Dice, nodes: usize) -> Vec<usize> {
    let mut seats = Vec::new();
    for seat in 0..2 + dice.below(3) {
        let near = seat > 0 && dice.below(2) == 0;
        let node = if near { (seats[0] + 1) % nodes } else { dice.at(nodes) };
        seats.push(node);
        if dice.below(2) == 0 {
            seats.push(node + nodes);
        }
    }
    seats.sort_unstable();
    seats.dedup();
    seats
}

/// Draws of their own.
struct Dice {
    seed: u64,
    stream: u64,
    count: u64,
}

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.count += 1;
        draw(self.seed, self.stream, 18, self.count) % n
    }

    fn at(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap_or(0)
    }
}

/// Words that a phase is about besides the first.
#[derive(Clone, Copy)]
struct Others {
    /// Given with the first, in its line.
    beside: Addr,
    /// Given with the first, in another line, as a rule at home on another node.
    elsewhere: Addr,
    /// In the line of the first; takers write it.
    takers: Addr,
}

/// What a thread does in a phase.
struct Steps<'a> {
    dice: Dice,
    word: Addr,
    flag: Addr,
    others: Option<Others>,
    stride: u64,
    ops: &'a mut Vec<Op>,
}

impl Steps<'_> {
    fn step(&mut self) {
        let most = THINK_CYCLES_MAX >> self.dice.below(10);
        self.think(most);
        match self.dice.below(8) {
            0..=2 => self.give(),
            3..=6 => self.take(most),
            _ => self.ops.push(Op::Fence),
        }
    }

    fn think(&mut self, most: u64) {
        let cycles = u32::try_from(self.dice.below(most)).unwrap_or(0);
        self.ops.push(Op::Think { cycles });
    }

    /// Writes, perhaps has what was written put out, and releases a flag.
    fn give(&mut self) {
        let (addr, size, value) = (self.word, 8, None);
        // A release is written through at once, with nobody waiting for it.
        let release = self.dice.below(4) == 0;
        self.ops.push(if release {
            Op::Release { addr, size, value }
        } else {
            Op::Store { addr, size, value }
        });
        self.put_out();
        if let Some(Others { beside, elsewhere, .. }) = self.others {
            self.ops.push(Op::Store { addr: beside, size, value });
            if self.dice.below(2) == 0 {
                self.ops.push(Op::Store { addr: elsewhere, size, value });
            }
        }
        self.ops.push(Op::Release { addr: self.flag, size, value });
    }

    /// Uses lines that share a set with what was written.
    fn put_out(&mut self) {
        for _ in 0..self.dice.below(4) {
            let addr = Addr((OTHERS + self.dice.below(8)) * self.stride);
            self.ops.push(Op::Load { addr, size: 8 });
        }
    }

    /// Looks or writes, acquires by a flag some times, and looks again.
    fn take(&mut self, most: u64) {
        let (addr, size, value) = (self.word, 8, None);
        match self.dice.below(6) {
            0 | 1 => self.ops.push(Op::Release { addr, size, value }),
            2 => {
                self.ops.push(Op::Store { addr, size, value });
                self.put_out();
            }
            _ => self.ops.push(Op::Load { addr, size }),
        }
        if let Some(Others { takers, .. }) = self.others {
            self.ops.push(Op::Store { addr: takers, size, value });
        }
        for _ in 0..=self.dice.below(16) {
            self.ops.push(Op::Acquire { addr: self.flag, size, sc: false });
            self.ops.push(Op::Load { addr, size });
            if let Some(Others { beside, elsewhere, .. }) = self.others {
                let addr = if self.dice.below(4) == 0 { elsewhere } else { beside };
                self.ops.push(Op::Load { addr, size });
            }
            self.think(most / 4 + 1);
        }
    }
}
