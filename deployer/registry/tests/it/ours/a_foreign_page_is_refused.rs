use crate::support::{Endpoint, raw_request};

/// A name that was rebound to 127.0.0.1, or a page from elsewhere.
#[tokio::test]
async fn a_foreign_page_is_refused() {
    let registry = Endpoint::ours().await;
    let port = registry.address().split_once(':').unwrap().1;
    let ask = async |target: &str, headers: &str| {
        let head = format!("GET {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        raw_request(registry.address(), &head).await
    };
    for headers in [
        "Host: evil.example\r\n".to_owned(),
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        format!("Host: localhost@evil.example:{port}\r\n"),
        format!("Host: 10.0.0.1:{port}\r\n"),
        "Host: \r\n".to_owned(),
        "Host: localhost\r\nHost: evil.example\r\n".to_owned(),
        "Host: localhost\r\nOrigin: http://evil.example\r\n".to_owned(),
        "Host: localhost\r\nOrigin: null\r\n".to_owned(),
        String::new(),
    ] {
        let (status, body) = ask("/v2/", &headers).await;
        assert_eq!(status, 403, "{headers}: {body}");
        assert!(body.contains("DENIED"), "{headers}: {body}");
    }
    let (status, _) = ask(&format!("http://evil.example:{port}/v2/"), "Host: localhost\r\n").await;
    assert_eq!(status, 403);
    for headers in
        ["Host: localhost\r\n", "Host: [::1]:99\r\n", "Host: 127.0.0.1\r\nOrigin: http://localhost:80\r\n"]
    {
        let (status, body) = ask("/v2/", headers).await;
        assert_eq!(status, 200, "{headers}: {body}");
    }
    registry.stop().await;
}
