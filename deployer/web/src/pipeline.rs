//! `GET /graph`: the pipeline as a picture, and the same as a list. `?KEY=VALUE` opens what is collapsed; several may be
//! open. `GET /pipeline.dot`, `.mmd`, `.json`: the same picture for other programs.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ci_core::current::Activity;
use ci_core::engine::{NodeState, NodeView, Snapshot};
use ci_core::picture::{Opened, Picture, UNFOLD};

use crate::facts;
use crate::graph::query;
use crate::mark::Mark;
use crate::page::{Failed, Frame, show};
use crate::site::Site;

/// How many nodes are listed below the picture.
const NODES_LISTED: usize = 500;
/// How many of the groups around a node are told.
const GROUPS_TOLD_MAX: usize = 8;
/// How many collapsed values are open at once.
const OPENED_MAX: usize = 64;

/// What a person opened, and where to close it again.
struct Open {
    label: String,
    close: String,
}

/// A node as it is listed.
struct Row {
    label: String,
    /// The list and the element that it was made for: `branch › live`. Many are called the same.
    within: Option<String>,
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
        let outer = |group: &usize| snapshot.groups.get(*group).and_then(|it| it.parent);
        let groups = std::iter::successors(node.group, outer).take(GROUPS_TOLD_MAX);
        let mut within: Vec<_> =
            groups.filter_map(|group| Some(&*snapshot.groups.get(group)?.label)).collect();
        within.retain(|label| !label.is_empty());
        within.reverse();
        Self {
            label: node.label.clone(),
            within: (!within.is_empty()).then(|| within.join(" › ")),
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
    opened: Vec<Open>,
    /// What opens the same elsewhere.
    query: String,
    rows: Vec<Row>,
    more: usize,
}

pub(crate) async fn graph(
    State(site): State<Site>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Response {
    let frame = Frame::of(&site, &headers);
    let opened = opened(asked.as_deref());
    let snapshot = site.engine.snapshot().await;
    let picture = site.pictures.picture(&snapshot, &opened).await;
    let listed = || snapshot.nodes.iter().filter(|node| is_listed(node));
    let rows = listed().take(NODES_LISTED).map(|node| Row::of(node, &snapshot)).collect();
    let more = listed().count().saturating_sub(NODES_LISTED);
    let opens = opened.iter().map(|(key, value)| Open {
        label: if key == UNFOLD { "what was folded".to_owned() } else { format!("{key} {value}") },
        close: format!("{}/graph{}", frame.base, query(&opened.without(key, value))),
    });
    let opens = opens.collect();
    show(&Graph {
        picture: picture.html,
        is_old: !picture.fresh,
        opened: opens,
        query: query(&opened),
        frame,
        rows,
        more,
    })
}

/// What an address asks to be opened. Any pair may, and what is there of it is shown open.
fn opened(asked: Option<&str>) -> Opened {
    let pairs: Vec<_> =
        form_urlencoded::parse(asked.unwrap_or_default().as_bytes()).take(OPENED_MAX).collect();
    pairs.iter().map(|(key, value)| (&**key, &**value)).collect()
}

pub(crate) async fn dot(site: State<Site>, asked: RawQuery, headers: HeaderMap) -> Response {
    file(site, asked, &headers, "dot", "text/vnd.graphviz; charset=utf-8", Picture::dot).await
}

pub(crate) async fn mermaid(site: State<Site>, asked: RawQuery, headers: HeaderMap) -> Response {
    file(site, asked, &headers, "mmd", "text/plain; charset=utf-8", Picture::mermaid).await
}

pub(crate) async fn json(site: State<Site>, asked: RawQuery, headers: HeaderMap) -> Response {
    file(site, asked, &headers, "json", "application/json", Picture::json).await
}

async fn file(
    State(site): State<Site>,
    RawQuery(asked): RawQuery,
    headers: &HeaderMap,
    extension: &str,
    kind: &'static str,
    write: fn(&Picture) -> String,
) -> Response {
    let snapshot = site.engine.snapshot().await;
    match site.pictures.unplaced(&snapshot, &opened(asked.as_deref())).await {
        Ok(picture) => {
            let name = format!("attachment; filename=\"pipeline.{extension}\"");
            let head = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)];
            (head, write(&picture)).into_response()
        }
        Err(error) => {
            let frame = Frame::of(&site, headers);
            let message = format!("There is no picture of this pipeline: {error}.");
            Failed::new(frame, StatusCode::SERVICE_UNAVAILABLE, message).into_response()
        }
    }
}
