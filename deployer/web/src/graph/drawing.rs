//! What is drawn of a pipeline, before anybody knows where.
//!
//! Operations and monitors are boxes. Combinators are plumbing: they are drawn only where they fail themselves, or as
//! a *dot* where many sources meet many users. Edges run past the rest, and an edge that a longer way implies is left
//! out, so that chains are chains. An edge that only holds back (a gate's first input) is dashed.
//!
//! What is more than a picture can hold is *grouped*: one box for all nodes with the same first word of their labels
//! and the same distance from the pipeline's beginning.

use std::collections::BTreeMap;

use ci_core::JobId;
use ci_core::engine::NodeKind;

use super::facts::Facts;
use super::layout::{Shape, Size};
use super::reduce::{Edges, bypass, crossed_ranks, reduced};
use super::{BOXES_MAX, CROSSED_RANKS_MAX, EDGES_MAX};
use crate::mark::Mark;

/// See the module.
pub(super) struct Drawing {
    /// From left to right: edges go up.
    pub(super) nodes: Vec<Drawn>,
    pub(super) edges: Edges,
    /// Boxes stand for several nodes.
    pub(super) grouped: bool,
}

pub(super) enum Drawn {
    Box(Boxed),
    Dot,
}

pub(super) struct Boxed {
    pub(super) label: String,
    pub(super) kind: NodeKind,
    pub(super) mark: Mark,
    /// One line.
    pub(super) state: String,
    /// All there is to say.
    pub(super) details: String,
    pub(super) job: Option<JobId>,
    /// How many nodes it stands for.
    pub(super) count: usize,
}

impl Drawing {
    /// `None` when even the groups are too many.
    pub(super) fn of(facts: &Facts<'_>) -> Option<Self> {
        let within = |drawing: &Self| {
            drawing.nodes.len() <= BOXES_MAX
                && drawing.edges.len() <= EDGES_MAX
                && crossed_ranks(drawing.nodes.len(), &drawing.edges) <= CROSSED_RANKS_MAX
        };
        let each = (facts.boxed().nth(BOXES_MAX).is_none()).then(|| Self::each(facts));
        each.flatten().filter(within).or_else(|| Self::grouped(facts).filter(within))
    }

    /// All that a layout depends on.
    pub(super) fn shape(&self) -> Shape {
        let sizes = self.nodes.iter().map(|node| match node {
            Drawn::Box(boxed) if boxed.count > 1 => Size::GROUP,
            Drawn::Box(boxed) => Size::of(&boxed.label),
            Drawn::Dot => Size::DOT,
        });
        Shape { sizes: sizes.collect(), edges: self.edges.keys().copied().collect() }
    }

    fn each(facts: &Facts<'_>) -> Option<Self> {
        let mut drawn = Vec::new();
        let edges = facts.contracted(|at, sources| {
            let used = facts.is_boxed(at) || saves_edges(sources, facts.users(at));
            used.then(|| {
                drawn.push(at);
                drawn.len() - 1
            })
        });
        if drawn.len() > BOXES_MAX {
            return None;
        }
        let mut edges = reduced(drawn.len(), &edges);
        let mut gone = vec![false; drawn.len()];
        for (node, _) in drawn.iter().enumerate().filter(|(_, at)| !facts.is_boxed(**at)) {
            let ins = edges.keys().filter(|(_, to)| *to == node).count();
            let outs = edges.keys().filter(|(from, _)| *from == node).count();
            if !saves_edges(ins, outs) {
                bypass(node, &mut edges);
                gone[node] = true;
            }
        }
        let edges = reduced(drawn.len(), &edges);
        let place = |node: usize| node - gone[..node].iter().filter(|gone| **gone).count();
        let edges = edges.iter().map(|((from, to), holds)| ((place(*from), place(*to)), *holds)).collect();
        let kept = drawn.iter().zip(&gone).filter(|(_, gone)| !**gone);
        let nodes = kept.map(|(at, _)| match facts.is_boxed(*at) {
            true => Drawn::Box(Boxed::of(facts, *at)),
            false => Drawn::Dot,
        });
        Some(Self { nodes: nodes.collect(), edges, grouped: false })
    }

    fn grouped(facts: &Facts<'_>) -> Option<Self> {
        let name = |at: usize| {
            (facts.depth(at), facts.node(at).label.split_whitespace().next().unwrap_or_default().to_owned())
        };
        let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for at in facts.boxed() {
            groups.entry(name(at)).or_default().push(at);
        }
        if groups.len() > BOXES_MAX {
            return None;
        }
        let places: BTreeMap<_, _> = groups.keys().zip(0..).collect();
        let edges =
            facts.contracted(|at, _| facts.is_boxed(at).then(|| places.get(&name(at)).copied()).flatten());
        let nodes: Vec<_> = groups
            .iter()
            .map(|((_, word), members)| match members[..] {
                [only] => Drawn::Box(Boxed::of(facts, only)),
                _ => Drawn::Box(Boxed::group(facts, word, members)),
            })
            .collect();
        Some(Self { edges: reduced(nodes.len(), &edges), nodes, grouped: true })
    }
}

/// Whether a dot between them needs fewer edges than every source with every user.
fn saves_edges(sources: usize, users: usize) -> bool {
    sources * users > sources + users
}

impl Boxed {
    fn of(facts: &Facts<'_>, at: usize) -> Self {
        let node = facts.node(at);
        let mark = facts.mark(at);
        Self {
            label: node.label.clone(),
            kind: node.kind,
            mark,
            state: mark.word().to_owned(),
            details: facts.state(at),
            job: node.job.clone(),
            count: 1,
        }
    }

    fn group(facts: &Facts<'_>, word: &str, members: &[usize]) -> Self {
        let mut counts: BTreeMap<Mark, usize> = BTreeMap::new();
        members.iter().for_each(|at| *counts.entry(facts.mark(*at)).or_default() += 1);
        let told: Vec<_> = counts.iter().rev().map(|(mark, n)| format!("{n} {}", mark.word())).collect();
        Self {
            label: format!("{word} × {}", members.len()),
            kind: facts.node(members[0]).kind,
            mark: counts.last_key_value().map_or(Mark::Ok, |(mark, _)| *mark),
            state: told.join(", "),
            details: told.join("\n"),
            job: None,
            count: members.len(),
        }
    }
}
