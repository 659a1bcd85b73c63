//! Random networks: a family, its routing, the routers, the links, the packets.

use lockstep::base::arch::{Allocation, Arbitration, Buffers, Priority, Switching, VcReuse};
use lockstep::base::rng::draw;
use lockstep::topology::Description;
use lockstep::topology::describe::LinkForm;
use proptest::prelude::*;

use super::{Case, Order};

/// A fabric to be tried: what stands in the description, VCs that a class needs, and whether its
/// packets need VCs of which each holds one of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fabric {
    /// As in RON.
    pub form: String,
    /// At least.
    pub vcs_per_class: u8,
    /// Whether escapes are needed.
    pub escapes: bool,
}

/// Form, with `..` for links and clock, VCs a class, whether it has escapes.
const FABRICS: [(&str, u8, bool); 32] = [
    ("Mesh(dims: [3, 3], ..)", 1, false),
    ("Mesh(dims: [2, 3, 2], ..)", 1, false),
    ("Mesh(dims: [3, 3], .., routing: XY)", 1, false),
    ("Mesh(dims: [3, 3], .., routing: YX)", 1, false),
    ("Mesh(dims: [3, 3], .., routing: O1TURN)", 2, false),
    ("Mesh(dims: [3, 3], .., routing: AdaptiveXyYx)", 2, false),
    ("Mesh(dims: [3, 3], .., routing: Valiant)", 2, false),
    ("Mesh(dims: [3, 3], .., routing: ROMM)", 2, false),
    ("Mesh(dims: [3, 3], .., routing: MinimalAdaptive)", 2, true),
    ("Mesh(dims: [3, 3], .., routing: OddEven)", 1, false),
    ("Torus(dims: [4, 3], ..)", 2, false),
    ("Torus(dims: [3, 4], .., routing: Valiant)", 4, false),
    ("Torus(dims: [4, 3], .., routing: MinimalAdaptive)", 3, true),
    ("Ring(routers: 5, ..)", 2, false),
    ("FullMesh(accelerators: 5, ..)", 1, false),
    ("FullMesh(accelerators: 5, local_links: 2, .., routing: Detour)", 2, false),
    ("HyperX(dims: [3, 3], ..)", 1, false),
    ("HyperX(dims: [3, 2], nodes_per_router: 2, .., routing: Valiant)", 2, false),
    ("HyperX(dims: [3, 3], .., routing: Ugal)", 2, false),
    ("HyperX(dims: [3, 3], .., routing: Adaptive)", 2, true),
    ("HyperX(dims: [3, 3], .., routing: Dal)", 2, true),
    ("FatTree(arity: 2, levels: 3, .., routing: Random)", 1, false),
    ("FatTree(arity: 2, levels: 3, .., routing: Hash)", 1, false),
    ("FatTree(arity: 2, levels: 3, .., routing: Adaptive)", 1, false),
    (
        "Clos(leaves: 3, nodes_per_leaf: 2, spines: 2, links_per_pair: 2, .., routing: Random)",
        1,
        false,
    ),
    ("Dragonfly(nodes_per_router: 1, routers_per_group: 2, globals_per_router: 1, ..)", 2, false),
    (
        "Dragonfly(nodes_per_router: 1, routers_per_group: 2, globals_per_router: 1, .., routing: Valiant)",
        3,
        false,
    ),
    (
        "Dragonfly(nodes_per_router: 2, routers_per_group: 2, globals_per_router: 1, .., routing: UgalL)",
        3,
        false,
    ),
    (
        "Dragonfly(nodes_per_router: 1, routers_per_group: 2, globals_per_router: 1, .., routing: UgalG)",
        3,
        false,
    ),
    ("SlimFly(q: 3, nodes_per_router: 1, ..)", 2, false),
    ("SlimFly(q: 3, nodes_per_router: 1, .., routing: Valiant)", 4, false),
    ("SlimFly(q: 3, nodes_per_router: 1, .., routing: Ugal)", 4, false),
];

/// The first fabric whose form starts so.
///
/// # Panics
/// If there is none.
pub fn fabric(start: &str) -> Fabric {
    let found = FABRICS.iter().find(|f| f.0.starts_with(start));
    found.map(|f| complete(f.0, f.1, f.2)).expect("there is such a fabric")
}

fn complete(form: &str, vcs_per_class: u8, escapes: bool) -> Fabric {
    let global = if form.starts_with("Dragonfly") { ", global_link: \"wire\"" } else { "" };
    let links = format!("local: \"wire\", link: \"wire\", clock: \"die\"{global}");
    Fabric { form: form.replace("..", &links), vcs_per_class, escapes }
}

/// A connected graph of `routers`, each with a node, and links of its own, drawn from `seed`.
fn graph(routers: u64, seed: u64) -> Fabric {
    use std::fmt::Write as _;
    let mut links = String::new();
    let mut link = |from: &str, to: u64| {
        let _ = write!(links, "(from: \"{from}\", to: \"r{to}\", link: \"wire\"), ");
    };
    for r in 0..routers {
        link(&format!("n{r}"), r);
        if r > 0 {
            link(&format!("r{r}"), draw(seed, r, 0, 0) % r);
        }
    }
    for extra in 0..routers {
        let (a, b) = (draw(seed, extra, 1, 0) % routers, draw(seed, extra, 2, 0) % routers);
        if a != b {
            link(&format!("r{a}"), b);
        }
    }
    let nodes: Vec<String> = (0..routers).map(|r| format!("\"n{r}\"")).collect();
    let clocks: Vec<String> = (0..routers).map(|r| format!("\"r{r}\": \"die\"")).collect();
    let form = format!(
        "Graph(nodes: [{}], routers: {{{}}}, links: [{links}], routing: UpDown(root: \"r{}\"))",
        nodes.join(", "),
        clocks.join(", "),
        draw(seed, 0, 3, 0) % routers
    );
    Fabric { form, vcs_per_class: 1, escapes: false }
}

/// A machine with these links and this fabric, else as the shipped mesh.
fn describe(fabric: &Fabric) -> Description {
    let mesh = include_str!("../../../topologies/mesh8x8.ron");
    let start = mesh.find("fabric:").expect("a mesh has a fabric");
    let text = format!("{}fabric: {},\n)\n", &mesh[..start], fabric.form);
    Description::from_ron("case.ron", &text).unwrap_or_else(|e| panic!("{e}\n{}", fabric.form))
}

/// Any fabric.
fn any_fabric() -> impl Strategy<Value = Fabric> {
    prop_oneof![
        8 => prop::sample::select(FABRICS.to_vec()).prop_map(|f| complete(f.0, f.1, f.2)),
        1 => (3_u64..9, any::<u64>()).prop_map(|(routers, seed)| graph(routers, seed)),
    ]
}

/// Latency, interval and buffer of the links; RC, VA, SA, ST and credit cycles; spare VCs.
type Timing = ((u32, u32, u32), [u32; 5], u8);

fn timings() -> impl Strategy<Value = Timing> {
    let stages = (0_u32..3, 1_u32..3, 1_u32..3, 1_u32..3, 0_u32..3);
    let link = (1_u32..4, 1_u32..4, 1_u32..7);
    (link, stages.prop_map(|s| [s.0, s.1, s.2, s.3, s.4]), 0_u8..2)
}

/// The choices that make a router: draws by which each is made. Packets have `longest` flits at most.
pub fn choose(d: &mut Description, escapes: bool, longest: u32, seed: u64) {
    let one_of = |stream, count| draw(seed, 7, stream, 0) % count;
    let allocation = |stream| match one_of(stream, 4) {
        0 => Allocation::InputFirst,
        1 => Allocation::OutputFirst,
        2 => Allocation::Islip { iterations: 2 },
        _ => Allocation::Wavefront,
    };
    let few = |stream, count| u8::try_from(one_of(stream, count)).unwrap_or(0) + 1;
    let r = &mut d.router;
    r.speculative = one_of(0, 2) == 0;
    (r.vc_allocator, r.switch_allocator) = (allocation(1), allocation(2));
    r.arbiter =
        [Arbitration::RoundRobin, Arbitration::Matrix, Arbitration::Age][few(3, 3) as usize - 1];
    r.priority = [Priority::None, Priority::Class, Priority::Age][few(4, 3) as usize - 1];
    r.input_speedup = few(5, 2);
    if one_of(6, 2) == 0 {
        r.output_buffer_flits = Some(u32::from(few(7, 5)));
        (r.output_speedup, r.internal_speedup) = (few(8, 2), few(9, 2));
    }
    r.vc_reuse = [VcReuse::TailSent, VcReuse::TailCredit, VcReuse::Empty][few(10, 3) as usize - 1];
    r.hold_switch = one_of(11, 3) == 0;
    let cuts = one_of(12, 3) == 0;
    if cuts {
        r.switching = Switching::VirtualCutThrough;
    } else if escapes && r.vc_reuse == VcReuse::TailSent {
        r.vc_reuse = VcReuse::Empty;
    }
    let reserved_flits = if cuts { longest.max(3) } else { 1 };
    if one_of(13, 3) == 0 {
        r.buffers = Buffers::Shared { reserved_flits };
    }
    for (_, link) in &mut d.links.0 {
        if let LinkForm::OnDie { buffer_flits, .. } = link {
            *buffer_flits = (*buffer_flits).max(reserved_flits);
        }
    }
}

fn time(d: &mut Description, ((latency, interval, buffer), stages, _): Timing) {
    for (_, link) in &mut d.links.0 {
        if let LinkForm::OnDie { latency_cycles, interval_cycles, buffer_flits } = link {
            (*latency_cycles, *interval_cycles, *buffer_flits) = (latency, interval, buffer);
        }
    }
    let r = &mut d.router;
    [r.rc_cycles, r.va_cycles, r.sa_cycles, r.st_cycles, r.credit_cycles] = stages;
}

/// A fabric of plain routers under `packets` of 1 to `longest` flits from and to everywhere, made in
/// half as many cycles.
///
/// # Panics
/// If the fabric is too small for the draw.
pub fn uniform(fabric: &Fabric, classes: u8, packets: u64, longest: u64) -> Case {
    let mut description = describe(fabric);
    description.router.vcs_per_class = fabric.vcs_per_class;
    if fabric.escapes {
        description.router.vc_reuse = VcReuse::Empty;
    }
    let spec = description.elaborate().unwrap_or_else(|e| panic!("{e}\n{fabric:?}"));
    let nodes = spec.fabric.node_ports.len() as u64;
    let order = |n: u64| {
        let below = |stream, count| u32::try_from(draw(5, n, stream, 0) % count).unwrap_or(0);
        Order {
            created: u64::from(below(0, packets.div_ceil(2))),
            src: below(1, nodes),
            dst: below(2, nodes),
            class: u8::try_from(below(3, classes.into())).unwrap_or(0),
            flits: 1 + below(4, longest),
        }
    };
    Case {
        description,
        classes: classes.into(),
        orders: (0..packets).map(order).collect(),
        seed: 5,
    }
}

/// Random networks with random packets, in `plain` ones of routers with the default's choices.
///
/// # Panics
/// If a fabric of the list does not elaborate.
pub fn cases(plain: bool) -> impl Strategy<Value = Case> {
    let packet = (any::<u32>(), any::<u32>(), 0_u8..3, 1_u32..5, 0_u64..300);
    let packets = prop::collection::vec(packet, 1..250);
    let shape = (any_fabric(), timings(), 1_usize..4, any::<u64>());
    (shape, packets).prop_map(move |((fabric, timing, classes, seed), packets)| {
        let mut d = describe(&fabric);
        d.router.vcs_per_class = fabric.vcs_per_class + timing.2;
        time(&mut d, timing);
        let longest = packets.iter().map(|p| p.3).max().unwrap_or(1);
        if !plain {
            choose(&mut d, fabric.escapes, longest, seed);
        } else if fabric.escapes {
            d.router.vc_reuse = VcReuse::Empty;
        }
        let spec = d.elaborate().unwrap_or_else(|e| panic!("{e}\n{fabric:?}"));
        let nodes = u32::try_from(spec.fabric.node_ports.len()).unwrap_or(1);
        let order = |(src, dst, class, flits, created): (u32, u32, u8, u32, u64)| Order {
            created,
            src: src % nodes,
            dst: dst % nodes,
            class: class % u8::try_from(classes).unwrap_or(1),
            flits,
        };
        Case { description: d, classes, orders: packets.into_iter().map(order).collect(), seed }
    })
}
