//! Synthetic traffic that cannot be made: what is wrong, where, and the mend.

use core::fmt;

/// A description of synthetic traffic, or of a measurement, that cannot be used.
///
/// Its `Display` is what is wrong, the key, and after `mend:` the way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntheticError(Box<Inner>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Inner {
    key: &'static str,
    message: String,
    mend: String,
}

impl SyntheticError {
    pub(crate) fn new(
        key: &'static str,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self(Box::new(Inner { key, message: message.into(), mend: mend.into() }))
    }

    /// What is wrong: `traffic`, `process`, `rate`, `packet_flits`, `window` or `tolerance`.
    pub fn key(&self) -> &'static str {
        self.0.key
    }

    /// What is wrong, in one sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    pub fn mend(&self) -> &str {
        &self.0.mend
    }
}

impl fmt::Display for SyntheticError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\nmend: {}", self.0.key, self.0.message, self.0.mend)
    }
}

impl core::error::Error for SyntheticError {}
