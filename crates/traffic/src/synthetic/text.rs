//! The common part of the textual forms: `name` or `name(argument,argument)`, and near misses.

use super::error::SyntheticError;
use crate::text::words::distance;

/// Bytes of a textual form.
const TEXT_BYTES_MAX: usize = 1 << 16;

/// A name that can be written, how, and what it stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// The name, in lower case.
    pub name: &'static str,
    /// How it is written with its arguments.
    pub usage: &'static str,
    /// What it is, in one line.
    pub help: &'static str,
}

/// A textual form taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) key: &'static str,
    pub(super) form: &'static Form,
    /// What stands between the parentheses, if there are any.
    pub(super) arguments: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// Takes `text` apart; its name must be one of `forms` or an alias of one.
    pub(super) fn parse(
        key: &'static str,
        text: &'a str,
        forms: &'static [Form],
        aliases: &[(&str, &str)],
    ) -> Result<Self, SyntheticError> {
        let text = text.trim();
        if text.len() > TEXT_BYTES_MAX {
            return Err(SyntheticError::new(key, "the text is too long", "use at most 64 KiB"));
        }
        let (name, arguments) = match text.split_once('(') {
            None => (text, None),
            Some((name, rest)) => {
                let Some(arguments) = rest.strip_suffix(')') else {
                    let message = format!("`{}` does not close its parenthesis", shown(text));
                    return Err(SyntheticError::new(key, message, "end it with `)`"));
                };
                (name, Some(arguments.trim()))
            }
        };
        let given = name.trim().to_ascii_lowercase().replace('-', "_");
        let meant = aliases.iter().find(|(alias, _)| *alias == given).map_or(&*given, |(_, n)| n);
        match forms.iter().find(|form| form.name == meant) {
            Some(form) => Ok(Self { key, form, arguments }),
            None => Err(unknown(key, name.trim(), forms, aliases)),
        }
    }

    /// An error about the arguments, whose mend is how the form is written.
    pub(super) fn wrong(&self, message: impl Into<String>) -> SyntheticError {
        SyntheticError::new(self.key, message, format!("write it as `{}`", self.form.usage))
    }

    /// That there are no arguments.
    pub(super) fn bare(&self) -> Result<(), SyntheticError> {
        match self.arguments {
            None | Some("") => Ok(()),
            Some(given) => Err(self.wrong(format!("`{given}` is more than it takes"))),
        }
    }

    /// The number written as `text`, as the argument `what`.
    pub(super) fn number<T: core::str::FromStr>(
        &self,
        what: &str,
        text: &str,
    ) -> Result<T, SyntheticError> {
        text.trim().parse().map_err(|_| self.wrong(format!("`{}` is no {what}", shown(text))))
    }
}

fn unknown(
    key: &'static str,
    given: &str,
    forms: &[Form],
    aliases: &[(&str, &str)],
) -> SyntheticError {
    let message = format!("`{}` is not known", shown(given));
    let names: Vec<String> = forms.iter().map(|f| format!("`{}`", f.name)).collect();
    let mend = nearest(given, forms, aliases).map_or_else(
        || format!("use one of {}", names.join(", ")),
        |name| format!("did you mean `{name}`?"),
    );
    SyntheticError::new(key, message, mend)
}

/// The form whose name or alias is near enough to have been meant.
fn nearest(given: &str, forms: &[Form], aliases: &[(&str, &str)]) -> Option<String> {
    if given.len() > 24 {
        return None;
    }
    let given = given.to_ascii_lowercase();
    let names = forms.iter().map(|f| (f.name, f.name)).chain(aliases.iter().copied());
    let far = |name: &str| {
        let begun = given.len() >= 3 && name.starts_with(&given);
        if begun { 1 } else { distance(&given, name) }
    };
    let (edits, _, name) = names.map(|(said, name)| (far(said), said.len(), name)).min()?;
    (edits <= (given.len() / 3).max(1)).then(|| name.to_owned())
}

/// The beginning of what was given, for a message.
pub(super) fn shown(text: &str) -> String {
    const SHOWN: usize = 40;
    let text = text.trim();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
