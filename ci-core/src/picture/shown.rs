//! What the points of a drawing show, and the clusters around them.

use std::collections::BTreeMap;

use super::drawing::{Drawing, Who as Drawn};
use super::fold::{Standins, Who, fold_name};
use super::ways::{Ways, groups_of, is_drawn};
use super::{
    BoxKind, Boxed, Cluster, Count, Edge, Options, Picture, Point, Shape, Standing, TOOLTIP_MAX, UNFOLD,
    printable, tell,
};
use crate::engine::{GroupKind, GroupView, NodeKind, NodeView, Snapshot};

impl Picture {
    pub(super) fn shown(
        ways: &Ways<'_>,
        standins: &Standins<'_>,
        drawing: &Drawing,
        options: &Options<'_>,
        is_folded: bool,
    ) -> Self {
        let snapshot = ways.snapshot;
        let groups = drawing.points.iter().map(|who| group(ways, standins, *who));
        let groups: Vec<_> = groups.map(|group| group.and_then(|group| frame(snapshot, group))).collect();
        let (places, clusters) = clusters(snapshot, &groups);
        let points = drawing.points.iter().zip(groups).map(|(who, group)| Point {
            cluster: group.and_then(|group| places.get(&group).copied()),
            shape: match who {
                Drawn::Join(_) => Shape::Join,
                Drawn::Standin(at) => shape(ways, standins, *at, options),
            },
        });
        let edges = drawing.edges.iter();
        let edges = edges.map(|((from, to), way)| Edge { from: *from, to: *to, dashed: way.holds });
        Self { step: snapshot.step, points: points.collect(), edges: edges.collect(), clusters, is_folded }
    }
}

/// The innermost group that all that it stands for is in.
fn group(ways: &Ways<'_>, standins: &Standins<'_>, who: Drawn) -> Option<usize> {
    let by_word = standins.made.iter().any(|standin| matches!(standin.who, Who::Word(..)));
    let of = |stop: usize| groups_of(ways.snapshot, ways.stops[stop].node);
    match who {
        _ if by_word => None,
        Drawn::Join(stop) => of(stop).next(),
        Drawn::Standin(at) => match standins.made[at].who {
            Who::Group(group) => ways.snapshot.groups[group].parent,
            Who::Node(node) => groups_of(ways.snapshot, node).next(),
            Who::Closed(..) | Who::Word(..) => {
                let (first, others) = standins.made[at].stops.split_first()?;
                let mut common: Vec<_> = of(*first).collect();
                for stop in others {
                    let its: Vec<_> = of(*stop).collect();
                    common.retain(|group| its.contains(group));
                }
                common.first().copied()
            }
        },
    }
}

/// The group or the nearest around it that has a frame. What a bind made has none, nor what stands for an element: a box
/// in it says that.
fn frame(snapshot: &Snapshot, group: usize) -> Option<usize> {
    let outer = |group: &usize| snapshot.groups[*group].parent.filter(|parent| parent < group);
    let mut all = std::iter::successors(Some(group).filter(|group| *group < snapshot.groups.len()), outer);
    all.find(|group| match &snapshot.groups[*group] {
        GroupView { kind: GroupKind::Body, .. }
        | GroupView { kind: GroupKind::Element, preview: true, .. } => false,
        GroupView { kind: GroupKind::List | GroupKind::Option | GroupKind::Element, .. } => true,
    })
}

/// The clusters for all groups that have something in them, and which group has which.
fn clusters(snapshot: &Snapshot, groups: &[Option<usize>]) -> (BTreeMap<usize, usize>, Vec<Cluster>) {
    let around = |group: &usize| snapshot.groups[*group].parent.and_then(|parent| frame(snapshot, parent));
    let mut places = BTreeMap::new();
    for group in groups.iter().flatten() {
        let mut all = std::iter::successors(Some(*group), around);
        // Around one that is known all are.
        while let Some(group) = all.next()
            && places.insert(group, 0).is_none()
        {}
    }
    places.values_mut().enumerate().for_each(|(place, at)| *at = place);
    let clusters = places.keys().map(|group| {
        let view = &snapshot.groups[*group];
        Cluster {
            parent: around(group).and_then(|parent| places.get(&parent).copied()),
            label: view.label.clone(),
            dotted: view.kind == GroupKind::Option,
            preview: view.preview,
        }
    });
    let clusters = clusters.collect();
    (places, clusters)
}

fn shape(ways: &Ways<'_>, standins: &Standins<'_>, at: usize, options: &Options<'_>) -> Shape {
    let standin = &standins.made[at];
    let snapshot = ways.snapshot;
    let own = |stop: &usize| ways.node(*stop);
    let alone = match standin.who {
        Who::Node(node) => Some(&snapshot.nodes[node]),
        // A word that is said once.
        Who::Word(..) if standin.stops.len() == 1 => standin.stops.first().map(own),
        _ => None,
    };
    if let Some(node) = alone.filter(|node| node.collapse.is_none() || node.kind != NodeKind::Collapse) {
        return match node.kind == NodeKind::Gate && Standing::of(node) != Standing::Failed {
            true => Shape::Gate,
            false => Shape::Box(Box::new(single(snapshot, node, options))),
        };
    }
    let behind = |stop: &usize| {
        let collapse = ways.node(*stop).collapse.as_ref();
        let behind = collapse.and_then(|it| ways.closed.get(&(it.key.as_str(), it.value.as_str())));
        behind.map_or(&[][..], |behind| &behind.nodes)
    };
    let mut all: Vec<usize> = standin.stops.iter().flat_map(behind).copied().collect();
    all.extend(standin.stops.iter().map(|stop| ways.stops[*stop].node));
    // What several collapses of one key and value hide is told once.
    all.sort_unstable();
    all.dedup();
    let nodes: Vec<_> = all.iter().map(|at| &snapshot.nodes[*at]).filter(|node| is_step(node)).collect();
    // Nothing that does something: all the same it has a value, or not.
    let nodes = if nodes.is_empty() { standin.stops.iter().map(own).collect() } else { nodes };
    let (kind, label, open) = match standin.who {
        Who::Closed(key, value) => (BoxKind::Collapse, value.to_owned(), Some((key, value.to_owned()))),
        Who::Group(group) => {
            (BoxKind::Fold, group_label(snapshot, group), Some((UNFOLD, fold_name(snapshot, group))))
        }
        Who::Word(_, word) => (BoxKind::Fold, format!("{word} × {}", nodes.len()), None),
        Who::Node(node) => (BoxKind::Fold, snapshot.nodes[node].label.clone(), None),
    };
    let link = open.and_then(|(key, value)| (options.open_link)(key, &value));
    Shape::Box(Box::new(several(&nodes, kind, label, link)))
}

/// Whether people count it.
fn is_step(node: &NodeView) -> bool {
    node.kind.is_work() || node.hidden && is_drawn(node)
}

fn single(snapshot: &Snapshot, node: &NodeView, options: &Options<'_>) -> Boxed {
    let standing = Standing::of(node);
    Boxed {
        name: node.name,
        label: node.label.clone(),
        kind: match node.kind {
            NodeKind::Operation => BoxKind::Operation,
            NodeKind::Monitor => BoxKind::Monitor,
            NodeKind::Bind => BoxKind::Bind,
            NodeKind::Constant
            | NodeKind::Combinator
            | NodeKind::State
            | NodeKind::Gate
            | NodeKind::Collapse => BoxKind::Step,
        },
        standing,
        colour: standing.colour(),
        refreshing: node.refreshing.map(Standing::of_activity),
        says: tell::line(standing, node.refreshing),
        tooltip: printable::cut(&tell::details(snapshot, node), TOOLTIP_MAX),
        count: 1,
        counts: Vec::new(),
        job: node.job.clone(),
        link: node.job.as_ref().and_then(|job| (options.job_link)(job)),
    }
}

fn several(nodes: &[&NodeView], kind: BoxKind, label: String, link: Option<String>) -> Boxed {
    let counts = tell::counts(nodes.iter().map(|node| Standing::of(node)));
    let standing = counts.first().map_or(Standing::Ok, |(standing, _)| *standing);
    let refreshing = nodes.iter().filter_map(|node| node.refreshing).map(Standing::of_activity).max();
    let says = tell::counted(&counts);
    Boxed {
        name: nodes.first().map(|node| node.name).unwrap_or_default(),
        label,
        kind,
        standing,
        colour: standing.colour(),
        refreshing: refreshing.filter(|_| standing == Standing::Ok),
        tooltip: says.clone(),
        says,
        count: nodes.len(),
        counts: counts.into_iter().map(|(standing, count)| Count { standing, count }).collect(),
        job: None,
        link,
    }
}

fn group_label(snapshot: &Snapshot, group: usize) -> String {
    let view = &snapshot.groups[group];
    let named = |name: &str| if view.label.is_empty() { name.to_owned() } else { view.label.clone() };
    match view.kind {
        GroupKind::Element => named("element"),
        GroupKind::List => {
            let elements = snapshot.groups.iter().filter(|it| it.parent == Some(group) && !it.preview);
            format!("{} × {}", named("list"), elements.count())
        }
        GroupKind::Option | GroupKind::Body => {
            named(snapshot.nodes.get(view.owner).map_or("group", |owner| &owner.label))
        }
    }
}
