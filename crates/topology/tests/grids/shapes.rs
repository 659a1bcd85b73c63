//! What grids consist of: links, distances, the ends of wires.

use base::NodeIdx;
use topology::check;
use topology::describe::{Description, FabricForm, GridRouting, Ring};
use topology::spec::{End, MachineSpec};

use super::harness::links_between;
use super::{Form, describe, grid, machine, per_dim, twisted};

/// Routers on the longest shortest route, and the sum over all ordered pairs of different nodes.
fn hops(spec: &MachineSpec) -> (usize, usize) {
    let f = &spec.fabric;
    let far = (0..f.node_ports.len()).flat_map(|n| {
        let far = links_between(f, NodeIdx::new(n));
        (0..far.len()).filter(move |m| *m != n).map(move |m| far[m] - 1).collect::<Vec<_>>()
    });
    far.fold((0, 0), |(most, sum), hops| (most.max(hops), sum + hops))
}

fn linked(spec: &MachineSpec, a: usize, b: usize) -> bool {
    spec.fabric.links.iter().any(|l| match (l.from, l.to) {
        (End::Router(from, _), End::Router(to, _)) => (from.at(), to.at()) == (a, b),
        _ => false,
    })
}

#[test]
fn the_report_counts_hops_as_a_search_does() {
    let dimension_order = GridRouting::DimensionOrder;
    for (dims, per_router) in
        [(vec![4, 4], 4), (vec![5, 3], 2), (vec![2, 4, 3], 1), (vec![6], 3), (vec![1, 4], 1)]
    {
        for form in [Form::Mesh, Form::Torus] {
            let mut grid = grid(&dims, dimension_order);
            grid.nodes_per_router = per_router;
            let spec = machine(form, grid, 2);
            let report = check(&spec).expect("checked");
            let (most, sum) = hops(&spec);
            let pairs = report.nodes * (report.nodes - 1);
            assert_eq!(report.diameter, most as u64, "{form:?} {dims:?}");
            let mean = sum as f64 / pairs as f64;
            assert!((report.average_hops - mean).abs() < 1e-12, "{form:?} {dims:?}");
        }
    }
}

#[test]
fn nodes_hang_on_routers_in_order() {
    let mut grid = grid(&[4, 2], GridRouting::DimensionOrder);
    (grid.nodes_per_router, grid.local_links) = (3, 2);
    let f = machine(Form::Mesh, grid, 1).fabric;
    assert_eq!((f.node_ports.len(), f.routers.len()), (24, 8));
    for (n, ports) in f.node_ports.iter().enumerate() {
        assert_eq!(ports.len(), 2);
        for (k, link) in ports.iter().enumerate() {
            let End::Router(r, port) = f.links[link.at()].to else { panic!("a router") };
            assert_eq!((r.at(), port.at()), (n / 3, n % 3 * 2 + k));
        }
    }
    // 3 * 2 + 4 cables between routers.
    assert_eq!(f.links.len(), 2 * (24 * 2 + 10));
}

#[test]
fn a_twist_shifts_what_goes_over_the_end() {
    // 4 by 2, up from the second row leads 2 to the right.
    let grid = twisted(&[4, 2], GridRouting::DimensionOrder, &[(1, 0, 2)]);
    let spec = machine(Form::Torus, grid, 2);
    for x in 0..4 {
        assert!(linked(&spec, x, 4 + x) && linked(&spec, 4 + x, (x + 2) % 4), "{x}");
        assert!(!linked(&spec, 4 + x, (x + 1) % 4));
    }
    assert_eq!(spec.fabric.routers[0].ports.len(), 1 + 4);
}

#[test]
fn a_rectangular_twisted_torus_has_the_diameter_of_its_short_side() {
    // Cámara et al. 2010: a torus of 2a by a, twisted by a, has diameter a; untwisted, 3a/2.
    for a in [2_u32, 4, 6] {
        let straight = machine(Form::Torus, grid(&[2 * a, a], GridRouting::DimensionOrder), 2);
        let twist = [(1, 0, a)];
        let form = twisted(&[2 * a, a], GridRouting::DimensionOrder, &twist);
        let turned = machine(Form::Torus, form, 2);
        let (a, (far, sum), (near, less)) = (a as usize, hops(&straight), hops(&turned));
        assert_eq!((far, near), (1 + a + a / 2, 1 + a));
        assert!(less < sum);
    }
}

#[test]
fn a_ring_is_a_torus_of_one_dimension() {
    let mut d = Description::mesh8x8();
    d.router.vcs_per_class = 2;
    d.fabric = FabricForm::Ring(Ring {
        routers: 7,
        nodes_per_router: 2,
        local: "wire".to_owned(),
        link: "wire".to_owned(),
        length: None,
        clock: "die".to_owned(),
        local_links: 1,
        routing: GridRouting::DimensionOrder,
        datelines: topology::describe::Datelines::Strict,
        early_exit: false,
    });
    let ring = check(&d.elaborate().expect("right")).expect("checked");
    let mut form = grid(&[7], GridRouting::DimensionOrder);
    form.nodes_per_router = 2;
    let torus = check(&machine(Form::Torus, form, 2)).expect("checked");
    assert_eq!(ring, torus);
    assert_eq!((ring.nodes, ring.routers, ring.links, ring.diameter), (14, 7, 2 * (14 + 7), 4));
}

#[test]
fn every_dimension_has_links_of_its_own_class_and_length() {
    let mut d = describe(Form::Torus, grid(&[4, 3], GridRouting::DimensionOrder), 2);
    let cable = Description::torus4x4x4().links.get_mut("ici").expect("there").clone();
    d.links.0.push(("cable".to_owned(), cable));
    let FabricForm::Torus(grid) = &mut d.fabric else { unreachable!("a torus") };
    grid.link = per_dim(&["wire", "cable"]);
    let text = "[\"0 m\", \"1.5 m\"]";
    grid.length = Some(ron::from_str(text).expect("a list of lengths"));
    let f = d.elaborate().expect("right").fabric;
    let between = f.links.iter().filter_map(|l| match (l.from, l.to) {
        (End::Router(a, _), End::Router(b, _)) => Some((a.at().abs_diff(b.at()), l)),
        _ => None,
    });
    for (apart, link) in between {
        // Neighbours of dimension 1 are 4 or, around the ring, 8 apart.
        let expected = if apart.is_multiple_of(4) { (1, 1_500_000) } else { (0, 0) };
        assert_eq!((link.class, link.length_um), expected);
    }
}
