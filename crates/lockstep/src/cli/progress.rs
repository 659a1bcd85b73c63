//! Progress bars on standard error, where that is a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `records`; hidden where nobody watches.
pub(crate) fn bar(records: u64, quiet: bool) -> ProgressBar {
    let all =
        "{bar:32} {percent:>3} % {human_pos} of {human_len} records, {per_sec}, {msg} left {eta}";
    visible(records, all, quiet)
}

/// A bar over `all` pieces of work, which are called `what`; hidden where nobody watches.
pub(crate) fn count(all: u64, what: &str, quiet: bool) -> ProgressBar {
    let bar =
        visible(all, "{bar:32} {percent:>3} % {human_pos} of {human_len} {msg}, left {eta}", quiet);
    bar.set_message(what.to_owned());
    bar
}

/// How far a search is, of which nobody knows the end.
pub(crate) struct Counter(ProgressBar);

impl Counter {
    /// Hidden where nobody watches.
    pub(crate) fn new(quiet: bool) -> Self {
        let bar = visible(0, "{spinner} {prefix}{human_pos} states, {per_sec}, {msg}", quiet);
        Self(bar)
    }

    /// Names what is searched.
    pub(crate) fn about(&self, what: &str) {
        self.0.set_prefix(format!("{what}: "));
        self.0.reset();
    }

    /// Shows how far it is.
    pub(crate) fn show(&self, states: u64, depth: u32, waiting: u64) {
        self.0.set_position(states);
        self.0.set_message(format!("depth {depth}, {waiting} to look at"));
    }

    /// Takes it off the screen.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn visible(length: u64, template: &str, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
