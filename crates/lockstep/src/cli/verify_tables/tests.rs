//! The tables against the Primer, and against the rows that the search takes.

use coherence::DirEventKind;

use super::*;

/// The cells of the first row of this name, the name at 1.
fn cells(text: &str, name: &str) -> Vec<String> {
    let start = format!("| {name} ");
    let line = text.lines().find(|l| l.starts_with(&start)).expect("the row is there");
    line.split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn text(protocol: Protocol) -> String {
    render(&coherent(protocol, Listing::FullMap))
}

#[test]
fn the_tables_say_what_the_primer_does_of_well_known_rows() {
    let mesi = text(Protocol::MESI);
    let row = |name: &str| cells(&mesi, name);
    assert_eq!(row("I")[2..4], ["GetS to Dir/IsD", "GetM to Dir/ImAd"]);
    assert_eq!(row("M")[2..4], ["hit", "hit"]);
    assert!(row("M").contains(&"Data to Req, Wb to Dir/S".to_owned()), "{:?}", row("M"));
    assert!(row("M").contains(&"Data to Req/I".to_owned()));
    assert!(row("SmAd").contains(&"InvAck to Req/ImAd".to_owned()));
    assert!(row("ImA").contains(&"store, CompAck to Dir/M".to_owned()));
    assert!(row("BGetM").contains(&"stall".to_owned()));
    let ends = |text: &str, name: &str| cells(text, name).into_iter().rev().find(|c| !c.is_empty());
    let of = |after: &str| Some(after.to_owned());
    assert_eq!(ends(&mesi, "BGetS, one copy, awaits CompAck"), of("/EM"));
    assert_eq!(ends(&mesi, "BGetS, sharers, awaits CompAck"), of("/S"));
    let owned = text(Protocol::OWNED);
    assert_eq!(ends(&owned, "BGetS, owner stays, awaits CompAck"), of("/O"));
    assert!(!mesi.contains("OmAd") && owned.contains("OmAd"));
    let scoped = scoped().render();
    assert_eq!(cells(&scoped, "V")[2..4], ["load", "Read up/Iv"]);
    assert!(cells(&scoped, "D").contains(&"Through up/W".to_owned()), "{scoped}");
}

/// What the functions would do with an event that nobody sends is no row of the protocol.
#[test]
fn cells_that_no_run_comes_to_are_blank() {
    let [cache, dir] = &coherent(Protocol::MESI, Listing::FullMap)[..] else {
        panic!("two tables")
    };
    let cell = |table: &Table, row: &str, column: &str| {
        let at = table.columns.iter().position(|c| c == column).expect("the column is there");
        let (_, cells) = table.rows.iter().find(|(name, _)| name == row).expect("the row is there");
        cells[at].clone()
    };
    for (row, column) in
        [("I", "FwdGetS"), ("S", "FwdGetS"), ("IsD", "Data (acks > 0)"), ("M", "Inv")]
    {
        assert_eq!(cell(cache, row, column), "", "cache {row}, {column}");
    }
    for (row, column) in [
        ("I", "PutM by the owner"),
        ("S", "PutE by the owner"),
        ("EM", "Upg by a sharer"),
        ("I", "FwdAckI"),
    ] {
        assert_eq!(cell(dir, row, column), "", "home {row}, {column}");
    }
    assert_eq!(cell(dir, "EM", "PutM by the owner"), "write memory, PutAck to Req/I");
    assert_eq!(
        cell(dir, "I", "PutE, PutM by another"),
        "PutAck to Req",
        "it had to give the line up meanwhile"
    );
}

/// A state without a row would be one that nobody can leave; an event without a column one that nobody handles.
#[test]
fn every_row_that_the_search_takes_has_a_cell() {
    for protocol in Protocol::ALL {
        let cfg = Config { protocol, ..Config::default() };
        let rows = coherent_rows(protocol, Listing::FullMap, 1);
        let cache = cache_table(cfg, &rows);
        let dir = dir_table(cfg, &rows);
        let (_, events) = cache_events();
        for (state, kind) in &rows.cache {
            let of = |(event, _): &(Incoming, i32)| event.event().kind() == *kind;
            let (_, cells) =
                cache.rows.iter().find(|(name, _)| *name == format!("{state:?}")).expect("a row");
            let told = events.iter().zip(cells).any(|(event, cell)| of(event) && !cell.is_empty());
            assert!(told, "cache {state:?} {kind:?}, {protocol}");
        }
        for (state, kind) in &rows.home {
            let name = format!("{state:?}");
            let column = |c: &String| match kind {
                DirEventKind::Recall => c == "recall",
                DirEventKind::PutE | DirEventKind::PutM | DirEventKind::PutO => {
                    c.starts_with("Put")
                }
                kind => c.starts_with(&format!("{kind:?}")),
            };
            let mut of = dir.rows.iter().filter(|(row, _)| row.split(',').next() == Some(&name));
            let told = of.any(|(_, cells)| {
                dir.columns.iter().zip(cells).any(|(c, cell)| column(c) && !cell.is_empty())
            });
            assert!(told, "home {state:?} {kind:?}, {protocol}");
        }
    }
}
