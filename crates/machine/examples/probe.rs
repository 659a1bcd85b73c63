//! scratch
use base::NodeIdx;
use base::rng::draw;
use machine::cycle::{CycleNetwork, Next, Offer, Passage, Terminals};
use topology::Description;

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
    check: bool,
    hash: u64,
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
        if self.check {
            let x = base::rng::mix(now ^ u64::from(p.src.0) << 40 ^ u64::from(p.dst.0) << 52);
            self.hash = self.hash.wrapping_add(base::rng::mix(
                x ^ p.injected << 20 ^ p.created ^ u64::from(p.hops) << 60,
            ));
        }
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
    let kind = a[1].as_str();
    let load: f64 = a[2].parse().unwrap();
    let cycles: u64 = a[3].parse().unwrap();
    let flits: u32 = a[4].parse().unwrap();
    let vcs: u8 = a[5].parse().unwrap();
    let buf: u32 = a[6].parse().unwrap();
    let file =
        |name: &str| std::fs::read_to_string(format!("/tmp/wt-p/topologies/{name}.ron")).unwrap();
    let mut ron = match (kind.parse::<u32>(), kind) {
        (Ok(k), _) => file("mesh8x8").replace("dims: [8, 8]", &format!("dims: [{k}, {k}]")),
        (_, "torus8") => file("mesh8x8").replace("Mesh(", "Torus("),
        (_, "switch72") => {
            let s = file("nvl72");
            let (a, b) =
                (s.find("\"nvlink5\": Serial(").unwrap(), s.find("    accelerator: (").unwrap());
            let wire = "\"nvlink5\": OnDie(latency_cycles: 1, interval_cycles: 1, buffer_flits: 8),\n },\n";
            format!("{}{wire}{}", &s[..a], &s[b..])
                .replace("switches: 18", "switches: 1")
                .replace("length: \"1 m\",", "")
                .replace("rc_cycles: 2", "rc_cycles: 1")
                .replace("st_cycles: 24", "st_cycles: 1")
                .replace("clock: \"switch\"", "clock: \"accelerator\"")
        }
        (_, name) => file(name),
    };
    if buf > 0 {
        ron = ron.replace("buffer_flits: 8", &format!("buffer_flits: {buf}"));
    }
    let mut d = Description::from_ron("x", &ron).unwrap();
    if vcs > 0 {
        d.router.vcs_per_class = vcs;
    }
    if std::env::var_os("LOOK").is_some() {
        d.router.rc_cycles = 0;
    }
    let spec = d.elaborate().unwrap();
    let n = spec.fabric.node_ports.len();
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
        check: std::env::var_os("CHECK").is_some(),
        hash: 0,
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
        "lat {:.4} hops {:.4} accepted {:.4} n {} left {} visits {} hash {:x} time {:.2} M/s",
        u.lat as f64 / u.n as f64,
        u.hops as f64 / u.n as f64,
        u.ejected as f64 / (u.to - u.from) as f64 / n as f64,
        u.n,
        u.out,
        visits,
        u.hash,
        visits as f64 / s / 1e6
    );
}
