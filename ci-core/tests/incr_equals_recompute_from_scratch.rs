//! Whatever happens to a random graph, after each step every value is what computing it from nothing gives; each node
//! ran at most once; and nothing ran that was released in the same step.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ci_core::incr::{Each, Graph, Group, Log as ChangeLog, Node, Row, Scope, Stats, Tree};
use proptest::prelude::*;

type Pairs = Vec<(u8, i64)>;

/// Numbers stay below this, so that values often come out equal.
const SMALL: i64 = 7;
/// Left-to-right hash of a row: the order shows, and it can be joined from parts.
const P: i64 = 1009;

// ---- what a graph is made of ----

#[derive(Clone, Debug)]
enum Cell {
    Var(i64),
    Map {
        a: usize,
        k: i64,
    },
    Map2 {
        a: usize,
        b: usize,
    },
    Fold(Vec<usize>, By),
    Bind {
        a: usize,
        bodies: Vec<Body>,
    },
    Keyed {
        list: usize,
        body: Body,
        by: By,
    },
    /// Over what list 0 was told as: the same keys and items, in no order.
    Logged {
        body: Body,
        by: By,
    },
}

/// How what is made of many is kept.
#[derive(Clone, Copy, Debug)]
enum By {
    Tree,
    Group,
    Row,
}

/// What a bind or an element makes. Indices are taken modulo the cells made before.
#[derive(Clone, Debug)]
enum Body {
    Outer(usize),
    Seed,
    Chain {
        a: usize,
        len: u8,
    },
    Mix {
        a: usize,
        inner: Box<Body>,
    },
    Fold(Vec<usize>, By),
    Bind {
        a: usize,
        bodies: Vec<Body>,
    },
    /// Over list 0, which never has duplicates: a new list has no last right state to keep.
    Keyed {
        body: Box<Body>,
        by: By,
    },
    Logged {
        body: Box<Body>,
    },
}

#[derive(Clone, Debug)]
enum Op {
    Set(usize, i64),
    SetList(usize, Pairs),
    Insert(usize, usize, u8, i64),
    Remove(usize, usize),
    Swap(usize, usize, usize),
    /// Takes a pair away, and puts it back in the same batch.
    Blink(usize),
    /// A subgraph made from outside, in a scope of its own.
    Make(Body),
    Release(usize),
}

#[derive(Clone, Debug)]
struct Batch {
    ops: Vec<Op>,
    /// Closures panic now and then in this step.
    panics: bool,
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![Just(By::Tree), Just(By::Group), Just(By::Row)]
}

fn body() -> impl Strategy<Value = Body> {
    let leaf = prop_oneof![
        any::<usize>().prop_map(Body::Outer),
        Just(Body::Seed),
        (any::<usize>(), prop_oneof![1..6_u8, 60..70_u8]).prop_map(|(a, len)| Body::Chain { a, len }),
        (prop::collection::vec(any::<usize>(), 0..5), by()).prop_map(|(inputs, by)| Body::Fold(inputs, by)),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (any::<usize>(), inner.clone()).prop_map(|(a, inner)| Body::Mix { a, inner: Box::new(inner) }),
            (any::<usize>(), prop::collection::vec(inner.clone(), 1..3))
                .prop_map(|(a, bodies)| Body::Bind { a, bodies }),
            (inner.clone(), by()).prop_map(|(body, by)| Body::Keyed { body: Box::new(body), by }),
            inner.prop_map(|body| Body::Logged { body: Box::new(body) }),
        ]
    })
}

fn cell() -> impl Strategy<Value = Cell> {
    let some = any::<usize>;
    prop_oneof![
        2 => (0..SMALL).prop_map(Cell::Var),
        3 => (some(), 0..SMALL).prop_map(|(a, k)| Cell::Map { a, k }),
        2 => (some(), some()).prop_map(|(a, b)| Cell::Map2 { a, b }),
        1 => (prop::collection::vec(some(), 0..12), by()).prop_map(|(inputs, by)| Cell::Fold(inputs, by)),
        3 => (some(), prop::collection::vec(body(), 1..4)).prop_map(|(a, bodies)| Cell::Bind { a, bodies }),
        2 => (0..LISTS, body(), by()).prop_map(|(list, body, by)| Cell::Keyed { list, body, by }),
        2 => (body(), by()).prop_map(|(body, by)| Cell::Logged { body, by }),
    ]
}

const LISTS: usize = 3;

fn op() -> impl Strategy<Value = Op> {
    let some = any::<usize>;
    let pair = || (0..8_u8, 0..4_i64);
    prop_oneof![
        6 => (some(), 0..SMALL).prop_map(|(var, value)| Op::Set(var, value)),
        1 => (0..LISTS, prop::collection::vec(pair(), 0..8)).prop_map(|(list, items)| Op::SetList(list, items)),
        2 => (0..LISTS, some(), pair()).prop_map(|(list, at, (key, value))| Op::Insert(list, at, key, value)),
        2 => (0..LISTS, some()).prop_map(|(list, at)| Op::Remove(list, at)),
        1 => (0..LISTS, some(), some()).prop_map(|(list, a, b)| Op::Swap(list, a, b)),
        1 => some().prop_map(Op::Blink),
        1 => body().prop_map(Op::Make),
        1 => some().prop_map(Op::Release),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    (prop::collection::vec(op(), 0..6), prop::bool::weighted(0.2))
        .prop_map(|(ops, panics)| Batch { ops, panics })
}

// ---- functions both sides use ----

fn step(x: i64, k: i64) -> i64 {
    (x / 2 + k) % SMALL
}

fn join(a: &(i64, i64), b: &(i64, i64)) -> (i64, i64) {
    (a.0 * b.0 % P, (a.1 * b.0 + b.1) % P)
}

fn part(x: i64) -> (i64, i64) {
    (31, x + 1)
}

fn hash(row: impl Iterator<Item = i64>) -> i64 {
    row.fold((1, 0), |sum, x| join(&sum, &part(x))).1 % SMALL
}

/// What is made of a row in each way: a sum, where it is kept as one, else a hash.
fn made(by: By, row: impl Iterator<Item = i64>) -> i64 {
    match by {
        By::Group => row.sum::<i64>() % SMALL,
        By::Tree | By::Row => hash(row),
    }
}

// ---- the naive side ----

struct Naive<'a> {
    cells: &'a [i64],
    list0: &'a Pairs,
}

impl Naive<'_> {
    fn at(&self, index: usize) -> i64 {
        self.cells[index % self.cells.len()]
    }

    /// `item` is the nearest element's value, `seed` the nearest bind's.
    fn eval(&self, body: &Body, seed: i64, item: i64) -> i64 {
        match body {
            Body::Outer(a) => self.at(*a),
            Body::Seed => (seed + item) % SMALL,
            Body::Chain { a, len } => (0..*len).fold(self.at(*a), |x, k| step(x, seed + i64::from(k))),
            Body::Mix { a, inner } => (self.at(*a) + 3 * self.eval(inner, seed, item)) % SMALL,
            Body::Fold(inputs, by) => made(*by, inputs.iter().map(|i| self.at(*i))),
            Body::Bind { a, bodies } => {
                let seed = self.at(*a);
                self.eval(&bodies[seed as usize % bodies.len()], seed, item)
            }
            Body::Keyed { body, by } => {
                made(*by, self.list0.iter().map(|(_, item)| self.eval(body, seed, *item)))
            }
            Body::Logged { body } => self.logged(body, seed),
        }
    }

    fn logged(&self, body: &Body, seed: i64) -> i64 {
        made(By::Group, self.list0.iter().map(|(_, item)| self.eval(body, seed, *item)))
    }
}

// ---- the incremental side ----

#[derive(Default)]
struct Log {
    ids: AtomicU64,
    calls: AtomicU64,
    /// How many panics may still come in this step: no more than are listed, since those are tried again.
    panics: AtomicUsize,
    ran: Mutex<Vec<(u64, u64)>>,
    dropped: Mutex<Vec<u64>>,
}

/// Stands in a closure and tells of each call, and of the closure's end.
struct Probe {
    id: u64,
    log: Arc<Log>,
}

impl Probe {
    fn new(log: &Arc<Log>) -> Self {
        Self { id: log.ids.fetch_add(1, Ordering::Relaxed), log: Arc::clone(log) }
    }

    /// `detail` tells apart calls that one run may make.
    fn ran(&self, detail: u64) {
        self.log.ran.lock().expect("because nothing panics while it holds the log").push((self.id, detail));
        self.may_panic();
    }

    fn may_panic(&self) {
        let call = self.log.calls.fetch_add(1, Ordering::Relaxed);
        let left = self.log.panics.load(Ordering::Relaxed);
        if left > 0 && call.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60 == 0 {
            self.log.panics.store(left - 1, Ordering::Relaxed);
            resume_unwind(Box::new("as asked"));
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.log.dropped.lock().expect("because nothing panics while it holds the log").push(self.id);
    }
}

#[derive(Clone)]
struct Maker {
    cells: Arc<Vec<Node<i64>>>,
    list0: Node<Pairs>,
    logged0: Node<ChangeLog<u8, (u8, i64)>>,
    log: Arc<Log>,
}

impl Maker {
    fn at(&self, index: usize) -> Node<i64> {
        self.cells[index % self.cells.len()]
    }

    fn map(&self, graph: &mut Graph<()>, a: Node<i64>, k: i64) -> Node<i64> {
        let probe = Probe::new(&self.log);
        graph.map(a, move |x| {
            probe.ran(0);
            step(*x, k)
        })
    }

    fn map2(
        &self,
        graph: &mut Graph<()>,
        a: Node<i64>,
        b: Node<i64>,
        f: impl Fn(i64, i64) -> i64 + Send + 'static,
    ) -> Node<i64> {
        let probe = Probe::new(&self.log);
        graph.map2(a, b, move |a, b| {
            probe.ran(0);
            f(*a, *b)
        })
    }

    /// A closure that may panic now and then.
    fn may<T: 'static, A: 'static>(
        &self,
        f: impl Fn(&T, &A) -> A + Send + 'static,
    ) -> impl Fn(&T, &A) -> A + Send + 'static {
        let probe = Probe::new(&self.log);
        move |a, b| {
            probe.may_panic();
            f(a, b)
        }
    }

    fn sum(&self) -> Group<i64, impl Fn(&i64, &i64) -> i64 + 'static, impl Fn(&i64, &i64) -> i64 + 'static> {
        Group::new(0, self.may(|a: &i64, b: &i64| a + b), self.may(|a: &i64, b: &i64| a - b))
    }

    fn lift<A: 'static>(&self, f: fn(i64) -> A) -> impl Fn(&i64) -> A + Send + 'static {
        let probe = Probe::new(&self.log);
        move |x| {
            probe.may_panic();
            f(*x)
        }
    }

    fn last<A: 'static>(
        &self,
        graph: &mut Graph<()>,
        all: Node<A>,
        f: impl Fn(&A) -> i64 + Send + 'static,
    ) -> Node<i64> {
        let probe = Probe::new(&self.log);
        graph.map(all, move |all| {
            probe.ran(0);
            f(all) % SMALL
        })
    }

    fn fold(&self, graph: &mut Graph<()>, inputs: &[usize], by: By) -> Node<i64> {
        let inputs: Vec<_> = inputs.iter().map(|i| self.at(*i)).collect();
        match by {
            By::Tree => {
                let all = graph.fold(&inputs, (1, 0), self.lift(part), self.may(join));
                self.last(graph, all, |(_, hash)| *hash)
            }
            By::Group => {
                let all = graph.aggregate(&inputs, self.lift(|x| x), self.sum());
                self.last(graph, all, |sum| *sum)
            }
            By::Row => {
                let all = graph.aggregate(&inputs, self.lift(|x| x), Row::default());
                self.last(graph, all, |row| hash(row.iter().copied()))
            }
        }
    }

    fn bind(
        &self,
        graph: &mut Graph<()>,
        a: usize,
        bodies: &[Body],
        item: Option<Node<(u8, i64)>>,
    ) -> Node<i64> {
        let (maker, probe, bodies) = (self.clone(), Probe::new(&self.log), bodies.to_vec());
        graph.bind(self.at(a), move |graph, seed| {
            probe.ran(0);
            let made = maker.make(graph, &bodies[seed as usize % bodies.len()], seed, item);
            probe.may_panic();
            made
        })
    }

    fn keyed(&self, graph: &mut Graph<()>, list: Node<Pairs>, body: &Body, seed: i64, by: By) -> Node<i64> {
        let mut each =
            Elements { maker: self.clone(), body: body.clone(), seed, probe: Probe::new(&self.log) };
        match by {
            By::Tree => {
                let tree = Tree::new((1, 0), self.may(join));
                let all = graph.keyed_with(list, each, self.lift(part), tree).all;
                self.last(graph, all, |(_, hash)| *hash)
            }
            By::Group => {
                let all = graph.keyed_with(list, each, self.lift(|x| x), self.sum()).all;
                self.last(graph, all, |sum| *sum)
            }
            By::Row => {
                let all = graph.keyed(list, move |graph, key, item| each.make(graph, key, item)).all;
                self.last(graph, all, |row| hash(row.iter().copied()))
            }
        }
    }

    fn logged(&self, graph: &mut Graph<()>, body: &Body, seed: i64, by: By) -> Node<i64> {
        let mut each =
            Elements { maker: self.clone(), body: body.clone(), seed, probe: Probe::new(&self.log) };
        let make = move |graph: &mut Graph<()>, key: &u8, item| each.make(graph, key, item);
        match by {
            By::Tree => {
                let tree = Tree::new(0, self.may(|a: &i64, b: &i64| a + b));
                let all = graph.keyed_log(self.logged0, make, 0, self.lift(|x| x), tree);
                self.last(graph, all, |sum| *sum)
            }
            By::Group => {
                let all = graph.keyed_log(self.logged0, make, 0, self.lift(|x| x), self.sum());
                self.last(graph, all, |sum| *sum)
            }
            // The places that are free are there, too.
            By::Row => {
                let all = graph.keyed_log(self.logged0, make, 0, self.lift(|x| x), Row::default());
                self.last(graph, all, |row| row.iter().sum())
            }
        }
    }

    fn make(
        &self,
        graph: &mut Graph<()>,
        body: &Body,
        seed: i64,
        item: Option<Node<(u8, i64)>>,
    ) -> Node<i64> {
        match body {
            Body::Outer(a) => self.at(*a),
            Body::Seed => match item {
                Some(item) => {
                    let probe = Probe::new(&self.log);
                    graph.map(item, move |(_, item)| {
                        probe.ran(0);
                        (seed + item) % SMALL
                    })
                }
                None => graph.var(seed % SMALL),
            },
            Body::Chain { a, len } => {
                (0..*len).fold(self.at(*a), |x, k| self.map(graph, x, seed + i64::from(k)))
            }
            Body::Mix { a, inner } => {
                let inner = self.make(graph, inner, seed, item);
                self.map2(graph, self.at(*a), inner, |a, inner| (a + 3 * inner) % SMALL)
            }
            Body::Fold(inputs, by) => self.fold(graph, inputs, *by),
            Body::Bind { a, bodies } => self.bind(graph, *a, bodies, item),
            Body::Keyed { body, by } => self.keyed(graph, self.list0, body, seed, *by),
            Body::Logged { body } => self.logged(graph, body, seed, By::Group),
        }
    }
}

struct Elements {
    maker: Maker,
    body: Body,
    seed: i64,
    probe: Probe,
}

impl Each<()> for Elements {
    type Source = Pairs;
    type Item = (u8, i64);
    type Key = u8;
    type Output = i64;

    fn items<'s>(&self, source: &'s Pairs) -> Option<&'s [(u8, i64)]> {
        Some(source)
    }

    fn key<'i>(&self, item: &'i (u8, i64)) -> &'i u8 {
        &item.0
    }

    fn make(&mut self, graph: &mut Graph<()>, key: &u8, item: Node<(u8, i64)>) -> Node<i64> {
        self.probe.ran(u64::from(*key));
        self.maker.make(graph, &self.body, self.seed, Some(item))
    }
}

// ---- both, side by side ----

struct Both {
    graph: Graph<()>,
    log: Arc<Log>,
    spec: Vec<Cell>,
    cells: Vec<Node<i64>>,
    vars: Vec<(usize, Node<i64>)>,
    lists: Vec<Node<Pairs>>,
    logged0: Node<ChangeLog<u8, (u8, i64)>>,
    now: Vec<Pairs>,
    /// The last of each list that had no duplicate.
    right: Vec<Pairs>,
    extra: Vec<(Scope, Node<i64>, Body)>,
}

impl Both {
    fn new(spec: Vec<Cell>) -> Self {
        let mut graph = Graph::new(());
        let log = Arc::new(Log::default());
        let lists: Vec<_> = (0..LISTS).map(|_| graph.var(Pairs::new())).collect();
        let logged0 = graph.log();
        let mut cells: Vec<Node<i64>> = Vec::new();
        let mut vars = Vec::new();
        for (index, cell) in spec.iter().enumerate() {
            let maker =
                Maker { cells: Arc::new(cells.clone()), list0: lists[0], logged0, log: Arc::clone(&log) };
            cells.push(match cell {
                Cell::Var(value) => {
                    let var = graph.var(*value);
                    vars.push((index, var));
                    var
                }
                Cell::Map { a, k } => maker.map(&mut graph, maker.at(*a), *k),
                Cell::Map2 { a, b } => {
                    maker.map2(&mut graph, maker.at(*a), maker.at(*b), |a, b| (a + 2 * b) % SMALL)
                }
                Cell::Fold(inputs, by) => maker.fold(&mut graph, inputs, *by),
                Cell::Bind { a, bodies } => maker.bind(&mut graph, *a, bodies, None),
                Cell::Keyed { list, body, by } => maker.keyed(&mut graph, lists[*list], body, 0, *by),
                Cell::Logged { body, by } => maker.logged(&mut graph, body, 0, *by),
            });
        }
        let empty = vec![Pairs::new(); LISTS];
        let (now, right, extra) = (empty.clone(), empty, Vec::new());
        Self { graph, log, spec, cells, vars, lists, logged0, now, right, extra }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Set(var, value) => {
                let (cell, node) = self.vars[var % self.vars.len()];
                self.spec[cell] = Cell::Var(value);
                assert!(self.graph.set(node, value));
            }
            Op::Make(body) => {
                let maker = Maker {
                    cells: Arc::new(self.cells.clone()),
                    list0: self.lists[0],
                    logged0: self.logged0,
                    log: Arc::clone(&self.log),
                };
                let scope = self.graph.new_scope();
                let node = self.graph.in_scope(scope, |graph| maker.make(graph, &body, 1, None));
                self.extra.push((scope, node, body));
            }
            Op::Release(at) => {
                if !self.extra.is_empty() {
                    let (scope, ..) = self.extra.swap_remove(at % self.extra.len());
                    self.graph.release_scope(scope);
                    self.graph.release_scope(scope);
                }
            }
            Op::Blink(at) => {
                if let Some(&(key, value)) = self.now[0].get(at % self.now[0].len().max(1)) {
                    self.graph.remove(self.logged0, key);
                    self.graph.put(self.logged0, key, (key, value));
                }
            }
            Op::SetList(list, items) => self.edit(list, |now| *now = items),
            Op::Insert(list, at, key, value) => {
                self.edit(list, |now| now.insert(at % (now.len() + 1), (key, value)));
            }
            Op::Remove(list, at) => self.edit(list, |now| {
                if !now.is_empty() {
                    now.remove(at % now.len());
                }
            }),
            Op::Swap(list, a, b) => self.edit(list, |now| {
                if !now.is_empty() {
                    let len = now.len();
                    now.swap(a % len, b % len);
                }
            }),
        }
    }

    fn edit(&mut self, list: usize, edit: impl FnOnce(&mut Pairs)) {
        let before = self.now[list].clone();
        edit(&mut self.now[list]);
        if list == 0 {
            let mut seen = [false; 256];
            self.now[0].retain(|(key, _)| !std::mem::replace(&mut seen[usize::from(*key)], true));
            for (key, _) in before.iter().filter(|(key, _)| !self.now[0].iter().any(|(now, _)| now == key)) {
                assert!(self.graph.remove(self.logged0, *key));
            }
            for pair in self.now[0].iter().filter(|pair| !before.contains(pair)) {
                assert!(self.graph.put(self.logged0, pair.0, *pair));
            }
        }
        assert!(self.graph.set(self.lists[list], self.now[list].clone()));
    }

    fn step(&mut self, panics: bool) {
        self.log.ran.lock().expect("because nothing panics while it holds the log").clear();
        self.log.dropped.lock().expect("because nothing panics while it holds the log").clear();
        self.log.panics.store(if panics { Stats::PANICKED_MAX } else { 0 }, Ordering::Relaxed);
        let stats = self.graph.propagate();
        self.check_runs();
        assert_eq!(stats.panics, stats.panicked.len() as u64);
        assert!(panics || stats.panics + stats.blocked == 0, "{:?}", stats.panicked);
        if panics {
            // All that panicked is tried again, once closures have stopped doing so.
            for (id, _) in stats.panicked {
                self.graph.invalidate(id);
            }
            self.step(false);
        }
    }

    fn check_runs(&self) {
        let mut ran = self.log.ran.lock().expect("because nothing panics while it holds the log");
        ran.sort_unstable();
        assert!(ran.windows(2).all(|pair| pair[0] != pair[1]), "a node ran twice in a step");
        for id in &*self.log.dropped.lock().expect("because nothing panics while it holds the log") {
            assert!(ran.binary_search_by_key(id, |(id, _)| *id).is_err(), "a released node ran");
        }
    }

    fn check_values(&mut self) {
        for (now, right) in self.now.iter().zip(&mut self.right) {
            let mut keys: Vec<_> = now.iter().map(|(key, _)| *key).collect();
            keys.sort_unstable();
            if keys.windows(2).all(|pair| pair[0] != pair[1]) {
                right.clone_from(now);
            }
        }
        let mut values: Vec<i64> = Vec::new();
        for cell in &self.spec {
            let naive = Naive { cells: &values, list0: &self.right[0] };
            let value = match cell {
                Cell::Var(value) => *value,
                Cell::Map { a, k } => step(naive.at(*a), *k),
                Cell::Map2 { a, b } => (naive.at(*a) + 2 * naive.at(*b)) % SMALL,
                Cell::Fold(inputs, by) => made(*by, inputs.iter().map(|i| naive.at(*i))),
                Cell::Bind { a, bodies } => {
                    let seed = naive.at(*a);
                    naive.eval(&bodies[seed as usize % bodies.len()], seed, 0)
                }
                Cell::Keyed { list, body, by } => {
                    made(*by, self.right[*list].iter().map(|(_, item)| naive.eval(body, 0, *item)))
                }
                Cell::Logged { body, .. } => naive.logged(body, 0),
            };
            values.push(value);
        }
        let naive = Naive { cells: &values, list0: &self.right[0] };
        let logged = self.graph.get(self.logged0).expect("because it has run");
        let mut list0 = self.now[0].clone();
        list0.sort_unstable();
        assert!(logged.iter().map(|(_, pair)| *pair).eq(list0) && logged.len() == self.now[0].len());
        for (index, (node, value)) in self.cells.iter().zip(&values).enumerate() {
            assert_eq!(self.graph.get(*node), Some(value), "cell {index}: {:?}", self.spec[index]);
        }
        for (_, node, body) in &self.extra {
            assert_eq!(self.graph.get(*node), Some(&naive.eval(body, 1, 0)), "{body:?}");
        }
    }

    /// What is set to what it is runs, and nothing else.
    fn check_cut_off(&mut self) {
        for (cell, node) in &self.vars {
            let Cell::Var(value) = self.spec[*cell] else { unreachable!("vars stay vars") };
            self.graph.set(*node, value);
        }
        let stats = self.graph.propagate();
        assert_eq!((stats.recomputed, stats.changed), (self.vars.len() as u64, 0));
        assert_eq!(self.graph.propagate().recomputed, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn incr_equals_recompute_from_scratch(
        first in 0..SMALL,
        cells in prop::collection::vec(cell(), 1..14),
        batches in prop::collection::vec(batch(), 1..12),
    ) {
        let spec = std::iter::once(Cell::Var(first)).chain(cells).collect();
        let mut both = Both::new(spec);
        both.step(false);
        both.check_values();
        for Batch { ops, panics } in batches {
            for op in ops {
                both.apply(op);
            }
            both.step(panics);
            both.check_values();
            both.check_cut_off();
        }
        // Nothing but the outside scopes and the root holds anything.
        let log = Arc::clone(&both.log);
        drop(both);
        prop_assert_eq!(Arc::strong_count(&log), 1);
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1000)
}
