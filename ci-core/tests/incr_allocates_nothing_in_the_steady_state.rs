//! Once each node has changed before, a change allocates nothing and frees nothing: set, propagate, read.

use std::time::Instant;

use ci_core::incr::{Graph, Node};

/// An empty graph whose clock stands: to name what a busy machine makes slow takes an allocation.
fn empty() -> Graph<()> {
    let mut graph = Graph::new(());
    let now = Instant::now();
    graph.measure_by(move || now);
    graph
}

fn step(x: &i64, k: i64) -> i64 {
    if k == 0 { x / 2 } else { (x * 31 + k) & ((1 << 40) - 1) }
}

fn chain(graph: &mut Graph<()>, from: Node<i64>, len: i64) -> Node<i64> {
    (0..len).fold(from, |x, k| graph.map(x, move |x| step(x, k)))
}

/// Runs `change` some times to warm up, then counts.
fn assert_allocates_nothing(what: &str, mut change: impl FnMut(i64)) {
    (0..200).for_each(&mut change);
    let counted = allocation_counter::measure(|| (200..1200).for_each(&mut change));
    assert_eq!(counted.count_total, 0, "{what}");
}

#[test]
fn incr_allocates_nothing_in_the_steady_state() {
    // The counter counts.
    assert_eq!(allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);

    let mut graph = empty();
    let var = graph.var(0);
    let end = chain(&mut graph, var, 1000);
    assert_allocates_nothing("a chain", |i| {
        graph.set(var, i * 2);
        assert_eq!(graph.propagate().recomputed, 1001);
        assert!(graph.get(end).is_some());
    });
    assert_allocates_nothing("a change that stops", |i| {
        graph.set(var, 5000 + i % 2);
        assert!(graph.propagate().recomputed <= 1001);
    });

    // Repositories of heads of steps, summed up per repository and over all: one head, and one head in each.
    let mut graph = empty();
    let heads: Vec<Vec<Node<i64>>> = (0..50).map(|_| (0..20).map(|i| graph.var(i)).collect()).collect();
    let mut repos = Vec::new();
    for repo in &heads {
        let ends: Vec<_> = repo.iter().map(|head| chain(&mut graph, *head, 5)).collect();
        repos.push(graph.fold(&ends, 0, i64::clone, |a, b| a ^ b));
    }
    let all = graph.fold(&repos, 0, i64::clone, |a, b| a ^ b);
    assert_allocates_nothing("one head", |i| {
        graph.set(heads[i as usize % 50][i as usize % 20], i * 2);
        graph.propagate();
        assert!(graph.get(all).is_some());
    });
    assert_allocates_nothing("a head in each repository", |i| {
        for repo in &heads {
            graph.set(repo[i as usize % 20], i * 2);
        }
        assert_eq!(graph.propagate().panics, 0);
    });

    // One node that very many read.
    let mut graph = empty();
    let base = graph.var(0);
    let leaves: Vec<_> = (0..10_000).map(|k| graph.map(base, move |x| x + k % 2)).collect();
    let _all = graph.fold(&leaves, 0, i64::clone, |a, b| a ^ b);
    assert_allocates_nothing("a fan", |i| {
        if i % 100 == 0 {
            graph.set(base, i);
        }
        assert!(graph.propagate().recomputed <= 10_002);
    });

    // Inside of what was made dynamically.
    let mut graph = empty();
    let which = graph.var(true);
    let x = graph.var(0);
    let bound = graph.bind(which, move |graph, _| chain(graph, x, 10));
    let list = graph.var((0..100_u32).map(|key| (key, i64::from(key))).collect::<Vec<_>>());
    let keyed = graph.keyed(list, move |graph, _, item| graph.map2(item, x, |(_, item), x| item + x));
    let one = graph.map2(bound, keyed.all, |a, row| a + row.iter().sum::<i64>());
    assert_allocates_nothing("below a bind and in a list", |i| {
        graph.set(x, i * 2);
        assert!(graph.propagate().recomputed > 100);
        assert!(graph.get(one).is_some());
    });
}
