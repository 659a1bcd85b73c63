//! The general router with the plain router's choices is the plain router, bit for bit.

use base::arch::{Allocation, Arbitration, Buffers, Priority, Switching, VcReuse};
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

pub(super) fn shapes() -> impl Strategy<Value = Shape> {
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

/// The same shapes with routers of any choices.
pub(super) fn any_shapes() -> impl Strategy<Value = Shape> {
    let allocation = || {
        prop::sample::select(vec![
            Allocation::InputFirst,
            Allocation::OutputFirst,
            Allocation::Islip { iterations: 2 },
            Allocation::Wavefront,
        ])
    };
    let arbiter =
        prop::sample::select(vec![Arbitration::RoundRobin, Arbitration::Matrix, Arbitration::Age]);
    let priority = prop::sample::select(vec![Priority::None, Priority::Class, Priority::Age]);
    let speedups = (1_u8..3, 1_u8..3, 1_u8..4, prop::option::of(1_u32..4));
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let makes = (shapes(), allocation(), allocation(), arbiter, priority, speedups, switches);
    makes.prop_map(|(shape, va, sa, arbiter, priority, speedups, (spec, hold, cuts, shared))| {
        let (input_speedup, output_speedup, internal_speedup, output_buffer_flits) = speedups;
        let buffered = output_buffer_flits.is_some();
        // Packets have up to 6 flits.
        let longest = if cuts { 6 } else { 1 };
        let arch = RouterArch {
            speculative: spec,
            vc_allocator: va,
            switch_allocator: sa,
            arbiter,
            priority,
            hold_switch: hold,
            input_speedup,
            output_speedup: if buffered { output_speedup } else { 1 },
            internal_speedup: if buffered { internal_speedup } else { 1 },
            output_buffer_flits,
            switching: if cuts { Switching::VirtualCutThrough } else { Switching::Wormhole },
            buffers: if shared {
                Buffers::Shared { reserved_flits: longest }
            } else {
                Buffers::Private
            },
            ..shape.arch
        };
        let (depth, node_depth) = (shape.depth.max(longest), shape.node_depth.max(longest));
        Shape { depth, node_depth, arch, ..shape }
    })
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
    fn routers_of_any_choices_lose_nothing_in_any_order_of_stepping(
        shape in any_shapes(), packets in traffic(), other in any::<u64>(), interval in 1_u32..4,
    ) {
        let shape = Shape { interval, ..shape };
        let seen_once = seen(shape, &packets);
        prop_assert_eq!(seen_once.0.len(), packets.len());
        prop_assert_eq!(seen_once, seen(Shape { shuffle: other, ..shape }, &packets));
    }

    #[test]
    fn a_priority_that_all_share_changes_nothing_even_on_slow_links(
        shape in shapes(), mut packets in traffic(), interval in 1_u32..5, other in any::<u64>(),
    ) {
        for p in &mut packets {
            p.2 = 3;
        }
        let plain = Shape { interval, ..shape };
        let arch = RouterArch { priority: Priority::Class, ..shape.arch };
        let ranked = Shape { arch, shuffle: other, ..plain };
        prop_assert_eq!(seen(plain, &packets), seen(ranked, &packets));
    }
}
