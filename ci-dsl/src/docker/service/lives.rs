//! Whether an engine went away under its tasks.
//!
//! An engine that stops, is killed or loses power takes its containers with it, and reports their tasks as failed when
//! it is back: exit code 255, 137, or none at all, which a version that exits by itself may give as well. No engine
//! says when it was started. But a node that comes back has to report to its Swarm anew, before it may say anything
//! of its tasks, and that is written into the node's record. So a task is older than that record's last change if,
//! and nearly only if, its engine went away under it. Both times are by the clock of the Swarm's leader.
//!
//! That a record may change for another reason (a label, a new leader) does no harm: it makes nothing good, it only
//! lets Swarm try once more.

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::state::{text, time};
use super::tasks::Task;
use crate::docker::api::{Api, ApiError};

/// When each node of a Swarm last reported to it anew.
pub(super) struct Lives(HashMap<String, DateTime<FixedOffset>>);

impl Lives {
    pub(super) async fn read(api: &Api) -> Result<Self, ApiError> {
        let Value::Array(nodes) = api.get("/nodes", &[]).await? else {
            return Err(ApiError::BadAnswer("/nodes gave no list".to_owned()));
        };
        let life = |node: &Value| Some((text(node, "/ID").to_owned(), time(node, "/UpdatedAt")?));
        Ok(Self(nodes.iter().filter_map(life).collect()))
    }

    /// Whether the engine that ran the task went away since the task was made.
    pub(super) fn ended_under(&self, task: &Task) -> bool {
        let since = self.0.get(&task.node);
        since.zip(task.created_at.as_ref()).is_some_and(|(since, made)| made < since)
    }
}
