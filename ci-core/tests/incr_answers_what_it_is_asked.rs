//! What a graph tells of its nodes and scopes, and what a node that runs is told of itself.

use std::any::Any;
use std::sync::{Arc, Mutex};

use ci_core::incr::{Compute, Cx, Graph, Id, Node, Scope};

type Told = Arc<Mutex<Vec<String>>>;

/// Adds one to its input, notes what it is told, and answers with what it was made with.
struct Talker {
    input: Node<u64>,
    name: &'static str,
    asks: Option<Id>,
    told: Told,
    value: u64,
}

impl Compute<()> for Talker {
    type Value = u64;

    fn recompute(&mut self, cx: &mut Cx<'_, ()>) -> bool {
        let mut line = format!("{} in step {}: {cx:?}", self.name, cx.step());
        if let Some(other) = self.asks {
            let mut answer = String::new();
            cx.ask(other, &mut answer);
            line += &format!(", {answer} below");
        }
        self.told.lock().expect("nobody panicked").push(line);
        self.value = cx.get(self.input) + 1;
        true
    }

    fn value(&self) -> &u64 {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        if let Some(answer) = question.downcast_mut::<String>() {
            *answer = format!("{} is {}", self.name, self.value);
        }
    }
}

#[test]
fn a_node_answers_whoever_asks_from_outside_or_from_another_node() {
    let mut graph = Graph::new(());
    let told = Told::default();
    let input = graph.var(1);
    let talker = |input, name, asks| Talker { input, name, asks, told: told.clone(), value: 0 };
    let low = graph.insert(&[input.id()], talker(input, "low", None));
    let high = graph.insert(&[low.id()], talker(low, "high", Some(low.id())));
    graph.propagate();
    graph.set(input, 5);
    graph.propagate();
    let expected = [
        format!("low in step 1: Cx {{ me: {:?}, .. }}", low.id()),
        format!("high in step 1: Cx {{ me: {:?}, .. }}, low is 2 below", high.id()),
        format!("low in step 2: Cx {{ me: {:?}, .. }}", low.id()),
        format!("high in step 2: Cx {{ me: {:?}, .. }}, low is 6 below", high.id()),
    ];
    assert_eq!(*told.lock().expect("nobody panicked"), expected);

    let mut answer = String::new();
    graph.ask(high.id(), &mut answer);
    assert_eq!(answer, "high is 7");
    graph.ask(input.id(), &mut answer);
    assert_eq!(answer, "high is 7", "what has nothing to say leaves the question as it is");
}

#[test]
fn the_nodes_of_a_scope_are_told_newest_first_until_it_is_released() {
    let mut graph = Graph::new(());
    let scopes = Arc::new(Mutex::new(Vec::<(Scope, Vec<Id>)>::new()));
    let pick = graph.var(0);
    let seen = scopes.clone();
    graph.bind(pick, move |graph, pick| {
        let nodes: Vec<_> = (0..pick).map(|n| graph.var(n)).collect();
        let ids = nodes.iter().rev().map(|node| node.id()).collect();
        seen.lock().expect("nobody panicked").push((graph.current_scope(), ids));
        graph.var(pick)
    });
    for n in [0, 3, 1] {
        graph.set(pick, n);
        graph.propagate();
        let mut scopes = scopes.lock().expect("nobody panicked");
        let (scope, ids) = scopes.pop().expect("the body ran");
        assert!(graph.is_open(scope));
        let told: Vec<_> = graph.nodes_of(scope).collect();
        assert_eq!(told[1..], ids, "below what the body gave");
        for (scope, _) in scopes.drain(..) {
            assert!(!graph.is_open(scope));
            assert_eq!(graph.nodes_of(scope).count(), 0, "what was released has none");
        }
        scopes.push((scope, ids));
    }
}

#[test]
fn what_does_not_read_a_node_gets_no_input_from_it() {
    struct Meddler {
        victim: Id,
    }
    impl Compute<()> for Meddler {
        type Value = u64;

        fn recompute(&mut self, cx: &mut Cx<'_, ()>) -> bool {
            let scope = cx.new_scope();
            let made = cx.in_scope(scope, |graph| graph.var(1));
            cx.add_input(self.victim, 7, made.id(), scope);
            true
        }

        fn value(&self) -> &u64 {
            &0
        }
    }
    let mut graph = Graph::new(());
    let input = graph.var(1_u64);
    let victim = graph.map(input, |n| n + 1);
    let meddler = graph.insert(&[input.id()], Meddler { victim: victim.id() });
    // It has somebody to tell, of the victim's generation.
    let reader = graph.map(meddler, |n| n + 1);
    let stats = graph.propagate();
    let [(node, why)] = &stats.panicked[..] else { panic!("{stats:?}") };
    assert_eq!(*node, meddler.id());
    assert!(why.contains("is no input of"), "{why}");
    assert_eq!((graph.get(victim), graph.get(reader)), (Some(&2), None));
}

#[test]
fn what_stands_around_is_told_from_what_does_not_and_what_lives_from_what_was_released() {
    let mut graph = Graph::new(());
    let outside = graph.var(0_u64);
    let pick = graph.var(0_u64);
    let seen = Arc::new(Mutex::new(Vec::<(Id, Id)>::new()));
    let notes = seen.clone();
    let bound = graph.bind(pick, move |graph, pick| {
        let mine = graph.var(pick);
        let notes = notes.clone();
        let inner = graph.bind(mine, move |graph, value| {
            let deep = graph.var(value);
            assert!(
                graph.is_around(outside.id()) && graph.is_around(mine.id()) && graph.is_around(deep.id())
            );
            let mut notes = notes.lock().expect("nobody panicked");
            for (other_mine, other_deep) in notes.iter() {
                assert!(!graph.is_around(*other_mine) && !graph.is_around(*other_deep));
            }
            notes.push((mine.id(), deep.id()));
            deep
        });
        for (other, deep) in seen.lock().expect("nobody panicked").iter() {
            assert!(
                !graph.is_around(*other) && !graph.is_around(*deep),
                "of an earlier body, or deeper in it"
            );
        }
        inner
    });
    let stats = graph.propagate();
    assert_eq!(stats.panicked, []);
    let first = graph.current_scope();
    assert!(graph.is_open(first) && graph.is_live(bound.id()));
    assert_eq!(format!("{graph:?}"), "Graph { step: 1, .. }");
    graph.set(pick, 7);
    assert_eq!(graph.propagate().panicked, []);
    assert_eq!(graph.get(bound), Some(&7));
}

#[test]
fn a_released_node_is_not_live_and_stands_around_nobody() {
    let mut graph = Graph::new(());
    let pick = graph.var(0_u64);
    let made = Arc::new(Mutex::new(Vec::new()));
    let notes = made.clone();
    graph.bind(pick, move |graph, pick| {
        let node = graph.var(pick);
        notes.lock().expect("nobody panicked").push(node.id());
        node
    });
    graph.propagate();
    graph.set(pick, 1);
    graph.propagate();
    let made = made.lock().expect("nobody panicked");
    let [gone, there] = made[..] else { panic!("{made:?}") };
    assert!(!graph.is_live(gone) && graph.is_live(there));
    assert!(!graph.is_around(gone) && !graph.is_around(there), "it stands in a scope of its own");
    assert!(graph.is_around(pick.id()));
}
