use futures::future::join_all;
use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, random};

/// Whoever reads meanwhile sees all of it, or nothing. (Debian's answers some of these reads with a 500.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_pushes_of_one_blob_all_succeed() {
    let registry = Endpoint::ours().await;
    let bytes = random(2_000_000);
    let path = format!("/v2/a/blobs/{}", ci_registry::Digest::of(&bytes));
    let pushes = join_all((0..8).map(|_| registry.push_blob("a", &bytes)));
    let reads = async {
        let mut seen = 0;
        while seen < 3 {
            let got = registry.send(Method::GET, &path).await;
            match got.status {
                StatusCode::OK => {
                    assert!(got.body == bytes, "{} of {} bytes", got.body.len(), bytes.len());
                    seen += 1;
                }
                status => assert_eq!(status, StatusCode::NOT_FOUND),
            }
        }
    };
    tokio::join!(pushes, reads);
    registry.stop().await;
}
