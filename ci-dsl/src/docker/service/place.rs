//! Where a task can be asked, and whether Docker asks it already.

use serde_json::Value;

use super::state::text;
use super::tasks::{Task, health_check};
use crate::docker::api::Api;

/// What is known of a running task's container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) address: Option<String>,
    /// Whether it has a health check. Swarm calls a task running only after that has passed.
    pub(super) health_check: bool,
}

/// Looks at the task's container; on another node, at what Swarm and the image say.
pub(super) async fn find(api: &Api, task: &Task) -> Place {
    match api.get(&format!("/containers/{}/json", task.container), &[]).await {
        Ok(container) => Place {
            address: address(&container),
            health_check: container.pointer("/State/Health/Status").is_some_and(|status| status != "none"),
        },
        Err(_) => {
            let of_image = match task.health_check {
                None => api.get(&format!("/images/{}/json", task.image), &[]).await.ok(),
                Some(_) => None,
            };
            let of_image =
                of_image.as_ref().and_then(|i| i.pointer("/Config/Healthcheck")).and_then(health_check);
            Place {
                address: task.attached.clone(),
                health_check: task.health_check.or(of_image).unwrap_or(false),
            }
        }
    }
}

/// The container's first address of its own; our loopback if it shares this machine's network.
fn address(container: &Value) -> Option<String> {
    let networks = container.pointer("/NetworkSettings/Networks")?.as_object()?;
    if networks.contains_key("host") {
        return Some("127.0.0.1".to_owned());
    }
    let own = networks.values().flat_map(|n| [text(n, "/IPAddress"), text(n, "/GlobalIPv6Address")]);
    own.filter(|address| !address.is_empty()).map(str::to_owned).next()
}
