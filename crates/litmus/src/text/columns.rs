//! Threads side by side: `P0 | P1 ;`, then rows of instructions.

use std::collections::BTreeMap;

use super::builder::{Builder, Draft, Known};
use super::tokens::{Parsed, Tokens};
use super::{THREADS_MAX, aarch64, x86};
use crate::program::{Arch, Branch, Instr};

/// Words that end the rows.
const AFTER: [&str; 5] = ["exists", "forall", "locations", "filter", "~"];

/// A branch to a label that comes later.
pub(super) struct Jump {
    pub(super) when: Branch,
    pub(super) label: String,
}

/// What a cell can be.
pub(super) enum Cell {
    Instr(Instr),
    Jump(Jump),
    /// An instruction without effect.
    Nothing,
}

/// Places of labels, and branches to them.
#[derive(Default)]
struct Labels {
    places: BTreeMap<String, usize>,
    /// Place in the code, label, place of the branch's token.
    jumps: Vec<(usize, String, usize)>,
    /// Label, and what registers are known to hold where it is branched to.
    known: Vec<(String, Vec<Option<Known>>)>,
}

pub(super) fn parse(tokens: &mut Tokens, builder: &mut Builder) -> Parsed<()> {
    let threads = heading(tokens, builder)?;
    let mut labels: Vec<Labels> = Vec::new();
    labels.resize_with(threads, Labels::default);
    while !AFTER.contains(&tokens.peek()) {
        if tokens.is_end() {
            return Err(tokens.fault(
                "the test has no condition",
                "end it with `exists (...)`, `~exists (...)` or `forall (...)`",
            ));
        }
        for (thread, labels) in labels.iter_mut().enumerate() {
            if thread > 0 {
                tokens.expect("|", "give each row one cell a thread, with `|` between them")?;
            }
            cell(tokens, builder, thread, labels)?;
        }
        tokens.expect(";", "end each row with `;`, behind one cell a thread")?;
    }
    for (thread, labels) in labels.iter().enumerate() {
        resolve(tokens, &mut builder.threads[thread], labels)?;
    }
    Ok(())
}

/// Has branches go to their labels.
fn resolve(tokens: &Tokens, draft: &mut Draft, labels: &Labels) -> Parsed<()> {
    for (at, label, token) in &labels.jumps {
        match (labels.places.get(label), draft.thread.code.get_mut(*at)) {
            (Some(place), Some(Instr::Branch { to, .. })) if place > at => *to = *place,
            _ => {
                return Err(tokens.fault_at(
                    *token,
                    &format!("it branches to `{label}`, which is not further down"),
                    "put the label below the branch; loops are not of the subset",
                ));
            }
        }
    }
    if let Some(bare) = draft.branch_without_flags() {
        let token = labels.jumps.iter().find(|(at, ..)| *at == bare).map(|(.., token)| *token);
        return Err(tokens.fault_at(
            token.unwrap_or_else(|| tokens.place()),
            "the flags may be those of no instruction of the test",
            "compare before it, on every way that leads to it",
        ));
    }
    Ok(())
}

/// `P0 | P1 ;`
fn heading(tokens: &mut Tokens, builder: &mut Builder) -> Parsed<usize> {
    let mut threads = 0;
    loop {
        let want = format!("P{threads}");
        if threads == THREADS_MAX {
            let mend = format!("write at most {THREADS_MAX} threads");
            return Err(tokens.fault("there are too many threads", &mend));
        }
        tokens
            .expect(&want, "head the columns by `P0 | P1 ;`, with as many threads as there are")?;
        builder.thread(threads);
        threads += 1;
        if tokens.take(";") {
            break;
        }
        tokens.expect("|", "head the columns by `P0 | P1 ;`")?;
    }
    if builder.threads.len() > threads {
        let number = builder.threads.len() - 1;
        return Err(tokens.fault_before(
            &format!("the initial values name thread {number}, but there is no column for it"),
            "add the column, or leave the initial value out",
        ));
    }
    Ok(threads)
}

fn cell(
    tokens: &mut Tokens,
    builder: &mut Builder,
    thread: usize,
    labels: &mut Labels,
) -> Parsed<()> {
    while tokens.ahead(1) == ":" && !tokens.is_number() {
        let label = tokens.next();
        tokens.next();
        let place = builder.threads[thread].place();
        // Something is known only if it is on every way that leads here.
        for (_, known) in labels.known.iter().filter(|(to, _)| *to == label) {
            for (reg, here) in builder.threads[thread].known.iter_mut().enumerate() {
                if known.get(reg).is_none_or(|there| there != here) {
                    *here = None;
                }
            }
        }
        if labels.places.insert(label, place).is_some() {
            tokens.back();
            return Err(tokens.fault_before("this label is there twice", "rename one of them"));
        }
    }
    if matches!(tokens.peek(), "|" | ";") {
        return Ok(());
    }
    let token = tokens.place();
    let made = match builder.arch {
        Arch::AArch64 => aarch64::instruction(tokens, builder, thread)?,
        _ => x86::instruction(tokens, builder, thread)?,
    };
    match made {
        Cell::Nothing => {}
        Cell::Instr(instr) => builder.threads[thread].push(instr),
        Cell::Jump(Jump { when, label }) => {
            let at = builder.threads[thread].branch(when);
            labels.known.push((label.clone(), builder.threads[thread].known.clone()));
            labels.jumps.push((at, label, token));
        }
    }
    if !matches!(tokens.peek(), "|" | ";") {
        return Err(tokens.fault(
            "the instruction ends before this",
            "write one instruction a cell, with `|` or `;` behind it",
        ));
    }
    Ok(())
}
