//! The shipped topologies: what they are, and that they pass every check.

use topology::spec::{End, MachineSpec};
use topology::{CheckReport, Description, SHIPPED, check};

fn checked(name: &str) -> (MachineSpec, CheckReport) {
    let description = Description::shipped(name).expect("shipped");
    let spec = description.elaborate().expect("elaborates");
    let report = check(&spec).unwrap_or_else(|e| panic!("{e}"));
    (spec, report)
}

/// Nodes, ports a node, routers, radix, links each way, diameter in routers, GB/s of the bisection.
fn shape(name: &str) -> (usize, usize, usize, usize, usize, u64, u64) {
    let (_, r) = checked(name);
    let gb = r.bisection_bytes_per_s.expect("small enough") / 1_000_000_000;
    (r.nodes, r.node_ports, r.routers, r.radix, r.links / 2, r.diameter, gb)
}

#[test]
fn every_shipped_file_loads_from_disk_and_is_the_one_built_in() {
    for (name, text) in SHIPPED {
        let path = format!("{}/../../topologies/{name}.ron", env!("CARGO_MANIFEST_DIR"));
        let loaded = topology::load(&path).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(loaded.name, name);
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
    }
}

#[test]
fn no_shipped_machine_has_a_warning() {
    for (name, _) in SHIPPED {
        let (_, report) = checked(name);
        assert!(report.warnings.is_empty(), "{report}");
    }
}

#[test]
fn nvl8_has_8_nodes_of_18_links_and_4_switches() {
    // 4 nodes' links of 18 * 25 GB/s cross the middle: 1800 GB/s each way, 3.6 TB/s both ways.
    assert_eq!(shape("nvl8"), (8, 18, 4, 40, 144, 1, 1_800));
    let (spec, _) = checked("nvl8");
    let radixes: Vec<usize> = spec.fabric.routers.iter().map(|r| r.ports.len()).collect();
    assert_eq!(radixes, [40, 32, 32, 40]);
}

#[test]
fn nvl72_has_72_nodes_with_a_link_to_each_of_18_switches_of_radix_72() {
    // 36 * 900 GB/s each way: 65 TB/s both ways.
    assert_eq!(shape("nvl72"), (72, 18, 18, 72, 1_296, 1, 32_400));
    let (spec, _) = checked("nvl72");
    for ports in &spec.fabric.node_ports {
        let mut switches: Vec<_> = ports.iter().map(|l| spec.fabric.links[l.at()].to).collect();
        switches
            .dedup_by_key(|end| matches!(end, End::Router(r, _) if r.at() < 18).then_some(*end));
        assert_eq!((ports.len(), switches.len()), (18, 18));
    }
}

#[test]
fn mesh8x8_has_112_links_between_routers_and_8_of_them_across_the_middle() {
    // 8 links of 32 B at 1 GHz. Average hops of an 8x8 mesh: 2 * (64 - 1) / (3 * 8) * 64 / 63 + 1.
    assert_eq!(shape("mesh8x8"), (64, 1, 64, 5, 64 + 112, 15, 256));
    let (_, report) = checked("mesh8x8");
    assert!((report.average_hops - (1.0 + 16.0 / 3.0)).abs() < 1e-12, "{}", report.average_hops);
}

#[test]
fn torus4x4x4_has_192_links_between_routers_and_32_of_them_across_the_middle() {
    assert_eq!(shape("torus4x4x4"), (64, 8, 64, 14, 64 * 8 + 192, 7, 1_440));
    let (_, report) = checked("torus4x4x4");
    // Each ring of 4 is one hop on average over all pairs: 3 * 64 / 63, and the first router.
    assert!((report.average_hops - (1.0 + 64.0 / 21.0)).abs() < 1e-12, "{}", report.average_hops);
}

#[test]
fn fullmesh8_has_28_links_between_routers_and_16_of_them_across_the_middle() {
    assert_eq!(shape("fullmesh8"), (8, 7, 8, 14, 8 * 7 + 28, 2, 1_024));
}

#[test]
fn grids_on_a_die_have_the_links_and_hops_of_their_closed_forms() {
    // Links of 32 B at 1 GHz: 16, 2 and 4 of them across the middle.
    assert_eq!(shape("torus8x8"), (64, 1, 64, 5, 64 + 128, 9, 512));
    assert_eq!(shape("ring16"), (16, 1, 16, 3, 16 + 16, 9, 64));
    assert_eq!(shape("cmesh4x4x4"), (64, 1, 16, 8, 64 + 24, 7, 128));
    // Over all pairs, a node with itself too: a ring of k is k / 4 long, a line (k - 1/k) / 3.
    for (name, links, pairs) in [
        ("torus8x8", 2.0 * 2.0, 64.0 / 63.0),
        ("ring16", 4.0, 16.0 / 15.0),
        ("cmesh4x4x4", 2.0 * 1.25, 64.0 / 63.0),
    ] {
        let (_, report) = checked(name);
        assert!((report.average_hops - (1.0 + links * pairs)).abs() < 1e-12, "{name}");
    }
}

#[test]
fn a_twist_of_two_cubes_doubles_the_narrowest_cut() {
    assert_eq!(shape("tpu-v4-cube"), (64, 9, 64, 15, 64 * 9 + 192, 7, 1_600));
    // Across the middle of the long dimension go 2 * 16 of its links, and with the twist all 64
    // wrap-around links of the others: but halving a short dimension is then narrower.
    let (spec, twisted) = checked("twisted_torus_4x4x8");
    assert_eq!((twisted.nodes, twisted.routers, twisted.links / 2), (128, 128, 128 * 8 + 384));
    let mut straight = Description::shipped("twisted_torus_4x4x8").expect("shipped");
    if let topology::describe::FabricForm::Torus(grid) = &mut straight.fabric {
        grid.twist.clear();
    }
    let straight = check(&straight.elaborate().expect("right")).expect("checked");
    let links = |r: &CheckReport| r.bisection_bytes_per_s.expect("small") / 45_000_000_000;
    assert_eq!((links(&straight), links(&twisted)), (32, 64));
    assert_eq!((straight.diameter, twisted.diameter), (9, 7));
    assert!(twisted.average_hops < straight.average_hops);
    assert_eq!(spec.fabric.routers[0].ports.len(), 8 + 6);
}

#[test]
fn fattree4x3_has_48_switches_and_half_of_its_nodes_rate_across_the_middle() {
    // Levels of 16 switches; 64 links at each of three levels. 32 nodes of 32 GB/s each.
    assert_eq!(shape("fattree4x3"), (64, 1, 48, 8, 3 * 64, 5, 1_024));
    let (_, report) = checked("fattree4x3");
    // 3 nodes under the same switch, 12 more under the same tree of two levels, 48 elsewhere.
    let mean = f64::from(3 + 12 * 3 + 48 * 5) / 63.0;
    assert!((report.average_hops - mean).abs() < 1e-12, "{}", report.average_hops);
}

#[test]
fn clos64_has_8_leaves_and_4_spines_and_blocks_nobody() {
    // 32 nodes of 25 GB/s.
    assert_eq!(shape("clos64"), (64, 1, 12, 16, 64 + 8 * 4 * 2, 3, 800));
}

#[test]
fn cloudmatrix384_has_336_and_112_switches_and_is_not_oversubscribed() {
    let nodes = 384 * 14;
    let up = 7 * 48 * 16;
    // 192 NPUs of 392 GB/s.
    assert_eq!(shape("cloudmatrix384"), (384, 14, 336 + 112, 48, nodes + up, 3, 192 * 392));
    let (spec, _) = checked("cloudmatrix384");
    let rate = |name: &str| {
        spec.fabric.links.iter().filter(|l| spec.fabric.classes[l.class].name == name).count()
    };
    assert_eq!(rate("ub"), rate("ub-optical"));
}

#[test]
fn pod1024_has_192_switches_of_64_ports() {
    let links = 1_024 * 4 + 4 * 32 * 16 * 2;
    assert_eq!(shape("pod1024"), (1_024, 4, 4 * 48, 64, links, 3, 512 * 400));
}

#[test]
fn hierarchies_have_the_routers_of_all_copies_and_of_the_outer_fabric() {
    // 8 meshes of 24 links and 16 locals; 16 uplinks; a torus of 32 links. Two torus links a row
    // and two of its columns... are cut between the dies.
    let (nodes, ports, routers, radix, links, ..) = shape("hierarchy_mesh_torus");
    assert_eq!((nodes, ports, routers, radix), (128, 1, 8 * 16 + 16, 5));
    assert_eq!(links, 8 * (16 + 24) + 16 + 32);
    // 16 boards of a switch, 4 racks of two switches, a ring of 8.
    let (nodes, ports, routers, radix, links, ..) = shape("hierarchy_racks");
    assert_eq!((nodes, ports, routers, radix), (64, 2, 16 + 4 * 2 + 8, 13));
    assert_eq!(links, 64 * 2 + 16 * 2 * 2 + 8 + 8);
}

#[test]
fn hyperx4x4x4_has_288_links_between_routers_and_64_of_them_across_the_middle() {
    // 16 lines along a dimension, 2 * 2 links of 50 GB/s across the middle of each.
    assert_eq!(shape("hyperx4x4x4"), (64, 8, 64, 8 + 9, 64 * 8 + 288, 4, 3_200));
}

#[test]
fn flatbutterfly4x4c4_has_48_links_between_switches_and_16_of_them_across_the_middle() {
    assert_eq!(shape("flatbutterfly4x4c4"), (64, 1, 16, 4 + 6, 64 + 48, 3, 800));
}

#[test]
fn dragonfly72_has_54_links_within_groups_and_36_between() {
    // 4 groups against 4: 16 links. Of the fifth, 4 nodes and 4 links to groups are cut from the rest.
    assert_eq!(shape("dragonfly72"), (72, 1, 36, 2 + 3 + 2, 72 + 54 + 36, 4, 1_200));
}

#[test]
fn slimfly50_has_175_links_between_routers_and_half_the_nodes_can_send_to_the_others() {
    assert_eq!(shape("slimfly50"), (50, 1, 50, 1 + 7, 50 + 175, 3, 25 * 50));
    let (_, report) = checked("slimfly50");
    // 7 of 49 others are a hop away and 42 are two, and the first router.
    assert!((report.average_hops - (1.0 + 91.0 / 49.0)).abs() < 1e-12, "{}", report.average_hops);
}

#[test]
fn ub_mesh_rack_has_448_links_of_4_lanes_and_128_of_them_across_the_middle() {
    // A link: 4 * 106.25 Gb/s * 120 / 128 = 49.8046875 GB/s.
    assert_eq!(shape("ub-mesh-rack"), (64, 20, 64, 20 + 14, 64 * 20 + 448, 3, 6_375));
}

#[test]
fn mi300x_8_has_28_links_between_routers_and_16_of_them_across_the_middle() {
    assert_eq!(shape("mi300x-8"), (8, 7, 8, 14, 8 * 7 + 28, 2, 1_024));
}

#[test]
fn memory_rates_sum_to_the_product_s() {
    for (name, gigabytes) in [
        ("mi300x-8", 5_300),
        ("nvl8", 3_350),
        ("nvl72", 8_000),
        ("fullmesh8", 5_300),
        ("torus4x4x4", 1_200),
        ("tpu-v4-cube", 1_200),
    ] {
        let (spec, _) = checked(name);
        let sum = u64::from(spec.memory.channels) * spec.memory.channel_bytes_per_s;
        assert_eq!(sum, gigabytes * 1_000_000_000, "{name}");
    }
}

#[test]
fn payload_rates_are_the_published_ones() {
    for (name, class, gigabytes) in [
        ("nvl8", "nvlink4", 25),
        ("nvl72", "nvlink5", 50),
        ("fullmesh8", "fabric-link", 64),
        ("mi300x-8", "infinity-fabric", 64),
        ("dragonfly72", "cable", 50),
        ("dragonfly72", "optical", 50),
        ("torus4x4x4", "ici", 45),
        ("tpu-v4-cube", "ici", 50),
        ("twisted_torus_4x4x8", "ici", 45),
    ] {
        let (_, report) = checked(name);
        let found = report.classes.iter().find(|c| c.name == class).expect("the class");
        assert_eq!(found.payload_bytes_per_s, gigabytes * 1_000_000_000, "{name}");
    }
}

#[test]
fn reports_read_as_documented() {
    for (name, _) in SHIPPED {
        insta::assert_snapshot!(name, checked(name).1);
    }
}

/// Parts of a description that the READMEs show, each put into a machine that ships.
#[test]
fn every_part_that_the_readmes_show_is_parsed() {
    let (_, nvl8) = SHIPPED.iter().find(|(name, _)| *name == "nvl8").expect("it ships");
    let texts = [
        include_str!("../../../topologies/README.md"),
        include_str!("../../../README.md"),
        include_str!("../../../traces/README.md"),
    ];
    let mut parts = 0;
    for text in texts {
        for block in text.split("```ron\n").skip(1) {
            let block = block.split("```").next().expect("its end");
            if block.starts_with("Machine(") {
                topology::parse("README.md", block).unwrap_or_else(|e| panic!("{e}"));
                continue;
            }
            parts += 1;
            // What the machine has already makes room for what is shown.
            let key = block.split(':').next().expect("a key").trim();
            let field = format!("    {key}: ");
            let without: String = match nvl8.find(&format!("\n{field}")) {
                None => (*nvl8).to_owned(),
                Some(at) => {
                    let rest = &nvl8[at + 1..];
                    let end = rest.find("\n    },\n").map(|n| n + 8).expect("it is a block");
                    format!("{}{}", &nvl8[..=at], &rest[end..])
                }
            };
            let whole =
                without.replacen("    flit:", &format!("    {}\n    flit:", block.trim()), 1);
            Description::from_ron("README.md", &whole).unwrap_or_else(|e| panic!("{e}\n{whole}"));
        }
    }
    assert!(parts >= 3, "{parts} parts");
}

#[test]
fn the_example_in_the_readme_is_right() {
    let readme = include_str!("../../../topologies/README.md");
    let start = readme.find("```ron\nMachine(").expect("an example of a whole machine");
    let (text, _) = readme[start + "```ron\n".len()..].split_once("```").expect("its end");
    let spec = topology::parse("README.md", text).unwrap_or_else(|e| panic!("{e}"));
    let report = check(&spec).expect("checked");
    // Two parallel cables of 50 GB/s between the leaves and the spine.
    assert_eq!((report.diameter, report.bisection_bytes_per_s), (3, Some(100_000_000_000)));
    assert!(report.warnings.is_empty(), "{report}");
}
