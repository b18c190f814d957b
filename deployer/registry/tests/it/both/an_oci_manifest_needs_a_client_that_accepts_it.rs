use reqwest::{Method, StatusCode};

use crate::support::{Answer, Endpoint, Image, MEDIA_TYPES};

pub(super) async fn case(registry: &Endpoint) {
    let image = Image::oci("newer than the client");
    image.push(registry, "a", "v1").await;
    let request = registry.request(Method::GET, "/v2/a/manifests/v1").header("accept", MEDIA_TYPES[0]);
    Answer::of(request).await.expect_error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
    // Docker sends one header per type.
    let mut request = registry.request(Method::GET, "/v2/a/manifests/v1");
    for media_type in MEDIA_TYPES {
        request = request.header("accept", media_type);
    }
    assert_eq!(Answer::of(request).await.body, image.manifest);
}
