//! scratch
use base::NodeIdx;
use base::rng::draw;
use machine::cycle::{CycleNetwork, Next, Offer, Passage, Terminals};
use topology::describe::{Description, FabricForm};

struct Uniform {
    next: Vec<u64>,
    count: Vec<u64>,
    nodes: u64,
    ln: f64,
    flits: u32,
    seed: u64,
    from: u64,
    to: u64,
    lat: u64,
    n: u64,
    hops: u64,
    out: u64,
    ejected: u64,
}
impl Uniform {
    fn gap(&self, node: u64, c: u64) -> u64 {
        let u = (draw(self.seed, node, 1, c) >> 11) as f64 / (1u64 << 53) as f64;
        ((1.0 - u).ln() / self.ln) as u64 + 1
    }
}
impl Terminals for Uniform {
    #[inline]
    fn next(&mut self, node: NodeIdx, _: u8, now: u64) -> Next {
        let i = node.at();
        let t = self.next[i];
        if t > now {
            return Next::At(t);
        }
        self.count[i] += 1;
        let c = self.count[i];
        self.next[i] = t + self.gap(i as u64, c);
        let d = draw(self.seed, i as u64, 2, c);
        let dst = ((d >> 32) * self.nodes) >> 32;
        let tag = u32::from(t >= self.from && t < self.to);
        self.out += tag as u64;
        Next::Packet(Offer { created: t, dst: NodeIdx(dst as u32), flits: self.flits, tag })
    }
    #[inline]
    fn flit_ejected(&mut self, _: &Passage, now: u64) {
        if now >= self.from && now < self.to {
            self.ejected += 1;
        }
    }
    #[inline]
    fn delivered(&mut self, p: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        if p.tag == 1 {
            self.lat += now - p.created;
            self.n += 1;
            self.hops += u64::from(p.hops);
            self.out -= 1;
        }
        None
    }
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let k: u32 = a[1].parse().unwrap();
    let load: f64 = a[2].parse().unwrap();
    let cycles: u64 = a[3].parse().unwrap();
    let flits: u32 = a[4].parse().unwrap();
    let vcs: u8 = a[5].parse().unwrap();
    let buf: u32 = a[6].parse().unwrap();
    let ron = include_str!("../../../topologies/mesh8x8.ron")
        .replace("buffer_flits: 8", &format!("buffer_flits: {buf}"));
    let mut d = Description::from_ron("x", &ron).unwrap();
    d.router.vcs_per_class = vcs;
    use base::arch::*;
    for o in a[7..].iter() {
        match o.as_str() {
            "ob" => d.router.output_buffer_flits = Some(4),
            "ob16" => d.router.output_buffer_flits = Some(16),
            "spec" => d.router.speculative = true,
            "rc0" => d.router.rc_cycles = 0,
            "cd2" => d.router.credit_cycles = 2,
            "islip" => {
                d.router.vc_allocator = Allocation::Islip { iterations: 1 };
                d.router.switch_allocator = Allocation::Islip { iterations: 1 }
            }
            "of" => {
                d.router.vc_allocator = Allocation::OutputFirst;
                d.router.switch_allocator = Allocation::OutputFirst
            }
            "wf" => {
                d.router.vc_allocator = Allocation::Wavefront;
                d.router.switch_allocator = Allocation::Wavefront
            }
            "matrix" => d.router.arbiter = Arbitration::Matrix,
            "age" => d.router.arbiter = Arbitration::Age,
            "is2" => d.router.input_speedup = 2,
            "int2" => d.router.internal_speedup = 2,
            "os2" => d.router.output_speedup = 2,
            "tail" => d.router.vc_reuse = VcReuse::TailCredit,
            "vct" => d.router.switching = Switching::VirtualCutThrough,
            "shared" => d.router.buffers = Buffers::Shared { reserved_flits: 1 },
            "hold" => d.router.hold_switch = true,
            x => panic!("{x}"),
        }
    }
    if let FabricForm::Mesh(g) = &mut d.fabric {
        g.dims = vec![k, k];
    }
    let spec = d.elaborate().unwrap();
    let n = (k * k) as usize;
    let p = load / f64::from(flits);
    let mut u = Uniform {
        next: vec![0; n],
        count: vec![0; n],
        nodes: n as u64,
        ln: (1.0 - p).ln(),
        flits,
        seed: 7,
        from: cycles / 10,
        to: cycles,
        lat: 0,
        n: 0,
        hops: 0,
        out: 0,
        ejected: 0,
    };
    for i in 0..n {
        u.next[i] = u.gap(i as u64, 0) - 1;
    }
    let mut net = CycleNetwork::new(&spec, spec.fabric.routing.clone(), 1, 7, ()).unwrap();
    net.start();
    #[allow(clippy::disallowed_methods)]
    let t = std::time::Instant::now();
    while net.now() < cycles {
        net.cycle(&mut u);
    }
    let s = t.elapsed().as_secs_f64();
    let visits = net.router_visits();
    println!(
        "lat {:.4} hops {:.4} accepted {:.4} n {} left {} visits {} {:.2} M/s",
        u.lat as f64 / u.n as f64,
        u.hops as f64 / u.n as f64,
        u.ejected as f64 / (u.to - u.from) as f64 / n as f64,
        u.n,
        u.out,
        visits,
        visits as f64 / s / 1e6
    );
}
