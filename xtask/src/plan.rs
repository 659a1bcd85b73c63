//! The steps of `ci`, as data.

/// What a step does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// A cargo command.
    Cargo {
        /// Its arguments, subcommand first.
        args: Vec<&'static str>,
        /// Variables added to its environment.
        env: Vec<(&'static str, &'static str)>,
        /// The rustup component that brings the subcommand, where a toolchain may lack it.
        component: Option<&'static str>,
    },
    /// A cargo command that runs tests: its closing lines are repeated in the summary.
    Tests {
        /// Its arguments, subcommand first.
        args: Vec<&'static str>,
        /// Variables added to its environment.
        env: Vec<(&'static str, &'static str)>,
    },
    /// The verb `tidy`.
    Tidy,
    /// The verb `edges`.
    Edges,
    /// The emulator's main job, with no argument but where to write its result.
    MainJob,
}

/// One step of `ci`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    /// Its name in the output.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) work: Work,
}

/// The steps in order. `nextest` says whether cargo-nextest is there.
pub(crate) fn steps(deep: bool, nextest: bool) -> Vec<Step> {
    let env = if deep { vec![("LOCKSTEP_DEEP", "1")] } else { Vec::new() };
    vec![
        checked("format", "rustfmt", &["fmt", "--all", "--check"]),
        checked(
            "clippy",
            "clippy",
            &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        ),
        Step { name: "tests", work: Work::Tests { args: tests(deep, nextest), env: env.clone() } },
        Step {
            name: "doc tests",
            work: Work::Tests { args: vec!["test", "--doc", "--workspace"], env },
        },
        Step {
            name: "rustdoc",
            work: Work::Cargo {
                args: vec!["doc", "--workspace", "--no-deps"],
                env: vec![("RUSTDOCFLAGS", "-D warnings")],
                component: None,
            },
        },
        Step { name: "tidy", work: Work::Tidy },
        Step { name: "edges", work: Work::Edges },
        Step { name: "main job", work: Work::MainJob },
    ]
}

fn checked(name: &'static str, component: &'static str, args: &[&'static str]) -> Step {
    let work = Work::Cargo { args: args.to_vec(), env: Vec::new(), component: Some(component) };
    Step { name, work }
}

/// The test run. `cargo test` leaves doc tests to their own step by naming the other targets.
fn tests(deep: bool, nextest: bool) -> Vec<&'static str> {
    match (nextest, deep) {
        (true, false) => vec!["nextest", "run", "--workspace"],
        (true, true) => vec!["nextest", "run", "--workspace", "--run-ignored", "all"],
        (false, false) => vec!["test", "--workspace", "--lib", "--bins", "--tests"],
        (false, true) => {
            vec!["test", "--workspace", "--lib", "--bins", "--tests", "--", "--include-ignored"]
        }
    }
}

impl Step {
    /// The command line, for people.
    pub(crate) fn shown(&self) -> String {
        let cargo = |args: &[&str], env: &[(&str, &str)]| {
            let set = env.iter().map(|(k, v)| format!("{k}='{v}'"));
            let words = ["cargo"].iter().chain(args).map(|w| (*w).to_owned());
            set.chain(words).collect::<Vec<_>>().join(" ")
        };
        match &self.work {
            Work::Cargo { args, env, .. } | Work::Tests { args, env } => cargo(args, env),
            Work::Tidy => cargo(&["xtask", "tidy"], &[]),
            Work::Edges => cargo(&["xtask", "edges"], &[]),
            Work::MainJob => cargo(&["xtask", "run", "--json", "FILE"], &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(deep: bool, nextest: bool) -> Vec<String> {
        steps(deep, nextest).iter().map(Step::shown).collect()
    }

    #[test]
    fn the_steps_come_in_this_order() {
        let expected = [
            "cargo fmt --all --check",
            "cargo clippy --workspace --all-targets -- -D warnings",
            "cargo nextest run --workspace",
            "cargo test --doc --workspace",
            "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps",
            "cargo xtask tidy",
            "cargo xtask edges",
            "cargo xtask run --json FILE",
        ];
        assert_eq!(shown(false, true), expected);
    }

    #[test]
    fn without_nextest_cargo_runs_the_tests() {
        assert_eq!(shown(false, false)[2], "cargo test --workspace --lib --bins --tests");
    }

    #[test]
    fn deep_adds_the_ignored_tests_and_says_so_in_the_environment() {
        let (with, without) = (shown(true, true), shown(true, false));
        assert_eq!(with[2], "LOCKSTEP_DEEP='1' cargo nextest run --workspace --run-ignored all");
        assert!(without[2].starts_with("LOCKSTEP_DEEP='1' cargo test"), "{}", without[2]);
        assert!(without[2].ends_with("-- --include-ignored"), "{}", without[2]);
    }
}
