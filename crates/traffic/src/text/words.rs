//! The words of the text form: what each takes, and which is meant by a misspelt one.

/// What a line does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    Load,
    Store,
    Acquire,
    AcquireSc,
    Release,
    Add,
    Swap,
    Cas,
    Fence,
    FenceLoads,
    FenceStores,
    Barrier,
    Reduce,
    At,
    Think,
    Copy,
}

impl Word {
    /// Whether `.package` or `.supernode` may follow it.
    pub(super) const fn has_scope(self) -> bool {
        use Word::{Acquire, AcquireSc, Add, Cas, Fence, Release, Swap};
        matches!(self, Acquire | AcquireSc | Release | Add | Swap | Cas | Fence)
    }
}

/// Word, long form, short form, how it is written.
const WORDS: [(Word, &str, &str, &str); 16] = [
    (Word::Load, "load", "l", "<thread> load <address> <size>"),
    (Word::Store, "store", "s", "<thread> store <address> <size> [=<value>]"),
    (Word::Acquire, "acquire", "q", "<thread> acquire <address> <size>"),
    (Word::AcquireSc, "acquire_sc", "qs", "<thread> acquire_sc <address> <size>"),
    (Word::Release, "release", "rel", "<thread> release <address> <size> [=<value>]"),
    (Word::Add, "add", "a", "<thread> add <address> <size> <operand>"),
    (Word::Swap, "swap", "x", "<thread> swap <address> <size> <new>"),
    (Word::Cas, "cas", "c", "<thread> cas <address> <size> <expected> <new>"),
    (Word::Fence, "fence", "f", "<thread> fence"),
    (Word::FenceLoads, "fence_loads", "fl", "<thread> fence_loads"),
    (Word::FenceStores, "fence_stores", "fs", "<thread> fence_stores"),
    (Word::Barrier, "barrier", "b", "<thread> barrier <id> <members>"),
    (Word::Reduce, "reduce", "r", "<thread> reduce <id> <members> <sum|min|max|and|or> <value>"),
    (Word::At, "at", "@", "<thread> at <count>"),
    (Word::Think, "think", "t", "<thread> think <cycles>"),
    (Word::Copy, "copy", "m", "<thread> copy <from> <to> <bytes>"),
];

const DIRECTIVES: [(&str, &str); 4] = [
    ("@name", "@name <text>"),
    ("@provenance", "@provenance <text>"),
    ("@threads", "@threads <count>"),
    ("@unordered", "@unordered"),
];

/// All words, for the message where none is near.
pub(crate) const WORDS_HELP: &str = "use load, store, acquire, acquire_sc, release, add, swap, cas, fence, fence_loads, fence_stores, \
     barrier, reduce, at, think or copy after the thread; acquires, releases, atomics and fences may end in .package";

/// The operation that `text` names.
pub(super) fn find(text: &str) -> Option<(Word, &'static str)> {
    WORDS
        .iter()
        .find(|(_, long, short, _)| {
            text.eq_ignore_ascii_case(long) || text.eq_ignore_ascii_case(short)
        })
        .map(|&(word, long, ..)| (word, long))
}

/// How the line of an operation or directive is written.
pub(crate) fn usage(word: &str) -> Option<&'static str> {
    let words = WORDS.iter().map(|&(_, long, _, usage)| (long, usage));
    words.chain(DIRECTIVES).find(|(long, _)| *long == word).map(|(_, usage)| usage)
}

/// The word nearest to a misspelt one, if any is near.
pub(super) fn suggest(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    let synonym = match text.as_str() {
        "read" | "ld" => Some("load"),
        "w" | "write" | "st" => Some("store"),
        "ldar" => Some("acquire_sc"),
        "ldapr" => Some("acquire"),
        "stlr" => Some("release"),
        "fetch_add" | "faa" | "atomic" => Some("add"),
        "xchg" | "exchange" => Some("swap"),
        "compare_exchange" | "cmpxchg" => Some("cas"),
        "wait" | "sync" => Some("barrier"),
        "allreduce" | "reduction" => Some("reduce"),
        "until" => Some("at"),
        "sleep" | "compute" | "bubble" | "nop" => Some("think"),
        "memcpy" | "move" | "dma" => Some("copy"),
        _ => None,
    };
    if synonym.is_some() || text.len() > 16 {
        return synonym;
    }
    let words = WORDS.iter().map(|&(_, long, ..)| long).chain(DIRECTIVES.map(|(long, _)| long));
    let nearest = words.map(|long| (distance(&text, long), long)).min()?;
    (nearest.0 <= 2 && nearest.0 < nearest.1.len() / 2 + 1).then_some(nearest.1)
}

/// Edits from `a` to `b`: insertions, deletions, replacements and swaps of neighbours (optimal
/// string alignment).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour_and_noise_finds_none() {
        assert_eq!(suggest("barier"), Some("barrier"));
        assert_eq!(suggest("Laod"), Some("load"));
        assert_eq!(suggest("read"), Some("load"));
        assert_eq!(suggest("@nam"), Some("@name"));
        assert_eq!(suggest("qwertyuiop"), None);
    }

    #[test]
    fn distance_counts_single_edits() {
        for (a, b, edits) in [("", "abc", 3), ("abc", "abc", 0), ("abc", "axc", 1), ("ab", "ba", 1)]
        {
            assert_eq!(distance(a, b), edits, "{a} to {b}");
        }
    }
}
