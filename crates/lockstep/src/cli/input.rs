//! Topologies and traces by file or by the name of a shipped one.

use std::borrow::Cow;
use std::path::Path;

use anyhow::bail;
use lockstep::shipped;
use topology::CheckReport;
use topology::spec::MachineSpec;
use topology::units::{Span, UnitError};
use traffic::Trace;

/// A time on the command line, such as `5 us`.
///
/// # Errors
/// What is wrong with it, and the mend.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    let told = |e: UnitError| e.to_string().replacen('\n', "\n  mend: ", 1);
    text.parse().map_err(told)
}

/// Opens a topology: a file if there is one of that name, else a shipped one.
pub(crate) fn topology(name: &str) -> anyhow::Result<MachineSpec> {
    let (name, text) = text_of(name)?;
    let spec = topology::parse(&name, &text)?;
    links_pass(&spec, &name, &text)?;
    Ok(spec)
}

/// As [`topology()`], for what its check reports.
pub(crate) fn checked(name: &str) -> anyhow::Result<(MachineSpec, CheckReport)> {
    let (name, text) = text_of(name)?;
    let (spec, report) = topology::parse_and_check(&name, &text)?;
    links_pass(&spec, &name, &text)?;
    Ok((spec, report))
}

/// The name for errors of a topology, and its text.
fn text_of(name: &str) -> anyhow::Result<(String, Cow<'static, str>)> {
    Ok(match built_in(name)? {
        Some(text) => (name.to_owned(), text.into()),
        None => topology::text_of(name).map(|(name, text)| (name, text.into()))?,
    })
}

/// Refuses links that would let nearly nothing pass.
fn links_pass(spec: &MachineSpec, name: &str, text: &str) -> anyhow::Result<()> {
    match machine::losing_class(spec) {
        Some(l) => Err(topology::refusal(name, text, &l.key, &l.what, &l.mend).into()),
        None => Ok(()),
    }
}

/// The text of the shipped topology that a name stands for; `None` where it stands for a file.
fn built_in(name: &str) -> anyhow::Result<Option<&'static str>> {
    let shipped = topology::SHIPPED.iter().find(|(n, _)| *n == name);
    match shipped {
        Some((_, text)) if !Path::new(name).exists() => Ok(Some(text)),
        None if bare(name) => {
            let names: Vec<&str> = topology::SHIPPED.iter().map(|(n, _)| *n).collect();
            bail!("{}", unknown("topology", name, "ron", &names))
        }
        _ => Ok(None),
    }
}

/// Opens a trace: a file if there is one of that name, else a shipped one.
pub(crate) fn trace(name: &str) -> anyhow::Result<Trace> {
    if !Path::new(name).exists() {
        if let Some(trace) = shipped::trace(name) {
            return Ok(trace?);
        }
        if bare(name) {
            let names: Vec<&str> = shipped::TRACES.iter().map(|(n, _)| *n).collect();
            bail!("{}", unknown("trace", name, "lkst", &names))
        }
    }
    Ok(Trace::open(name)?)
}

/// A word that looks like a name, not like a path, and is no file.
fn bare(name: &str) -> bool {
    !name.contains(['/', '\\', '.']) && !Path::new(name).exists()
}

fn unknown(what: &str, name: &str, extension: &str, names: &[&str]) -> String {
    let names = names.join(", ");
    if name.trim().is_empty() {
        return format!("the name of the {what} is empty\n  mend: name a file, or one of {names}");
    }
    format!(
        "no {what} `{name}`: neither a file nor a shipped one\n  mend: name a file, such as \
         {name}.{extension}, or one of {names}"
    )
}
