//! Framed links: their description, the classes that ship with this crate, and what both become.
//!
//! A class is a table of figures, each with its source, in a RON file of `classes/`. A description
//! names one and overrides what it likes, or gives every figure itself:
//!
//! ```ron
//! links: {
//!     "far": Framed(class: "ualink200", lanes: 2, ber: 1e-6, replay: (retries: 3), buffer_flits: 400),
//! }
//! ```

mod classes;
mod events;
mod form;
mod merge;
mod spec;
mod validate;

pub use classes::{CLASSES, class};
pub use events::{EventForm, EventSpec, Happening};
pub use form::{
    BlockForm, BurstForm, Chance, CodeForm, Credits, ElasticForm, EnergyForm, FrameForm,
    FramedForm, Modulation, ReplayForm, SkipForm, Undetected,
};
pub use spec::{Block, Burst, Code, Elastic, PhySpec, Replay};

pub(crate) use events::{down_from_start, events};
pub use merge::resolved;

pub(crate) use merge::resolve;
pub(crate) use validate::{clocks, values};
