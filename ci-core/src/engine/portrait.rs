//! From the live graph to a snapshot. What a pipeline calls its nodes is told without secrets, as whatever leaves the engine.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::NodeState;
use super::panicked::Panicked;
use super::snapshot::{AskedView, GroupView, MovedView, NodeName, NodeView, PlaceView, Snapshot, StageView};
use crate::current::{Made, Pending, Portrait, Reason, Seen, Work, World};
use crate::error::Failure;
use crate::incr::{Graph, Id, Scope};
use crate::op::Place;

/// A node that showed itself.
struct Sitter {
    id: Id,
    seen: Seen,
    group: Option<usize>,
}

/// Nodes that were made together.
struct Group {
    owner: Id,
    parent: Option<usize>,
    made: Made,
}

/// All that show themselves, inputs first.
struct Gallery {
    sitters: Vec<Sitter>,
    groups: Vec<Group>,
    places: HashMap<Id, usize>,
    /// By sitter: the places of what it reads.
    inputs: Vec<Vec<usize>>,
}

impl Gallery {
    fn of(graph: &Graph<World>) -> Self {
        let (sitters, groups) = Self::found(graph);
        let at: HashMap<Id, usize> = sitters.iter().enumerate().map(|(at, sitter)| (sitter.id, at)).collect();
        let mut results: HashMap<Id, Vec<usize>> = HashMap::new();
        for group in &groups {
            if let Some(result) = group.made.result.and_then(|id| at.get(&id)) {
                results.entry(group.owner).or_default().push(*result);
            }
        }
        let inputs: Vec<Vec<usize>> = sitters
            .iter()
            .map(|sitter| {
                let read = sitter.seen.inputs.iter().filter_map(|id| at.get(id).copied());
                let owner = sitter.group.filter(|_| sitter.seen.stands_for_group);
                let owner = owner.and_then(|group| at.get(&groups[group].owner).copied());
                let gathered = sitter.seen.gathers.iter().filter_map(|id| results.get(id)).flatten().copied();
                read.chain(owner).chain(gathered).collect()
            })
            .collect();
        Self { sitters, groups, places: at, inputs }.sorted(graph)
    }

    /// As they were made: what a node has made comes after all of the node's own scope.
    fn found(graph: &Graph<World>) -> (Vec<Sitter>, Vec<Group>) {
        let (mut sitters, mut groups) = (Vec::new(), Vec::<Group>::new());
        let mut ahead: Vec<(Scope, Option<usize>)> = vec![(graph.root_scope(), None)];
        while let Some((scope, group)) = ahead.pop() {
            let mut nodes: Vec<Id> = graph.nodes_of(scope).collect();
            nodes.reverse();
            let mut inner = Vec::new();
            for id in nodes {
                let mut portrait = Portrait::default();
                graph.ask(id, &mut portrait);
                let Some(mut seen) = portrait.seen else { continue };
                if let Some(mut made) = seen.group.take() {
                    let members = std::mem::take(&mut made.members);
                    // A list without elements is no group.
                    if made.scope.is_some() || !members.is_empty() {
                        inner.extend(made.scope.map(|scope| (scope, Some(groups.len()))));
                        groups.push(Group { owner: id, parent: group, made });
                        let list = groups.len() - 1;
                        for made in members {
                            inner.extend(made.scope.map(|scope| (scope, Some(groups.len()))));
                            groups.push(Group { owner: id, parent: Some(list), made });
                        }
                    }
                }
                sitters.push(Sitter { id, seen, group });
            }
            ahead.extend(inner.into_iter().rev());
        }
        (sitters, groups)
    }

    /// Inputs first; otherwise the order stays.
    fn sorted(self, graph: &Graph<World>) -> Self {
        let before: Vec<Vec<usize>> = self
            .sitters
            .iter()
            .zip(&self.inputs)
            .map(|(sitter, inputs)| {
                let contexts = graph.world().context_of(sitter.id);
                let owner = sitter.group.map(|group| self.groups[group].owner);
                let others = contexts.iter().copied().chain(owner);
                let others = others.filter_map(|id| self.places.get(&id).copied());
                inputs.iter().copied().chain(others).collect()
            })
            .collect();
        let mut placed: Vec<Option<usize>> = vec![None; self.sitters.len()];
        let mut seen = vec![false; self.sitters.len()];
        let mut order = Vec::with_capacity(self.sitters.len());
        for root in 0..self.sitters.len() {
            // Each with how many of those before it were looked at.
            let mut ahead = if std::mem::replace(&mut seen[root], true) { vec![] } else { vec![(root, 0)] };
            while let Some((at, looked)) = ahead.last_mut() {
                if let Some(next) = before[*at].get(*looked) {
                    *looked += 1;
                    if !std::mem::replace(&mut seen[*next], true) {
                        ahead.push((*next, 0));
                    }
                } else {
                    placed[*at] = Some(order.len());
                    order.push(*at);
                    ahead.pop();
                }
            }
        }
        let place = |at: usize| placed[at].expect("because all were placed");
        let mut sitters: Vec<_> = self.sitters.into_iter().map(Some).collect();
        let mut inputs = self.inputs;
        Self {
            inputs: order
                .iter()
                .map(|at| std::mem::take(&mut inputs[*at]).into_iter().map(place).collect())
                .collect(),
            places: self.places.into_iter().map(|(id, at)| (id, place(at))).collect(),
            sitters: order.iter().filter_map(|at| sitters[*at].take()).collect(),
            groups: self.groups,
        }
    }

    /// Made of what a node is called and what its inputs are called, within the group that it is in: so what is
    /// written elsewhere changes no name. Of equals it is the place among them.
    fn names(&self) -> Vec<NodeName> {
        let mut names: Vec<u64> = Vec::with_capacity(self.sitters.len());
        let mut groups: HashMap<usize, u64> = HashMap::new();
        let mut equals: HashMap<u64, u32> = HashMap::new();
        for (sitter, inputs) in self.sitters.iter().zip(&self.inputs) {
            let mut hash = Fnv::default();
            if let Some(group) = sitter.group {
                let of = *groups.entry(group).or_insert_with(|| {
                    let group = &self.groups[group];
                    let mut hash = Fnv::default();
                    // The owner comes before what it made.
                    self.places.get(&group.owner).map(|at| names[*at]).hash(&mut hash);
                    group.made.label.hash(&mut hash);
                    hash.finish()
                });
                of.hash(&mut hash);
            }
            sitter.seen.kind.hash(&mut hash);
            sitter.seen.label.hash(&mut hash);
            for input in inputs {
                names.get(*input).hash(&mut hash);
            }
            let name = hash.finish();
            let nth = equals.entry(name).or_default();
            let mut hash = Fnv::default();
            (name, *nth).hash(&mut hash);
            *nth += 1;
            names.push(hash.finish());
        }
        names.into_iter().map(NodeName).collect()
    }

    fn state(&self, at: usize, panicked: &Panicked) -> NodeState {
        if let Some(why) = panicked.of(self.sitters[at].id) {
            return NodeState::own(&Pending::Failed(why.clone()));
        }
        match &self.sitters[at].seen.reason {
            None => NodeState::Ok,
            Some(Reason { origin, what }) if *origin == self.sitters[at].id => NodeState::own(what),
            Some(Reason { origin, what }) => NodeState::of_another(self.places.get(origin).copied(), what),
        }
    }

    fn drift(&self, at: usize, graph: &Graph<World>) -> Option<Arc<Failure>> {
        match &self.sitters[at].seen.work {
            Some(Work::Stage(stage)) => graph.world().cache.drift_of(stage.instance.or(stage.kept)?),
            _ => None,
        }
    }
}

/// FNV-1a, 64 bits: names stay what they are when the standard library changes its hash.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

pub(super) fn snapshot(graph: &Graph<World>, panicked: &Panicked, step: u64) -> Snapshot {
    let gallery = Gallery::of(graph);
    let world = graph.world();
    let secrets = world.secrets();
    let told = |text: &str| secrets.text(text).into_owned();
    let names = gallery.names();
    let nodes = gallery.sitters.iter().enumerate().map(|(at, Sitter { id, seen, group })| {
        let (mut job, mut would) = (None, None);
        let (mut stale, mut refreshing) = (seen.stale.clone(), seen.refreshing);
        match &seen.work {
            Some(Work::Stage(stage)) => {
                if let Some(instance) = stage.instance {
                    job = world.cache.job_of(instance);
                    stale = world.cache.stale(instance).map(|failure| failure.to_string());
                    refreshing = world.cache.renewing(instance);
                }
                would = Some(told(stage.would.as_deref().unwrap_or(&seen.label)));
            }
            Some(Work::Monitor(Some(instance))) => {
                stale = world.monitors.stale(*instance).map(|failure| failure.to_string());
                refreshing = world.monitors.refreshing(*instance);
            }
            Some(Work::Monitor(None)) | None => {}
        }
        let why = graph.why(*id);
        NodeView {
            id: at,
            name: names[at],
            label: told(&seen.label),
            kind: seen.kind,
            hidden: seen.hidden,
            group: *group,
            context: places(&gallery, world.context_of(*id)),
            collapse: seen.collapse.clone(),
            would,
            inputs: gallery.inputs[at].clone(),
            state: gallery.state(at, panicked),
            refreshing,
            job,
            stale,
            drift: gallery.drift(at, graph).as_deref().cloned(),
            moved: why.map(|why| MovedView {
                step: why.step,
                by: why.input.and_then(|input| gallery.places.get(&input).copied()),
            }),
        }
    });
    let nodes = nodes.collect();
    let groups = gallery.groups.iter().map(|group| GroupView {
        owner: gallery.places.get(&group.owner).copied().unwrap_or_default(),
        parent: group.parent,
        kind: group.made.kind,
        label: group.made.label.clone(),
        preview: group.made.preview,
    });
    Snapshot { step, nodes, groups: groups.collect() }
}

/// How many nodes a name goes back.
const CALLED_BY_MAX: usize = 4;

/// What a node is called in the log; if nobody has named it, after what it is made of.
pub(super) fn called(graph: &Graph<World>, mut node: Id) -> String {
    let mut said = String::new();
    for _ in 0..CALLED_BY_MAX {
        let mut portrait = Portrait::default();
        graph.ask(node, &mut portrait);
        let Some(seen) = portrait.seen else { break };
        said.push_str(if seen.label.is_empty() { "a list" } else { &seen.label });
        match seen.inputs.first().filter(|_| seen.hidden) {
            Some(input) => node = *input,
            None => return said,
        }
        said.push_str(" of ");
    }
    said + "…"
}

fn places(gallery: &Gallery, ids: &[Id]) -> Vec<usize> {
    ids.iter().filter_map(|id| gallery.places.get(id).copied()).collect()
}

pub(super) fn stages(graph: &Graph<World>, panicked: &Panicked) -> Vec<StageView> {
    let gallery = Gallery::of(graph);
    let secrets = graph.world().secrets();
    let operations = gallery.sitters.iter().enumerate().filter_map(|(at, sitter)| match &sitter.seen.work {
        Some(Work::Stage(stage)) => Some((at, &sitter.seen, stage)),
        _ => None,
    });
    operations
        .map(|(at, seen, stage)| StageView {
            node: at,
            label: secrets.text(&seen.label).into_owned(),
            op: stage.op.to_string(),
            publishes: stage.publishes,
            place: stage.place.clone().map(|Place { key, name }| PlaceView { key, name: name.to_string() }),
            state: gallery.state(at, panicked),
            asked: stage
                .asked
                .as_ref()
                .map(|asked| AskedView { key: asked.key, summary: asked.summary.to_string() }),
            job: stage.instance.and_then(|instance| graph.world().cache.job_of(instance)),
            drift: gallery.drift(at, graph).as_deref().cloned(),
        })
        .collect()
}
