//! `GET /events`: tells that the engine made a step. What changed is read from the pages.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use crate::site::Site;
use crate::stream::{self, Gone, Sender};

/// The least time between two tellings: pages are fetched no more often.
pub(crate) const TELL_EVERY: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
pub(crate) struct Since {
    /// The state that the page shows: see [`Site::step`].
    step: Option<String>,
}

pub(crate) async fn events(
    State(site): State<Site>,
    Query(since): Query<Since>,
    headers: HeaderMap,
) -> Response {
    let seen = stream::last_event_id(&headers).map(str::to_owned).or(since.step).unwrap_or_default();
    let streams = site.clone();
    streams.streams.answer(|sender| tell(site, seen, sender))
}

async fn tell(site: Site, mut seen: String, sender: Sender) -> Result<(), Gone> {
    let mut status = site.engine.status();
    loop {
        status.mark_unchanged();
        let step = site.step();
        if step != seen {
            sender.send(stream::event("step", &step).id(&step)).await?;
            seen = step;
            tokio::time::sleep(TELL_EVERY).await;
        }
        if status.changed().await.is_err() {
            return Ok(());
        }
    }
}
