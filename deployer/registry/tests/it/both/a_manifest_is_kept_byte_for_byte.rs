use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, Image};

/// By tag and by digest, with the type it was pushed with.
pub(super) async fn case(registry: &Endpoint) {
    for (name, image) in [("a/docker", Image::docker("one")), ("a/oci", Image::oci("two"))] {
        image.push(registry, name, "v1").await;
        let digest = image.digest().to_string();
        for reference in ["v1", &digest] {
            for method in [Method::GET, Method::HEAD] {
                let got = registry.manifest(method.clone(), name, reference).await;
                got.expect(StatusCode::OK);
                assert_eq!(got.header("content-type"), image.media_type);
                assert_eq!(got.header("docker-content-digest"), digest);
                assert_eq!(got.header("content-length"), image.manifest.len().to_string());
                assert_eq!(got.body, if method == Method::GET { &image.manifest[..] } else { b"" });
            }
        }
        // Not as a blob, and not from a repository that does not hold it.
        registry
            .manifest(Method::GET, "a", &digest)
            .await
            .expect_error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
    }
}
