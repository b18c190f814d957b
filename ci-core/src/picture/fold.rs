//! Which nodes one box stands for: each for itself, a closed collapse for what is behind it, and, in a picture with too
//! many boxes, groups.
//!
//! What is folded depends on what the pipeline is made of and on what people opened, never on states: a picture does
//! not change its shape because something fails.

use std::collections::BTreeMap;

use super::ways::{Ways, closed, groups_of};
use super::{Opened, UNFOLD};
use crate::engine::{CollapseView, GroupKind, NodeKind, Snapshot};

/// Who has the boxes.
pub(super) struct Standins<'a> {
    /// For each stop, as which of `made` it is drawn.
    pub(super) of: Vec<Option<usize>>,
    pub(super) made: Vec<Standin<'a>>,
}

pub(super) struct Standin<'a> {
    pub(super) who: Who<'a>,
    /// In order.
    pub(super) stops: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who<'a> {
    /// A node for itself.
    Node(usize),
    /// All closed collapses of this key and value.
    Closed(&'a str, &'a str),
    /// A group.
    Group(usize),
    /// All nodes with so many points before them whose labels begin with this word.
    Word(usize, &'a str),
}

/// The steps by which a picture can be made smaller.
pub(super) struct Folding {
    steps: Vec<Step>,
    /// The fewest that bring the boxes within the budget.
    pub(super) needed: usize,
}

/// All that was folded before stays folded.
enum Step {
    /// Each element of the list becomes a box.
    Elements(Vec<usize>),
    /// The group becomes a box.
    Whole(usize),
}

impl Folding {
    pub(super) fn of(ways: &Ways<'_>, opened: &Opened, boxes_max: usize) -> Self {
        let groups = &ways.snapshot.groups;
        let sizes = sizes(ways);
        let is_opened = |group: usize| opened.has(UNFOLD, &fold_name(ways.snapshot, group));
        let mut elements = vec![Vec::new(); groups.len()];
        let mut outer_list = vec![None; groups.len()];
        for (at, group) in groups.iter().enumerate() {
            let parent = group.parent.filter(|parent| *parent < at);
            outer_list[at] = parent
                .and_then(|parent| outer_list[parent])
                .or((group.kind == GroupKind::List).then_some(at));
            if let Some(list) = parent.filter(|_| group.kind == GroupKind::Element) {
                elements[list].push(at);
            }
        }
        let outermost = |at: usize| match outer_list[at] {
            Some(list) => list == at,
            None => groups[at].parent.is_none_or(|parent| parent >= at),
        };
        let mut candidates: Vec<_> =
            (0..groups.len()).filter(|at| outermost(*at) && sizes[*at] > 1).collect();
        // What people opened last, lists first, and of these the largest.
        candidates.sort_by_key(|at| {
            (is_opened(*at), outer_list[*at].is_none(), std::cmp::Reverse(sizes[*at]), *at)
        });
        let mut boxes = ways.points().count();
        let mut steps = Vec::new();
        let mut needed = 0;
        for at in candidates {
            let folded = |at: &usize| sizes[*at] > 1 && !is_opened(*at);
            let some: Vec<_> = elements[at].iter().copied().filter(folded).collect();
            let saved = some.iter().map(|at| sizes[*at] - 1).sum::<usize>();
            let whole = boxes - (sizes[at] - 1);
            if 0 < saved && elements[at].len() <= boxes_max {
                steps.push(Step::Elements(some));
                needed = if boxes_max < boxes { steps.len() } else { needed };
                boxes -= saved;
            }
            steps.push(Step::Whole(at));
            needed = if boxes_max < boxes { steps.len() } else { needed };
            boxes = whole;
        }
        Self { steps, needed }
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// After so many steps.
    pub(super) fn standins<'a>(&self, ways: &Ways<'a>, opened: &Opened, taken: usize) -> Standins<'a> {
        let groups = &ways.snapshot.groups;
        let mut is_folded = vec![false; groups.len()];
        for step in self.steps.iter().take(taken) {
            match step {
                Step::Elements(all) => all.iter().for_each(|at| is_folded[*at] = true),
                Step::Whole(at) => is_folded[*at] = true,
            }
        }
        // The outermost folded group around each.
        let mut fold: Vec<Option<usize>> = vec![None; groups.len()];
        for at in 0..groups.len() {
            let outer = groups[at].parent.filter(|parent| *parent < at).and_then(|parent| fold[parent]);
            fold[at] = outer.or(is_folded[at].then_some(at));
        }
        Standins::by(ways, |stop| {
            let node = ways.node(stop);
            let group = node.group.and_then(|group| fold.get(group).copied().flatten());
            let closed = closed(node, opened);
            Some(match (group, closed) {
                (Some(group), _) => Who::Group(group),
                (None, Some(CollapseView { key, value })) => Who::Closed(key, value),
                (None, None) => Who::Node(node.id),
            })
        })
    }
}

impl<'a> Standins<'a> {
    /// By the first word of what they are called, and how far they are from the pipeline's beginning.
    pub(super) fn by_word(ways: &Ways<'a>) -> Self {
        Self::by(ways, |stop| {
            let node = ways.node(stop);
            let word = node.label.split_whitespace().next().unwrap_or_default();
            (node.kind != NodeKind::Gate).then_some(Who::Word(ways.stops[stop].depth, word))
        })
    }

    fn by(ways: &Ways<'a>, who: impl Fn(usize) -> Option<Who<'a>>) -> Self {
        let mut made: Vec<Standin<'a>> = Vec::new();
        let mut known = BTreeMap::new();
        let mut of = vec![None; ways.stops.len()];
        for stop in ways.points() {
            let Some(who) = who(stop) else { continue };
            let at = *known.entry(who).or_insert_with(|| {
                made.push(Standin { who, stops: Vec::new() });
                made.len() - 1
            });
            made[at].stops.push(stop);
            of[stop] = Some(at);
        }
        Self { of, made }
    }
}

/// How many points there are in each group, in groups within it, too.
fn sizes(ways: &Ways<'_>) -> Vec<usize> {
    let groups = &ways.snapshot.groups;
    let mut sizes = vec![0; groups.len()];
    for stop in ways.points() {
        if let Some(group) = groups_of(ways.snapshot, ways.stops[stop].node).next() {
            sizes[group] += 1;
        }
    }
    for at in (0..groups.len()).rev() {
        if let Some(parent) = groups[at].parent.filter(|parent| *parent < at) {
            sizes[parent] += sizes[at];
        }
    }
    sizes
}

/// By which a folded group is asked for: it stays the same as long as who made the group does.
pub(super) fn fold_name(snapshot: &Snapshot, group: usize) -> String {
    let view = &snapshot.groups[group];
    let owner = snapshot.nodes.get(view.owner).map(|owner| owner.name).unwrap_or_default();
    match view.kind {
        GroupKind::Element => format!("{owner}/{}", view.label),
        GroupKind::List | GroupKind::Option | GroupKind::Body => owner.to_string(),
    }
}
