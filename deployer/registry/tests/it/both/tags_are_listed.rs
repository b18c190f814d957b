use reqwest::StatusCode;

use crate::support::{Endpoint, Image};

pub(super) async fn case(registry: &Endpoint) {
    registry.get("/v2/a/tags/list").await.expect_error(StatusCode::NOT_FOUND, "NAME_UNKNOWN");
    let image = Image::docker("tagged");
    for tag in ["v2", "v10", "V1", "latest"] {
        image.push(registry, "a", tag).await;
    }
    let listed = registry.get("/v2/a/tags/list").await;
    listed.expect(StatusCode::OK);
    assert_eq!(listed.json()["name"], "a");
    // Debian's gives them in the order of its directory.
    let mut tags: Vec<String> = serde_json::from_value(listed.json()["tags"].clone()).unwrap();
    tags.sort();
    assert_eq!(tags, ["V1", "latest", "v10", "v2"]);
}
