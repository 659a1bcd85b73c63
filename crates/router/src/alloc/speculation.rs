//! Speculative switch allocation: bids of heads that do not have their output VC yet.
//!
//! ```text
//!   requests of packets with a VC ──▶ allocator ──▶ granted ─────────┬──▶ grants
//!   requests of heads without one ──▶ allocator ──▶ speculative ─▶ mask ─▶ grants
//! ```
//!
//! Both allocators work side by side in one cycle, so bids cost the others nothing: what conflicts
//! with them is masked. Sources: Peh and Dally, HPCA 2001; Becker and Dally, SC 2009. Whether a head
//! whose bid was granted got its VC in the same cycle is for the router to see; if it did not, the
//! crossbar passage is lost.

use super::matching::Matching;
use super::requests::Requests;

/// What a speculative grant gives way to.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum SpeculationMask {
    /// Grants of its input or its output, as in BookSim 2 by default.
    #[default]
    Grants,
    /// Grants of its input and any request for its output, as in BookSim 2 with
    /// `spec_mask_by_reqs = 1`.
    OutputRequests,
    /// Any request of its input or for its output: the pessimistic mask of Becker and Dally, which
    /// need not wait for the allocator.
    Requests,
}

/// Takes back the speculative grants that conflict with what others were `granted` or, by
/// `mask`, `requested`.
///
/// Commit the speculative allocator after this for pointers that move past real grants only, or
/// before it for those of BookSim 2, which also move past masked ones.
pub fn mask_speculative(
    speculative: &mut Matching,
    granted: &Matching,
    requested: &Requests,
    mask: SpeculationMask,
) {
    let mut from = 0;
    // `revoke` takes the matching whole, so the walk starts anew behind each input.
    while let Some((input, output)) = speculative.next_pair(from) {
        from = input + 1;
        let input_taken = match mask {
            SpeculationMask::Grants | SpeculationMask::OutputRequests => {
                granted.output_of(input).is_some()
            }
            SpeculationMask::Requests => requested.has_input(input),
        };
        let output_taken = match mask {
            SpeculationMask::Grants => granted.input_of(output).is_some(),
            SpeculationMask::OutputRequests | SpeculationMask::Requests => {
                requested.has_output(output)
            }
        };
        if input_taken || output_taken {
            speculative.revoke(input);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alloc::{Allocator, InputFirst, Key, RoundRobin};

    /// The grants of a fresh allocator for requests of 4 inputs for 4 outputs.
    fn allocated(pairs: &[(usize, usize)]) -> (Requests, Matching) {
        let (mut requests, mut matching) = (Requests::new(4, 4), Matching::new(4, 4));
        for (input, output) in pairs {
            requests.add(*input, *output, Key::EQUAL, 0);
        }
        InputFirst::<RoundRobin>::new(4, 4).allocate(&requests, &mut matching);
        (requests, matching)
    }

    /// What is left of speculative grants 0-0, 1-1, 2-2, 3-3 beside other requests.
    fn left(others: &[(usize, usize)], mask: SpeculationMask) -> Vec<usize> {
        let (requests, granted) = allocated(others);
        let (_, mut speculative) = allocated(&[(0, 0), (1, 1), (2, 2), (3, 3)]);
        mask_speculative(&mut speculative, &granted, &requests, mask);
        let pairs: Vec<_> = speculative.pairs().collect();
        assert!(pairs.iter().all(|(input, output)| input == output));
        pairs.into_iter().map(|(input, _)| input).collect()
    }

    #[test]
    fn nothing_else_asks_and_all_speculation_stands() {
        for mask in
            [SpeculationMask::Grants, SpeculationMask::OutputRequests, SpeculationMask::Requests]
        {
            assert_eq!(left(&[], mask), [0, 1, 2, 3]);
        }
    }

    #[test]
    fn a_grant_masks_its_input_and_its_output() {
        for mask in
            [SpeculationMask::Grants, SpeculationMask::OutputRequests, SpeculationMask::Requests]
        {
            assert_eq!(left(&[(0, 2)], mask), [1, 3]);
            assert_eq!(left(&[(3, 3)], mask), [0, 1, 2]);
        }
    }

    #[test]
    fn requests_that_lost_mask_by_request_only() {
        // 0 and 1 propose output 0, 0 gets it; nobody proposes 2, which 0 also wants.
        let others = [(0, 0), (0, 2), (1, 0)];
        assert_eq!(left(&others, SpeculationMask::Grants), [1, 2, 3]);
        assert_eq!(left(&others, SpeculationMask::OutputRequests), [1, 3]);
        assert_eq!(left(&others, SpeculationMask::Requests), [3]);
    }
}
