//! Numbers of flights, and the order in which they land.

use super::*;
use crate::express::state::{Sent, lane_no};

/// Flights that are remembered for 10 cycles after their end, and land in order.
fn flights() -> Flights {
    let spacing = Spacing { credit: 5, kept: 10, few: 3 };
    Flights { exits: Exits::Sorted, ..Flights::new((Rule::Always, 8), 1, spacing) }
}

#[test]
fn a_number_is_given_out_again_when_no_link_is_had_by_it_and_there_are_as_many_as_it_takes() {
    let mut flights = flights();
    let all: Vec<_> = core::iter::from_fn(|| flights.open(100)).collect();
    assert_eq!(all, (1..FLIGHTS).map(|n| FlightNo::try_from(n).unwrap()).collect::<Vec<_>>());
    flights.close(7, 200);
    assert_eq!((flights.open(209), flights.unused), (None, 1024));
    // The numbers go around: the first that is asked for may still be in use, and others free.
    flights.close(1, 200);
    assert_eq!((flights.open(210), flights.open(210)), (Some(1), None));
}

#[test]
fn few_numbers_do_while_few_are_on_their_way() {
    let mut flights = flights();
    for now in (0..20_000).step_by(4) {
        let number = flights.open(now).unwrap();
        flights.close(number, now);
    }
    // Each is kept for 10 cycles, in which 3 more set out.
    assert!(flights.unused <= 6, "{}", flights.unused);
}

#[test]
fn those_that_land_in_one_cycle_are_handed_over_in_the_order_of_their_output_vcs() {
    let mut flights = flights();
    let outs = [30_u32, 10, 40, 20, 50, 5];
    for out in outs {
        let number = flights.open(0).unwrap();
        let place = &mut flights.places[number];
        (place.len, place.aloft, place.exits) = (1, true, true);
        place.legs[0].hop = Sent::new(lane_no(0), lane_no(out));
        place.age = u64::from(out);
        flights.schedule(number, 9, true);
    }
    // One that was put down on its way lands no more.
    let down = flights.landings[Flights::place(9)];
    flights.places[down].aloft = false;
    let mut landed = Vec::new();
    let mut number = down;
    while number != 0 {
        landed.push(flights.places[number].age);
        number = flights.places[number].next;
    }
    assert_eq!(landed, [5, 10, 20, 30, 40, 50]);
    assert_eq!(core::iter::from_fn(|| flights.land(9)).count(), outs.len() - 1);
}
