//! What an update would write, compared with what is there. Nothing is written.
//!
//! Both sides are the very JSON that is read and that would be posted. Only fields that differ leave this file, and no
//! value of an environment does: specs hold secrets.

use std::collections::BTreeMap;

use ci_core::OpError;
use serde_json::Value;

use super::create::NewService;
use super::{image, state};
use crate::docker::api::Api;

/// What [`super::update`] would find and write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// What the service is set to now; `None` when there is none and it would be created.
    pub set_to: Option<String>,
    /// The fields of its spec that would change; none when it is only watched.
    pub changes: Vec<Changed>,
}

/// A field of a spec that would change.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Changed {
    /// Where: `TaskTemplate.ContainerSpec.Image`.
    pub field: String,
    /// What is there; `None` for nothing.
    pub before: Option<String>,
    /// What would be there; `None` for nothing.
    pub after: Option<String>,
}

/// Reads the service `name`, and says what making it run `image` would write. `image` may be a text that stands for one
/// that is not known yet; `tag` is how people would name it in the command that creates the service.
///
/// # Errors
///
/// Those that [`super::update`] has before it writes anything.
pub async fn preview(
    api: &Api,
    name: &str,
    image: &str,
    tag: &str,
    create: Option<&NewService>,
) -> Result<Preview, OpError> {
    let service = match (create, state::by_name(api, state::checked(name)?).await?) {
        (_, Some(service)) => service,
        (None, None) => return Err(state::missing(api, name, tag)),
        (Some(new), None) => {
            let changes = changes(&Value::Null, &new.spec(name, image));
            return Ok(Preview { set_to: None, changes });
        }
    };
    service.check_watchable()?;
    let changes = match image::same(&service.image, image) {
        true => Vec::new(),
        false => changes(&service.spec, &state::with_image(&service.spec, image)),
    };
    Ok(Preview { set_to: Some(service.image), changes })
}

fn changes(before: &Value, after: &Value) -> Vec<Changed> {
    let (before, after) = (fields(before), fields(after));
    let mut all: Vec<&String> = before.keys().chain(after.keys()).collect();
    all.sort();
    all.dedup();
    let differs = |field: &&&String| before.get(**field) != after.get(**field);
    let changed = |field: &String| Changed {
        field: field.clone(),
        before: before.get(field).map(|value| shown(field, value)),
        after: after.get(field).map(|value| shown(field, value)),
    };
    all.iter().filter(differs).map(|field| changed(field)).collect()
}

/// Everything that holds no further fields, by its path.
fn fields(of: &Value) -> BTreeMap<String, &Value> {
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), of)];
    while let Some((path, value)) = open.pop() {
        let below = |name: String| if path.is_empty() { name } else { format!("{path}.{name}") };
        match value {
            Value::Object(inner) => {
                open.extend(inner.iter().map(|(name, value)| (below(name.clone()), value)))
            }
            Value::Array(inner) => {
                open.extend(inner.iter().enumerate().map(|(n, value)| (below(n.to_string()), value)));
            }
            Value::Null => {}
            value => {
                found.insert(path, value);
            }
        }
    }
    found
}

fn shown(field: &str, value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match field.split('.').any(|part| part == "Env") {
        true => format!("{}=…", text.split('=').next().unwrap_or_default()),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        let text = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
        changes(before, after)
            .into_iter()
            .map(|Changed { field, before, after }| format!("{field}: {} -> {}", text(before), text(after)))
            .collect()
    }

    #[test]
    fn only_the_image_of_an_update_differs() {
        let spec = json!({
            "Name": "web",
            "Mode": {"Replicated": {"Replicas": 2}},
            "TaskTemplate": {"ContainerSpec": {"Image": "h/a@sha256:1", "Env": ["PASSWORD=hunter2"]}},
        });
        let after = state::with_image(&spec, "h/a@sha256:2");
        assert_eq!(lines(&spec, &after), ["TaskTemplate.ContainerSpec.Image: h/a@sha256:1 -> h/a@sha256:2"]);
        assert_eq!(lines(&spec, &spec), [""; 0]);
    }

    #[test]
    fn all_of_a_new_service_is_an_addition() {
        let new = NewService { network: "edge".to_owned() }.spec("web", "h/a@sha256:2");
        let added = lines(&Value::Null, &new);
        assert!(added.contains(&"Name: - -> web".to_owned()), "{added:?}");
        assert!(added.contains(&"Mode.Replicated.Replicas: - -> 1".to_owned()), "{added:?}");
        assert!(added.contains(&"TaskTemplate.Networks.0.Target: - -> edge".to_owned()), "{added:?}");
    }

    #[test]
    fn the_value_of_a_variable_is_never_told() {
        let env = |value: &str| json!({"TaskTemplate": {"ContainerSpec": {"Env": [value]}}});
        let said = lines(&env("PASSWORD=hunter2"), &env("PASSWORD=hunter3=x"));
        assert_eq!(said, ["TaskTemplate.ContainerSpec.Env.0: PASSWORD=… -> PASSWORD=…"]);
    }
}
