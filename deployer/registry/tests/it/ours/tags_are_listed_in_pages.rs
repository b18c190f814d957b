use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Endpoint, Image};

/// In the order of their bytes. Removed ones are gone, and a repository without tags is still one.
#[tokio::test]
async fn tags_are_listed_in_pages() {
    let registry = Endpoint::ours().await;
    let image = Image::docker("tagged");
    for tag in ["v2", "v10", "V1", "latest"] {
        image.push(&registry, "a", tag).await;
    }
    let tags = async |query: &str| registry.get(&format!("/v2/a/tags/list{query}")).await;
    assert_eq!(tags("").await.json()["tags"], json!(["V1", "latest", "v10", "v2"]));
    assert_eq!(tags("?n=0").await.json()["tags"], json!([]));
    assert_eq!(tags("?n=100").await.header("link"), "");
    assert_eq!(tags("?last=latest").await.json()["tags"], json!(["v10", "v2"]));
    assert_eq!(tags("?last=lbtest").await.json()["tags"], json!(["v10", "v2"]));
    for bad in ["?n=x", "?n=-1", "?n=1&n=2"] {
        tags(bad).await.expect_error(StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID");
    }

    let mut seen = Vec::new();
    let mut next = "/v2/a/tags/list?n=1".to_owned();
    while !next.is_empty() {
        let page = registry.get(&next).await;
        seen.extend(page.json()["tags"].as_array().unwrap().clone());
        next = page.header("link").split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    }
    assert_eq!(json!(seen), json!(["V1", "latest", "v10", "v2"]));

    for tag in ["V1", "latest", "v10", "v2"] {
        let deleted = registry.send(reqwest::Method::DELETE, &format!("/v2/a/manifests/{tag}")).await;
        deleted.expect(StatusCode::ACCEPTED);
    }
    assert_eq!(tags("").await.json()["tags"], json!([]));
    let by_digest = registry.manifest(reqwest::Method::GET, "a", &image.digest().to_string()).await;
    by_digest.expect(StatusCode::OK);
    registry.stop().await;
}
