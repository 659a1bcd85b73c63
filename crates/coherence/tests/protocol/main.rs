//! The protocol under every schedule that a network without order can make of it.

mod causes;
mod controllers;
mod counts;
mod crosscheck;
mod directories;
mod kept;
mod kept_scoped;
mod machine;
mod mutants;
mod networks;
mod packages;
mod schedules;
mod search;
mod text;
mod world;
