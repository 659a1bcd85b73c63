//! The command line as its users meet it: the built binary, in a folder of its own.

mod checkpoints;
mod counters;
mod errors;
mod links;
mod order;
mod place;
mod results;
mod schedules;
mod traces;
mod verify;
