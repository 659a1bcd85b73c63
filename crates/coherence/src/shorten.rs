//! Makes a list shorter that shows something: takes out what it can do without.

/// What is left of `acts` when taking any one or any two out of it ends what `fails` says. A list of which it does
/// not say so is left as it is.
pub(crate) fn shorten<A: Clone>(acts: &[A], fails: impl Fn(&[A]) -> bool) -> Vec<A> {
    let mut acts = acts.to_vec();
    if !fails(&acts) {
        return acts;
    }
    let mut chunk = acts.len().div_ceil(2);
    while chunk > 1 {
        without_chunks(&mut acts, chunk, &fails);
        chunk = chunk.div_ceil(2);
    }
    loop {
        let before = acts.len();
        without_chunks(&mut acts, 1, &fails);
        if acts.len() == before && !without_a_pair(&mut acts, &fails) {
            return acts;
        }
    }
}

/// Takes out runs of `chunk` where that leaves the failure.
fn without_chunks<A: Clone>(acts: &mut Vec<A>, chunk: usize, fails: &impl Fn(&[A]) -> bool) {
    let mut at = 0;
    while at < acts.len() {
        let mut fewer = acts.clone();
        fewer.drain(at..acts.len().min(at + chunk));
        if fails(&fewer) {
            *acts = fewer;
        } else {
            at += chunk;
        }
    }
}

/// Takes out the first pair that the failure can do without; false if there is none.
fn without_a_pair<A: Clone>(acts: &mut Vec<A>, fails: &impl Fn(&[A]) -> bool) -> bool {
    for second in 1..acts.len() {
        for first in 0..second {
            let mut fewer = acts.clone();
            fewer.remove(second);
            fewer.remove(first);
            if fails(&fewer) {
                *acts = fewer;
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_the_failure_needs() {
        let all: Vec<u32> = (0..100).collect();
        let fails = |acts: &[u32]| acts.contains(&7) && acts.contains(&91);
        assert_eq!(shorten(&all, fails), [7, 91]);
        // Two together, or neither.
        let paired = |acts: &[u32]| acts.contains(&3) && acts.contains(&5) == acts.contains(&6);
        assert_eq!(shorten(&all, paired), [3]);
        assert_eq!(shorten(&all, |_| false), all);
    }
}
