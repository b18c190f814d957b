use ci_registry::Digest;
use reqwest::StatusCode;

use crate::support::{Endpoint, UNKNOWN_DIGEST};

pub(super) async fn case(registry: &Endpoint) {
    let location = registry.begin_upload("a").await;
    let refused = registry.finish_upload(&location, UNKNOWN_DIGEST, b"something else").await;
    refused.expect_error(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
    for digest in [UNKNOWN_DIGEST.to_owned(), Digest::of(b"something else").to_string()] {
        let got = registry.get(&format!("/v2/a/blobs/{digest}")).await;
        got.expect_error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");
    }
    let location = registry.begin_upload("a").await;
    for bad in ["sha256:zz", "", "md5:d41d8cd98f00b204e9800998ecf8427e"] {
        registry
            .finish_upload(&location, bad, b"")
            .await
            .expect_error(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
    }
}
