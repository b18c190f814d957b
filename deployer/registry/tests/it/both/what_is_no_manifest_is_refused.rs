use reqwest::StatusCode;

use crate::support::{Endpoint, Image, MEDIA_TYPES};

pub(super) async fn case(registry: &Endpoint) {
    let image = Image::oci("misnamed");
    image.push_blobs(registry, "a").await;
    for (media_type, bytes) in [
        (MEDIA_TYPES[0], &b"junk"[..]),
        (MEDIA_TYPES[0], b"{}"),
        ("text/plain", &image.manifest),
        (MEDIA_TYPES[0], &image.manifest),
        (MEDIA_TYPES[3], &image.manifest),
        (MEDIA_TYPES[0], &vec![b' '; ci_registry::MANIFEST_LEN_MAX / 2]),
    ] {
        let refused = registry.push_manifest("a", "v1", media_type, bytes).await;
        refused.expect_error(StatusCode::BAD_REQUEST, "MANIFEST_INVALID");
    }
}
