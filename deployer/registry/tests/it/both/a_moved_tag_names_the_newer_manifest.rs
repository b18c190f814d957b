use reqwest::{Method, StatusCode};

use crate::support::{Endpoint, Image};

/// The older one stays, by its digest.
pub(super) async fn case(registry: &Endpoint) {
    let (older, newer) = (Image::docker("older"), Image::docker("newer"));
    older.push(registry, "a", "live").await;
    newer.push(registry, "a", "live").await;
    assert_eq!(registry.manifest(Method::GET, "a", "live").await.body, newer.manifest);
    let by_digest = registry.manifest(Method::GET, "a", &older.digest().to_string()).await;
    by_digest.expect(StatusCode::OK);
    assert_eq!(by_digest.body, older.manifest);
}
