//! Patterns against definitions written apart from them, on small machines.

use proptest::prelude::*;

use super::*;
use crate::synthetic::draws::Draws;

/// Destinations of all sources under a pattern that draws nothing.
fn fixed(text: &str, shape: &Shape) -> Vec<u32> {
    let pattern = text.parse::<PatternSpec>().unwrap().on(shape, 1).unwrap();
    (0..shape.nodes).map(|n| pattern.fixed(NodeIdx(n)).unwrap().0).collect()
}

/// A number's bits as text, to be moved as text.
fn by_bits(nodes: u32, moved: impl Fn(&str) -> String) -> Vec<u32> {
    let bits = nodes.trailing_zeros() as usize;
    let number = |n| u32::from_str_radix(&moved(&format!("{n:0bits$b}")), 2).unwrap();
    (0..nodes).map(number).collect()
}

#[test]
fn bit_patterns_move_the_digits_of_the_binary_number() {
    for nodes in [2, 4, 8, 16, 64, 128, 256] {
        let shape = Shape::flat(nodes);
        let reversed = by_bits(nodes, |b| b.chars().rev().collect());
        assert_eq!(fixed("bitrev", &shape), reversed);
        let flip = |c| if c == '0' { '1' } else { '0' };
        assert_eq!(fixed("bitcomp", &shape), by_bits(nodes, |b| b.chars().map(flip).collect()));
        let left = by_bits(nodes, |b| format!("{}{}", &b[1..], &b[..1]));
        assert_eq!(fixed("shuffle", &shape), left);
        let right = by_bits(nodes, |b| format!("{}{}", &b[b.len() - 1..], &b[..b.len() - 1]));
        assert_eq!(fixed("bitrot", &shape), right);
        if nodes.trailing_zeros() % 2 == 0 {
            let halves = |b: &str| format!("{}{}", &b[b.len() / 2..], &b[..b.len() / 2]);
            assert_eq!(fixed("transpose", &shape), by_bits(nodes, halves));
        }
    }
    for text in ["bitrev", "bitcomp", "shuffle", "bitrot", "transpose"] {
        assert_eq!(fixed(text, &Shape::flat(1)), [0], "{text}");
    }
}

#[test]
fn transpose_on_a_square_grid_exchanges_x_and_y() {
    let transposed = fixed("transpose", &Shape::grid(&[8, 8], 1));
    let expected = |n: u32| (n % 8) * 8 + n / 8;
    assert_eq!(transposed, (0..64).map(expected).collect::<Vec<_>>());
}

#[test]
fn grid_patterns_move_every_coordinate_around() {
    // 5x4 routers, by hand: 2 = ceil(5/2) - 1 on in x, 1 = ceil(4/2) - 1 on in y.
    let at = |x: u32, y: u32| (x % 5) + (y % 4) * 5;
    let all: Vec<(u32, u32)> = (0..20).map(|n| (n % 5, n / 5)).collect();
    let tornado: Vec<u32> = all.iter().map(|(x, y)| at(x + 2, y + 1)).collect();
    let neighbor: Vec<u32> = all.iter().map(|(x, y)| at(x + 1, y + 1)).collect();
    let grid = Shape::grid(&[5, 4], 1);
    assert_eq!(fixed("tornado", &grid), tornado);
    assert_eq!(fixed("neighbour", &grid), neighbor);
    assert_eq!(fixed("tornado(5x4)", &Shape::flat(20)), tornado);
    // Three terminals a router keep their places.
    let places = fixed("neighbor", &Shape::grid(&[5, 4], 3));
    for (n, dst) in (0..).zip(places) {
        assert_eq!((dst % 3, dst / 3), (n % 3, neighbor[usize::try_from(n / 3).unwrap()]));
    }
    assert_eq!(fixed("tornado", &Shape::grid(&[1, 2], 1)), [0, 1]);
}

#[test]
fn patterns_that_are_permutations_reach_each_node_once() {
    let grid = Shape::grid(&[4, 4, 4], 1);
    for text in ["transpose", "bitcomp", "bitrev", "shuffle", "bitrot", "tornado", "neighbor"]
        .into_iter()
        .chain(["randperm", "randperm(9)", "tornado(8x8)", "neighbor(32x2)"])
    {
        let mut all = fixed(text, &grid);
        all.sort_unstable();
        assert_eq!(all, (0..64).collect::<Vec<_>>(), "{text}");
    }
    assert_ne!(fixed("randperm(8)", &grid), fixed("randperm(9)", &grid));
    assert_eq!(fixed("randperm(1)", &grid), fixed("randperm", &grid), "the traffic's seed is 1");
}

/// How often each node is drawn as the destination of `src`.
fn drawn(text: &str, shape: &Shape, src: u32, draws: u32) -> Vec<f64> {
    let pattern = text.parse::<PatternSpec>().unwrap().on(shape, 1).unwrap();
    let mut stream = Draws::new(5, u64::from(src), 0);
    let mut counts = vec![0.0; shape.nodes as usize];
    for _ in 0..draws {
        counts[pattern.destination(NodeIdx(src), stream.next()).at()] += 1.0;
    }
    counts
}

/// Whether counts are as expected: chi-square, at most 5 deviations of its distribution above its
/// mean (which is its degrees of freedom), and nothing where nothing is expected.
#[track_caller]
fn fits(text: &str, shape: &Shape, src: u32, expected: impl Fn(u32) -> f64) {
    const DRAWS: u32 = 20_000;
    let (mut square, mut cells) = (0.0, 0.0);
    for (node, count) in (0..).zip(drawn(text, shape, src, DRAWS)) {
        let mean = expected(node) * f64::from(DRAWS);
        if mean > 0.0 {
            square += (count - mean) * (count - mean) / mean;
            cells += 1.0;
        } else {
            assert!(count < 0.5, "{text}: {src} to {node} must not be");
        }
    }
    assert!(square < cells + 5.0 * (2.0_f64 * cells).sqrt(), "{text} from {src}: {square}");
}

#[test]
fn drawn_patterns_have_the_shares_of_their_definitions() {
    let flat = Shape::flat(12);
    for src in [0, 5, 11] {
        let own = |yes: bool, share: f64| if yes { share } else { 0.0 };
        fits("uniform", &flat, src, |_| 1.0 / 12.0);
        fits("uniform_others", &flat, src, |n| own(n != src, 1.0 / 11.0));
        fits("asymmetric", &flat, src, |n| own(n % 6 == src % 6, 0.5));
        let next = (src + 1) % 12;
        fits("diagonal", &flat, src, |n| own(n == next, 1.0 / 3.0) + own(n == src, 2.0 / 3.0));
        fits("bad_dragon(4)", &flat, src, |n| own(n / 4 == (src / 4 + 1) % 3, 0.25));
        fits("hotspot(3)", &flat, src, |n| own(n == 3, 1.0));
        fits("hotspot(0:3,5:1)", &flat, src, |n| own(n == 0, 0.75) + own(n == 5, 0.25));
        fits("hotspot(0:3,5:1,7:0@0.2)", &flat, src, |n| {
            0.8 / 12.0 + own(n == 0, 0.15) + own(n == 5, 0.05)
        });
    }
    // The last node of an odd number belongs to the first place.
    fits("asymmetric", &Shape::flat(5), 4, |n| if n % 2 == 0 && n < 4 { 0.5 } else { 0.0 });
}

#[test]
#[should_panic(expected = "from 5")]
fn the_test_of_shares_can_fail() {
    fits("hotspot(0:3,5:1@0.2)", &Shape::flat(12), 5, |_| 1.0 / 12.0);
}

#[test]
fn machines_that_have_not_what_a_pattern_needs_are_told_so() {
    let flat = Shape::flat(12);
    for (text, shape, part) in [
        ("bitrev", &flat, "a power of two of nodes, and there are 12"),
        ("transpose", &Shape::flat(32), "an even power of two of nodes, and there are 32"),
        ("tornado", &flat, "needs a grid"),
        ("neighbor(5x3)", &flat, "a grid of 5x3 routers does not fit 12 nodes"),
        ("neighbor(65536x65536)", &flat, "does not fit"),
        ("bad_dragon", &flat, "needs groups"),
        ("bad_dragon(5)", &flat, "do not part into groups of 5"),
        ("bad_dragon(12)", &flat, "do not part"),
        ("bad_dragon(0)", &flat, "do not part"),
        ("hotspot(12)", &flat, "no hot spot 12"),
        ("hotspot(1:0)", &flat, "add up to nothing"),
        ("uniform_others", &Shape::flat(1), "no others"),
        ("asymmetric", &Shape::flat(1), "no halves"),
        ("uniform", &Shape::flat(0), "not for 0"),
        ("uniform", &Shape::grid(&[65536, 65536], 9), "not for"),
    ] {
        let error = text.parse::<PatternSpec>().unwrap().on(shape, 1).unwrap_err();
        assert!(error.message().contains(part), "{text}: {error}");
        assert!(error.key() == "traffic" && !error.mend().is_empty());
    }
    let groups = Shape { group_nodes: Some(4), ..flat };
    assert!(PatternSpec::BadDragonfly { group_nodes: None }.on(&groups, 1).is_ok());
    let share = PatternSpec::HotSpots { spots: vec![(NodeIdx(0), 1.0)], share: 1.5 };
    assert!(share.on(&groups, 1).is_err());
}

#[test]
fn misspelt_patterns_are_answered_with_what_was_meant() {
    for (text, part) in [
        ("unifrom", "did you mean `uniform`?"),
        ("Tornadoo", "did you mean `tornado`?"),
        ("bit_revers", "did you mean `bitrev`?"),
        ("hotspt(1)", "did you mean `hotspot`?"),
        ("trans", "did you mean `transpose`?"),
        ("qqqq", "use one of `uniform`, `uniform_others`"),
        ("", "use one of `uniform`"),
        ("uniform(3)", "write it as `uniform`"),
        ("hotspot", "hotspot(NODE[:WEIGHT],..[@SHARE])"),
        ("hotspot(1:x)", "hotspot(NODE"),
        ("hotspot(1:-2)", "hotspot(NODE"),
        ("hotspot(1@1.5)", "hotspot(NODE"),
        ("hotspot(1,,2)", "hotspot(NODE"),
        ("hotspot(1", "end it with `)`"),
        ("tornado(8xx8)", "write it as `tornado[(8x8)]`"),
        ("neighbor(0x8)", "write it as"),
        ("randperm(-1)", "randperm[(SEED)]"),
        ("bad_dragon(few)", "bad_dragon[(GROUP NODES)]"),
    ] {
        let error = text.parse::<PatternSpec>().unwrap_err();
        assert!(error.mend().contains(part), "{text}: {error}");
    }
    assert_eq!("Bit-Complement".parse(), Ok(PatternSpec::BitComplement));
    assert_eq!(" uniform() ".parse(), Ok(PatternSpec::Uniform));
}

#[test]
fn every_name_of_the_help_is_known_and_prints_as_itself() {
    for form in PATTERNS {
        let text = if form.name == "hotspot" { "hotspot(0:1@1)" } else { form.name };
        assert_eq!(text.parse::<PatternSpec>().unwrap().to_string(), text);
        assert!(form.usage.starts_with(form.name));
    }
}

proptest! {
    #[test]
    fn any_text_is_a_pattern_or_an_error(text in "[a-z_(]{0,12}[0-9x:,@.()é-]{0,12}") {
        let _ = text.parse::<PatternSpec>();
    }

    #[test]
    fn patterns_print_as_the_text_that_makes_them(
        spots in prop::collection::vec((0_u32..100, 0.0_f64..10.0), 1..5),
        share in 0.0_f64..=1.0,
        dims in prop::option::of(prop::collection::vec(1_u32..20, 1..4)),
        number in prop::option::of(0_u32..1000),
    ) {
        let spots = spots.into_iter().map(|(node, weight)| (NodeIdx(node), weight)).collect();
        for spec in [
            PatternSpec::HotSpots { spots, share },
            PatternSpec::Tornado { dims: dims.clone() },
            PatternSpec::Neighbor { dims },
            PatternSpec::RandomPermutation { seed: number.map(u64::from) },
            PatternSpec::BadDragonfly { group_nodes: number },
        ] {
            prop_assert_eq!(spec.to_string().parse(), Ok(spec));
        }
    }

    #[test]
    fn destinations_are_nodes_of_the_machine(
        k in prop::collection::vec(1_u32..6, 1..4),
        local in 1_u32..4,
        draw: u64,
    ) {
        let shape = Shape::grid(&k, local);
        for form in PATTERNS {
            let text = if form.name == "hotspot" { "hotspot(0@0.5)" } else { form.name };
            let spec: PatternSpec = text.parse().unwrap();
            if let Ok(pattern) = spec.on(&shape, draw) {
                for src in 0..shape.nodes {
                    let dst = pattern.destination(NodeIdx(src), draw);
                    prop_assert!(dst.0 < shape.nodes, "{}: {} to {}", text, src, dst);
                    prop_assert!(text != "uniform_others" || dst.0 != src);
                }
            }
        }
    }
}
