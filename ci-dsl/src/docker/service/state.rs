//! A service as the engine tells it, with its spec kept whole.

use chrono::{DateTime, FixedOffset};
use ci_core::OpError;
use serde_json::Value;

use super::{Handle, UpdateOptions};
use crate::docker::api::{Api, ApiError};

/// A service as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceState {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version index: a write must name it.
    pub version: u64,
    /// Its spec, as it came.
    pub spec: Value,
    /// The image in its spec.
    pub image: String,
    /// What Swarm says of the last update; `None` for a service that was never updated, or just now.
    pub update: Option<SwarmUpdate>,
}

/// What Swarm says of an update. It is a hint: `completed` is said of services that crash a little later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwarmUpdate {
    /// `updating`, `paused`, `completed`, `rollback_started`, `rollback_paused`, `rollback_completed`.
    pub state: String,
    /// When it began, by the engine's clock. It tells updates apart.
    pub started_at: String,
    /// For people.
    pub message: String,
}

impl SwarmUpdate {
    /// Swarm is through with it.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "completed" | "paused" | "rollback_completed" | "rollback_paused")
    }
}

/// Reads the service called `name`. `image` only serves to say how to create it.
///
/// # Errors
///
/// [`ci_core::FailureKind::Infrastructure`] when there is none, with the command that creates it, and when the engine
/// does not answer. [`ci_core::FailureKind::Permanent`] when no service can have this name.
pub async fn inspect(api: &Api, name: &str, image: &str) -> Result<ServiceState, OpError> {
    by_name(api, checked(name)?).await?.ok_or_else(|| missing(api, name, image))
}

/// The name, if a service can have it.
pub(super) fn checked(name: &str) -> Result<&str, OpError> {
    let named = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(named) {
        true => Ok(name),
        false => Err(OpError::permanent(format!("not a service's name: {name:?}"))
            .with_hint("names are made of letters, digits, '.', '_' and '-'")),
    }
}

/// Says how to create the service.
pub(super) fn missing(api: &Api, name: &str, image: &str) -> OpError {
    // Not the commit's fault: it goes on by itself when the service is there.
    let docker = format!("docker {}", api.as_flag());
    OpError::infrastructure(format!("there is no service {name}"))
        .with_hint(format!("create it: {docker}service create --name {name} {image}"))
}

/// Reads the service of this name; `None` when there is none.
pub(super) async fn by_name(api: &Api, name: &str) -> Result<Option<ServiceState>, ApiError> {
    let found = match api.get(&format!("/services/{name}"), &[]).await {
        Ok(value) => Some(read(value)?),
        Err(ApiError::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    // The engine also takes the beginning of an id.
    Ok(found.filter(|service| service.name == name))
}

/// Reads the service that an update is about; `None` when somebody has removed it.
pub(super) async fn by_id(api: &Api, handle: &Handle) -> Result<Option<ServiceState>, ApiError> {
    match api.get(&format!("/services/{}", handle.service), &[]).await {
        Ok(value) => read(value).map(Some),
        Err(ApiError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes `spec`, if the service still has this version.
pub(super) async fn write(
    api: &Api,
    handle: &Handle,
    version: u64,
    spec: &Value,
    options: &UpdateOptions,
) -> Result<(), ApiError> {
    let path = format!("/services/{}/update", handle.service);
    let version = version.to_string();
    api.post(&path, &[("version", &version)], Some(spec), options.registry_auth.as_ref()).await.map(drop)
}

const IMAGE: &str = "/TaskTemplate/ContainerSpec/Image";

/// The spec with another image and nothing else changed.
pub(super) fn with_image(spec: &Value, image: &str) -> Value {
    let mut spec = spec.clone();
    if let Some(place) = spec.pointer_mut(IMAGE) {
        *place = Value::from(image);
    }
    spec
}

/// The text at a JSON pointer; empty if there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The time at a JSON pointer; `None` if there is none.
pub(super) fn time(value: &Value, pointer: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(text(value, pointer)).ok()
}

fn read(value: Value) -> Result<ServiceState, ApiError> {
    let state = ServiceState {
        id: text(&value, "/ID").to_owned(),
        name: text(&value, "/Spec/Name").to_owned(),
        version: value.pointer("/Version/Index").and_then(Value::as_u64).unwrap_or_default(),
        image: value.get("Spec").map_or("", |spec| text(spec, IMAGE)).to_owned(),
        update: value.get("UpdateStatus").filter(|update| !text(update, "/StartedAt").is_empty()).map(
            |update| SwarmUpdate {
                state: text(update, "/State").to_owned(),
                started_at: text(update, "/StartedAt").to_owned(),
                message: text(update, "/Message").to_owned(),
            },
        ),
        spec: value.get("Spec").cloned().unwrap_or_default(),
    };
    if state.id.is_empty() || state.version == 0 || state.image.is_empty() {
        return Err(ApiError::BadAnswer("a service without id, version or image".to_owned()));
    }
    Ok(state)
}

impl ServiceState {
    /// How many tasks there are to be; `None` for one on every node.
    pub(super) fn replicas(&self) -> Option<u64> {
        self.spec.pointer("/Mode/Replicated/Replicas").and_then(Value::as_u64)
    }

    /// Refuses services of which no running task could be seen: ever, or as long as they are scaled to 0, which is
    /// waited for like a service that is missing.
    pub(super) fn check_watchable(&self) -> Result<(), OpError> {
        let name = &self.name;
        if self.spec.pointer("/Mode/Replicated").is_none() && self.spec.pointer("/Mode/Global").is_none() {
            return Err(OpError::permanent(format!(
                "service {name} is a job: it ends, and can't be kept running"
            ))
            .with_hint("create a replicated or global service"));
        }
        if self.replicas() == Some(0) {
            return Err(scaled_to_nothing(name));
        }
        Ok(())
    }
}

/// Nothing says whether a version works of which nothing runs.
pub(super) fn scaled_to_nothing(name: &str) -> OpError {
    OpError::infrastructure(format!("service {name} is scaled to 0: nothing would run"))
        .with_hint(format!("run: docker service scale {name}=1; it goes on by itself then"))
}
