//! The graphs that are measured, and what their values must be.

/// How large the works are.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// W1: the length of the chain.
    pub chain: usize,
    /// W2: leaves.
    pub leaves: usize,
    /// W3, W4, W5, W7: repositories.
    pub repos: usize,
    /// Their heads each.
    pub heads: usize,
    /// How many times as many repositories W3 has when it is large.
    pub large: usize,
    /// W6: elements.
    pub list: usize,
    /// Operations under one list.
    pub operations: usize,
    /// Jobs that wait in one pool.
    pub queued: usize,
    /// Jobs in the store.
    pub jobs: u32,
    /// Results in a store that was filled for long.
    pub results: u32,
    /// What a job writes, bytes: not so much that its log is full.
    pub output: usize,
}

/// What figures are told of.
pub const FULL: Sizes = Sizes {
    chain: 1000,
    leaves: 10_000,
    repos: 1000,
    heads: 20,
    large: 10,
    list: 1000,
    operations: 10_000,
    queued: 20_000,
    jobs: 50_000,
    results: 100_000,
    output: 60_000_000,
};

/// For tests.
pub const SMALL: Sizes = Sizes {
    chain: 50,
    leaves: 100,
    repos: 10,
    heads: 5,
    large: 2,
    list: 20,
    operations: 20,
    queued: 50,
    jobs: 20,
    results: 120,
    output: 100_000,
};

/// Steps after each head.
pub const STEPS: usize = 5;

/// What step number `s` makes of a value. All but the first keep different values different.
pub fn step(s: usize, x: u64) -> u64 {
    if s == 0 { x >> 1 } else { (x * 31 + s as u64) & ((1 << 40) - 1) }
}

/// What a chain of steps makes of a value.
pub fn steps(len: usize, x: u64) -> u64 {
    (0..len).fold(x, |x, s| step(s, x))
}

/// `groups` of `inputs` each, followed by `depth` steps, summed up by group, and over all where there are several.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many sums.
    pub groups: usize,
    /// Of how many each.
    pub inputs: usize,
    /// Steps after each input.
    pub depth: usize,
}

impl Shape {
    /// How many inputs there are in all.
    pub fn leaves(self) -> usize {
        self.groups * self.inputs
    }

    /// How many nodes: inputs, steps, and sums of several.
    pub fn nodes(self) -> usize {
        let sums = if self.inputs > 1 { self.groups } else { 0 };
        self.leaves() * (1 + self.depth) + sums + usize::from(self.groups > 1)
    }

    /// What the inputs are at first.
    pub fn values(self) -> Vec<u64> {
        (0..self.leaves()).map(|i| 2 * i as u64).collect()
    }
}

/// Random enough, and the same each time.
#[derive(Debug)]
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    /// Changes the order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for end in (1..all.len()).rev() {
            all.swap(end, self.below(end + 1));
        }
    }
}
