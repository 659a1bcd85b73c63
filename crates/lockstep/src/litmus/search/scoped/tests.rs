//! The ways to place threads.

use super::*;

#[test]
fn threads_are_grouped_in_every_way_once() {
    let counts = |most| (1..=4).map(|n| groupings(n, most).len()).collect::<Vec<_>>();
    assert_eq!(counts(4), [1, 2, 5, 15], "the numbers of Bell");
    assert_eq!(counts(1), [1, 1, 1, 1]);
    assert_eq!(counts(2), [1, 2, 4, 10], "involutions");
}
