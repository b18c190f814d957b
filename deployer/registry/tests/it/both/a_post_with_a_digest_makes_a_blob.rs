use ci_registry::Digest;
use reqwest::{Method, StatusCode};

use crate::support::{Answer, Endpoint};

/// In one request, or, as the specification allows, with a `PUT` after a `202`.
pub(super) async fn case(registry: &Endpoint) {
    let digest = Digest::of(b"all at once");
    let request = registry.request(Method::POST, &format!("/v2/a/blobs/uploads/?digest={digest}"));
    let answer =
        Answer::of(request.header("content-type", "application/octet-stream").body("all at once")).await;
    if answer.status == StatusCode::ACCEPTED {
        let finished =
            registry.finish_upload(answer.header("location"), &digest.to_string(), b"all at once").await;
        finished.expect(StatusCode::CREATED);
    } else {
        answer.expect(StatusCode::CREATED);
        assert!(answer.header("location").ends_with(&format!("/v2/a/blobs/{digest}")));
    }
    assert_eq!(registry.get(&format!("/v2/a/blobs/{digest}")).await.body, b"all at once");
}
