//! The general router with the plain router's choices is the plain router, bit for bit.

use base::arch::{Priority, VcReuse};
use base::{PacketIdx, RouterArch};
use proptest::prelude::*;

use super::grid::Shape;
use super::laws::{offered, pair, traffic};

/// Where and when each packet arrived, and what each wire carried when.
type Seen = (Vec<(base::NodeIdx, PacketIdx, clock::Edge)>, Vec<Vec<(clock::Edge, base::Flit)>>);

fn seen(shape: Shape, packets: &[(u32, u32, u8, u32, u64)]) -> Seen {
    let mut grid = offered(shape, packets);
    grid.run();
    assert_eq!(grid.debts(), Vec::<String>::new());
    let mut delivered = grid.delivered.clone();
    delivered.sort_unstable();
    (delivered, grid.wires().map(|(_, wire)| wire.log.clone()).collect())
}

fn shapes() -> impl Strategy<Value = Shape> {
    let buffers = (1_u32..6, 1_u32..6, 1_u32..4, 0_u32..4);
    let stages = (0_u32..4, 1_u32..4, 1_u32..4, 1_u32..4);
    let reuse = prop::sample::select(vec![VcReuse::TailSent, VcReuse::TailCredit, VcReuse::Empty]);
    (1_u8..4, buffers, stages, reuse, any::<bool>(), any::<u64>()).prop_map(
        |(
            vcs_per_class,
            (depth, node_depth, latency, credit_cycles),
            s,
            reuse,
            shared,
            shuffle,
        )| {
            Shape {
                width: 3,
                height: 3,
                vcs_per_class,
                node_depth,
                credit_cycles,
                shared,
                shuffle,
                stages: [s.0, s.1, s.2, s.3],
                arch: RouterArch { vc_reuse: reuse, ..RouterArch::default() },
                ..pair(depth, latency)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_output_buffer_behind_links_of_a_flit_a_cycle_changes_nothing(
        shape in shapes(), packets in traffic(), other in any::<u64>(),
    ) {
        let arch = RouterArch { output_buffer_flits: Some(4), ..shape.arch };
        let buffered = Shape { arch, shuffle: other, ..shape };
        prop_assert_eq!(seen(shape, &packets), seen(buffered, &packets));
    }

    #[test]
    fn a_priority_that_all_share_changes_nothing_even_on_slow_links(
        shape in shapes(), mut packets in traffic(), interval in 1_u32..5, other in any::<u64>(),
    ) {
        packets.iter_mut().for_each(|p| p.2 = 3);
        let plain = Shape { interval, ..shape };
        let arch = RouterArch { priority: Priority::Class, ..shape.arch };
        let ranked = Shape { arch, shuffle: other, ..plain };
        prop_assert_eq!(seen(plain, &packets), seen(ranked, &packets));
    }
}
