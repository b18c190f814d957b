//! Elements come, go, move and change; whoever stays is neither made again nor run without need.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

use ci_core::incr::{Graph, Group, Keyed, Log, Node};

type List = Vec<(&'static str, i32)>;

struct Story {
    graph: Graph<()>,
    list: Node<List>,
    keyed: Keyed<&'static str, String, Vec<String>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Story {
    fn new() -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut graph = Graph::new(());
        let list = graph.var(List::new());
        let made = Arc::clone(&log);
        let keyed = graph.keyed(list, move |graph, key, item| {
            made.lock().expect("not poisoned").push(format!("make {key}"));
            let ran = Arc::clone(&made);
            graph.map(item, move |(key, value)| {
                let text = format!("{key}{value}");
                ran.lock().expect("not poisoned").push(format!("run {text}"));
                text
            })
        });
        Self { graph, list, keyed, log }
    }

    /// What happened, and what came out.
    fn set(&mut self, list: &[(&'static str, i32)]) -> (String, String) {
        self.log.lock().expect("not poisoned").clear();
        self.graph.set(self.list, list.to_vec());
        self.graph.propagate();
        let log = self.log.lock().expect("not poisoned").join(", ");
        (log, self.graph.get(self.keyed.all).expect("computed").join(" "))
    }

    fn duplicate(&self) -> Option<&'static str> {
        self.graph.get(self.keyed.members).expect("computed").duplicate().copied()
    }
}

fn told(log: &str, row: &str) -> (String, String) {
    (log.to_owned(), row.to_owned())
}

#[test]
fn incr_keeps_the_subgraph_of_a_key_that_stays() {
    let mut story = Story::new();
    assert_eq!(story.set(&[("b", 1), ("a", 1)]), told("make b, make a, run b1, run a1", "b1 a1"));
    assert_eq!(story.set(&[("a", 1), ("b", 1)]), told("", "a1 b1"));
    assert_eq!(story.set(&[("a", 1), ("b", 2)]), told("run b2", "a1 b2"));
    assert_eq!(
        story.set(&[("c", 1), ("a", 1), ("d", 1), ("b", 3)]),
        told("make c, make d, run b3, run c1, run d1", "c1 a1 d1 b3")
    );
    assert_eq!(story.set(&[("c", 1), ("b", 3)]), told("", "c1 b3"));
    assert_eq!(story.set(&[("a", 1), ("b", 3)]), told("make a, run a1", "a1 b3"));
    assert_eq!(story.set(&[]), told("", ""));
}

#[test]
fn a_list_that_names_a_key_twice_changes_nothing_but_what_is_said_of_it() {
    let mut story = Story::new();
    story.set(&[("x", 1), ("y", 1)]);
    assert_eq!(story.duplicate(), None);
    // New twice, old twice beside the ends, old twice between: always the least.
    for list in [
        &[("x", 1), ("n", 1), ("y", 1), ("n", 2), ("m", 1), ("m", 1)][..],
        &[("m", 5), ("x", 1), ("y", 1), ("y", 1), ("m", 6)],
        &[("z", 1), ("z", 2), ("m", 1), ("x", 1), ("m", 1), ("x", 1)],
    ] {
        assert_eq!(story.set(list), told("", "x1 y1"));
        assert_eq!(story.duplicate(), Some("m"), "{list:?}");
    }
    let between = &[("x", 2), ("y", 2), ("x", 3), ("y", 3)][..];
    for list in [between, &[("y", 1), ("x", 7), ("x", 1), ("y", 1)], &[("x", 1), ("x", 1), ("y", 1)]] {
        assert_eq!(story.set(list), told("", "x1 y1"));
        assert_eq!(story.duplicate(), Some("x"), "{list:?}");
    }
    assert_eq!(story.set(&[("x", 1), ("y", 1)]), told("", "x1 y1"));
    assert_eq!(story.duplicate(), None);
}

/// A log whose elements tell of what they do, and the sum of their items.
struct Told {
    graph: Graph<()>,
    log: Node<Log<&'static str, i32>>,
    sum: Node<i32>,
    happened: Arc<Mutex<Vec<String>>>,
}

impl Told {
    fn new() -> Self {
        let happened = Arc::new(Mutex::new(Vec::new()));
        let mut graph = Graph::new(());
        let log = graph.log();
        let sum = Self::follow(&mut graph, log, &happened);
        Self { graph, log, sum, happened }
    }

    fn follow(
        graph: &mut Graph<()>,
        log: Node<Log<&'static str, i32>>,
        happened: &Arc<Mutex<Vec<String>>>,
    ) -> Node<i32> {
        let happened = Arc::clone(happened);
        let make = move |graph: &mut Graph<()>, key: &&'static str, item| {
            happened.lock().expect("not poisoned").push(format!("make {key}"));
            let (key, ran) = (*key, Arc::clone(&happened));
            graph.map(item, move |item| {
                ran.lock().expect("not poisoned").push(format!("run {key}{item}"));
                *item
            })
        };
        let sum = Group::new(0, |a: &i32, b: &i32| a + b, |a: &i32, b: &i32| a - b);
        graph.keyed_log(log, make, 0, i32::clone, sum)
    }

    /// What happened, and the sum. No item: the key is removed.
    fn tell(&mut self, changes: &[(&'static str, Option<i32>)]) -> (String, i32) {
        for (key, item) in changes {
            let is_there = match item {
                Some(item) => self.graph.put(self.log, key, *item),
                None => self.graph.remove(self.log, *key),
            };
            assert!(is_there);
        }
        self.graph.propagate();
        let happened = std::mem::take(&mut *self.happened.lock().expect("not poisoned")).join(", ");
        (happened, *self.graph.get(self.sum).expect("computed"))
    }
}

#[test]
fn who_stays_in_a_log_is_neither_made_again_nor_run() {
    let mut told = Told::new();
    let said = |happened: &str, sum| (happened.to_owned(), sum);
    assert_eq!(told.tell(&[]), said("", 0));
    assert_eq!(told.tell(&[("b", Some(1)), ("a", Some(2))]), said("make b, make a, run b1, run a2", 3));
    assert_eq!(told.tell(&[("a", Some(5))]), said("run a5", 6));
    assert_eq!(told.tell(&[("a", Some(5)), ("x", None)]), said("", 6));
    assert_eq!(told.tell(&[("a", None), ("a", Some(5))]), said("", 6), "it has never been away");
    assert_eq!(told.tell(&[("a", None), ("a", Some(7)), ("a", Some(8))]), said("run a8", 9));
    assert_eq!(
        told.tell(&[("c", Some(1)), ("c", None), ("b", None)]),
        said("", 8),
        "it has never been there"
    );
    assert_eq!(told.tell(&[("d", Some(3)), ("e", Some(4))]), said("make d, make e, run d3, run e4", 15));
    assert_eq!(told.tell(&[("d", None), ("e", None), ("a", None), ("a", None)]), said("", 0));

    // Who comes later sees what is there, and then what changes.
    told.tell(&[("p", Some(1)), ("q", Some(2))]);
    told.sum = Told::follow(&mut told.graph, told.log, &told.happened);
    assert_eq!(told.tell(&[]), said("make p, make q, run p1, run q2", 3));
    let log = told.graph.get(told.log).expect("computed");
    assert_eq!(log.iter().collect::<Vec<_>>(), [(&"p", &1), (&"q", &2)]);
    assert_eq!((log.get(&"p"), log.get(&"b"), log.len(), log.is_empty()), (Some(&1), None, 2, false));
    assert_eq!(told.tell(&[("q", None)]).1, 1);
    told.tell(&[("p", None)]);
    assert!(told.graph.get(told.log).expect("computed").is_empty());
}

#[test]
fn what_a_log_costs_is_what_it_names() {
    let mut costs = Vec::new();
    for len in [10, 1000] {
        let mut graph = Graph::new(());
        let log = graph.log();
        (0..len).for_each(|key| assert!(graph.put(log, key, key)));
        let calls = Arc::new(Mutex::new(0));
        let (lifts, sum) =
            (Arc::clone(&calls), Group::new(0, |a: &i32, b: &i32| a + b, |a: &i32, b: &i32| a - b));
        let lift = move |x: &i32| {
            *lifts.lock().expect("not poisoned") += 1;
            *x
        };
        let all = graph.keyed_log(log, |_, _, item| item, 0, lift, sum);
        graph.propagate();
        *calls.lock().expect("not poisoned") = 0;
        graph.remove(log, 5);
        let gone = graph.propagate();
        graph.put(log, 5, 50);
        let back = graph.propagate();
        graph.put(log, 7, 0);
        let changed = graph.propagate();
        assert_eq!(graph.get(all), Some(&(len * (len - 1) / 2 + 45 - 7)));
        let lifted = *calls.lock().expect("not poisoned");
        costs.push((gone.recomputed, back.recomputed, changed.recomputed, lifted));
    }
    assert_eq!(costs[0], costs[1]);
    assert_eq!(
        costs[0],
        (3, 4, 4, 2),
        "log, owner, all; and the item; once lifted for each that came or changed"
    );
}

#[test]
fn what_was_missed_for_a_panic_is_made_up_for() {
    let mut graph = Graph::new(());
    let log = graph.log();
    let sum = Group::new(0, |a: &i32, b: &i32| a + b, |a: &i32, b: &i32| a - b);
    let make = |graph: &mut Graph<()>, key: &i32, item: Node<i32>| match key {
        13 => resume_unwind(Box::new("thirteen")),
        _ => graph.map(item, |x| *x),
    };
    let all = graph.keyed_log(log, make, 0, i32::clone, sum);
    graph.put(log, 1, 1);
    graph.put(log, 2, 2);
    graph.propagate();
    graph.remove(log, 1);
    graph.put(log, 13, 100);
    graph.put(log, 4, 4);
    assert_eq!((graph.propagate().panics, graph.get(all)), (1, Some(&3)), "all stays as it was");
    graph.put(log, 2, 20);
    assert_eq!((graph.propagate().panics, graph.get(all)), (1, Some(&3)), "and does not change with the log");
    // Its slot goes to another key, which nobody takes for it.
    graph.remove(log, 13);
    graph.remove(log, 2);
    graph.propagate();
    assert_eq!(graph.get(all), Some(&4));
    graph.put(log, 6, 6);
    graph.propagate();
    assert_eq!(graph.get(all), Some(&10));
}

#[test]
fn who_missed_a_step_does_not_take_one_key_for_another_that_has_its_place() {
    let mut graph = Graph::new(());
    let log = graph.log::<&str, i32>();
    let make = |graph: &mut Graph<()>, key: &&str, item| {
        assert_ne!(*key, "bad", "it can't be made");
        let key = key.len() as i32;
        graph.map(item, move |item| item + key)
    };
    let sum = Group::new(0, |a: &i32, b: &i32| a + b, |a: &i32, b: &i32| a - b);
    let all = graph.keyed_log(log, make, 0, i32::clone, sum);
    graph.put(log, "a", 10);
    graph.propagate();
    assert_eq!(graph.get(all), Some(&11));

    graph.remove(log, "a");
    graph.put(log, "bad", 10);
    assert_eq!(graph.propagate().panicked.len(), 1);
    graph.remove(log, "bad");
    graph.put(log, "good", 10);
    assert_eq!(graph.propagate().panicked, []);
    assert_eq!(graph.get(all), Some(&14), "made for its own key");
}

#[test]
fn a_change_costs_one_leaf_also_where_all_room_is_taken() {
    let mut graph = Graph::new(());
    let log = graph.log::<i32, i32>();
    let lifts = Arc::new(Mutex::new(0));
    let counted = lifts.clone();
    let lift = move |x: &i32| {
        *counted.lock().expect("not poisoned") += 1;
        *x
    };
    let sum = Group::new(0, |a: &i32, b: &i32| a + b, |a: &i32, b: &i32| a - b);
    let all = graph.keyed_log(log, |graph, _, item| graph.map(item, |x| *x), 0, lift, sum);
    (0..8).for_each(|key| _ = graph.put(log, key, key));
    graph.propagate();
    assert_eq!(graph.get(all), Some(&28));
    *lifts.lock().expect("not poisoned") = 0;
    graph.put(log, 3, 13);
    graph.propagate();
    assert_eq!((graph.get(all), *lifts.lock().expect("not poisoned")), (Some(&38), 1));
}
