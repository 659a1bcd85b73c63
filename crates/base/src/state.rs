//! What a run changes, written down and read back: the parts of a checkpoint.
//!
//! ```text
//!   built from the machine's description: configuration, and state as at the start
//!                                                             ▲ load
//!   Saver ── bytes ──▶ (a file, somewhere else) ──▶ Loader ───┘
//! ```
//!
//! State is loaded into a component that was built anew, so configuration is never written down. Plain data
//! are written by serde in postcard's form; a component says by [`state!`](crate::state!) which of its fields
//! change in a run, and which do not. It must name all of them: a field that is added and not named does not
//! compile. What was written down by a build that names them otherwise has another [`Form`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::form::Form;

/// Takes in state.
#[derive(Clone, Default, Debug)]
pub struct Saver {
    bytes: Vec<u8>,
}

impl Saver {
    /// Writes a value down.
    ///
    /// # Panics
    /// If the value cannot be written down: what a component holds can.
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T) {
        let bytes = core::mem::take(&mut self.bytes);
        self.bytes = postcard::to_extend(value, bytes).expect("state is plain data");
    }

    /// All that was written down since it was taken last.
    pub fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.bytes)
    }

    /// How many bytes wait to be taken.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether none do.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// What was written down does not fit what is to take it up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unfit;

impl core::fmt::Display for Unfit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the state does not fit the machine")
    }
}

impl core::error::Error for Unfit {}

/// Gives state back, in the order in which it was written down.
#[derive(Clone, Debug)]
pub struct Loader<'a> {
    rest: &'a [u8],
}

impl<'a> Loader<'a> {
    /// Reads `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next value.
    ///
    /// # Errors
    /// If there is none of that form.
    pub fn get<T: DeserializeOwned>(&mut self) -> Result<T, Unfit> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|_| Unfit)?;
        self.rest = rest;
        Ok(value)
    }

    /// Whether everything was read.
    pub const fn is_done(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Has state that can be written down, and be taken up by another of the same configuration.
pub trait State {
    /// Writes the state down.
    fn save(&self, to: &mut Saver);

    /// Takes the state up from what was written down of another of the same configuration.
    ///
    /// # Errors
    /// If it was another configuration. Part of the state may have been taken up by then.
    fn load(&mut self, from: &mut Loader<'_>) -> Result<(), Unfit>;

    /// Names what is written down, in its order: what was written in another form is not to be taken up.
    fn form(&self, to: &mut Form);
}

/// Plain data are state by themselves.
impl<T: Serialize + DeserializeOwned> State for T {
    fn save(&self, to: &mut Saver) {
        to.put(self);
    }

    fn load(&mut self, from: &mut Loader<'_>) -> Result<(), Unfit> {
        *self = from.get()?;
        Ok(())
    }

    fn form(&self, to: &mut Form) {
        to.plain::<T>();
    }
}

/// Declares a component's state: the fields that change in a run, which are state themselves (`keeps`), those
/// that hold as many such components as the configuration says (`each`: a list, an array, an option), and
/// those that do not change or are empty between steps (`fixed`). All fields have to be named.
///
/// ```
/// use base::state::{Loader, Saver, State};
///
/// struct Counter { limit: u32, count: u32 }
/// base::state!([] Counter { keeps count; each; fixed limit });
///
/// let mut saver = Saver::default();
/// Counter { limit: 9, count: 4 }.save(&mut saver);
/// let mut anew = Counter { limit: 9, count: 0 };
/// anew.load(&mut Loader::new(&saver.take()))?;
/// assert_eq!(anew.count, 4);
/// # Ok::<(), base::state::Unfit>(())
/// ```
#[macro_export]
macro_rules! state {
    ([$($generics:tt)*] $type:ty {
        keeps $($kept:ident),*; each $($each:ident),*; fixed $($fixed:ident),* $(,)?
    }) => {
        impl<$($generics)*> $crate::state::State for $type {
            fn save(&self, to: &mut $crate::state::Saver) {
                let Self { $($kept,)* $($each,)* $($fixed: _,)* } = self;
                $($crate::state::State::save($kept, to);)*
                $(
                    to.put(&$each.iter().count());
                    for one in $each.iter() {
                        one.save(to);
                    }
                )*
            }

            fn load(
                &mut self,
                from: &mut $crate::state::Loader<'_>,
            ) -> Result<(), $crate::state::Unfit> {
                let Self { $($kept,)* $($each,)* $($fixed: _,)* } = self;
                $($crate::state::State::load($kept, from)?;)*
                $(
                    if from.get::<usize>()? != $each.iter().count() {
                        return Err($crate::state::Unfit);
                    }
                    for one in $each.iter_mut() {
                        one.load(from)?;
                    }
                )*
                Ok(())
            }

            fn form(&self, to: &mut $crate::form::Form) {
                let Self { $($kept,)* $($each,)* $($fixed: _,)* } = self;
                $(
                    to.name(stringify!($kept));
                    $crate::state::State::form($kept, to);
                )*
                $(
                    to.name(stringify!($each));
                    if let Some(one) = $each.iter().next() {
                        one.form(to);
                    }
                )*
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Part {
        size: u32,
        used: Vec<u64>,
    }

    state!([] Part { keeps used; each; fixed size });

    #[derive(Debug)]
    struct Whole<T> {
        parts: Vec<Part>,
        apart: Option<Box<Part>>,
        seen: T,
    }

    state!([T: Serialize + DeserializeOwned] Whole<T> { keeps seen; each parts, apart; fixed });

    fn whole(parts: usize, apart: bool) -> Whole<(u8, Option<u128>)> {
        let part = |_| Part { size: 7, used: Vec::new() };
        let apart = apart.then(|| Box::new(part(0)));
        Whole { parts: (0..parts).map(part).collect(), apart, seen: (0, None) }
    }

    fn written() -> Vec<u8> {
        let mut saver = Saver::default();
        let mut one = whole(2, true);
        one.seen = (3, Some(u128::MAX));
        one.parts[1].used = vec![5, u64::MAX];
        one.apart.as_mut().expect("it is there").used.push(1);
        one.save(&mut saver);
        saver.take()
    }

    #[test]
    fn state_is_taken_up_and_configuration_left() {
        let bytes = written();
        let mut other = whole(2, true);
        other.parts[1].size = 8;
        let mut loader = Loader::new(&bytes);
        assert_eq!(other.load(&mut loader), Ok(()));
        assert!(loader.is_done());
        assert_eq!((other.seen, other.parts[1].size), ((3, Some(u128::MAX)), 8));
        assert_eq!(other.parts[1].used, [5, u64::MAX]);
        assert_eq!(other.apart.map(|a| a.used), Some(vec![1]));
    }

    #[test]
    fn components_of_other_names_have_another_form() {
        struct Swapped {
            first: u64,
            then: u64,
        }
        struct Renamed {
            one: u64,
            then: u64,
        }
        state!([] Swapped { keeps then, first; each; fixed });
        state!([] Renamed { keeps one, then; each; fixed });
        let form = |of: &dyn Fn(&mut Form)| {
            let mut form = Form::default();
            of(&mut form);
            form.hash()
        };
        let swapped = Swapped { first: 1, then: 2 };
        let renamed = Renamed { one: 1, then: 2 };
        let forms = [
            form(&|f| swapped.form(f)),
            form(&|f| renamed.form(f)),
            form(&|f| whole(1, true).form(f)),
            form(&|f| whole(1, false).form(f)),
        ];
        let different: std::collections::BTreeSet<u64> = forms.into_iter().collect();
        assert_eq!(different.len(), forms.len());
        assert_eq!(forms[2], form(&|f| whole(3, true).form(f)));
    }

    #[test]
    fn another_configuration_is_refused() {
        let bytes = written();
        for mut other in [whole(3, true), whole(2, false)] {
            assert_eq!(other.load(&mut Loader::new(&bytes)), Err(Unfit));
        }
        let short = &bytes[..bytes.len() - 1];
        assert_eq!(whole(2, true).load(&mut Loader::new(short)), Err(Unfit));
    }
}
