//! Hearing that a service may have been changed.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::state::text;
use crate::docker::api::Api;

/// How often to look at a service of which nothing is heard. An engine tells changes by events, unless it can't.
pub const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Returns when the engine tells that the service `name`, or a node, was changed, or after [`LOOK_EVERY`].
pub async fn changed(api: &Api, name: &str) {
    let deadline = Instant::now() + LOOK_EVERY;
    let filters = json!({ "type": ["service", "node"] }).to_string();
    let concerns =
        |event: &Value| text(event, "/Type") == "node" || text(event, "/Actor/Attributes/name") == name;
    let heard = api.get_line("/events", &[("filters", &filters)], LOOK_EVERY, concerns).await;
    if !matches!(heard, Ok(true)) {
        // There is no hearing: an engine that is away, or going. It is no reason to look all the time.
        sleep_until(deadline).await;
    }
}
