//! `GET /graph`: the pipeline as a picture, and the same as a list.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ci_core::current::Activity;
use ci_core::engine::{NodeState, NodeView, Snapshot};

use crate::facts;
use crate::mark::Mark;
use crate::page::{Frame, show};
use crate::site::Site;

/// How many nodes are listed below the picture.
const NODES_LISTED: usize = 500;

/// A node as it is listed.
struct Row {
    label: String,
    mark: Mark,
    /// Its state in words, when the mark does not say it all.
    says: Option<String>,
    job: Option<String>,
    stale: Option<String>,
}

impl Row {
    fn of(node: &NodeView, snapshot: &Snapshot) -> Self {
        let named = |at: &Option<usize>| at.and_then(|at| snapshot.nodes.get(at));
        let label = |at: &Option<usize>| named(at).map(|node| node.label.as_str());
        // What is done already, or runs, says so itself.
        let would = node.would.as_deref().map(facts::with_short_digests);
        Self {
            label: node.label.clone(),
            mark: Mark::of_node(node),
            says: match &node.state {
                NodeState::Failed { failure } => Some(failure.to_string()),
                NodeState::Blocked { by, failure } => {
                    Some(format!("blocked by {}: {failure}", label(by).unwrap_or("another")))
                }
                NodeState::Waiting { on, activity } => Some(match (would, snapshot.needs(node.id)) {
                    (Some(would), Some(needs)) => {
                        format!("would {would}: {}", facts::with_short_digests(&needs))
                    }
                    _ => format!("{} is {activity}", label(on).unwrap_or("what comes before it")),
                }),
                NodeState::Active { activity: Activity::WaitingForConfirmation } => {
                    would.map(|would| format!("would {would}"))
                }
                NodeState::Ok => node.drift.as_ref().map(ToString::to_string),
                NodeState::Active { .. } => None,
            },
            job: node.job.as_ref().map(ToString::to_string),
            stale: node.stale.clone(),
        }
    }
}

/// What only hands on what others say is passed over.
fn is_listed(node: &NodeView) -> bool {
    node.kind.is_work() || matches!(node.state, NodeState::Failed { .. })
}

#[derive(Template)]
#[template(path = "graph.html")]
struct Graph {
    frame: Frame,
    picture: String,
    /// The picture is of what was: another is being made.
    is_old: bool,
    rows: Vec<Row>,
    more: usize,
}

pub(crate) async fn graph(State(site): State<Site>, headers: HeaderMap) -> Response {
    let frame = Frame::of(&site, &headers);
    let snapshot = site.engine.snapshot().await;
    let picture = site.pictures.picture(&snapshot).await;
    let listed = || snapshot.nodes.iter().filter(|node| is_listed(node));
    let rows = listed().take(NODES_LISTED).map(|node| Row::of(node, &snapshot)).collect();
    let more = listed().count().saturating_sub(NODES_LISTED);
    // Pictures know no base. In text a quote is escaped: this is no part of any.
    let html = picture.html.replace(" href=\"/jobs/", &format!(" href=\"{}/jobs/", frame.base));
    show(&Graph { frame, picture: html, is_old: !picture.fresh, rows, more })
}
