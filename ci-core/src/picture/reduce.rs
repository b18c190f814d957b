//! Fewer edges that say the same.

use std::collections::BTreeMap;

/// From and to, `from < to`.
pub(super) type Edges = BTreeMap<(usize, usize), Way>;

/// How something comes from one point to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// It only holds back.
    pub(super) holds: bool,
    /// It leads through a node that tells how things stand, so that what comes before it is not what is used: it
    /// implies no edge from further away.
    pub(super) tells: bool,
}

impl Way {
    /// First this, then that.
    pub(super) fn then(self, next: Self) -> Self {
        Self { holds: self.holds || next.holds, tells: self.tells || next.tells }
    }

    /// Notes one more way between the same two.
    pub(super) fn join(&mut self, other: Self) {
        self.holds &= other.holds;
        self.tells &= other.tells;
    }
}

/// Notes one more way from one point to another.
pub(super) fn connect(edges: &mut Edges, from: usize, to: usize, way: Way) {
    edges.entry((from, to)).and_modify(|known| known.join(way)).or_insert(way);
}

/// Without the edges that a longer way implies, among `0..count`.
pub(super) fn reduced(count: usize, edges: &Edges) -> Edges {
    let words = count.div_ceil(64);
    let mut sources = vec![Vec::new(); count];
    for ((from, to), way) in edges {
        sources[*to].push((*from, *way));
    }
    let mut before = vec![vec![0u64; words]; count];
    let mut kept = Edges::new();
    for to in 0..count {
        let mut implied = vec![0u64; words];
        for (from, _) in sources[to].iter().filter(|(_, way)| !way.tells) {
            implied.iter_mut().zip(&before[*from]).for_each(|(all, some)| *all |= some);
        }
        let has = |set: &[u64], at: usize| set[at / 64] & (1 << (at % 64)) != 0;
        kept.extend(
            sources[to]
                .iter()
                .filter(|(from, _)| !has(&implied, *from))
                .map(|(from, way)| ((*from, to), *way)),
        );
        for (from, _) in &sources[to] {
            implied[from / 64] |= 1 << (from % 64);
        }
        before[to] = implied;
    }
    kept
}

/// Without `point`: what it takes something from goes straight to its users.
pub(super) fn bypass(point: usize, edges: &mut Edges) {
    let ins: Vec<_> =
        edges.iter().filter(|((_, to), _)| *to == point).map(|((from, _), way)| (*from, *way)).collect();
    let outs: Vec<_> =
        edges.iter().filter(|((from, _), _)| *from == point).map(|((_, to), way)| (*to, *way)).collect();
    edges.retain(|(from, to), _| *from != point && *to != point);
    for (from, first) in &ins {
        for (to, second) in &outs {
            connect(edges, *from, *to, first.then(*second));
        }
    }
}

/// How many ranks the edges cross together when every point stands as far left as it can.
pub(super) fn crossed_ranks(count: usize, edges: &Edges) -> usize {
    let mut rank = vec![0; count];
    let mut by_end: Vec<_> = edges.keys().collect();
    by_end.sort_by_key(|(_, to)| *to);
    for (from, to) in &by_end {
        rank[*to] = rank[*to].max(rank[*from] + 1);
    }
    by_end.iter().map(|(from, to)| rank[*to] - rank[*from]).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COUNT: usize = 24;

    /// Who reaches whom, by Floyd and Warshall.
    fn reach(edges: &Edges) -> [[bool; COUNT]; COUNT] {
        let mut reach = [[false; COUNT]; COUNT];
        edges.keys().for_each(|(from, to)| reach[*from][*to] = true);
        for by in 0..COUNT {
            for from in 0..COUNT {
                for to in 0..COUNT {
                    reach[from][to] |= reach[from][by] && reach[by][to];
                }
            }
        }
        reach
    }

    fn dags(tells: bool) -> impl Strategy<Value = Edges> {
        let edge = (0..COUNT, 0..COUNT, any::<bool>(), any::<bool>());
        prop::collection::vec(edge, 0..140).prop_map(move |drawn| {
            let forward = drawn.into_iter().filter(|(from, to, ..)| from < to);
            forward.map(|(from, to, holds, t)| ((from, to), Way { holds, tells: t && tells })).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_reduction_keeps_who_reaches_whom_and_only_drops_what_is_implied(edges in dags(false)) {
            let kept = reduced(COUNT, &edges);
            prop_assert_eq!(reach(&edges), reach(&kept));
            prop_assert!(kept.iter().all(|(ends, way)| edges.get(ends) == Some(way)));
            for edge in kept.keys() {
                let mut fewer = kept.clone();
                fewer.remove(edge);
                prop_assert!(!reach(&fewer)[edge.0][edge.1], "{:?} is implied by the others", edge);
            }
        }

        #[test]
        fn a_reduction_beside_nodes_that_tell_keeps_who_reaches_whom(edges in dags(true)) {
            let kept = reduced(COUNT, &edges);
            prop_assert_eq!(reach(&edges), reach(&kept));
            prop_assert!(reduced(COUNT, &edges).len() <= edges.len());
        }

        #[test]
        fn what_is_bypassed_still_connects_its_neighbours(edges in dags(false), point in 0..COUNT) {
            let mut fewer = edges.clone();
            bypass(point, &mut fewer);
            let (before, after) = (reach(&edges), reach(&fewer));
            for from in (0..COUNT).filter(|at| *at != point) {
                for to in (0..COUNT).filter(|at| *at != point) {
                    prop_assert_eq!(before[from][to], after[from][to], "{} to {}", from, to);
                }
            }
        }
    }
}
