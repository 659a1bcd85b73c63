//! The `lockstep` binary: every verb of the emulator.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
