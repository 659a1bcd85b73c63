//! The figures of a deadlock proof, and how they are told.

use core::fmt;

use serde::Serialize;

/// How it was proved that no routing deadlock is possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The channel dependency graph has no cycle (Dally and Seitz 1987).
    Acyclic,
    /// It may have, but there is always an escape, and the extended channel dependency graph of the
    /// escape channels has no cycle (Duato 1993).
    Duato,
}

/// Size of the channel dependency graph. Each VC of each class is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Dependencies {
    /// What was proved.
    pub method: Method,
    /// Message classes, each with a graph of its own: 5, or 1 where a port could not hold the VCs of
    /// 5, as some sweeps use.
    pub classes: usize,
    /// Legs of routes: destinations, and as many again for each other part that routes have, such as
    /// those to intermediate destinations.
    pub legs: usize,
    /// Pairs of a link and a VC that some packet can occupy.
    pub channels: u64,
    /// Pairs of channels of the same class of which the first can wait for the second.
    pub dependencies: u64,
    /// Channels that some packet can count on: all of them where the graph is acyclic.
    pub escape_channels: u64,
    /// Pairs of escape channels of which the first can wait for the second, at once or past other
    /// channels. `None` where they are too many to be counted; the proof holds for all of them.
    pub extended_dependencies: Option<u64>,
    /// Pairs of channels, one into a node and one out of it in a later class, of which the first
    /// could wait for the second if nodes were no sinks.
    pub endpoint_dependencies: u64,
}

impl fmt::Display for Dependencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { classes, legs, channels, dependencies, endpoint_dependencies, .. } = self;
        let plural = if *classes == 1 { "class" } else { "classes" };
        write!(
            f,
            "none: {channels} channels and {dependencies} dependencies in {classes} {plural} and \
             {legs} legs, "
        )?;
        match self.method {
            Method::Acyclic => f.write_str("no cycle")?,
            Method::Duato => {
                write!(f, "always an escape; {} escape channels", self.escape_channels)?;
                match self.extended_dependencies {
                    Some(count) => write!(f, " and {count} extended dependencies, no cycle")?,
                    None => f.write_str(", no cycle in their extended dependencies")?,
                }
            }
        }
        if *classes > 1 {
            write!(f, "; {endpoint_dependencies} from class to class, later ones only")?;
        }
        Ok(())
    }
}
