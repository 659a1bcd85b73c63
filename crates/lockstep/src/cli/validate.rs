//! `validate`: the emulator against every figure that it claims to meet.

use std::path::PathBuf;

use anyhow::bail;
use clap::builder::RangedU64ValueParser;
use lockstep::validate::{self, Claim, EXPLAINED, Options, Pending};

use super::engine::Emulator;
use super::output::Output;
use super::{Outcome, output, progress};

/// Measures every figure that the emulator claims to meet, beside the reference, with error,
/// tolerance and source.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep validate --threads 2
  lockstep validate --filter torus8 --seeds 5
  lockstep validate --filter 'saturation throughput' --json -
The references are measurements of another simulator that ship with this one, and closed forms. A
figure beyond its tolerance is a miss, unless the reference lies where another seed of the emulator
would (within spread), or the reason is understood (explained).
Exit code: 0 if nothing was missed, 1 if something was, 2 for bad input.")]
pub(crate) struct Args {
    /// Only figures in whose words this occurs, such as a configuration or a quantity; may be
    /// repeated, and then any will do
    #[arg(long, value_name = "WORDS")]
    filter: Vec<String>,
    /// Seeds of every load
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = RangedU64ValueParser::<u64>::new().range(1..=100))]
    seeds: u64,
    /// Loads measured at once; results do not depend on it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Write the figures as JSON; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let apart = apart(&args.filter);
    let claims = if apart.is_empty() || args.filter.is_empty() {
        chosen(&args.filter)?
    } else {
        chosen(&args.filter).unwrap_or_default()
    };
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    let options = Options { seeds: args.seeds, threads: usize::from(args.threads) };
    let bar = progress::count(validate::answers(&claims, options), "runs", args.quiet);
    let mut rows = validate::validate(&Emulator, &claims, EXPLAINED, options, &|| bar.inc(1));
    rows.extend(apart.into_iter().map(Pending::measure));
    bar.finish_and_clear();
    if let Some(json) = json {
        json.write(&validate::to_json(&rows)?)?;
    }
    if !to_stdout {
        output::print(&validate::render(&rows))?;
    }
    Ok(if validate::passed(&rows) { Outcome::Done } else { Outcome::ChecksFailed })
}

/// The rows that stand apart from claims and that one of the filters names, still to be measured.
fn apart(filters: &[String]) -> Vec<Pending> {
    let all =
        [validate::links(), validate::barriers(), validate::counters(), validate::schedules()];
    let named = |row: &Pending| filters.iter().any(|f| row.what().contains(f.as_str()));
    all.into_iter().flatten().filter(|row| filters.is_empty() || named(row)).collect()
}

/// The claims that one of the filters names.
fn chosen(filters: &[String]) -> anyhow::Result<Vec<Claim>> {
    let all = validate::claims();
    let names = |claim: &Claim| filters.iter().any(|f| claim.what().contains(f.as_str()));
    let chosen: Vec<Claim> =
        if filters.is_empty() { all } else { all.into_iter().filter(names).collect() };
    if chosen.is_empty() {
        bail!(
            "no figure is called `{}`\n  mend: name a configuration, such as mesh8_uni_v4_p1, or a \
             quantity, such as hops",
            filters.join("` or `")
        );
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(filters: &[&str]) -> usize {
        chosen(&filters.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>()).map_or(0, |c| c.len())
    }

    #[test]
    fn filters_choose_rows_by_name_before_anything_is_measured() {
        let names = |filters: &[&str]| {
            let filters: Vec<String> = filters.iter().map(|f| (*f).to_owned()).collect();
            apart(&filters).iter().map(|row| row.what().to_owned()).collect::<Vec<_>>()
        };
        let all = names(&[]);
        for filters in [&["mesh9"][..], &["go-back-N"], &["nvl8", "W = 3"], &["schedule, "]] {
            let due = all.iter().filter(|what| filters.iter().any(|f| what.contains(f)));
            assert_eq!(names(filters), due.cloned().collect::<Vec<_>>(), "{filters:?}");
        }
        assert_eq!(names(&["mesh9"]), [""; 0]);
        assert_eq!((names(&["schedule, "]).len(), names(&["go-back-N"]).len()), (16, 9));
    }

    #[test]
    fn filters_choose_by_any_of_their_words() {
        let all = count(&[]);
        assert_eq!(all, validate::claims().len());
        assert_eq!(count(&["saturation throughput"]), 15);
        assert_eq!(count(&["lone packet"]), 16);
        assert_eq!(count(&["saturation throughput", "lone packet"]), 31);
        assert_eq!(count(&["mesh", "torus", "fattree"]), all);
        assert!(chosen(&["mesh9".to_owned()]).unwrap_err().to_string().contains("`mesh9`"));
    }
}
