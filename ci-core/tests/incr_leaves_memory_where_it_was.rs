//! Rounds of adding and removing lists of 1,000 elements leave the memory where it was after the first few: a hundred,
//! or `LIST_ROUNDS` (`scripts/soak` does ten thousand).

use ci_core::incr::{Graph, Group};

const LEN: usize = 1000;

/// Bytes allocated and not freed by `change` over some rounds.
fn grown_by(rounds: usize, mut change: impl FnMut(usize)) -> i64 {
    allocation_counter::measure(|| (0..rounds).for_each(&mut change)).bytes_current
}

fn rounds() -> usize {
    std::env::var("LIST_ROUNDS").map_or(100, |rounds| rounds.parse().expect("LIST_ROUNDS is a number"))
}

fn assert_stays(what: &str, mut change: impl FnMut(usize)) {
    // The first time round all that is kept for later use is made.
    let first = grown_by(20, &mut change);
    let later = grown_by(rounds(), &mut change);
    assert!(first > 0, "{what}: nothing was counted");
    assert_eq!(later, 0, "{what}: grew by {later} bytes, after {first} at first");
}

#[test]
fn lists_of_other_keys_each_round() {
    let mut graph = Graph::new(());
    let shared = graph.var(1_u64);
    let list = graph.var(Vec::<(usize, u64)>::new());
    let all = graph.keyed(list, move |graph, _, item| graph.map2(item, shared, |(_, x), y| x + y)).all;
    assert_stays("a list", |round| {
        graph.set(list, (0..LEN).map(|at| (round * LEN + at, at as u64)).collect());
        assert_eq!(graph.propagate().panics, 0);
        assert_eq!(graph.get(all).map(Vec::len), Some(LEN));
        graph.set(list, Vec::new());
        assert!(graph.propagate().released >= 2 * LEN as u64);
        assert_eq!(graph.get(all).map(Vec::len), Some(0));
    });
}

#[test]
fn logs_of_other_keys_each_round() {
    let mut graph = Graph::new(());
    let shared = graph.var(1_u64);
    let log = graph.log();
    let sum = Group::new(0, |a: &u64, b: &u64| a + b, |a: &u64, b: &u64| a - b);
    let make = move |graph: &mut Graph<()>, _: &usize, item| graph.map2(item, shared, |x: &u64, y| x + y);
    let all = graph.keyed_log(log, make, 0, u64::clone, sum);
    assert_stays("a log", |round| {
        (0..LEN).for_each(|at| assert!(graph.put(log, round * LEN + at, at as u64)));
        assert_eq!(graph.propagate().panics, 0);
        assert_eq!(graph.get(all), Some(&((LEN * (LEN + 1) / 2) as u64)));
        (0..LEN).for_each(|at| assert!(graph.remove(log, round * LEN + at)));
        assert!(graph.propagate().released >= 2 * LEN as u64);
        assert_eq!(graph.get(all), Some(&0));
    });
}

#[test]
fn scopes_opened_from_outside_and_by_binds() {
    let mut graph = Graph::new(());
    let pick = graph.var(0);
    let bound = graph.bind(pick, |graph, pick| {
        let vars: Vec<_> = (0..LEN as u64).map(|at| graph.var(at + pick)).collect();
        graph.fold(&vars, 0, u64::clone, |a, b| a.max(b).to_owned())
    });
    assert_stays("scopes", |round| {
        let scope = graph.new_scope();
        graph.in_scope(scope, |graph| (0..LEN).for_each(|_| _ = graph.map(bound, |x| x + 1)));
        graph.set(pick, round as u64);
        graph.propagate();
        assert_eq!(graph.get(bound), Some(&(LEN as u64 - 1 + round as u64)));
        graph.release_scope(scope);
    });
}
