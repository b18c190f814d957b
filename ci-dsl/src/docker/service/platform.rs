//! Whether any node could run an image.

use std::collections::BTreeSet;

use ci_core::OpError;
use serde_json::Value;

use super::image;
use super::state::text;
use crate::docker::api::{Api, ApiError};

/// Refuses an image that the engine has, and that was built for no node of its Swarm.
pub(super) async fn check(api: &Api, image: &str) -> Result<(), OpError> {
    let wanted = image::untagged(image);
    let found = api.get(&format!("/images/{wanted}/json"), &[]).await?;
    let image_is_for = platform(text(&found, "/Os"), text(&found, "/Architecture"));
    let nodes = match api.get("/nodes", &[]).await? {
        Value::Array(nodes) => nodes,
        _ => return Err(ApiError::BadAnswer("/nodes gave no list".to_owned()).into()),
    };
    let of_node = |node: &Value| {
        platform(text(node, "/Description/Platform/OS"), text(node, "/Description/Platform/Architecture"))
    };
    let nodes_are: BTreeSet<String> = nodes.iter().filter_map(of_node).collect();
    match image_is_for {
        Some(image_is_for) if !nodes_are.is_empty() && !nodes_are.contains(&image_is_for) => {
            let nodes_are = nodes_are.into_iter().collect::<Vec<_>>().join(" and ");
            let nodes = if nodes.len() == 1 { "the node is" } else { "the nodes are" };
            Err(OpError::permanent(format!(
                "{wanted} is for {image_is_for}, {nodes} {nodes_are}; nothing was changed"
            ))
            .with_hint("look for a platform in its Dockerfile or in its entry, and build it for the node's"))
        }
        _ => Ok(()),
    }
}

/// As images name it; nodes call processors as the kernel does. `None`: not known.
fn platform(os: &str, architecture: &str) -> Option<String> {
    let architecture = match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv6l" | "armv7l" | "armhf" => "arm",
        "i386" | "i486" | "i586" | "i686" => "386",
        other => other,
    };
    (!os.is_empty() && !architecture.is_empty()).then(|| format!("{os}/{architecture}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_images_name_processors_differently() {
        assert_eq!(platform("linux", "x86_64"), platform("linux", "amd64"));
        assert_eq!(platform("linux", "aarch64"), platform("linux", "arm64"));
        assert_ne!(platform("linux", "aarch64"), platform("linux", "x86_64"));
        assert_eq!(platform("linux", "riscv64").as_deref(), Some("linux/riscv64"));
        assert_eq!(platform("", ""), None);
    }
}
