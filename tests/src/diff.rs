//! The difference between two texts, line by line.

/// Equal lines shown around each change.
const CONTEXT: usize = 3;
/// Lines shown at most.
const SHOWN_MAX: usize = 200;
/// Cells of the table that finds the longest common subsequence; larger changes are shown whole.
const CELLS_MAX: usize = 4_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// Lines of `old` with `-`, of `new` with `+`, and some of both around them with a blank.
pub(crate) fn diff(old: &str, new: &str) -> String {
    // Lines keep their ends, so that a missing one at the very end is a difference too.
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let lines = script(&old, &new);
    let near = |at: usize| {
        let around = at.saturating_sub(CONTEXT)..lines.len().min(at + CONTEXT + 1);
        lines[around].iter().any(|l| !matches!(l, Line::Same(_)))
    };
    let (mut out, mut shown, mut gap) = (String::new(), 0, false);
    for (at, line) in lines.iter().enumerate() {
        if !near(at) {
            gap = true;
            continue;
        }
        if shown == SHOWN_MAX {
            out += "... (more differs)\n";
            break;
        }
        if gap {
            out += "...\n";
        }
        (shown, gap) = (shown + 1, false);
        let (sign, text) = match line {
            Line::Same(text) => (' ', text),
            Line::Old(text) => ('-', text),
            Line::New(text) => ('+', text),
        };
        out.push(sign);
        out += text;
        if !text.ends_with('\n') {
            out += "  (no line end)\n";
        }
    }
    out
}

/// The lines of both texts in order, equal ones once.
fn script<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let old_middle = &old_rest[..old_rest.len() - tail];
    let new_middle = &new_rest[..new_rest.len() - tail];

    let mut lines: Vec<Line<'a>> = old[..head].iter().map(|l| Line::Same(l)).collect();
    if old_middle.len().saturating_mul(new_middle.len()) > CELLS_MAX {
        lines.extend(old_middle.iter().map(|l| Line::Old(l)));
        lines.extend(new_middle.iter().map(|l| Line::New(l)));
    } else {
        lines.extend(common(old_middle, new_middle));
    }
    lines.extend(old_rest[old_rest.len() - tail..].iter().map(|l| Line::Same(l)));
    lines
}

/// [`script`] by the longest common subsequence, in time and space of the lengths' product.
fn common<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let width = new.len() + 1;
    // length[i * width + j]: the longest common subsequence of old[i..] and new[j..].
    let mut length = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            length[i * width + j] = if old[i] == new[j] {
                length[(i + 1) * width + j + 1] + 1
            } else {
                length[(i + 1) * width + j].max(length[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || i < old.len() && length[(i + 1) * width + j] >= length[i * width + j + 1]
        {
            lines.push(Line::Old(old[i]));
            i += 1;
        } else {
            lines.push(Line::New(new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(lines: std::ops::Range<usize>) -> String {
        lines.map(|n| format!("{n}\n")).collect::<Vec<_>>().concat()
    }

    #[test]
    fn equal_texts_differ_in_nothing() {
        assert_eq!(diff("a\nb\n", "a\nb\n"), "");
        assert_eq!(diff("", ""), "");
    }

    #[test]
    fn changes_stand_in_their_place() {
        assert_eq!(diff("a\nb\nc\nd\n", "a\nx\nc\nd\ne\n"), " a\n-b\n+x\n c\n d\n+e\n");
        assert_eq!(diff("", "a\n"), "+a\n");
        assert_eq!(diff("a\n", ""), "-a\n");
    }

    #[test]
    fn a_missing_line_end_shows() {
        assert_eq!(diff("a\n", "a"), "-a\n+a  (no line end)\n");
    }

    #[test]
    fn equal_lines_far_from_a_change_are_left_out() {
        let (old, new) = (numbered(0..20), numbered(0..20).replace("10\n", "ten\n"));
        let told = diff(&old, &new);
        assert_eq!(told, "...\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n");
    }

    #[test]
    fn what_is_taken_from_both_sides_gives_both_texts_back() {
        let (old, new) = ("a b c a b b a", "c b a b a c");
        let (old, new): (Vec<&str>, Vec<&str>) =
            (old.split(' ').collect(), new.split(' ').collect());
        let lines = script(&old, &new);
        let side = |keep: fn(Line<'static>) -> Option<&'static str>| -> Vec<&str> {
            lines.iter().filter_map(|l| keep(*l)).collect()
        };
        let of_old = side(|l| if let Line::Same(t) | Line::Old(t) = l { Some(t) } else { None });
        let of_new = side(|l| if let Line::Same(t) | Line::New(t) = l { Some(t) } else { None });
        assert_eq!((of_old, of_new), (old, new));
        let same = lines.iter().filter(|l| matches!(l, Line::Same(_))).count();
        assert_eq!(same, 4, "the longest common subsequence, as in Myers (1986)");
    }

    #[test]
    fn a_great_difference_is_cut() {
        let told = diff(&numbered(0..3000), &numbered(3000..6000));
        assert_eq!(told.lines().count(), SHOWN_MAX + 1);
        assert!(told.ends_with("... (more differs)\n"));
    }
}
