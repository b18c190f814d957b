//! Where things stand, by `dagre`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ci_core::picture::{self, BoxKind, Picture};
use dagre::graph::{Graph, GraphOptions};
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, RankDir, Ranker};

use super::label;

/// Above this many nodes a cheaper ranking is taken: the other one's cost grows with the square.
const THOROUGH_MAX: usize = 150;
/// Layouts are made on a stack of this many bytes: `dagre` recurses as deep as the graph is long.
const STACK_BYTES: usize = 64 << 20;

/// Around all, in pixels.
const MARGIN: f64 = 12.0;

/// Width and height, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Size {
    pub(super) const JOIN: Self = Self { width: 8, height: 8 };
    pub(super) const GATE: Self = Self { width: 14, height: 14 };

    /// Of a point. A box's state has room in every case, so that nothing moves when only states change.
    fn of(shape: &picture::Shape) -> Self {
        match shape {
            picture::Shape::Join => Self::JOIN,
            picture::Shape::Gate => Self::GATE,
            picture::Shape::Box(boxed) => {
                let columns = label::columns(&label::shortened(&boxed.label, label::COLUMNS_MAX));
                // What stands for several says how many stand how, and can be opened.
                let (least, more) = match boxed.kind {
                    BoxKind::Collapse | BoxKind::Fold => (280, 66),
                    BoxKind::Operation | BoxKind::Monitor | BoxKind::Bind | BoxKind::Step => (186, 54),
                };
                Self { width: (columns * 15 / 2 + more).max(least) as u32, height: 44 }
            }
        }
    }
}

/// All that a layout depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) sizes: Vec<Size>,
    /// From and to, `from < to`.
    pub(super) edges: Vec<(usize, usize)>,
    /// For each point the cluster that it is in.
    pub(super) within: Vec<Option<usize>>,
    /// For each cluster the one that it is in, which comes before it.
    pub(super) clusters: Vec<Option<usize>>,
}

impl Shape {
    pub(super) fn of(picture: &Picture) -> Self {
        Self {
            sizes: picture.points.iter().map(|point| Size::of(&point.shape)).collect(),
            edges: picture.edges.iter().map(|edge| (edge.from, edge.to)).collect(),
            within: picture.points.iter().map(|point| point.cluster).collect(),
            clusters: picture.clusters.iter().map(|cluster| cluster.parent).collect(),
        }
    }
}

/// Positions, in pixels.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The middle of each node.
    pub(super) nodes: Vec<(f64, f64)>,
    /// What each edge passes between its ends.
    pub(super) edges: Vec<Vec<(f64, f64)>>,
    /// Each cluster's middle, width and height.
    pub(super) clusters: Vec<(f64, f64, f64, f64)>,
}

/// There is no layout, and this is why.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the layout failed: {0}")]
pub(super) struct NoLayout(pub(super) String);

impl Layout {
    /// Blocks while it computes: tenths of a second for the largest pictures.
    pub(super) fn of(shape: &Shape) -> Result<Self, NoLayout> {
        std::thread::scope(|scope| {
            let run = || catch_unwind(AssertUnwindSafe(|| placed(shape)));
            let thread = std::thread::Builder::new().name("layout".to_owned()).stack_size(STACK_BYTES);
            let thread = thread.spawn_scoped(scope, run).map_err(|error| NoLayout(error.to_string()))?;
            match thread.join() {
                Ok(Ok(Some(layout))) => Ok(layout),
                Ok(Ok(None)) => Err(NoLayout("a node has no place".to_owned())),
                Ok(Err(_)) | Err(_) => Err(NoLayout("it panicked".to_owned())),
            }
        })
    }
}

fn placed(shape: &Shape) -> Option<Layout> {
    let options = GraphOptions { directed: true, multigraph: false, compound: !shape.clusters.is_empty() };
    let mut graph: Graph<NodeLabel, EdgeLabel> = Graph::with_options(options);
    for (at, size) in shape.sizes.iter().enumerate() {
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        graph.set_node(at.to_string(), Some(NodeLabel { width, height, ..NodeLabel::default() }));
    }
    for (at, parent) in shape.clusters.iter().enumerate() {
        graph.set_node(cluster(at), Some(NodeLabel::default()));
        if let Some(parent) = parent {
            graph.set_parent(&cluster(at), Some(&cluster(*parent)));
        }
    }
    for (at, within) in shape.within.iter().enumerate() {
        if let Some(within) = within {
            graph.set_parent(&at.to_string(), Some(&cluster(*within)));
        }
    }
    for (from, to) in &shape.edges {
        graph.set_edge(from.to_string(), to.to_string(), Some(EdgeLabel::default()), None);
    }
    let ranker = match shape.sizes.len() {
        0..=THOROUGH_MAX => Ranker::NetworkSimplex,
        _ => Ranker::TightTree,
    };
    let options = LayoutOptions {
        rankdir: RankDir::LR,
        nodesep: 18.0,
        edgesep: 14.0,
        ranksep: 34.0,
        marginx: MARGIN,
        marginy: MARGIN,
        ranker,
        // Of equally good orders the first: nearest to the order in which the pipeline was written.
        tie_keep_first: true,
        ..LayoutOptions::default()
    };
    dagre::layout(&mut graph, Some(options));
    let nodes: Option<Vec<_>> = (0..shape.sizes.len())
        .map(|at| graph.node(&at.to_string()).and_then(|node| node.x.zip(node.y)))
        .collect();
    let edges: Option<Vec<Vec<_>>> = shape
        .edges
        .iter()
        .map(|(from, to)| {
            let points = &graph.edge(&from.to_string(), &to.to_string(), None)?.points;
            // The first and the last are the ends.
            let inner = points.get(1..points.len().saturating_sub(1)).unwrap_or_default();
            Some(inner.iter().map(|point| (point.x, point.y)).collect())
        })
        .collect();
    let clusters: Option<Vec<_>> = (0..shape.clusters.len())
        .map(|at| graph.node(&cluster(at)).and_then(|it| Some((it.x?, it.y?, it.width, it.height))))
        .collect();
    let (nodes, edges, clusters) = (nodes?, edges?, clusters?);
    let right = nodes.iter().zip(&shape.sizes).map(|((x, _), size)| x + f64::from(size.width) / 2.0);
    let right = right.chain(clusters.iter().map(|(x, _, width, _)| x + width / 2.0)).fold(0.0, f64::max);
    let below = nodes.iter().zip(&shape.sizes).map(|((_, y), size)| y + f64::from(size.height) / 2.0);
    let below = below.chain(clusters.iter().map(|(_, y, _, height)| y + height / 2.0));
    let lowest = edges.iter().flatten().map(|(_, y)| *y).chain(below).fold(0.0, f64::max);
    Some(Layout { width: right + MARGIN, height: lowest + MARGIN, nodes, edges, clusters })
}

/// What a cluster is called while it is placed; points are called by their numbers.
fn cluster(at: usize) -> String {
    format!("cluster {at}")
}
