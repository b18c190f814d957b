//! The graphs that are measured, for any engine, and what their values must be.

/// How large they are.
pub(crate) struct Sizes {
    /// W1: the length of the chain.
    pub(crate) chain: usize,
    /// W2: leaves.
    pub(crate) leaves: usize,
    /// W3, W5, W7: repositories.
    pub(crate) repos: usize,
    /// Their heads each.
    pub(crate) heads: usize,
    /// W6: elements.
    pub(crate) list: usize,
    /// Jobs in the store.
    pub(crate) jobs: u32,
}

pub(crate) const FULL: Sizes =
    Sizes { chain: 1000, leaves: 10_000, repos: 1000, heads: 20, list: 1000, jobs: 50_000 };
pub(crate) const SMALL: Sizes = Sizes { chain: 50, leaves: 100, repos: 10, heads: 5, list: 20, jobs: 20 };

/// Steps after each head.
pub(crate) const STEPS: usize = 5;

/// What step number `s` makes of a value. All but the first keep different values different.
pub(crate) fn step(s: usize, x: u64) -> u64 {
    if s == 0 { x >> 1 } else { (x * 31 + s as u64) & ((1 << 40) - 1) }
}

/// What a chain of steps makes of a value.
pub(crate) fn steps(len: usize, x: u64) -> u64 {
    (0..len).fold(x, |x, s| step(s, x))
}

/// An incremental engine.
pub(crate) trait Engine {
    type Var;
    type Node: Clone;

    /// For graphs up to this height.
    fn new(height: usize) -> Self;
    fn var(&mut self, value: u64) -> (Self::Var, Self::Node);
    fn map(&mut self, a: &Self::Node, f: impl Fn(u64) -> u64 + Send + 'static) -> Self::Node;
    /// Their sum, modulo 2⁶⁴.
    fn sum(&mut self, nodes: &[Self::Node]) -> Self::Node;
    /// Says which node is read.
    fn observe(&mut self, node: &Self::Node);
    fn set(&mut self, var: &Self::Var, value: u64);
    fn propagate(&mut self);
    /// The value of the node that is read.
    fn value(&self) -> u64;
}

fn chain<E: Engine>(engine: &mut E, from: E::Node, len: usize) -> E::Node {
    (0..len).fold(from, |node, s| engine.map(&node, move |x| step(s, x)))
}

/// Random enough, and the same each time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// A graph with its inputs, and their values.
pub(crate) struct Graph<E: Engine> {
    pub(crate) engine: E,
    vars: Vec<E::Var>,
    pub(crate) values: Vec<u64>,
    /// Steps after each input.
    depth: usize,
    pub(crate) random: Random,
    next: u64,
}

impl<E: Engine> Graph<E> {
    /// `groups` of `inputs` each, followed by `depth` steps, summed up by group and over all where there are several.
    pub(crate) fn new(groups: usize, inputs: usize, depth: usize) -> Self {
        let mut engine = E::new(depth + 10);
        let values: Vec<u64> = (0..groups * inputs).map(|i| 2 * i as u64).collect();
        let (vars, ends): (Vec<_>, Vec<_>) = values
            .iter()
            .map(|&value| {
                let (var, node) = engine.var(value);
                (var, chain(&mut engine, node, depth))
            })
            .unzip();
        let mut sum = |nodes: &[E::Node]| if let [only] = nodes { only.clone() } else { engine.sum(nodes) };
        let sums: Vec<_> = ends.chunks(inputs).map(&mut sum).collect();
        let root = sum(&sums);
        engine.observe(&root);
        engine.propagate();
        let next = 2 * values.len() as u64;
        let graph = Self { engine, vars, values, depth, random: Random::new(), next };
        graph.check();
        graph
    }

    /// Gives an input a value that it never had.
    pub(crate) fn change(&mut self, at: usize) {
        self.next += 2;
        self.set(at, self.next);
    }

    /// Gives an input a value of which the first step makes the same.
    pub(crate) fn change_in_vain(&mut self, at: usize) {
        self.set(at, self.values[at] ^ 1);
    }

    fn set(&mut self, at: usize, value: u64) {
        self.values[at] = value;
        self.engine.set(&self.vars[at], value);
    }

    /// Compares with everything computed anew.
    pub(crate) fn check(&self) {
        let sum = self.values.iter().fold(0, |sum: u64, x| sum.wrapping_add(steps(self.depth, *x)));
        assert_eq!(self.engine.value(), sum);
    }
}
