//! Links between the pages of the checkout lead somewhere.
//!
//! Relative links have to name a tracked file or folder, and a heading if they name one; addresses
//! with a scheme are not followed.

use super::Finding;
use super::tree::{Tree, ending};

/// Looks at every page.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| is_page(path)) {
        for (line, target) in targets(text) {
            if let Some(why) = broken(tree, path, &target) {
                findings.push(Finding::new(path, line, format!("link to `{target}`: {why}")));
            }
        }
    }
    findings
}

fn is_page(path: &str) -> bool {
    ending(path) == "md"
}

/// Why the target, as written in the page at `path`, leads nowhere.
fn broken(tree: &Tree, path: &str, target: &str) -> Option<&'static str> {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme);
    if scheme.is_some_and(|s| s.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))) {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let file = if file.is_empty() { path.to_owned() } else { join(path, file) };
    if file.starts_with("..") {
        return Some("it leaves the checkout");
    }
    if !tree.holds(&file) {
        return Some("there is no such file");
    }
    let text = tree.text(&file).filter(|_| is_page(&file))?;
    let leads = heading.is_empty() || headings(text).iter().any(|h| h == heading);
    (!leads).then_some("the page has no such heading")
}

/// The path that `target` names from the page at `page`; a way out of the checkout keeps its dots.
fn join(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => page.split('/').collect(),
    };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The targets of all links and link definitions, each with its line, from 1.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in prose(text) {
        for (start, _) in line.match_indices("](") {
            found.extend(target(&line[start + 2..]).map(|t| (at, t)));
        }
        if let Some((label, rest)) = line.trim_start().split_once("]:")
            && label.starts_with('[')
            && !label.starts_with("[^")
        {
            found.extend(target(rest.trim_start()).map(|t| (at, t)));
        }
    }
    found
}

/// A target up to its closing parenthesis or the title behind it.
fn target(rest: &str) -> Option<String> {
    let target = match rest.strip_prefix('<') {
        Some(rest) => rest.split('>').next()?,
        None => rest.split([')', ' ']).next()?,
    };
    (!target.is_empty()).then(|| target.to_owned())
}

/// The lines outside code blocks, from 1, with code spans blank.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for (at, line) in (1..).zip(text.lines()) {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|m| start.starts_with(m));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => lines.push((at, without_code(line))),
        }
    }
    lines
}

fn without_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let last = parts.len() - 1;
    // A last backtick without a partner opens no code.
    let code = |i: usize| i % 2 == 1 && i != last;
    parts.iter().enumerate().map(|(i, p)| if code(i) { "" } else { p }).collect()
}

/// The names by which links reach a page's headings, as GitHub makes them.
fn headings(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let title = line.trim_start_matches('#');
        if fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let name: String = title
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let again = names.iter().filter(|n| **n == name).count();
        names.push(if again == 0 { name } else { format!("{name}-{again}") });
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(page: &str, expected: &[&str]) {
        let other = "# Top\n## A `b`, c & d\n```\n# no heading\n```\n";
        let tree = Tree::of(&[
            ("docs/a.md", page),
            ("docs/b.md", other),
            ("crates/c/src/lib.rs", ""),
            ("README.md", ""),
        ]);
        let found: Vec<String> = check(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (finding, part) in found.iter().zip(expected) {
            assert!(finding.contains(part), "{finding}");
        }
    }

    #[test]
    fn links_to_what_is_there_pass() {
        says("[a](b.md) [b](./b.md) [c](../README.md) [d](../crates/c) [e](/README.md)\n", &[]);
        says("![a](../crates/c/src/lib.rs \"title\") [a](<b.md>)\n[l]: b.md\n", &[]);
        says("[a](https://example.com/x) [b](mailto:a@example.com)\n", &[]);
    }

    #[test]
    fn links_to_nowhere_are_found_with_their_line() {
        says("text\n[a](gone.md)\n", &["docs/a.md:2: link to `gone.md`: there is no such file"]);
        says("[l]: gone.md\n", &["docs/a.md:1: link to `gone.md`"]);
        says("[a](../../b.md)\n", &["it leaves the checkout"]);
        says("[a](b.md) [b](../crates/d)\n", &["link to `../crates/d`"]);
    }

    #[test]
    fn code_holds_no_links() {
        says("`[a](gone.md)`\n```\n[a](gone.md)\n```\n~~~\n```\n[a](gone.md)\n~~~\n", &[]);
        says("a ` b [c](gone.md)\n", &["gone.md"]);
    }

    #[test]
    fn headings_are_reached_by_their_names() {
        says("[a](b.md#top) [b](b.md#a-b-c--d)\n", &[]);
        says("[a](b.md#no-heading)\n", &["the page has no such heading"]);
        says("# Here\n[a](#here) [b](#there)\n", &["link to `#there`"]);
        assert_eq!(headings("# A\n# A\n#hash\n"), ["a", "a-1"]);
    }
}
