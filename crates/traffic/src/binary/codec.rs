//! Records as bytes: a tag, then LEB128 numbers; addresses as zigzag differences.
//!
//! The tag's low four bits are the kind, its high four the size: `k` for 2^k bytes (0 to 6), or 15
//! for a size byte that follows. An address is the difference to the thread's previous address,
//! which is 0 at the start of a chunk, so chunks can be read on their own.

use base::{Addr, Combine, Op, Order, Rmw, Scope};

use crate::check::check;

const LOAD: u8 = 0;
const STORE: u8 = 1;
const STORE_VALUE: u8 = 2;
const ADD: u8 = 3;
const SWAP: u8 = 4;
const CAS: u8 = 5;
const FENCE: u8 = 6;
const BARRIER: u8 = 7;
const THINK: u8 = 8;
const COPY: u8 = 9;
const ACQUIRE: u8 = 10;
const ACQUIRE_SC: u8 = 11;
const RELEASE: u8 = 12;
const RELEASE_VALUE: u8 = 13;
const ORDER: u8 = 14;
/// Alone, and the record that follows reaches its thread's package only.
const PACKAGE: u8 = 15;
const SIZE_FOLLOWS: u8 = 15;

/// Writes the records of one chunk.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: u32,
    last: u64,
}

impl Encoder {
    /// Appends one record, which must be checked and canonical.
    pub(crate) fn push(&mut self, op: &Op) {
        let (op, scope) = op.split();
        if scope == Scope::Package {
            self.bytes.push(PACKAGE);
        }
        match op {
            Op::Load { addr, size } => {
                self.sized(LOAD, size);
                self.addr(addr);
            }
            Op::Store { addr, size, value: None } => {
                self.sized(STORE, size);
                self.addr(addr);
            }
            Op::Store { addr, size, value: Some(v) } => {
                self.sized(STORE_VALUE, size);
                self.addr(addr);
                self.number(v);
            }
            Op::Acquire { addr, size, sc } => {
                self.sized(if sc { ACQUIRE_SC } else { ACQUIRE }, size);
                self.addr(addr);
            }
            Op::Release { addr, size, value } => {
                self.sized(value.map_or(RELEASE, |_| RELEASE_VALUE), size);
                self.addr(addr);
                if let Some(v) = value {
                    self.number(v);
                }
            }
            Op::Order(Order::Loads) => self.bytes.push(ORDER),
            Op::Order(Order::Stores) => self.bytes.push(ORDER | 1 << 4),
            Op::Atomic { addr, size, rmw } => self.atomic(addr, size, rmw),
            Op::Fence => self.bytes.push(FENCE),
            Op::Barrier { id, members } => {
                self.bytes.push(BARRIER);
                self.number(u64::from(id));
                self.number(u64::from(members));
            }
            Op::Reduce { id, members, how, value } => {
                self.bytes.push(BARRIER | (how as u8) << 4);
                self.number(u64::from(id));
                self.number(u64::from(members));
                self.number(value);
            }
            Op::At { count } => {
                self.bytes.push(THINK | 1 << 4);
                self.number(count);
            }
            Op::Think { cycles } => {
                self.bytes.push(THINK);
                self.number(u64::from(cycles));
            }
            Op::Copy { from, to, bytes } => {
                self.bytes.push(COPY);
                self.addr(from);
                self.addr(to);
                self.number(u64::from(bytes));
            }
            Op::Package(_) => {}
        }
        self.records += 1;
    }

    /// Empties it for the next chunk and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.records = 0;
        self.last = 0;
    }

    fn atomic(&mut self, addr: Addr, size: u8, rmw: Rmw) {
        let kind = match rmw {
            Rmw::Add(_) => ADD,
            Rmw::Swap(_) => SWAP,
            Rmw::Cas { .. } => CAS,
        };
        self.sized(kind, size);
        self.addr(addr);
        match rmw {
            Rmw::Add(v) | Rmw::Swap(v) => self.number(v),
            Rmw::Cas { expected, new } => {
                self.number(expected);
                self.number(new);
            }
        }
    }

    fn sized(&mut self, kind: u8, size: u8) {
        match size {
            1 | 2 | 4 | 8 | 16 | 32 | 64 => {
                let code = u8::try_from(size.trailing_zeros()).unwrap_or(SIZE_FOLLOWS);
                self.bytes.push(kind | code << 4);
            }
            _ => self.bytes.extend([kind | SIZE_FOLLOWS << 4, size]),
        }
    }

    fn addr(&mut self, addr: Addr) {
        let step = addr.0.wrapping_sub(self.last).cast_signed();
        self.number(((step << 1) ^ (step >> 63)).cast_unsigned());
        self.last = addr.0;
    }

    fn number(&mut self, n: u64) {
        put_number(&mut self.bytes, n);
    }
}

/// Appends a LEB128 number.
pub(super) fn put_number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push((n & 0x7f) as u8);
}

/// Reads the LEB128 number at `at` and moves behind it.
///
/// # Errors
/// What is wrong with the bytes, in words.
pub(super) fn take_number(bytes: &[u8], at: &mut usize) -> Result<u64, &'static str> {
    let mut r = Reader { bytes, at: *at, last: 0 };
    let n = r.number()?;
    *at = r.at;
    Ok(n)
}

/// Where the reading of a chunk stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    pub(crate) at: usize,
    last: u64,
}

impl Cursor {
    /// The start of a chunk.
    pub(crate) const START: Self = Self { at: 0, last: 0 };
}

/// Reads the record at `cursor`.
///
/// # Errors
/// What is wrong with the bytes, in words.
#[inline]
pub(crate) fn decode(bytes: &[u8], cursor: &mut Cursor) -> Result<Op, &'static str> {
    let mut r = Reader { bytes, at: cursor.at, last: cursor.last };
    let mut tag = r.byte()?;
    let within = tag == PACKAGE;
    if within {
        tag = r.byte()?;
    }
    let op = match tag & 15 {
        LOAD => {
            let size = r.size(tag)?;
            Op::Load { addr: r.addr()?, size }
        }
        STORE => {
            let size = r.size(tag)?;
            Op::Store { addr: r.addr()?, size, value: None }
        }
        STORE_VALUE => {
            let size = r.size(tag)?;
            Op::Store { addr: r.addr()?, size, value: Some(r.number()?) }
        }
        kind @ (ACQUIRE | ACQUIRE_SC) => {
            let size = r.size(tag)?;
            Op::Acquire { addr: r.addr()?, size, sc: kind == ACQUIRE_SC }
        }
        RELEASE => {
            let size = r.size(tag)?;
            Op::Release { addr: r.addr()?, size, value: None }
        }
        RELEASE_VALUE => {
            let size = r.size(tag)?;
            Op::Release { addr: r.addr()?, size, value: Some(r.number()?) }
        }
        ORDER if tag >> 4 == 1 => Op::Order(Order::Stores),
        kind @ (ADD | SWAP | CAS) => {
            let size = r.size(tag)?;
            let (addr, first) = (r.addr()?, r.number()?);
            let rmw = match kind {
                ADD => Rmw::Add(first),
                SWAP => Rmw::Swap(first),
                _ => Rmw::Cas { expected: first, new: r.number()? },
            };
            Op::Atomic { addr, size, rmw }
        }
        THINK if tag >> 4 == 1 => Op::At { count: r.number()? },
        BARRIER if tag >> 4 != 0 => {
            let how = Combine::numbered(u64::from(tag >> 4));
            let how = how.ok_or("a reduction combines in no known way")?;
            Op::Reduce { id: r.word()?, members: r.word()?, how, value: r.number()? }
        }
        kind if tag >> 4 == 0 => match kind {
            FENCE => Op::Fence,
            ORDER => Op::Order(Order::Loads),
            BARRIER => Op::Barrier { id: r.word()?, members: r.word()? },
            THINK => Op::Think { cycles: r.word()? },
            COPY => Op::Copy { from: r.addr()?, to: r.addr()?, bytes: r.word()? },
            _ => return Err("a record is of no known kind"),
        },
        _ => return Err("a record is of no known kind"),
    };
    check(&op).map_err(|_| "a record is out of range")?;
    let op = if within { op.within_package().ok_or("a record has no scope")? } else { op };
    *cursor = Cursor { at: r.at, last: r.last };
    Ok(op)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    last: u64,
}

impl Reader<'_> {
    #[inline]
    fn byte(&mut self) -> Result<u8, &'static str> {
        let b = *self.bytes.get(self.at).ok_or("a record is cut off")?;
        self.at += 1;
        Ok(b)
    }

    #[inline]
    fn number(&mut self) -> Result<u64, &'static str> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut n = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let b = self.byte()?;
            if shift == 63 && b > 1 {
                break;
            }
            n |= u64::from(b & 0x7f) << shift;
            if b < 0x80 {
                return Ok(n);
            }
        }
        Err("a number is too long")
    }

    #[inline]
    fn word(&mut self) -> Result<u32, &'static str> {
        u32::try_from(self.number()?).map_err(|_| "a number is too large")
    }

    #[inline]
    fn size(&mut self, tag: u8) -> Result<u8, &'static str> {
        match tag >> 4 {
            code @ 0..=6 => Ok(1 << code),
            SIZE_FOLLOWS => self.byte(),
            _ => Err("a record has no known size"),
        }
    }

    #[inline]
    fn addr(&mut self) -> Result<Addr, &'static str> {
        let z = self.number()?;
        let step = (z >> 1) ^ (z & 1).wrapping_neg();
        self.last = self.last.wrapping_add(step);
        Ok(Addr(self.last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_bytes_decode_to_checked_records_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut cursor = Cursor::START;
            while let Ok(op) = decode(&bytes, &mut cursor) {
                prop_assert!(check(&op).is_ok());
                prop_assert!(cursor.at <= bytes.len());
            }
        }
    }

    #[test]
    fn a_number_of_ten_bytes_holds_64_bits_and_not_one_more() {
        let think = |last: u8| {
            let mut bytes = vec![STORE_VALUE, 0];
            bytes.extend([0xff; 9]);
            bytes.push(last);
            decode(&bytes, &mut Cursor { at: 0, last: 0 })
        };
        assert_eq!(think(1), Ok(Op::Store { addr: Addr(0), size: 1, value: Some(u64::MAX) }));
        assert_eq!(think(2), Err("a number is too long"));
        assert_eq!(think(0x81), Err("a number is too long"));
    }
}
