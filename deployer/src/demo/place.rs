//! Everything that the demo makes, under one name of its own, and how it is removed.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use ci_dsl::docker::{Api, ApiError, DockerHost};
use serde_json::Value;
use tempfile::TempDir;

/// How long the service's containers may take to go.
const GOING_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether they are gone: the engine has no event for the end of a removal.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A directory, a service and images.
pub(super) struct Place {
    dir: TempDir,
    name: String,
    host: DockerHost,
}

impl Place {
    pub(super) fn new(host: &DockerHost) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("deployer-demo-").rand_bytes(6).tempdir()?;
        let random = dir.path().file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = random.trim_start_matches("deployer-").replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        Ok(Self { dir, name, host: host.clone() })
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn host(&self) -> &DockerHost {
        &self.host
    }

    /// The service's name: `demo-3fk2p1`.
    pub(super) fn service(&self) -> &str {
        &self.name
    }

    /// The image's name and tag: `demo-3fk2p1/site:live`.
    pub(super) fn image(&self) -> String {
        format!("{}/site:live", self.name)
    }

    pub(super) fn keep(self) {
        _ = self.dir.keep();
    }

    /// Removes the service, its containers, its images and the directory.
    pub(super) async fn remove(self) -> anyhow::Result<()> {
        let api = Api::at(&self.host.to_string())?;
        gone(api.delete(&format!("/services/{}", self.name), &[]).await)?;
        let deadline = tokio::time::Instant::now() + GOING_MAX;
        let filters = format!(r#"{{"label":["com.docker.swarm.service.name={}"]}}"#, self.name);
        loop {
            let left = api.get("/containers/json", &[("all", "1"), ("filters", &filters)]).await?;
            if left.as_array().is_none_or(Vec::is_empty) {
                break;
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "service {} does not go away", self.name);
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.remove_images(&api).await.context("removing images")?;
        Ok(self.dir.close()?)
    }

    /// The images are those that our own pushes named; with the last name goes the image.
    async fn remove_images(&self, api: &Api) -> anyhow::Result<()> {
        let ours = |name: &str| name.contains(&format!("/{}/site", self.name));
        let images = api.get("/images/json", &[("digests", "1")]).await?;
        for image in images.as_array().into_iter().flatten() {
            let names = |field: &str| -> Vec<String> {
                let names = image[field].as_array().into_iter().flatten();
                names.filter_map(Value::as_str).map(str::to_owned).collect()
            };
            let (tags, digests) = (names("RepoTags"), names("RepoDigests"));
            if !tags.iter().chain(&digests).any(|name| ours(name)) {
                continue;
            }
            // Another demo may have built the very same image: its names stay.
            let mine = |name: &&String| ours(name) || name.starts_with("ci/");
            let foreign = tags.iter().chain(&digests).any(|name| !mine(&name) && !name.starts_with("<none>"));
            for name in
                tags.iter().chain(&digests).filter(|name| ours(name) || (!foreign && name.starts_with("ci/")))
            {
                gone(api.delete(&format!("/images/{name}"), &[]).await)?;
            }
        }
        Ok(())
    }
}

fn gone(deleted: Result<Value, ApiError>) -> anyhow::Result<()> {
    match deleted {
        Ok(_) | Err(ApiError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
