//! A closure that is slow each time it runs is named after a few runs, and nobody else is; and the clock is read
//! seldom.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ci_core::incr::{Graph, Id, Node, Stats};

/// A clock that only tests turn, in microseconds, and that counts how often it is read.
#[derive(Clone)]
struct Turned(Arc<(AtomicU64, AtomicU64)>);

impl Turned {
    fn of(graph: &mut Graph<()>) -> Self {
        let clock = Self(Arc::default());
        let (began, read) = (Instant::now(), clock.clone());
        graph.measure_by(move || {
            read.0.1.fetch_add(1, Ordering::Relaxed);
            began + Duration::from_micros(read.0.0.load(Ordering::Relaxed))
        });
        clock
    }

    fn turn(&self, micros: u64) {
        self.0.0.fetch_add(micros, Ordering::Relaxed);
    }

    fn readings(&self) -> u64 {
        self.0.1.swap(0, Ordering::Relaxed)
    }
}

/// Many variables, each with a closure that takes a microsecond, but for one.
struct Story {
    graph: Graph<()>,
    clock: Turned,
    vars: Vec<Node<u64>>,
    slow: Id,
    next: u64,
}

const MANY: usize = 1000;
/// Which one is slow.
const SLOW: usize = 500;

impl Story {
    fn new(takes: u64) -> Self {
        let mut graph = Graph::new(());
        let clock = Turned::of(&mut graph);
        let vars: Vec<_> = (0..MANY).map(|_| graph.var(0)).collect();
        let ends: Vec<_> = (0..MANY)
            .map(|at| {
                let clock = clock.clone();
                graph.map(vars[at], move |x| {
                    clock.turn(if at == SLOW && *x > 0 { takes } else { 1 });
                    *x
                })
            })
            .collect();
        let slow = ends[SLOW].id();
        graph.propagate();
        Self { graph, clock, vars, slow, next: 0 }
    }

    fn change(&mut self, vars: impl IntoIterator<Item = usize>) -> Stats {
        self.next += 1;
        for at in vars {
            self.graph.set(self.vars[at], self.next);
        }
        self.graph.propagate()
    }
}

const FIVE: Duration = Duration::from_millis(5);

#[test]
fn a_slow_closure_is_named_from_its_second_run_on() {
    // Alone, after a silence; in a flood of others; in the middle of a large step.
    for (silence, others, first) in
        [(1_000_000, 0..0, 0), (0, 0..300, 0), (1_000_000, 0..MANY, 0), (0, 0..0, 1000)]
    {
        let mut story = Story::new(5000);
        (0..first).for_each(|_| drop(story.change([0])));
        let mut named = Vec::new();
        for _ in 0..6 {
            story.clock.turn(silence);
            // The rest of a stretch, so that each run is looked at.
            let mut slow = story.change(others.clone().chain([SLOW])).slow;
            slow.extend((0..64).flat_map(|at| story.change([at]).slow));
            named.push(slow);
        }
        assert_eq!(named[0], []);
        for again in &named[2..] {
            assert_eq!(again[..], [(story.slow, FIVE)], "{silence}, {others:?}, {first}: {named:?}");
        }
    }
}

#[test]
fn who_is_slow_now_and_then_is_named_too() {
    let mut story = Story::new(5000);
    let mut named = 0;
    for _ in 0..10 {
        story.clock.turn(1_000_000);
        named += story.change([SLOW]).slow.len();
        story.clock.turn(1_000_000);
        // It runs, and quickly: not a sign that it always does.
        story.next = 0;
        story.graph.set(story.vars[SLOW], 0);
        assert!(story.graph.propagate().slow.is_empty());
        story.next = named as u64 + 1;
    }
    assert_eq!(named, 9);
}

#[test]
fn who_is_not_slow_is_never_named() {
    let mut story = Story::new(999);
    for silence in [0, 1_000_000] {
        for _ in 0..20 {
            story.clock.turn(silence);
            assert!(story.change(0..MANY).slow.is_empty());
        }
    }
    let mut story = Story::new(1000);
    (0..3).for_each(|_| drop(story.change([SLOW])));
    assert_eq!(story.change([SLOW]).slow, [(story.slow, Stats::SLOW)], "the bound counts as slow");
}

#[test]
fn the_clock_is_read_once_for_many_runs() {
    let mut story = Story::new(1);
    (0..20).for_each(|_| drop(story.change([0])));
    story.clock.readings();
    // Two runs each: a variable, and its map.
    (0..3200).for_each(|i| drop(story.change([i % MANY])));
    assert_eq!(story.clock.readings(), 2 * 3200 / 64);

    // Where steps come far apart it is read at their ends, and nobody is under suspicion for the silence.
    let twice_each = (0..10)
        .map(|i| {
            story.clock.turn(1_000_000);
            story.change([i]);
            story.clock.readings()
        })
        .collect::<Vec<_>>();
    assert!(twice_each[2..].iter().all(|readings| *readings <= 3), "{twice_each:?}");
}

#[test]
fn the_list_of_the_slow_is_bounded() {
    let mut graph = Graph::new(());
    let clock = Turned::of(&mut graph);
    let var = graph.var(0);
    for _ in 0..2 * Stats::SLOW_MAX {
        let clock = clock.clone();
        graph.map(var, move |x: &i32| {
            clock.turn(2000);
            *x
        });
    }
    (1..4).for_each(|x| {
        graph.set(var, x);
        graph.propagate();
    });
    graph.set(var, 4);
    assert_eq!(graph.propagate().slow.len(), Stats::SLOW_MAX);
}

/// One variable, and a closure that is slow when it is given a one.
fn slow_for_a_one() -> (Graph<()>, Turned, Node<u64>) {
    let mut graph = Graph::new(());
    let clock = Turned::of(&mut graph);
    let var = graph.var(0);
    let turned = clock.clone();
    graph.map(var, move |x| turned.turn(if *x == 1 { 5_000 } else { 1 }));
    graph.propagate();
    (graph, clock, var)
}

#[test]
fn after_a_silence_nobody_is_suspected_and_a_step_costs_two_readings() {
    let (mut graph, clock, var) = slow_for_a_one();
    for n in 2..12 {
        clock.turn(60_000_000);
        clock.readings();
        graph.set(var, n);
        assert_eq!(graph.propagate().slow, []);
        assert_eq!(clock.readings(), 2, "when it begins and when it ends, and none for the closure");
    }
}

#[test]
fn who_was_slow_once_is_soon_timed_no_more() {
    let (mut graph, clock, var) = slow_for_a_one();
    let mut steps = |values: std::ops::Range<u64>| {
        clock.readings();
        for n in values {
            graph.set(var, n);
            graph.propagate();
        }
        clock.readings()
    };
    steps(1..50);
    let readings = steps(50..82);
    assert!(readings <= 2, "64 runs, and {readings} readings");
}
