//! Laws of static schedules, on drawn machines.

mod faults;
mod laws;
mod networks;
