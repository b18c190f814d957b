//! Who may ask: whoever is on this machine, and is no foreign page in a browser on it.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// Refuses foreign pages, and marks every answer as a registry's.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let mut response = if !is_asked_at_loopback(&request) {
        refusal("this registry answers on loopback only: Host must be localhost, 127.0.0.0/8 or ::1")
    } else if !is_from_loopback(request.headers()) {
        refusal("this registry answers no foreign web page: Origin must be absent or loopback")
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    response
}

fn refusal(message: &str) -> Response {
    ApiError::new(StatusCode::FORBIDDEN, "DENIED", message).into_response()
}

/// Whether the client believes to speak to loopback. A page whose name was rebound to 127.0.0.1 does not.
fn is_asked_at_loopback(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    let host_is_loopback = host.and_then(|host| host.to_str().ok()).is_some_and(is_loopback);
    let authority_is_loopback =
        request.uri().authority().is_none_or(|authority| is_loopback(authority.as_str()));
    host_is_loopback && more.is_none() && authority_is_loopback
}

fn is_from_loopback(headers: &HeaderMap) -> bool {
    headers.get_all(header::ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        origin.and_then(|origin| origin.authority().map(|a| is_loopback(a.as_str()))).unwrap_or(false)
    })
}

fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    !authority.as_str().contains('@')
        && (host.eq_ignore_ascii_case("localhost")
            || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_loopback() {
        for host in
            ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:5000", "127.9.9.9:1", "[::1]", "[::1]:5000"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:1",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "localhost.",
            "evil@localhost",
            "127.1",
            "2130706433",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
