//! The binary form: a header, zstd chunks of delta-coded records and of their
//! interleaving, an index, a trailer.

pub(crate) mod codec;
#[cfg(test)]
mod hostile;
pub(crate) mod layout;
pub(crate) mod order;
pub(crate) mod source;
pub(crate) mod stream;
pub(crate) mod writer;
