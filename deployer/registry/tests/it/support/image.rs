//! A small image, as a client pushes it.

use ci_registry::Digest;
use reqwest::StatusCode;
use serde_json::json;

use super::Endpoint;

pub(crate) const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
];

/// A manifest over a configuration and one layer.
pub(crate) struct Image {
    pub(crate) media_type: &'static str,
    pub(crate) config: Vec<u8>,
    pub(crate) layer: Vec<u8>,
    /// Spaced as no program would write it, so that nobody can write it again and not be found out.
    pub(crate) manifest: Vec<u8>,
}

impl Image {
    pub(crate) fn docker(seed: &str) -> Self {
        Self::new(seed, MEDIA_TYPES[0], "application/vnd.docker.container.image.v1+json")
    }

    pub(crate) fn oci(seed: &str) -> Self {
        Self::new(seed, MEDIA_TYPES[2], "application/vnd.oci.image.config.v1+json")
    }

    fn new(seed: &str, media_type: &'static str, config_type: &str) -> Self {
        let config = json!({ "architecture": "amd64", "os": "linux", "seed": seed }).to_string().into_bytes();
        let layer = format!("the layer of {seed}").into_bytes();
        let descriptor = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "size": bytes.len(), "digest": Digest::of(bytes) });
        let document = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(config_type, &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        let manifest = format!(" {}\n\n", serde_json::to_string_pretty(&document).unwrap()).into_bytes();
        Self { media_type, config, layer, manifest }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    pub(crate) async fn push_blobs(&self, endpoint: &Endpoint, name: &str) {
        endpoint.push_blob(name, &self.config).await;
        endpoint.push_blob(name, &self.layer).await;
    }

    pub(crate) async fn push(&self, endpoint: &Endpoint, name: &str, tag: &str) {
        self.push_blobs(endpoint, name).await;
        let pushed = endpoint.push_manifest(name, tag, self.media_type, &self.manifest).await;
        pushed.expect(StatusCode::CREATED);
        assert_eq!(pushed.header("docker-content-digest"), self.digest().to_string());
    }

    /// An index over these manifests.
    pub(crate) fn index(children: &[&Self]) -> Vec<u8> {
        let manifests: Vec<_> = children
            .iter()
            .map(|child| {
                let platform = json!({ "architecture": "amd64", "os": "linux" });
                json!({ "mediaType": child.media_type, "size": child.manifest.len(), "digest": child.digest(), "platform": platform })
            })
            .collect();
        json!({ "schemaVersion": 2, "mediaType": MEDIA_TYPES[3], "manifests": manifests })
            .to_string()
            .into_bytes()
    }
}
