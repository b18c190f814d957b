//! A snapshot's nodes, with what a drawing needs to know of them.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use ci_core::engine::{NodeKind, NodeState, NodeView, Snapshot};

use super::reduce::Edges;
use crate::mark::Mark;

pub(super) struct Facts<'a> {
    nodes: &'a [NodeView],
    /// Where the node with this id is.
    places: HashMap<usize, usize>,
    inputs: Vec<Vec<usize>>,
    boxed: Vec<bool>,
    /// How many nodes that matter to a box, or have one, use it directly.
    users: Vec<usize>,
    /// How many boxes are on the longest way to it.
    depth: Vec<usize>,
}

impl<'a> Facts<'a> {
    /// Ids need not be places: a part of a snapshot is fine, and inputs outside it are passed over.
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let nodes = &snapshot.nodes[..];
        let places: HashMap<usize, usize> =
            nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
        let inputs: Vec<Vec<usize>> = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| {
                let known = node.inputs.iter().filter_map(|id| places.get(id).copied());
                // Inputs come before what depends on them; anything else would be no pipeline.
                known.filter(|input| *input < at).collect()
            })
            .collect();
        let boxed: Vec<bool> = nodes
            .iter()
            .map(|node| node.kind.is_work() || matches!(node.state, NodeState::Failed { .. }))
            .collect();
        let mut users = vec![0; nodes.len()];
        for at in (0..nodes.len()).rev() {
            if boxed[at] || users[at] > 0 {
                inputs[at].iter().for_each(|input| users[*input] += 1);
            }
        }
        let mut depth = vec![0; nodes.len()];
        for (at, inputs) in inputs.iter().enumerate() {
            let before = inputs.iter().map(|input| depth[*input] + usize::from(boxed[*input]));
            depth[at] = before.max().unwrap_or(0);
        }
        Self { nodes, places, inputs, boxed, users, depth }
    }

    pub(super) fn node(&self, at: usize) -> &'a NodeView {
        &self.nodes[at]
    }

    /// The nodes that have boxes.
    pub(super) fn boxed(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|at| self.boxed[*at])
    }

    pub(super) fn is_boxed(&self, at: usize) -> bool {
        self.boxed[at]
    }

    pub(super) fn users(&self, at: usize) -> usize {
        self.users[at]
    }

    pub(super) fn depth(&self, at: usize) -> usize {
        self.depth[at]
    }

    pub(super) fn mark(&self, at: usize) -> Mark {
        Mark::of_node(&self.nodes[at])
    }

    /// The label of what its value comes from in the end: many steps are called the same.
    pub(super) fn source(&self, at: usize) -> Option<&'a str> {
        // A gate's value is its last input.
        let first = std::iter::successors(Some(at), |at| self.inputs[*at].last().copied()).last()?;
        (first != at).then_some(&self.nodes[first].label)
    }

    /// How a node stands, with the names of others.
    pub(super) fn state(&self, at: usize) -> String {
        let node = &self.nodes[at];
        let origin = |id: &Option<usize>| {
            id.and_then(|id| self.places.get(&id)).map_or("another node", |at| &self.nodes[*at].label)
        };
        let state = match &node.state {
            NodeState::Blocked { by, failure } => format!("blocked by {}: {failure}", origin(by)),
            NodeState::Waiting { on, activity } => format!("waiting: {} is {activity}", origin(on)),
            state => state.to_string(),
        };
        let state = match (&node.would, &node.state) {
            (Some(would), NodeState::Waiting { .. } | NodeState::Active { .. }) => {
                format!("would {would}: {state}")
            }
            _ => state,
        };
        match (&node.stale, &node.drift) {
            (Some(why), _) => format!("{state}, but not fresh: {why}"),
            (None, Some(drift)) => format!("{state}, but {drift}"),
            (None, None) => state,
        }
    }

    /// The edges between drawn nodes, past what is not drawn. `drawn` says as what a node is drawn, if it is, and gets
    /// from how many drawn nodes it takes something. An edge holds `true` where it only holds back.
    pub(super) fn contracted(&self, mut drawn: impl FnMut(usize, usize) -> Option<usize>) -> Edges {
        let mut edges = Edges::new();
        let mut sources: Vec<Rc<BTreeMap<usize, bool>>> = Vec::with_capacity(self.nodes.len());
        for (at, inputs) in self.inputs.iter().enumerate() {
            let gate = self.nodes[at].kind == NodeKind::Gate;
            let mut mine = match inputs[..] {
                _ if !self.boxed[at] && self.users[at] == 0 => Rc::default(),
                [only] => sources[only].clone(),
                _ => {
                    let mut all = BTreeMap::new();
                    for (slot, input) in inputs.iter().enumerate() {
                        for (source, holds) in sources[*input].iter() {
                            let holds = *holds || gate && slot == 0;
                            all.entry(*source).and_modify(|known| *known &= holds).or_insert(holds);
                        }
                    }
                    Rc::new(all)
                }
            };
            if let Some(me) = drawn(at, mine.len()) {
                for (source, holds) in mine.iter() {
                    edges.entry((*source, me)).and_modify(|known| *known &= *holds).or_insert(*holds);
                }
                mine = Rc::new(BTreeMap::from([(me, false)]));
            }
            sources.push(mine);
        }
        edges
    }
}
