//! The nodes that a picture shows, and how values and waiting pass from one to the other.
//!
//! A node is shown when somebody uses it; of what stands behind a closed collapse nobody does. Each node that is shown is
//! a *stop* on the ways.

use std::collections::{BTreeMap, BTreeSet};

use super::reduce::Way;
use super::{Opened, Standing};
use crate::engine::{CollapseView, GroupKind, NodeKind, NodeState, NodeView, Snapshot};

pub(super) struct Ways<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// In the order of the nodes: each comes after those that it takes something from.
    pub(super) stops: Vec<Stop>,
    /// What is behind each closed collapse, by what opens it.
    pub(super) closed: BTreeMap<(&'a str, &'a str), Behind>,
}

/// What one closed box hides.
#[derive(Default)]
pub(super) struct Behind {
    /// The collapse nodes with this key and value.
    pub(super) fronts: Vec<usize>,
    /// All that nobody else uses.
    pub(super) nodes: Vec<usize>,
}

pub(super) struct Stop {
    pub(super) node: usize,
    /// It has a box or a dot of its own.
    pub(super) is_point: bool,
    /// Places of stops before it.
    pub(super) ins: Vec<(usize, Way)>,
    /// How many stops use it that matter to a point.
    pub(super) users: usize,
    /// How many points are on the longest way to it.
    pub(super) depth: usize,
}

impl<'a> Ways<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, opened: &Opened) -> Self {
        let is_shown = shown(snapshot, opened);
        let closed = behind(snapshot, opened, &is_shown);
        let stops = stops(snapshot, opened, &is_shown);
        let mut it = Self { snapshot, stops, closed };
        it.count_users();
        it.measure();
        it
    }

    pub(super) fn node(&self, stop: usize) -> &'a NodeView {
        &self.snapshot.nodes[self.stops[stop].node]
    }

    /// Places of the stops that are points.
    pub(super) fn points(&self) -> impl Iterator<Item = usize> {
        (0..self.stops.len()).filter(|stop| self.stops[*stop].is_point)
    }

    fn count_users(&mut self) {
        for stop in (0..self.stops.len()).rev() {
            if self.stops[stop].is_point || self.stops[stop].users > 0 {
                let ins = std::mem::take(&mut self.stops[stop].ins);
                ins.iter().for_each(|(from, _)| self.stops[*from].users += 1);
                self.stops[stop].ins = ins;
            }
        }
    }

    fn measure(&mut self) {
        for stop in 0..self.stops.len() {
            let before =
                |(from, _): &(usize, Way)| self.stops[*from].depth + usize::from(self.stops[*from].is_point);
            self.stops[stop].depth = self.stops[stop].ins.iter().map(before).max().unwrap_or(0);
        }
    }
}

/// Whether it is drawn when it is shown.
pub(super) fn is_drawn(node: &NodeView) -> bool {
    let failed = matches!(node.state, NodeState::Failed { .. }) && Standing::of(node) != Standing::Skipped;
    !node.hidden || failed
}

/// What opens it, if it is closed.
pub(super) fn closed<'a>(node: &'a NodeView, opened: &Opened) -> Option<&'a CollapseView> {
    let collapse = node.collapse.as_ref().filter(|_| node.kind == NodeKind::Collapse)?;
    (!opened.has(&collapse.key, &collapse.value)).then_some(collapse)
}

/// The nodes that a node depends on or that people are to see before it. Anything that does not come before it in the
/// snapshot would be no pipeline, and is passed over.
fn before(snapshot: &Snapshot, at: usize, is_closed: bool) -> impl Iterator<Item = usize> + '_ {
    let node = &snapshot.nodes[at];
    let inputs = node.inputs.iter().skip(usize::from(is_closed));
    inputs.chain(&node.context).copied().filter(move |input| *input < at)
}

/// The groups that a node is in, from the innermost on.
pub(super) fn groups_of(snapshot: &Snapshot, node: usize) -> impl Iterator<Item = usize> + '_ {
    let first = snapshot.nodes[node].group.filter(|group| *group < snapshot.groups.len());
    // A group comes after the one that it is in.
    std::iter::successors(first, |group| snapshot.groups[*group].parent.filter(|parent| parent < group))
}

/// For each node whether somebody sees it: it is used, or made by one that is, or the pipeline itself.
fn shown(snapshot: &Snapshot, opened: &Opened) -> Vec<bool> {
    let count = snapshot.nodes.len();
    let mut is_used = vec![false; count];
    for at in 0..count {
        // What a node made is part of it, and no use of it.
        let made = |input: &usize| groups_of(snapshot, at).any(|it| snapshot.groups[it].owner == *input);
        before(snapshot, at, false).filter(|input| !made(input)).for_each(|input| is_used[input] = true);
    }
    let mut made: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut ahead = Vec::new();
    for at in (0..count).filter(|at| !is_used[*at]) {
        match snapshot.nodes[at].group.and_then(|group| snapshot.groups.get(group)) {
            Some(group) if group.owner < count && group.owner != at => {
                made.entry(group.owner).or_default().push(at)
            }
            _ => ahead.push(at),
        }
    }
    let mut shown = vec![false; count];
    while let Some(at) = ahead.pop() {
        if !std::mem::replace(&mut shown[at], true) {
            let is_closed = closed(&snapshot.nodes[at], opened).is_some();
            ahead.extend(before(snapshot, at, is_closed));
            ahead.extend(made.get(&at).into_iter().flatten());
        }
    }
    shown
}

/// What nobody sees, by the closed collapses that it is behind.
fn behind<'a>(
    snapshot: &'a Snapshot,
    opened: &Opened,
    is_shown: &[bool],
) -> BTreeMap<(&'a str, &'a str), Behind> {
    let mut all: BTreeMap<_, Behind> = BTreeMap::new();
    for (at, node) in snapshot.nodes.iter().enumerate().filter(|(at, _)| is_shown[*at]) {
        if let Some(collapse) = closed(node, opened) {
            let key = (collapse.key.as_str(), collapse.value.as_str());
            all.entry(key).or_default().fronts.push(at);
        }
    }
    for behind in all.values_mut() {
        let first =
            |front: &usize| snapshot.nodes[*front].inputs.first().copied().filter(|input| input < front);
        let mut ahead: Vec<usize> = behind.fronts.iter().filter_map(first).collect();
        let mut seen = BTreeSet::new();
        while let Some(at) = ahead.pop() {
            if !is_shown[at] && seen.insert(at) {
                ahead.extend(before(snapshot, at, false));
            }
        }
        behind.nodes = seen.into_iter().collect();
    }
    all
}

fn stops(snapshot: &Snapshot, opened: &Opened, is_shown: &[bool]) -> Vec<Stop> {
    let mut places = vec![None; snapshot.nodes.len()];
    let mut stops: Vec<Stop> = Vec::new();
    for (at, node) in snapshot.nodes.iter().enumerate().filter(|(at, _)| is_shown[*at]) {
        let is_closed = closed(node, opened).is_some();
        let inputs = || node.inputs.iter().copied().enumerate().skip(usize::from(is_closed));
        let taken = inputs().map(|(slot, input)| (input, node.kind == NodeKind::Gate && slot == 0));
        let contexts = node.context.iter().map(|input| (*input, false));
        // What a bind made comes from it, unless it comes from something else that it made.
        let body = groups_of(snapshot, at).find(|group| snapshot.groups[*group].kind == GroupKind::Body);
        let is_inner =
            |input: usize| body.is_some_and(|body| groups_of(snapshot, input).any(|it| it == body));
        let bind = body.filter(|_| !inputs().any(|(_, input)| input < at && is_inner(input)));
        let bind = bind.map(|body| (snapshot.groups[body].owner, false));
        let ins = taken.chain(contexts).chain(bind).filter(|(input, _)| *input < at);
        let ins = ins.filter_map(|(input, holds)| {
            let tells = snapshot.nodes[input].kind == NodeKind::State;
            Some((places[input]?, Way { holds, tells }))
        });
        let is_point = is_closed || is_drawn(node) && node.kind != NodeKind::Collapse;
        let stop = Stop { node: at, is_point, ins: ins.collect(), users: 0, depth: 0 };
        places[at] = Some(stops.len());
        stops.push(stop);
    }
    stops
}
