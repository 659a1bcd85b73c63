//! Functions of C: `P0(int *x, atomic_int *y) { ... }`.
//!
//! Parameters are locations of the same names. A statement loads or stores at most one of them.

use super::THREADS_MAX;
use super::builder::{Builder, Draft};
use super::tokens::{Parsed, Tokens};
use crate::program::{
    Alu, Arch, Branch, Fence, Instr, LoadOrder, LocIdx, Operand, Place, Reg, Rmw,
};

const STATEMENT: &str = "write `int r0 = READ_ONCE(*x);`, `WRITE_ONCE(*x, 1);`, an \
                         atomic_..._explicit call, a fence, `if (r0) { ... }` or `r1 = r0 + 1;`";
const ORDERS: &str = "write memory_order_relaxed, _acquire, _release, _acq_rel or _seq_cst";
const POINTER: &str = "name a location that is a parameter: `*x`, `x` or `&x`";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Relaxed,
    Acquire,
    Release,
    AcqRel,
    SeqCst,
}

impl Order {
    fn acquires(self) -> bool {
        matches!(self, Self::Acquire | Self::AcqRel | Self::SeqCst)
    }

    fn releases(self) -> bool {
        matches!(self, Self::Release | Self::AcqRel | Self::SeqCst)
    }
}

pub(super) fn parse(tokens: &mut Tokens, builder: &mut Builder) -> Parsed<()> {
    let mut thread = 0;
    loop {
        while matches!(tokens.peek(), "static" | "void") {
            tokens.next();
        }
        if !tokens.peek().starts_with('P') || tokens.ahead(1) != "(" {
            break;
        }
        let mend = format!("number the functions from P0 to at most P{}", THREADS_MAX - 1);
        if thread == THREADS_MAX {
            return Err(tokens.fault("there are too many threads", &mend));
        }
        tokens.expect(&format!("P{thread}"), &mend)?;
        builder.thread(thread);
        Function { tokens, builder, thread, parameters: Vec::new() }.parse()?;
        thread += 1;
    }
    debug_assert_eq!(builder.arch, Arch::C);
    Ok(())
}

struct Function<'a> {
    tokens: &'a mut Tokens,
    builder: &'a mut Builder,
    thread: usize,
    parameters: Vec<String>,
}

impl Function<'_> {
    fn parse(mut self) -> Parsed<()> {
        self.tokens.expect("(", "write `P0(int *x, int *y) { ... }`")?;
        let mut last = String::new();
        loop {
            let token = self.tokens.next();
            match token.as_str() {
                "," | ")" => {
                    if !last.is_empty() && last != "void" {
                        self.builder.location(&last);
                        self.parameters.push(core::mem::take(&mut last));
                    }
                    if token == ")" {
                        break;
                    }
                }
                "*" => {}
                word if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => last = token,
                _ => {
                    let what = "a parameter is expected here";
                    return Err(self.tokens.fault_before(what, "write `int *x`"));
                }
            }
        }
        self.block()
    }

    /// `{ ... }`
    fn block(&mut self) -> Parsed<()> {
        self.tokens.expect("{", "put the statements in braces")?;
        while !self.tokens.take("}") {
            self.statement()?;
        }
        Ok(())
    }

    fn push(&mut self, instr: Instr) {
        self.builder.threads[self.thread].push(instr);
    }

    fn draft(&mut self) -> &mut Draft {
        &mut self.builder.threads[self.thread]
    }

    fn register(&mut self, name: &str) -> Reg {
        self.builder.threads[self.thread].register(name)
    }

    fn statement(&mut self) -> Parsed<()> {
        self.tokens.enter()?;
        let read = self.statement_within();
        self.tokens.leave();
        read
    }

    fn statement_within(&mut self) -> Parsed<()> {
        if self.tokens.take(";") {
            return Ok(());
        }
        if self.tokens.peek() == "{" {
            return self.block();
        }
        if self.tokens.take("if") {
            return self.conditional();
        }
        if self.tokens.peek() == "*" {
            // `*x = 1;`
            let at = self.pointer()?;
            self.tokens.expect("=", STATEMENT)?;
            let value = self.expression()?;
            self.push(Instr::Store { value, at, release: false });
            return self.semicolon();
        }
        let call = self.tokens.ahead(1) == "(";
        let name = self.tokens.name("a statement", STATEMENT)?;
        if call {
            self.call(&name, None)?;
            return self.semicolon();
        }
        // Types precede the name of a new register.
        let mut name = name;
        while !matches!(self.tokens.peek(), "=" | ";") {
            name = self.tokens.name("a register", STATEMENT)?;
        }
        if self.parameters.contains(&name) {
            let what = "a location is written through its address";
            return Err(self.tokens.fault_before(what, "write `*x = 1;` or WRITE_ONCE(*x, 1)"));
        }
        let to = self.register(&name);
        if self.tokens.take("=") {
            self.assign(to)?;
        }
        self.semicolon()
    }

    fn semicolon(&mut self) -> Parsed<()> {
        self.tokens.expect(";", "end each statement with `;`")
    }

    /// What stands to the right of `r =`.
    fn assign(&mut self, to: Reg) -> Parsed<()> {
        self.tokens.enter()?;
        let read = self.assign_within(to);
        self.tokens.leave();
        read
    }

    fn assign_within(&mut self, to: Reg) -> Parsed<()> {
        if self.tokens.peek() == "*" {
            let at = self.pointer()?;
            self.push(Instr::Load { to, at, order: LoadOrder::Plain });
            return Ok(());
        }
        if self.is_cast() {
            (0..3).for_each(|_| drop(self.tokens.next()));
            return self.assign(to);
        }
        let named = self.tokens.peek().starts_with(|c: char| c.is_alphabetic() || c == '_');
        if named && self.tokens.ahead(1) == "(" {
            let name = self.tokens.next();
            return self.call(&name, Some(to));
        }
        let a = self.expression()?;
        self.push(Instr::Compute { to, alu: Alu::Move, a, b: Operand::Const(0) });
        Ok(())
    }

    /// Whether a cast such as `(int)` is next, and no register in brackets.
    fn is_cast(&mut self) -> bool {
        let name = self.tokens.ahead(1);
        let word = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let register = self.builder.threads[self.thread].thread.registers.iter().any(|r| r == name);
        self.tokens.peek() == "(" && self.tokens.ahead(2) == ")" && word && !register
    }

    /// `if (e) { ... } else { ... }`
    fn conditional(&mut self) -> Parsed<()> {
        self.tokens.expect("(", "write `if (r0) { ... }`")?;
        let test = self.expression()?;
        self.tokens.expect(")", "close the bracket")?;
        let branch = self.draft().branch(Branch::Zero(test));
        self.statement()?;
        if self.tokens.take("else") {
            let skip = self.draft().branch(Branch::Always);
            self.draft().land(branch);
            self.statement()?;
            self.draft().land(skip);
        } else {
            self.draft().land(branch);
        }
        Ok(())
    }

    /// Sums of registers and numbers, compared.
    fn expression(&mut self) -> Parsed<Operand> {
        let mut a = self.sum()?;
        loop {
            let alu = match self.tokens.peek() {
                "==" => Alu::Eq,
                "!=" => Alu::Ne,
                _ => return Ok(a),
            };
            self.tokens.next();
            let b = self.sum()?;
            a = self.computed(alu, a, b);
        }
    }

    fn sum(&mut self) -> Parsed<Operand> {
        let mut a = self.term()?;
        loop {
            let alu = match self.tokens.peek() {
                "+" => Alu::Add,
                "-" => Alu::Sub,
                "^" => Alu::Xor,
                "&" => Alu::And,
                _ => return Ok(a),
            };
            self.tokens.next();
            let b = self.term()?;
            a = self.computed(alu, a, b);
        }
    }

    fn computed(&mut self, alu: Alu, a: Operand, b: Operand) -> Operand {
        let to = self.draft().scratch();
        self.push(Instr::Compute { to, alu, a, b });
        Operand::Reg(to)
    }

    fn term(&mut self) -> Parsed<Operand> {
        self.tokens.enter()?;
        let read = self.term_within();
        self.tokens.leave();
        read
    }

    fn term_within(&mut self) -> Parsed<Operand> {
        if self.tokens.is_number() {
            return Ok(Operand::Const(self.tokens.number()?));
        }
        if self.tokens.take("!") {
            let a = self.term()?;
            return Ok(self.computed(Alu::Eq, a, Operand::Const(0)));
        }
        if self.tokens.take("(") {
            let inner = self.expression()?;
            self.tokens.expect(")", "close the bracket")?;
            return Ok(inner);
        }
        let name = self.tokens.name("a register or a number", STATEMENT)?;
        let draft = &self.builder.threads[self.thread];
        match draft.thread.registers.iter().position(|r| *r == name) {
            Some(reg) => Ok(Operand::Reg(reg)),
            None => Err(self.tokens.fault_before(
                "there is no register of this name here",
                "load into a register first: one statement loads or stores one location",
            )),
        }
    }

    /// `*x`, `x` or `&x`.
    fn pointer(&mut self) -> Parsed<Place> {
        self.tokens.enter()?;
        let read = self.pointer_within();
        self.tokens.leave();
        read
    }

    fn pointer_within(&mut self) -> Parsed<Place> {
        let _ = self.tokens.take("*") || self.tokens.take("&");
        if self.tokens.take("(") {
            let place = self.pointer()?;
            self.tokens.expect(")", "close the bracket")?;
            return Ok(place);
        }
        let name = self.tokens.name("a location", POINTER)?;
        if !self.parameters.contains(&name) {
            return Err(self.tokens.fault_before("it is no parameter of this function", POINTER));
        }
        let loc: LocIdx = self.builder.location(&name);
        Ok(Place { loc, depends: Vec::new() })
    }

    fn comma(&mut self) -> Parsed<()> {
        self.tokens.expect(",", "put `,` between arguments")
    }

    /// `, memory_order_...`
    fn order(&mut self) -> Parsed<Order> {
        self.comma()?;
        self.bare_order()
    }

    fn bare_order(&mut self) -> Parsed<Order> {
        let order = match self.tokens.peek() {
            "memory_order_relaxed" => Order::Relaxed,
            "memory_order_acquire" | "memory_order_consume" => Order::Acquire,
            "memory_order_release" => Order::Release,
            "memory_order_acq_rel" => Order::AcqRel,
            "memory_order_seq_cst" => Order::SeqCst,
            _ => return Err(self.tokens.fault("a memory order is expected here", ORDERS)),
        };
        self.tokens.next();
        Ok(order)
    }

    /// A call, and where its result goes.
    fn call(&mut self, name: &str, to: Option<Reg>) -> Parsed<()> {
        self.tokens.expect("(", STATEMENT)?;
        match name {
            "smp_mb" | "smp_mb__before_atomic" | "smp_mb__after_atomic" => {
                self.fence(Fence::Full, to)?;
            }
            "smp_rmb" => self.fence(Fence::Loads, to)?,
            "smp_wmb" => self.fence(Fence::Stores, to)?,
            "atomic_thread_fence" => {
                let fence = match self.bare_order()? {
                    Order::Relaxed => None,
                    Order::Acquire => Some(Fence::Loads),
                    Order::Release => Some(Fence::Release),
                    Order::AcqRel => Some(Fence::AcquireRelease),
                    Order::SeqCst => Some(Fence::Full),
                };
                if let Some(fence) = fence {
                    self.fence(fence, to)?;
                }
            }
            "READ_ONCE" => self.load(to, Some(Order::Relaxed))?,
            "smp_load_acquire" => self.load(to, Some(Order::Acquire))?,
            "atomic_load" => self.load(to, Some(Order::SeqCst))?,
            "atomic_load_explicit" => self.load(to, None)?,
            "WRITE_ONCE" => self.store(to, Some(Order::Relaxed))?,
            "smp_store_release" => self.store(to, Some(Order::Release))?,
            "atomic_store" => self.store(to, Some(Order::SeqCst))?,
            "atomic_store_explicit" => self.store(to, None)?,
            "atomic_fetch_add" => self.rmw(Rmw::Add, to, Some(Order::SeqCst))?,
            "atomic_fetch_add_explicit" => self.rmw(Rmw::Add, to, None)?,
            "atomic_exchange" => self.rmw(Rmw::Swap, to, Some(Order::SeqCst))?,
            "atomic_exchange_explicit" => self.rmw(Rmw::Swap, to, None)?,
            "barrier" => self.nothing_for(to)?,
            "xchg" => self.full_exchange(to)?,
            "xchg_relaxed" => self.rmw(Rmw::Swap, to, Some(Order::Relaxed))?,
            "xchg_acquire" => self.rmw(Rmw::Swap, to, Some(Order::Acquire))?,
            "xchg_release" => self.rmw(Rmw::Swap, to, Some(Order::Release))?,
            "cmpxchg" => self.compare_exchange(to, Order::SeqCst)?,
            "cmpxchg_relaxed" => self.compare_exchange(to, Order::Relaxed)?,
            "cmpxchg_acquire" => self.compare_exchange(to, Order::Acquire)?,
            "cmpxchg_release" => self.compare_exchange(to, Order::Release)?,
            _ => {
                self.tokens.back();
                return Err(self.tokens.fault_before("it is no call of the subset", STATEMENT));
            }
        }
        self.tokens.expect(")", "close the call")
    }

    fn fence(&mut self, fence: Fence, to: Option<Reg>) -> Parsed<()> {
        self.nothing_for(to)?;
        self.push(Instr::Fence(fence));
        Ok(())
    }

    fn nothing_for(&self, to: Option<Reg>) -> Parsed<()> {
        if to.is_none() {
            return Ok(());
        }
        Err(self.tokens.fault("the call has no result", "write it as a statement of its own"))
    }

    fn load(&mut self, to: Option<Reg>, order: Option<Order>) -> Parsed<()> {
        let at = self.pointer()?;
        let order = order.map_or_else(|| self.order(), Ok)?;
        let to = to.unwrap_or_else(|| self.draft().scratch());
        let order = match order {
            Order::Relaxed => LoadOrder::Plain,
            Order::Acquire => LoadOrder::Acquire,
            Order::SeqCst => LoadOrder::AcquireSc,
            Order::Release | Order::AcqRel => {
                return Err(self.tokens.fault_before("a load cannot release", ORDERS));
            }
        };
        self.push(Instr::Load { to, at, order });
        Ok(())
    }

    fn store(&mut self, to: Option<Reg>, order: Option<Order>) -> Parsed<()> {
        self.nothing_for(to)?;
        let at = self.pointer()?;
        self.comma()?;
        let value = self.expression()?;
        let release = match order.map_or_else(|| self.order(), Ok)? {
            Order::Relaxed => false,
            Order::Release | Order::SeqCst => true,
            Order::Acquire | Order::AcqRel => {
                return Err(self.tokens.fault_before("a store cannot acquire", ORDERS));
            }
        };
        self.push(Instr::Store { value, at, release });
        Ok(())
    }

    fn rmw(&mut self, rmw: Rmw, to: Option<Reg>, order: Option<Order>) -> Parsed<()> {
        let at = self.pointer()?;
        self.comma()?;
        let operand = self.expression()?;
        let order = order.map_or_else(|| self.order(), Ok)?;
        let (acquire, release) = (order.acquires(), order.releases());
        self.push(Instr::Rmw { to, at, rmw, operand, acquire, release, full: false });
        Ok(())
    }

    /// The kernel's `cmpxchg(x, old, new)`; the plain one is a full fence too. One that fails orders nothing.
    /// Source: Linux, `Documentation/atomic_t.txt`, ordering.
    fn compare_exchange(&mut self, to: Option<Reg>, order: Order) -> Parsed<()> {
        let at = self.pointer()?;
        self.comma()?;
        let expected = self.expression()?;
        self.comma()?;
        let operand = self.expression()?;
        let rmw = Rmw::CompareSwap { expected, orders_failed: false };
        let full = order == Order::SeqCst;
        let (acquire, release) = (order.acquires(), order.releases());
        self.push(Instr::Rmw { to, at, rmw, operand, acquire, release, full });
        Ok(())
    }

    /// The kernel's `xchg` is a full fence too.
    fn full_exchange(&mut self, to: Option<Reg>) -> Parsed<()> {
        let at = self.pointer()?;
        self.comma()?;
        let operand = self.expression()?;
        let (rmw, acquire, release, full) = (Rmw::Swap, true, true, true);
        self.push(Instr::Rmw { to, at, rmw, operand, acquire, release, full });
        Ok(())
    }
}
