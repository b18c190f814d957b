//! A service's tasks as Swarm tells them.

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::state::{text, time};
use crate::docker::api::{Api, ApiError};

/// One task: one container that is, was or will be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) image: String,
    /// What it is: `new`, `pending`, …, `running`, then `complete`, `shutdown`, `failed`, `rejected`, `orphaned`.
    pub(super) state: String,
    /// What Swarm wants it to be: `ready` (the one before has to end first), `running`, `shutdown`, `remove`.
    pub(super) desired: String,
    pub(super) error: String,
    pub(super) exit_code: Option<i64>,
    pub(super) container: String,
    /// The node that it is on; empty until it has one.
    pub(super) node: String,
    /// When Swarm made it, by the clock of the Swarm's leader.
    pub(super) created_at: Option<DateTime<FixedOffset>>,
    /// The address on a network of Swarm's, without the width of the network.
    pub(super) attached: Option<String>,
    /// Whether its log comes without frames.
    pub(super) tty: bool,
    /// The spec's health check: `Some(false)` switches the image's off, `None` leaves it.
    pub(super) health_check: Option<bool>,
}

/// All tasks that Swarm remembers of a service, old ones too.
pub(super) async fn list(api: &Api, service: &str) -> Result<Vec<Task>, ApiError> {
    let filters = serde_json::json!({ "service": [service] }).to_string();
    let tasks = match api.get("/tasks", &[("filters", &filters)]).await {
        // The service is gone: that is told by who reads it.
        Err(ApiError::NotFound(_)) => return Ok(Vec::new()),
        tasks => tasks?,
    };
    match tasks {
        Value::Array(tasks) => Ok(tasks.iter().map(Task::read).collect()),
        _ => Err(ApiError::BadAnswer("/tasks gave no list".to_owned())),
    }
}

/// How many containers of a service are still there on this node: its tasks are forgotten with it.
pub(super) async fn containers(api: &Api, service: &str) -> Result<usize, ApiError> {
    let label = format!("com.docker.swarm.service.id={service}");
    let filters = serde_json::json!({ "label": [label] }).to_string();
    match api.get("/containers/json", &[("all", "1"), ("filters", &filters)]).await? {
        Value::Array(containers) => Ok(containers.len()),
        _ => Err(ApiError::BadAnswer("/containers/json gave no list".to_owned())),
    }
}

impl Task {
    fn read(value: &Value) -> Self {
        let text = |pointer| text(value, pointer).to_owned();
        let attached = value.pointer("/NetworksAttachments").and_then(Value::as_array).into_iter().flatten();
        let mut addresses = attached.filter_map(|network| network.pointer("/Addresses/0")?.as_str());
        Self {
            id: text("/ID"),
            image: text("/Spec/ContainerSpec/Image"),
            state: text("/Status/State"),
            desired: text("/DesiredState"),
            error: text("/Status/Err"),
            exit_code: value.pointer("/Status/ContainerStatus/ExitCode").and_then(Value::as_i64),
            container: text("/Status/ContainerStatus/ContainerID"),
            node: text("/NodeID"),
            created_at: time(value, "/CreatedAt"),
            attached: addresses.next().map(|a| a.split('/').next().unwrap_or(a).to_owned()),
            tty: value.pointer("/Spec/ContainerSpec/TTY").and_then(Value::as_bool).unwrap_or(false),
            health_check: value.pointer("/Spec/ContainerSpec/Healthcheck").and_then(health_check),
        }
    }

    /// It ran, or could not, and is over by itself.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.state.as_str(), "failed" | "rejected" | "complete" | "orphaned")
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_failed() || matches!(self.state.as_str(), "shutdown" | "remove")
    }

    /// Swarm has no node for it; why.
    pub(super) fn no_node(&self) -> Option<&str> {
        (self.state == "pending" && !self.error.is_empty()).then_some(self.error.as_str())
    }

    /// It could not start since something else on its node holds a port of its; what Docker says.
    pub(super) fn port_taken(&self) -> Option<&str> {
        const SAID: [&str; 2] = ["port is already allocated", "address already in use"];
        let taken = self.has_failed() && SAID.iter().any(|said| self.error.contains(said));
        // Before the last parenthesis are only names that Docker gave.
        taken.then(|| self.error.rsplit_once("): ").map_or(self.error.as_str(), |(_, said)| said))
    }

    /// Swarm wants it to run, now or when the one before it has ended.
    pub(super) fn is_wanted(&self) -> bool {
        matches!(self.desired.as_str(), "running" | "ready")
    }

    pub(super) fn runs(&self) -> bool {
        self.desired == "running" && self.state == "running"
    }
}

/// What a health check's JSON (a spec's or an image's) says: one, none, or nothing about it.
pub(super) fn health_check(check: &Value) -> Option<bool> {
    let first = check.pointer("/Test/0")?.as_str()?;
    Some(first != "NONE")
}
