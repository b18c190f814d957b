use ci_registry::MANIFEST_LEN_MAX;
use reqwest::StatusCode;

use crate::support::{Endpoint, Image};

/// Padded to the bound it is taken, beyond it refused.
#[tokio::test]
async fn a_manifest_has_a_bound() {
    let registry = Endpoint::ours().await;
    let image = Image::oci("padded");
    image.push_blobs(&registry, "a").await;
    let padded = |len: usize| [image.manifest.clone(), vec![b' '; len - image.manifest.len()]].concat();
    for len in [MANIFEST_LEN_MAX + 1, 2 * MANIFEST_LEN_MAX] {
        let refused = registry.push_manifest("a", "v1", image.media_type, &padded(len)).await;
        refused.expect_error(StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID");
    }
    let taken = registry.push_manifest("a", "v1", image.media_type, &padded(MANIFEST_LEN_MAX)).await;
    taken.expect(StatusCode::CREATED);
    registry.stop().await;
}
