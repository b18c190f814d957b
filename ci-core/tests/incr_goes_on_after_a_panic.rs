//! A node that panics keeps its value, its scopes and its place; it is reported; and everything else goes on.

use std::panic::resume_unwind;

use ci_core::incr::{Compute, Cx, Graph, Node, Scope, Stats};

fn fails(message: &str) -> ! {
    // Not `panic!`: the hook would print.
    resume_unwind(Box::new(message.to_owned()))
}

#[test]
fn a_node_that_panics_keeps_its_value_and_is_reported() {
    let mut graph = Graph::new(());
    let var = graph.var(1);
    let risky = graph.map(var, |x| if *x == 13 { fails("thirteen") } else { *x });
    let after = graph.map(risky, |x| x * 2);
    let other = graph.map(var, |x| x + 1);
    graph.propagate();

    graph.set(var, 13);
    let stats = graph.propagate();
    assert_eq!(stats.panicked, [(risky.id(), "thirteen".to_owned())]);
    assert_eq!((graph.get(risky), graph.get(after), graph.get(other)), (Some(&1), Some(&2), Some(&14)));

    graph.set(var, 4);
    assert_eq!(graph.propagate().panics, 0);
    assert_eq!((graph.get(risky), graph.get(after), graph.get(other)), (Some(&4), Some(&8), Some(&5)));
}

#[test]
fn what_needs_a_value_that_never_was_waits_for_it() {
    let mut graph = Graph::new(());
    let var = graph.var(0);
    let risky = graph.map(var, |x| if *x == 0 { fails("zero") } else { *x });
    // Its first value is that of no inputs: those that wait are told all the same.
    let fold = graph.fold(&[var, risky], 2, i32::clone, |a, b| a + b);
    let last = graph.map(fold, |x| x + 100);
    let stats = graph.propagate();
    assert_eq!((stats.panics, stats.blocked), (1, 2), "{stats:?}");
    assert_eq!((graph.get(risky), graph.get(fold), graph.get(last)), (None, None, None));

    graph.set(var, 1);
    graph.propagate();
    assert_eq!((graph.get(risky), graph.get(fold), graph.get(last)), (Some(&1), Some(&2), Some(&102)));
}

#[test]
fn a_switch_that_panics_half_way_keeps_what_it_had() {
    let mut graph = Graph::new(());
    let pick = graph.var(0);
    let x = graph.var(1);
    let bound = graph.bind(pick, move |graph, pick| {
        let made = graph.map(x, move |x| x + pick);
        if pick == 13 { fails("thirteen") } else { made }
    });
    let list = graph.var(vec![(1, ()), (2, ())]);
    let keyed = graph.keyed(list, move |graph, key, _| {
        let key = *key;
        let made = graph.map(x, move |x| x + key);
        if key == 13 { fails("thirteen") } else { made }
    });
    graph.propagate();

    graph.set(pick, 13);
    graph.set(list, vec![(3, ()), (13, ()), (2, ())]);
    let stats = graph.propagate();
    assert_eq!((stats.panics, stats.recomputed), (2, 4), "nothing half made has run: {stats:?}");
    graph.set(x, 10);
    graph.propagate();
    assert_eq!((graph.get(bound), graph.get(keyed.all)), (Some(&10), Some(&vec![11, 12])));

    graph.set(pick, 5);
    graph.set(list, vec![(3, ()), (2, ())]);
    graph.propagate();
    assert_eq!((graph.get(bound), graph.get(keyed.all)), (Some(&15), Some(&vec![13, 12])));
}

#[test]
fn a_place_in_a_list_does_not_inherit_the_value_of_who_had_it() {
    let mut graph = Graph::new(());
    let list = graph.var(vec![(1, ()), (2, ())]);
    let armed = graph.var(false);
    let keyed = graph.keyed(list, move |graph, key, _| {
        let key = *key;
        graph.map(armed, move |armed| if *armed && key == 13 { fails("thirteen") } else { key })
    });
    graph.propagate();
    graph.set(list, vec![(1, ())]);
    graph.set(armed, true);
    graph.propagate();
    assert_eq!(graph.get(keyed.all), Some(&vec![1]));

    graph.set(list, vec![(1, ()), (13, ())]);
    let stats = graph.propagate();
    assert_eq!((stats.panics, stats.blocked), (1, 1), "{stats:?}");
    assert_eq!(graph.get(keyed.all), Some(&vec![1]), "it waits for the new element's first value");
    graph.set(armed, false);
    graph.propagate();
    assert_eq!(graph.get(keyed.all), Some(&vec![1, 13]));
}

/// Opens a scope, or gives the one it has back and panics.
struct Undecided {
    input: Node<bool>,
    made: Option<(Scope, Node<i32>)>,
}

impl Compute<()> for Undecided {
    type Value = ();

    fn recompute(&mut self, cx: &mut Cx<'_, ()>) -> bool {
        if *cx.get(self.input) {
            let (scope, _) = self.made.expect("because it ran before");
            cx.release_scope(scope);
            fails("after all, no");
        }
        let scope = cx.new_scope();
        self.made = Some((scope, cx.in_scope(scope, |graph| graph.var(1))));
        true
    }

    fn value(&self) -> &() {
        &()
    }
}

#[test]
fn what_a_node_released_before_it_panicked_stays() {
    let mut graph = Graph::new(());
    let input = graph.var(false);
    let undecided = graph.insert(&[input.id()], Undecided { input, made: None });
    graph.propagate();
    let mut made = None;
    graph.with_mut(undecided, |undecided: &mut Undecided| made = undecided.made);
    let (_, made) = made.expect("because it ran");
    graph.set(input, true);
    let stats = graph.propagate();
    assert_eq!((stats.panics, stats.released), (1, 0));
    assert_eq!(graph.get(made), Some(&1));
}

#[test]
fn a_flood_of_panics_is_counted_and_cut_short() {
    let mut graph = Graph::new(());
    let var = graph.var(0);
    for _ in 0..1000 {
        graph.map(var, |_| -> i32 { fails(&"é".repeat(10_000)) });
    }
    let stats = graph.propagate();
    assert_eq!((stats.panics, stats.panicked.len()), (1000, Stats::PANICKED_MAX));
    assert!(stats.panicked.iter().all(|(_, message)| message.chars().count() == Stats::MESSAGE_CHARS_MAX));
}

/// Tries what it must not do.
struct Wrong(Option<Node<i32>>, fn(&mut Cx<'_, ()>, Option<Node<i32>>));

impl Compute<()> for Wrong {
    type Value = ();

    fn recompute(&mut self, cx: &mut Cx<'_, ()>) -> bool {
        (self.1)(cx, self.0);
        true
    }

    fn value(&self) -> &() {
        &()
    }
}

#[test]
fn misuse_is_the_misusers_panic() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut graph = Graph::new(());
    let scope = graph.new_scope();
    let gone = graph.in_scope(scope, |graph| graph.var(1));
    graph.propagate();
    graph.release_scope(scope);
    let low = graph.var(1);
    let high = graph.map(low, |x| *x);
    let wrongs = [
        Wrong(Some(gone), |cx, node| _ = *cx.get(node.expect("given"))),
        Wrong(Some(high), |cx, node| _ = *cx.get(node.expect("given"))),
        Wrong(Some(low), |cx, node| _ = *cx.get(node.expect("given").id().typed::<String>())),
        Wrong(None, |cx, _| {
            let scope = cx.new_scope();
            cx.in_scope(scope, |graph| _ = graph.propagate());
        }),
        Wrong(Some(high), |cx, node| {
            let node = node.expect("given").id();
            let scope = cx.new_scope();
            cx.add_input(node, 1, node, scope);
        }),
    ];
    let count = wrongs.len() as u64;
    for wrong in wrongs {
        graph.insert(&[low.id()], wrong);
    }
    let stats = graph.propagate();
    std::panic::set_hook(hook);
    assert_eq!(stats.panics, count, "{stats:?}");
    assert!(graph.is_settled() && graph.get(high) == Some(&1));
}

#[test]
fn a_circle_is_refused() {
    use std::sync::{Arc, OnceLock};

    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut graph = Graph::new(());
    let var = graph.var(1);
    let knot = Arc::new(OnceLock::new());
    let tied = Arc::clone(&knot);
    let bound: Node<i32> =
        graph.bind(var, move |graph, x| if x == 2 { *tied.get().expect("tied below") } else { graph.var(x) });
    let above = graph.map(bound, |x| x + 1);
    knot.set(above).expect("tied once");
    graph.propagate();

    graph.set(var, 2);
    let stats = graph.propagate();
    std::panic::set_hook(hook);
    assert_eq!(stats.panics, 1, "{stats:?}");
    graph.set(var, 3);
    graph.propagate();
    assert_eq!(graph.get(above), Some(&4), "and the heights are right still");
}
