//! What `check` says of framed links.

use lockstep::topology::SHIPPED;
use serde_json::Value;

use crate::place::Place;

/// `nvl8-framed` with something of it replaced.
fn changed(from: &str, to: &str) -> String {
    let (_, text) = SHIPPED.iter().find(|(name, _)| *name == "nvl8-framed").expect("it is shipped");
    assert!(text.contains(from));
    text.replacen(from, to, 1)
}

fn check(place: &Place, text: &str) -> (String, Value) {
    place.put("m.ron", text);
    let said = place.run("check m.ron");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let json = place.run("check m.ron --json -");
    (said.out, serde_json::from_str(&json.out).expect("it is JSON"))
}

/// All four links between node 0 and switch 1 go down and come up.
#[test]
fn check_lists_what_a_links_death_does_to_ways() {
    let event = |nth: u32, at: &str, what: &str| {
        format!("(link: (\"node0\", \"switch1\"), nth: {nth}, at: \"{at}\", what: {what})")
    };
    let all = |at, what| (0..4).map(move |nth| event(nth, at, what)).collect::<Vec<_>>();
    let events = [all("5 us", "Down"), all("9 us", "Up")].concat().join(", ");
    let text = changed("accelerator: (", &format!("events: [{events}], accelerator: ("));
    let (said, json) = check(&Place::new(), &text);
    let changes = json[0]["link_changes"].as_array().expect("a list");
    assert_eq!(changes.len(), 2, "{said}");
    let (down, up) = (&changes[0], &changes[1]);
    let at = |of: &Value| of["at_ns"].as_f64().expect("a time");
    // Training is behind the second.
    assert!((at(down) - 5_000.0).abs() < 1e-9 && at(up) > 9_000.0, "{said}");
    assert_eq!(down["down"].as_array().map(Vec::len), Some(4));
    assert_eq!(up["down"].as_array().map(Vec::len), Some(0));
    // 14 pairs of 56 have node 0 at an end; those of four packets each that went by switch 1 were cut.
    let number = |of: &Value, key: &str| of[key].as_u64().expect("a number");
    assert_eq!((number(down, "pairs"), number(up, "pairs_cut")), (56, 0));
    let (cut, changed) = (number(down, "pairs_cut"), number(down, "pairs_changed"));
    assert!(cut > 5 && cut <= changed && changed <= 14, "{said}");
    assert_eq!(number(up, "pairs_changed"), changed);
    let place = |of: &Value, name: &str| {
        let places = of["places"].as_array().expect("a list").clone();
        places.into_iter().find(|p| p["name"] == name).expect("it sends otherwise")
    };
    let by = |of: &Value, key: &str| {
        let ways = of[key].as_array().expect("a list").iter();
        ways.map(|w| w[1].as_u64().expect("a number")).collect::<Vec<_>>()
    };
    let (before, after) = (place(down, "node0"), place(up, "node0"));
    assert!(by(&before, "before")[1] > 0 && by(&before, "after")[1] == 0, "{said}");
    assert_eq!(by(&before, "before"), by(&after, "after"));
    assert_eq!(by(&before, "before").iter().sum::<u64>(), 28);
    assert_eq!(by(&before, "after").iter().sum::<u64>(), 28);
    assert!(said.contains("links at 5.000 us: 4 down: node0 - switch1, node0 - switch1"), "{said}");
    assert!(said.contains("all links are up") && said.contains("pairs of nodes change"), "{said}");
}

#[test]
fn check_says_who_is_cut_off() {
    let events = (0..4).flat_map(|switch| {
        (0..5).filter(move |nth| *nth < 4 || switch % 3 == 0).map(move |nth| {
            format!("(link: (\"node2\", \"switch{switch}\"), nth: {nth}, at: \"3 us\", what: Down)")
        })
    });
    let events = events.collect::<Vec<_>>().join(", ");
    let text = changed("accelerator: (", &format!("events: [{events}], accelerator: ("));
    let (said, json) = check(&Place::new(), &text);
    let why = json[0]["link_changes"][0]["stranded"].as_str().expect("a reason").to_owned();
    assert!(why.contains("cannot reach"), "{why}");
    assert!(said.contains("no way is left") && said.contains("tables stay"), "{said}");
}

/// Packets of UB lie in blocks: a header of 4 B, flits of 32 B, a check of 4 B, in units of 20 B; 120 of 128 B are
/// not parity.
#[test]
fn efficiency_of_blocks_follows_packet_size() {
    let (said, json) = check(&Place::new(), &changed("class: \"nvlink4\"", "class: \"ub\""));
    let by_size = json[0]["framed"][0]["efficiency_by_data_bytes"].as_array().expect("a list");
    // Bytes of data; flits with a header of 16 B; bytes of blocks.
    for (data, bytes) in
        [(8, 40), (32, 80), (64, 120), (128, 180), (256, 300), (4096, 6 * 620 + 500)]
    {
        let found = by_size.iter().find(|e| e[0] == data).expect("it is told")[1].as_f64();
        let exact = f64::from(data) / f64::from(bytes) * 120.0 / 128.0;
        assert!(
            found.is_some_and(|e| (e - exact).abs() < 1e-9),
            "{data}: {found:?} {exact}\n{said}"
        );
    }
}
