//! The pipeline at one moment, for people.

use std::collections::HashMap;

use serde::Serialize;

use super::{NodeKind, NodeState};
use crate::current::{Shown, World};
use crate::ids::{JobId, KeyDigest};
use crate::incr::{Graph, Id};

/// Every node with its state.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// The engine's step.
    pub step: u64,
    /// In the order in which they were made: inputs before what depends on them.
    pub nodes: Vec<NodeView>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeView {
    /// Its place in [`Snapshot::nodes`].
    pub id: usize,
    /// What it is called.
    pub label: String,
    /// What it does.
    pub kind: NodeKind,
    /// The nodes it depends on directly.
    pub inputs: Vec<usize>,
    /// How it stands.
    pub state: NodeState,
    /// The newest job, for an operation.
    pub job: Option<JobId>,
    /// For a monitor whose newest read failed: why. Its value is the last one that was read.
    pub stale: Option<String>,
}

/// One operation of the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageView {
    /// Its place in [`Snapshot::nodes`].
    pub node: usize,
    /// What it is called.
    pub label: String,
    /// The operation's name: `docker-service`.
    pub op: String,
    /// Whether it makes the world hold something, rather than making something of something.
    pub publishes: bool,
    /// How it stands.
    pub state: NodeState,
    /// What it asks for, or, while its input has no value, asked for last. `None`: it had no input since the start.
    pub asked: Option<AskedView>,
    /// The newest job for what it asks for now.
    pub job: Option<JobId>,
}

/// See [`StageView::asked`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AskedView {
    /// Identity, together with the operation's name.
    pub key: KeyDigest,
    /// One line for people; a publisher's is `PLACE := VALUE`.
    pub summary: String,
}

fn places(shown: &[Shown]) -> HashMap<Id, usize> {
    shown.iter().enumerate().map(|(at, node)| (node.id, at)).collect()
}

fn state(node: &Shown, graph: &Graph<World>, places: &HashMap<Id, usize>) -> NodeState {
    match (node.state)(graph) {
        None => NodeState::Ok,
        Some((origin, what)) if origin == node.id => NodeState::own(&what),
        Some((origin, what)) => NodeState::of_another(places.get(&origin).copied(), &what),
    }
}

pub(super) fn take(graph: &mut Graph<World>, shown: &[Shown], step: u64) -> Snapshot {
    let places = places(shown);
    let nodes = shown
        .iter()
        .enumerate()
        .map(|(at, node)| NodeView {
            id: at,
            label: node.label.to_string(),
            kind: NodeKind::of(node),
            inputs: node.inputs.iter().filter_map(|input| places.get(input).copied()).collect(),
            state: state(node, graph, &places),
            job: node.stage.as_ref().and_then(|stage| stage(graph).job),
            stale: node.stale.as_ref().and_then(|stale| stale(graph)).map(|failure| failure.to_string()),
        })
        .collect();
    Snapshot { step, nodes }
}

pub(super) fn stages(graph: &mut Graph<World>, shown: &[Shown]) -> Vec<StageView> {
    let places = places(shown);
    let operations = shown.iter().enumerate().filter_map(|(at, node)| Some((at, node, node.stage.as_ref()?)));
    operations
        .map(|(at, node, stage)| {
            let stage = stage(graph);
            StageView {
                node: at,
                label: node.label.to_string(),
                op: stage.op.to_string(),
                publishes: stage.publishes,
                state: state(node, graph, &places),
                asked: stage
                    .asked
                    .map(|asked| AskedView { key: asked.key, summary: asked.summary.to_string() }),
                job: stage.job,
            }
        })
        .collect()
}
