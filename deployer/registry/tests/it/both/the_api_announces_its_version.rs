use reqwest::{Method, StatusCode};

use crate::support::Endpoint;

/// The first thing that every client asks.
pub(super) async fn case(registry: &Endpoint) {
    for method in [Method::GET, Method::HEAD] {
        let answer = registry.send(method, "/v2/").await;
        answer.expect(StatusCode::OK);
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
    }
    let nothing = registry.get("/v2/nobody/tags/list").await;
    assert_eq!(nothing.header("docker-distribution-api-version"), "registry/2.0");
}
