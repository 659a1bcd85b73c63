//! The event log: what happens in the machine, by level and component, on standard error.

use std::io::IsTerminal;

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;

/// Components that log, with what they say.
pub(crate) const COMPONENTS: &str = "machine, agent, barrier, node, link";

/// Starts the log if a filter is given. Without one, events cost next to nothing.
pub(crate) fn start(filter: Option<&str>) -> anyhow::Result<()> {
    let Some(filter) = filter else { return Ok(()) };
    for directive in filter.split(',') {
        let target = directive.split(['=', '[']).next().unwrap_or("").trim();
        let level = target.parse::<tracing::Level>().is_ok() || target == "off";
        if !level && !COMPONENTS.split(", ").any(|c| c == target) {
            return Err(anyhow!(
                "--log: no component `{target}`\n  mend: use a level (error, warn, info, debug, \
                 trace) or component=level, with a component of {COMPONENTS}"
            ));
        }
    }
    let parsed = EnvFilter::builder().parse(filter).map_err(|e| {
        anyhow!(
            "--log: {e}\n  mend: write for example --log debug or --log barrier=debug,link=trace"
        )
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .try_init()
        .map_err(|e| anyhow!("--log: {e}"))
}
