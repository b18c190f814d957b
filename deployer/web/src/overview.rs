//! `GET /`: what runs where, and what waits for a person.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ci_core::Level;
use ci_core::current::Activity;
use ci_core::engine::{NodeKind, NodeState, NodeView, Snapshot};

use crate::deployed::Group;
use crate::facts;
use crate::jobs::{self, Row};
use crate::mark::Mark;
use crate::page::{Frame, show};
use crate::site::Site;
use crate::trouble::{self, Trouble};

/// How many jobs are listed.
const JOBS_LISTED: usize = 8;
/// How many jobs that wait for a person are listed.
const WAITING_LISTED: usize = 20;
/// How many operations that come after those are listed.
const HELD_LISTED: usize = 20;

/// An operation behind one that waits for a person.
struct Held {
    would: String,
    needs: String,
}

impl Held {
    fn of(node: &NodeView, snapshot: &Snapshot) -> Self {
        let needs = snapshot.needs(node.id).unwrap_or_default();
        Self { would: facts::with_short_digests(node.title()), needs: facts::with_short_digests(&needs) }
    }
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    groups: Arc<Vec<Group>>,
    troubles: Vec<Trouble>,
    troubles_more: usize,
    waiting: Vec<Row>,
    held: Vec<Held>,
    held_more: usize,
    jobs: Vec<Row>,
    /// Jobs of this level or above wait for a person.
    confirm: Option<Level>,
    levels: [Level; 5],
}

pub(crate) async fn overview(State(site): State<Site>, headers: HeaderMap) -> Response {
    let frame = Frame::of(&site, &headers);
    let live = site.engine.live().await;
    let waiting = live.iter().map(Row::live).filter(|row| row.mark == Mark::Waiting);
    let waiting: Vec<_> = waiting.take(WAITING_LISTED).collect();
    let snapshot = site.engine.snapshot().await;
    // After what is wrong was read: a place is never told to be fine of which that says otherwise.
    let groups = site.deployed.get(&site).await;
    let (troubles, troubles_more) = trouble::of(&snapshot, &live);
    let is_held = |state: &NodeState| {
        matches!(state, NodeState::Waiting { activity: Activity::WaitingForConfirmation, .. })
    };
    let held = || {
        let operations = snapshot.nodes.iter().filter(|node| node.kind == NodeKind::Operation);
        operations.filter(|node| is_held(&node.state))
    };
    let held_more = held().count().saturating_sub(HELD_LISTED);
    let held = held().take(HELD_LISTED).map(|node| Held::of(node, &snapshot)).collect();
    let jobs = jobs::newest(&site, &live, JOBS_LISTED).await;
    let confirm = *site.engine.confirm().borrow();
    let levels = Level::ALL;
    show(&Overview {
        frame,
        groups,
        troubles,
        troubles_more,
        waiting,
        held,
        held_more,
        jobs,
        confirm,
        levels,
    })
}
