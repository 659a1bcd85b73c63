//! Runs a test runner, shows what it prints as it prints it, and keeps its closing lines.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs `command` and returns how it ended, with the closing lines of the test runners in it.
pub(crate) fn run(command: &mut Command) -> Result<(ExitStatus, Vec<String>)> {
    if io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let stderr = child.stderr.take().context("the runner has no standard error")?;
    let stdout = child.stdout.take().context("the runner has no standard output")?;
    let told = std::thread::spawn(move || pass(stderr, io::stderr()));
    let mut closing = pass(stdout, io::stdout())?;
    match told.join() {
        Ok(lines) => closing.extend(lines?),
        Err(_) => bail!("cannot pass on what the test runner tells"),
    }
    Ok((child.wait().context("the test runner was lost")?, closing))
}

/// Copies lines as they come, bytes untouched, and returns those that close a test run.
fn pass(from: impl Read, mut to: impl Write) -> Result<Vec<String>> {
    let mut from = BufReader::new(from);
    let (mut line, mut closing) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line).context("cannot read the test runner")? == 0 {
            return Ok(closing);
        }
        to.write_all(&line).and_then(|()| to.flush()).context("cannot pass on a line")?;
        let text = plain(&String::from_utf8_lossy(&line));
        if closes(&text) {
            closing.push(text.trim().to_owned());
        }
    }
}

/// Whether this is the line by which nextest or libtest sums up.
fn closes(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("Summary [") || line.starts_with("test result:")
}

/// The line without its colours (ECMA-48 sequences that end in `m`).
fn plain(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.strip_prefix('[').and_then(|p| p.split_once('m')) {
            Some((code, rest)) if code.chars().all(|c| c.is_ascii_digit() || c == ';') => {
                out += rest;
            }
            _ => out += part,
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXTEST: &str = "    PASS [   0.006s] base tests::a\n\u{1b}[32;1m     Summary\u{1b}[0m \
                           [   0.010s] \u{1b}[1m1\u{1b}[0m test run: 1 passed, 0 skipped\n";
    const LIBTEST: &str = "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed\n";

    #[test]
    fn lines_pass_untouched_and_the_closing_ones_are_kept() {
        for (text, closing) in [
            (NEXTEST, "Summary [   0.010s] 1 test run: 1 passed, 0 skipped"),
            (LIBTEST, "test result: ok. 1 passed; 0 failed"),
        ] {
            let mut shown = Vec::new();
            let kept = pass(text.as_bytes(), &mut shown).expect("memory does not fail");
            assert_eq!(shown, text.as_bytes());
            assert_eq!(kept, [closing]);
        }
    }

    #[test]
    fn a_last_line_without_an_end_is_kept_too() {
        let kept = pass(&b"test result: FAILED. 0 passed; 1 failed"[..], io::sink());
        assert_eq!(kept.expect("memory does not fail").len(), 1);
    }

    #[test]
    fn only_colours_are_taken_off() {
        assert_eq!(plain("\u{1b}[1m\u{1b}[92m  ok\u{1b}[0m"), "  ok");
        assert_eq!(plain("array [7m"), "array [7m");
    }
}
