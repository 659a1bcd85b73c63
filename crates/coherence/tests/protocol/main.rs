//! The protocol under every schedule that a network without order can make of it.

mod causes;
mod controllers;
mod exhaustive;
mod mutants;
mod schedules;
mod world;
