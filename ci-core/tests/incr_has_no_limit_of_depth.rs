//! A chain of a million nodes is built, changed, raised, released and dropped on a stack of 64 KiB.

use ci_core::incr::{Graph, Node};

const DEPTH: u64 = 1_000_000;

fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(f);
    thread
        .expect("because a thread can be made")
        .join()
        .expect("because the thread does not overflow or panic");
}

fn chain(graph: &mut Graph<()>, from: Node<u64>) -> Node<u64> {
    (0..DEPTH).fold(from, |x, _| graph.map(x, |x| x + 1))
}

#[test]
fn a_deep_chain_is_built_changed_and_dropped() {
    on_a_small_stack(|| {
        let mut graph = Graph::new(());
        let var = graph.var(0);
        let end = chain(&mut graph, var);
        assert_eq!(graph.propagate().recomputed, DEPTH + 1);
        assert_eq!(graph.get(end), Some(&DEPTH));
        graph.set(var, 1);
        assert_eq!(graph.propagate().recomputed, DEPTH + 1);
        assert_eq!(graph.get(end), Some(&(DEPTH + 1)));
    });
}

#[test]
fn a_deep_chain_is_made_by_a_bind_raised_with_it_and_released() {
    on_a_small_stack(|| {
        let mut graph = Graph::new(());
        let low = graph.var(0);
        let tall = (0..10).fold(low, |x, _| graph.map(x, |x| x + 1));
        let pick = graph.var(false);
        let from = graph.bind(pick, move |_, pick| if pick { tall } else { low });
        let deep = graph.bind(from, move |graph, _| chain(graph, low));
        graph.propagate();
        assert_eq!(graph.get(deep), Some(&DEPTH));

        // `from` goes above `tall`, and takes the chain with it, which the new value then releases.
        graph.set(pick, true);
        let stats = graph.propagate();
        assert!(stats.raised > DEPTH && stats.released > DEPTH, "{stats:?}");
        assert_eq!(graph.get(deep), Some(&DEPTH));

        graph.release_scope(graph.root_scope());
        assert_eq!(graph.get(deep), None);
        assert_eq!(graph.propagate().recomputed, 0);
    });
}
