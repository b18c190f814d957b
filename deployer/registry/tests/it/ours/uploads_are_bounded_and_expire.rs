use ci_registry::{Registry, UPLOAD_IDLE_MAX, UPLOADS_MAX};
use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, Ours};

/// One more than the bound is refused, until the others have been idle for too long; their files go with them.
#[tokio::test]
async fn uploads_are_bounded_and_expire() {
    let dir = tempfile::tempdir().unwrap();
    let ours = Ours::serve(Registry::open(dir.path()).unwrap()).await;
    let registry = Endpoint::at(&ours.address);
    let files = || std::fs::read_dir(dir.path().join("tmp")).unwrap().count();
    let mut locations = Vec::new();
    for _ in 0..UPLOADS_MAX {
        locations.push(registry.begin_upload("a").await);
    }
    let refused = registry.send(Method::POST, "/v2/a/blobs/uploads/").await;
    refused.expect_error(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS");
    assert_eq!(files(), UPLOADS_MAX);

    tokio::time::pause();
    tokio::time::advance(UPLOAD_IDLE_MAX / 2).await;
    tokio::time::resume();
    registry.patch(&locations[0], b"still here").await;
    tokio::time::pause();
    tokio::time::advance(UPLOAD_IDLE_MAX / 2).await;
    tokio::time::resume();

    registry.begin_upload("a").await;
    assert_eq!(files(), 2);
    registry.send(Method::GET, &locations[0]).await.expect(StatusCode::NO_CONTENT);
    registry
        .send(Method::GET, &locations[1])
        .await
        .expect_error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN");
    drop(registry);
    ours.stop().await;
}
