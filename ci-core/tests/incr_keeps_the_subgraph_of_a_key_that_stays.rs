//! Elements come, go, move and change; whoever stays is neither made again nor run without need.

use std::sync::{Arc, Mutex};

use ci_core::incr::{Graph, Keyed, Node};

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
