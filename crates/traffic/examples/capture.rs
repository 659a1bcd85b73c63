//! Captures a C program: `cargo run -p lockstep-traffic --example capture -- OUT.lkst PROG.c [ARGS]`
use std::path::Path;

use traffic::Description;
use traffic::capture::{Options, compile_and_run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(out), Some(source)) = (args.next(), args.next()) else {
        return Err("give an output file and a C program".into());
    };
    let mut options = Options::new([source]);
    options.args = args.collect();
    let trace = compile_and_run(&options, Path::new(&out))?;
    let mut text = std::io::stdout().lock();
    std::io::Write::write_all(&mut text, Description::of(&trace)?.to_string().as_bytes())?;
    Ok(())
}
