use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Endpoint, Image};

pub(super) async fn case(registry: &Endpoint) {
    assert_eq!(registry.get("/v2/_catalog").await.json(), json!({ "repositories": [] }));
    let names = ["a", "a/b", "b/c/d", "e"];
    for name in names {
        Image::docker(name).push(registry, name, "v1").await;
    }
    assert_eq!(registry.get("/v2/_catalog").await.json(), json!({ "repositories": names }));

    let first = registry.get("/v2/_catalog?n=3").await;
    first.expect(StatusCode::OK);
    assert_eq!(first.json(), json!({ "repositories": ["a", "a/b", "b/c/d"] }));
    let next = first.header("link").split(['<', '>']).nth(1).expect("a link to the next page").to_owned();
    assert!(first.header("link").ends_with(r#"; rel="next""#));
    let second = registry.get(&next).await;
    assert_eq!(second.json(), json!({ "repositories": ["e"] }));
    assert_eq!(second.header("link"), "");
}
