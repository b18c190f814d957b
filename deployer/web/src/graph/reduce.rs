//! Fewer edges that say the same.

use std::collections::BTreeMap;

/// From and to, `from < to`; whether the edge only holds back.
pub(super) type Edges = BTreeMap<(usize, usize), bool>;

/// Without the edges that a longer way implies, among `0..count`.
pub(super) fn reduced(count: usize, edges: &Edges) -> Edges {
    let words = count.div_ceil(64);
    let mut sources = vec![Vec::new(); count];
    for (from, to) in edges.keys() {
        sources[*to].push(*from);
    }
    let mut before = vec![vec![0u64; words]; count];
    let mut kept = Edges::new();
    for to in 0..count {
        let mut implied = vec![0u64; words];
        for from in &sources[to] {
            implied.iter_mut().zip(&before[*from]).for_each(|(all, some)| *all |= some);
        }
        let has = |set: &[u64], at: usize| set[at / 64] & (1 << (at % 64)) != 0;
        for from in sources[to].iter().filter(|from| !has(&implied, **from)) {
            kept.insert((*from, to), edges[&(*from, to)]);
        }
        for from in &sources[to] {
            implied[from / 64] |= 1 << (from % 64);
        }
        before[to] = implied;
    }
    kept
}

/// Without `node`: what it takes something from goes straight to its users.
pub(super) fn bypass(node: usize, edges: &mut Edges) {
    let ins: Vec<_> =
        edges.iter().filter(|((_, to), _)| *to == node).map(|((from, _), h)| (*from, *h)).collect();
    let outs: Vec<_> =
        edges.iter().filter(|((from, _), _)| *from == node).map(|((_, to), h)| (*to, *h)).collect();
    edges.retain(|(from, to), _| *from != node && *to != node);
    for (from, first) in &ins {
        for (to, second) in &outs {
            let holds = *first || *second;
            edges.entry((*from, *to)).and_modify(|known| *known &= holds).or_insert(holds);
        }
    }
}

/// How many ranks the edges cross together when every node stands as far left as it can.
pub(super) fn crossed_ranks(count: usize, edges: &Edges) -> usize {
    let mut rank = vec![0; count];
    let mut by_end: Vec<_> = edges.keys().collect();
    by_end.sort_by_key(|(_, to)| *to);
    for (from, to) in &by_end {
        rank[*to] = rank[*to].max(rank[*from] + 1);
    }
    by_end.iter().map(|(from, to)| rank[*to] - rank[*from]).sum()
}
