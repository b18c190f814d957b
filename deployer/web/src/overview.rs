//! `GET /`: what runs where, and what waits for a person.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::deployed::Group;
use crate::jobs::{self, Row};
use crate::mark::Mark;
use crate::page::{Frame, show};
use crate::site::Site;

/// How many jobs are listed.
const JOBS_LISTED: usize = 8;
/// How many jobs that wait for a person are listed.
const WAITING_LISTED: usize = 20;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    groups: Arc<Vec<Group>>,
    waiting: Vec<Row>,
    jobs: Vec<Row>,
}

pub(crate) async fn overview(State(site): State<Site>, headers: HeaderMap) -> Response {
    let frame = Frame::of(&site, &headers);
    let groups = site.deployed.get(&site).await;
    let live = site.engine.live().await;
    let waiting = live.iter().map(Row::live).filter(|row| row.mark == Mark::Waiting);
    let waiting = waiting.take(WAITING_LISTED).collect();
    let jobs = jobs::newest(&site, &live, JOBS_LISTED).await;
    show(&Overview { frame, groups, waiting, jobs })
}
