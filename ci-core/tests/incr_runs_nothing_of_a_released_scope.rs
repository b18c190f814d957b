//! One change takes an element away and changes what the element reads: the element does not run a last time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ci_core::incr::{Graph, Node};

/// A variable at this height, so to speak.
fn at_height(graph: &mut Graph<()>, from: Node<u32>, height: u32) -> Node<u32> {
    (0..height).fold(from, |x, _| graph.map(x, |x| *x))
}

#[test]
fn incr_runs_nothing_of_a_released_scope() {
    // The list and what the elements read change together, the one above, beside or below the other.
    for list_height in 0..4 {
        for read_height in 0..4 {
            let mut graph = Graph::new(());
            let builds = Arc::new(AtomicU32::new(0));
            let commit = graph.var(1);
            let read = at_height(&mut graph, commit, read_height);
            let branches = graph.var(vec![("live", ()), ("pr", ())]);
            let list = (0..list_height).fold(branches, |list, _| graph.map(list, Vec::clone));
            let count = Arc::clone(&builds);
            let all = graph.keyed(list, move |graph, _, _| {
                let count = Arc::clone(&count);
                graph.map(read, move |commit| {
                    count.fetch_add(1, Ordering::Relaxed);
                    *commit
                })
            });
            graph.propagate();
            assert_eq!(builds.swap(0, Ordering::Relaxed), 2);

            graph.set(commit, 2);
            graph.set(branches, vec![("live", ())]);
            graph.propagate();
            assert_eq!(builds.load(Ordering::Relaxed), 1, "list {list_height}, read {read_height}");
            assert_eq!(graph.get(all.all), Some(&vec![2]));
        }
    }
}

#[test]
fn a_raised_owner_stays_below_its_nodes() {
    // The element's switch is raised in the step in which it lets go of what it made.
    let mut graph = Graph::new(());
    let builds = Arc::new(AtomicU32::new(0));
    let commit = graph.var(0);
    let tall = at_height(&mut graph, commit, 20);
    let tallest = at_height(&mut graph, commit, 40);
    let pick = graph.var(false);
    let key = graph.bind(pick, move |_, pick| if pick { tallest } else { commit });
    let count = Arc::clone(&builds);
    let built = graph.bind(key, move |graph, key| {
        let count = Arc::clone(&count);
        graph.map(tall, move |commit| {
            count.fetch_add(1, Ordering::Relaxed);
            commit * 100 + key
        })
    });
    graph.propagate();
    assert_eq!(builds.swap(0, Ordering::Relaxed), 1);

    graph.set(pick, true);
    graph.set(commit, 7);
    graph.propagate();
    assert_eq!(graph.get(built), Some(&707));
    assert_eq!(builds.load(Ordering::Relaxed), 1, "only the new one ran");
}
