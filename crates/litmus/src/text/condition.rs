//! The end of a test: `locations [x; 0:X1]` and the condition.

use super::builder::Builder;
use super::init::{register_name, thread_number};
use super::tokens::{Parsed, Tokens};
use crate::outcome::{Condition, Formula, Observable, Quantifier};
use crate::program::Test;

const MEND: &str = "write `exists (...)`, `~exists (...)` or `forall (...)` over `0:X1=1`, `x=1`, \
                    `/\\`, `\\/` and `~`";

/// Parts of a condition at most.
const ATOMS_MAX: usize = 1024;

struct Reader<'a> {
    tokens: &'a mut Tokens,
    builder: Builder,
    observables: Vec<Observable>,
    /// Parts of the condition so far.
    atoms: usize,
}

pub(super) fn parse(tokens: &mut Tokens, builder: Builder) -> Parsed<Test> {
    let mut reader = Reader { tokens, builder, observables: Vec::new(), atoms: 0 };
    if reader.tokens.take("locations") {
        reader.locations()?;
    }
    if reader.tokens.peek().eq_ignore_ascii_case("filter") {
        return Err(reader.tokens.fault("filters are not of the subset", MEND));
    }
    let condition = reader.condition()?;
    if !reader.tokens.is_end() {
        return Err(reader.tokens.fault("the test ends before this", "leave it out"));
    }
    let Reader { builder, observables, .. } = reader;
    Ok(Test {
        arch: builder.arch,
        name: builder.name,
        locations: builder.locations,
        initial: builder.initial,
        threads: builder.threads.into_iter().map(|d| d.thread).collect(),
        observables,
        condition,
    })
}

impl Reader<'_> {
    fn locations(&mut self) -> Parsed<()> {
        let mend = "write `locations [x; 0:X1;]`";
        self.tokens.expect("[", mend)?;
        while !self.tokens.take("]") {
            if !self.tokens.take(";") {
                self.observable()?;
            }
        }
        Ok(())
    }

    fn condition(&mut self) -> Parsed<Condition> {
        let from = self.tokens.place();
        let not = self.tokens.take("~");
        let quantifier = if self.tokens.take("exists") {
            if not { Quantifier::NotExists } else { Quantifier::Exists }
        } else if !not && self.tokens.take("forall") {
            Quantifier::Forall
        } else {
            return Err(self.tokens.fault("the condition is expected here", MEND));
        };
        let formula = self.either()?;
        Ok(Condition { quantifier, formula, text: self.tokens.text_since(from) })
    }

    fn either(&mut self) -> Parsed<Formula> {
        let mut all = self.both()?;
        while self.tokens.take("\\/") || self.tokens.take("||") {
            all = Formula::Or(Box::new(all), Box::new(self.both()?));
        }
        Ok(all)
    }

    fn both(&mut self) -> Parsed<Formula> {
        let mut all = self.atom()?;
        while self.tokens.take("/\\") || self.tokens.take("&&") {
            all = Formula::And(Box::new(all), Box::new(self.atom()?));
        }
        Ok(all)
    }

    fn atom(&mut self) -> Parsed<Formula> {
        self.tokens.enter()?;
        let read = self.atom_within();
        self.tokens.leave();
        read
    }

    fn atom_within(&mut self) -> Parsed<Formula> {
        self.atoms += 1;
        if self.atoms > ATOMS_MAX {
            let what = format!("the condition has more than {ATOMS_MAX} parts");
            return Err(self.tokens.fault(&what, "ask for less, or in several tests"));
        }
        if self.tokens.take("~") || self.tokens.take("not") {
            return Ok(Formula::Not(Box::new(self.atom()?)));
        }
        if self.tokens.take("(") {
            let inner = self.either()?;
            self.tokens.expect(")", "close the bracket")?;
            return Ok(inner);
        }
        if self.tokens.take("true") {
            return Ok(Formula::True);
        }
        if self.tokens.take("false") {
            return Ok(Formula::Not(Box::new(Formula::True)));
        }
        let at = self.observable()?;
        let unlike = self.tokens.take("<>") || self.tokens.take("!=");
        if !unlike && !self.tokens.take("==") {
            self.tokens.expect("=", MEND)?;
        }
        let is = Formula::Is(at, self.tokens.number()?);
        Ok(if unlike { Formula::Not(Box::new(is)) } else { is })
    }

    /// The place of the observable that is named next.
    fn observable(&mut self) -> Parsed<usize> {
        let what = if self.tokens.is_number() {
            let thread = thread_number(self.tokens)?;
            let name = register_name(self.builder.arch, self.tokens.peek());
            let drafts = &self.builder.threads;
            let find = |name: &String| {
                let registers = &drafts.get(thread)?.thread.registers;
                registers.iter().position(|r| r == name)
            };
            let Some(reg) = name.as_ref().and_then(find) else {
                return Err(self.tokens.fault(
                    &format!("thread {thread} has no such register"),
                    "name a register that the thread uses",
                ));
            };
            self.tokens.next();
            Observable::Register(thread, reg)
        } else {
            let bracket = self.tokens.take("[");
            self.tokens.take("*");
            let name = self.tokens.peek().to_owned();
            let Some(loc) = self.builder.locations.iter().position(|l| *l == name) else {
                return Err(self.tokens.fault("there is no such location or register", MEND));
            };
            self.tokens.next();
            if bracket {
                self.tokens.expect("]", MEND)?;
            }
            Observable::Location(loc)
        };
        if let Some(at) = self.observables.iter().position(|o| *o == what) {
            return Ok(at);
        }
        self.observables.push(what);
        Ok(self.observables.len() - 1)
    }
}
