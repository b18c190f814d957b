use crate::support::{Endpoint, UNKNOWN_DIGEST, raw_request};

/// As they are sent: no client of ours, and nobody on the way, has made them tidy.
#[tokio::test]
async fn hostile_names_are_refused() {
    let registry = Endpoint::ours().await;
    let ask = async |method: &str, path: &str| {
        let host = registry.address();
        raw_request(host, &format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
            .await
    };
    let huge = "a".repeat(300);
    let names = [
        "..",
        "../..",
        "a/..",
        "a/../b",
        "./a",
        "a//b",
        "/a",
        "A",
        "a/B",
        "_catalog",
        "a/_tags",
        "a%2fb",
        "a%2Fb",
        "%2e%2e",
        "..%2f..%2fetc",
        "a%00b",
        "a_",
        "a..b",
        "a:b",
        "a@b",
        "a+b",
        "~",
        "-",
        &huge,
    ];
    for name in names {
        for (method, path) in [
            ("GET", format!("/v2/{name}/tags/list")),
            ("GET", format!("/v2/{name}/manifests/v1")),
            ("PUT", format!("/v2/{name}/manifests/v1")),
            ("DELETE", format!("/v2/{name}/manifests/v1")),
            ("GET", format!("/v2/{name}/blobs/{UNKNOWN_DIGEST}")),
            ("DELETE", format!("/v2/{name}/blobs/{UNKNOWN_DIGEST}")),
            ("POST", format!("/v2/{name}/blobs/uploads/")),
            ("PATCH", format!("/v2/{name}/blobs/uploads/x")),
            ("POST", format!("/v2/a/blobs/uploads/?mount={UNKNOWN_DIGEST}&from={name}")),
        ] {
            // In a query, encoding is how it is done, and a plus is a blank.
            let is_fine = path.contains("from=a%2");
            if !is_fine {
                let (status, body) = ask(method, &path).await;
                assert_eq!(status, 400, "{method} {path}: {body}");
                assert!(body.contains("NAME_INVALID"), "{method} {path}: {body}");
            }
        }
    }
    for tag in ["..", "%2e%2e", ".hidden", "-rf", "a%2fb", "v1%20", &huge] {
        for method in ["GET", "PUT", "DELETE"] {
            let (status, body) = ask(method, &format!("/v2/a/manifests/{tag}")).await;
            assert_eq!(status, 400, "{method} {tag}: {body}");
            assert!(body.contains("TAG_INVALID"), "{method} {tag}: {body}");
        }
    }
    for digest in ["sha256:..", "sha256:../../../port", "sha512:aa", "sha256:%2e%2e", ":", "a:b"] {
        for kind in ["blobs", "manifests"] {
            let (status, body) = ask("GET", &format!("/v2/a/{kind}/{digest}")).await;
            assert!(matches!(status, 400 | 404), "{digest}: {body}");
            assert!(body.contains("\"errors\""), "{digest}: {body}");
        }
    }
    let (status, _) = ask("GET", &format!("/v2/{}/tags/list", "a".repeat(100_000))).await;
    assert!((400..500).contains(&status), "{status}");
    registry.stop().await;
}
