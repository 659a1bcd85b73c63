//! What each own verb says of itself.

/// A verb that `xtask` does itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Topic {
    Ci,
    Tidy,
    Edges,
    Golden,
    Bench,
    Help,
}

impl Topic {
    const ALL: [Self; 6] =
        [Self::Ci, Self::Tidy, Self::Edges, Self::Golden, Self::Bench, Self::Help];

    /// The verb of this name, if it is an own one.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if matches!(name, "--help" | "-h") {
            return Some(Self::Help);
        }
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ci => "ci",
            Self::Tidy => "tidy",
            Self::Edges => "edges",
            Self::Golden => "golden",
            Self::Bench => "bench",
            Self::Help => "help",
        }
    }

    const fn line(self) -> &'static str {
        match self {
            Self::Ci => "every check that a commit must pass",
            Self::Tidy => "the house style, as tests",
            Self::Edges => "which crate may use which",
            Self::Golden => "compares the golden files, or rewrites them",
            Self::Bench => "benchmarks of the crates",
            Self::Help => "this page, or a verb's own",
        }
    }

    /// The verb's own page.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Ci => CI,
            Self::Tidy => TIDY,
            Self::Edges => EDGES,
            Self::Golden => GOLDEN,
            Self::Bench => BENCH,
            Self::Help => "Usage: cargo xtask help [VERB]\n",
        }
    }
}

/// The page of all verbs.
pub(crate) fn overview() -> String {
    let row = |name: &str, line: &str| format!("  {name:<10}{line}");
    let own = Topic::ALL.iter().map(|t| row(t.name(), t.line()));
    let emulator = EMULATOR.iter().map(|(name, line)| row(name, line));
    [OWN.to_owned()]
        .into_iter()
        .chain(own)
        .chain([THE_EMULATORS.to_owned()])
        .chain(emulator)
        .chain([MORE.to_owned()])
        .collect::<Vec<_>>()
        .join("\n")
}

const OWN: &str = "\
Usage: cargo xtask <VERB> [ARGUMENTS]

Verbs that look after this workspace:";

const THE_EMULATORS: &str = "
Verbs of the emulator (the `lockstep` binary, built in release, gets all arguments):";

const MORE: &str = "
`cargo xtask help VERB` tells more of any of them. A verb that is in neither list is
handed to the emulator, which knows its own.
";

/// The emulator's verbs in brief, in its own order; its tests compare this table with its help.
const EMULATOR: [(&str, &str); 13] = [
    ("run", "replays a trace on a machine"),
    ("check", "proves of a topology what needs no run"),
    ("sweep", "measures latency against offered load"),
    ("align", "tells how well the counters of nodes are aligned"),
    ("schedule", "proves, plans and runs static schedules of packets"),
    ("barriers", "measures barriers by units, packets, and atomics and flags"),
    ("validate", "measures every figure that it claims to meet"),
    ("litmus", "runs litmus tests on machines and exhaustively, and judges them by a model"),
    ("stress", "runs random programs on tight machines"),
    ("verify", "searches every state of the coherence protocol"),
    ("trace", "describes and converts traces"),
    ("import", "turns traces of other tools into native ones"),
    ("capture", "records the memory accesses of a C program"),
];

const CI: &str = "\
Usage: cargo xtask ci [--deep] [--dry-run]

Every check that a commit must pass: formatting, clippy, tests, doc tests, rustdoc,
tidy, edges, and a run of the emulator's main job. Stops at the first failure and
says what was not run.

  --deep     also runs the ignored tests, with LOCKSTEP_DEEP=1 set
  --dry-run  prints the steps and runs none

Tests run under cargo-nextest where it is installed, else under `cargo test`.

Examples:
  cargo xtask ci
  cargo xtask ci --deep
";

const TIDY: &str = "\
Usage: cargo xtask tidy

The house style, as tests over the files that git tracks: lengths of functions and
files, module docs, whitespace, left-over macros and marks, links between pages, and
the layout of the checkout. Each finding is one line, `path:line: what to mend`.

What was too long when its limit came stands in xtask/tidy-exceptions.txt, which may
only shrink.
";

const EDGES: &str = "\
Usage: cargo xtask edges

Compares the dependencies between the crates of this workspace, as `cargo metadata`
tells them, with the table of allowed edges in xtask/src/edges.rs.
";

const GOLDEN: &str = "\
Usage: cargo xtask golden [--bless]

Runs the golden tests: those in tests/tests/golden*.rs.

  --bless  rewrites tests/golden/*.txt to what the tests produce now;
           the commit that follows says why they changed

Examples:
  cargo xtask golden
  cargo xtask golden --bless
";

const BENCH: &str = "\
Usage: cargo xtask bench [ARGUMENTS]

Runs `cargo bench --workspace` with the arguments given.

Examples:
  cargo xtask bench
  cargo xtask bench --bench machine -- mesh
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_lists_own_verbs_and_the_emulators() {
        let page = overview();
        for topic in Topic::ALL {
            assert!(page.contains(&format!("\n  {:<10}", topic.name())), "{topic:?}");
        }
        for (name, _) in EMULATOR {
            assert!(page.contains(&format!("\n  {name:<10}")), "{name}");
            assert_eq!(Topic::named(name), None, "{name} must reach the emulator");
        }
    }

    #[test]
    fn every_page_starts_with_the_usage_of_its_verb() {
        for topic in Topic::ALL {
            let usage = format!("Usage: cargo xtask {}", topic.name());
            assert!(topic.text().starts_with(&usage), "{topic:?}");
            assert_eq!(Topic::named(topic.name()), Some(topic));
        }
        assert_eq!(Topic::named("--help"), Some(Topic::Help));
    }
}
