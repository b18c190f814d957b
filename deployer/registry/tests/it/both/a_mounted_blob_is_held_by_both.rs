use reqwest::{Method, StatusCode};

use crate::support::Endpoint;

/// A repository gives out what it holds, not what another holds, until it is mounted.
pub(super) async fn case(registry: &Endpoint) {
    let digest = registry.push_blob("from/there", b"shared").await;
    let path = format!("/v2/to/here/blobs/{digest}");
    registry.get(&path).await.expect_error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");

    let mount = format!("/v2/to/here/blobs/uploads/?mount={digest}&from=from/there");
    let mounted = registry.send(Method::POST, &mount).await;
    mounted.expect(StatusCode::CREATED);
    assert!(mounted.header("location").ends_with(&path));
    assert_eq!(mounted.header("docker-content-digest"), digest.to_string());

    registry
        .send(Method::DELETE, &format!("/v2/from/there/blobs/{digest}"))
        .await
        .expect(StatusCode::ACCEPTED);
    let gone = registry.get(&format!("/v2/from/there/blobs/{digest}")).await;
    gone.expect_error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");
    assert_eq!(registry.get(&path).await.body, b"shared");
    let again = registry.send(Method::DELETE, &format!("/v2/from/there/blobs/{digest}")).await;
    again.expect_error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");
}
