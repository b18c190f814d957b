//! What a manifest refers to. Its bytes are kept as they came: its name is their digest.

use serde::Deserialize;

use crate::digest::Digest;

/// The largest manifest, bytes. The bound the distribution specification asks registries to grant at least.
pub const MANIFEST_LEN_MAX: usize = 4 * 1024 * 1024;

const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A manifest that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// One of the four media types stored here, without parameters.
    pub(crate) media_type: &'static str,
    /// Configuration and layers, which the repository must hold. Foreign layers are elsewhere and not among them.
    pub(crate) blobs: Vec<Digest>,
    /// The manifests of an index, which the repository must hold.
    pub(crate) manifests: Vec<Digest>,
}

/// Why these bytes are no manifest; a sentence for whoever pushed them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadManifest(String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: Option<String>,
    digest: Digest,
}

impl Descriptor {
    /// Layers that may not be handed out are fetched from where they are, never from here.
    fn is_foreign(&self) -> bool {
        self.media_type.as_deref().is_some_and(|media_type| {
            media_type.starts_with("application/vnd.docker.image.rootfs.foreign.diff.tar")
                || media_type.starts_with("application/vnd.oci.image.layer.nondistributable.v1.tar")
        })
    }
}

impl Manifest {
    /// Reads a manifest of at most [`MANIFEST_LEN_MAX`] bytes, pushed as `content_type`.
    ///
    /// Both say what it is and must not differ; one of them is enough. A document that is an image and an index at
    /// once is refused, since readers would differ about it (CVE-2021-41190).
    pub(crate) fn parse(content_type: Option<&str>, bytes: &[u8]) -> Result<Self, BadManifest> {
        let bad = |why: String| Err(BadManifest(why));
        let document: Document = match serde_json::from_slice(bytes) {
            Ok(document) => document,
            Err(error) => return bad(format!("the manifest can't be read: {error}")),
        };
        if document.schema_version != 2 {
            return bad(format!("schemaVersion is {}; only 2 is stored here", document.schema_version));
        }
        let said = content_type.map(essence).or(document.media_type.as_deref());
        let Some(said) = said else {
            return bad("neither Content-Type nor mediaType says what it is".into());
        };
        let Some(media_type) = known(said) else { return bad(format!("{said} is not stored here")) };
        if let Some(inside) = &document.media_type
            && inside != media_type
        {
            return bad(format!("pushed as {media_type}, but its mediaType is {inside}"));
        }
        match (media_type, document) {
            (
                DOCKER_LIST | OCI_INDEX,
                Document { config: None, layers: None, manifests: Some(children), .. },
            ) => {
                let manifests = children.into_iter().map(|child| child.digest).collect();
                Ok(Self { media_type, blobs: Vec::new(), manifests })
            }
            (
                DOCKER_IMAGE | OCI_IMAGE,
                Document { config: Some(config), layers: Some(layers), manifests: None, .. },
            ) => {
                let ours = layers.into_iter().filter(|layer| !layer.is_foreign());
                let blobs = std::iter::once(config).chain(ours).map(|blob| blob.digest).collect();
                Ok(Self { media_type, blobs, manifests: Vec::new() })
            }
            (DOCKER_LIST | OCI_INDEX, _) => {
                bad("an index has manifests, and neither config nor layers".into())
            }
            _ => bad("an image manifest has config and layers, and no manifests".into()),
        }
    }
}

/// The stored form of a media type's name, if it is one that is stored here.
pub(crate) fn known(media_type: &str) -> Option<&'static str> {
    [DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX].into_iter().find(|known| *known == media_type)
}

/// A media type without its parameters.
pub(crate) fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or(media_type).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn parse(content_type: Option<&str>, text: &str) -> Result<Manifest, String> {
        Manifest::parse(content_type, text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_image_refers_to_its_configuration_and_layers_but_foreign_ones() {
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"{A}"}},
                "layers":[{{"digest":"{B}"}},{{"mediaType":"{foreign}","digest":"{A}"}}]}}"#
        );
        let manifest =
            parse(Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"), &text).unwrap();
        assert_eq!(manifest.media_type, OCI_IMAGE);
        assert_eq!(manifest.blobs, [A.parse().unwrap(), B.parse().unwrap()]);
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_the_reason() {
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{A}"}}]}}"#);
        let both = format!(r#"{{"schemaVersion":2,"config":{{"digest":"{A}"}},"layers":[],"manifests":[]}}"#);
        let other = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}"#);
        let bad_digest = r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:../../x"}]}"#;
        let cases: [(Option<&str>, &str, &str); 8] = [
            (Some(OCI_INDEX), "junk", "can't be read"),
            (Some(OCI_INDEX), r#"{"schemaVersion":1}"#, "schemaVersion is 1"),
            (None, &index, "neither Content-Type nor mediaType"),
            (Some("text/plain"), &index, "text/plain is not stored here"),
            (Some(OCI_IMAGE), &index, "an image manifest has config"),
            (Some(OCI_INDEX), &both, "an index has manifests"),
            (Some(DOCKER_LIST), &other, "but its mediaType is"),
            (Some(OCI_INDEX), bad_digest, "not a digest"),
        ];
        for (content_type, text, why) in cases {
            let error = parse(content_type, text).unwrap_err();
            assert!(error.contains(why), "{error} should say {why}");
        }
        assert!(parse(Some(OCI_INDEX), &index).is_ok());
    }
}
