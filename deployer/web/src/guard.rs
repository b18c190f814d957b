//! What every request passes: whose host it asks for, where a change comes from, and what a browser may do with the
//! answer.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::page::{Failed, Frame};
use crate::site::Site;

/// Nothing but our own files, and no script or style within a page.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// On every answer. The referrer policy is `same-origin` rather than `no-referrer`: under the latter browsers send
/// `Origin: null` with our own forms, which can't be told from a stranger's.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(crate) async fn guard(State(site): State<Site>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&site, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refusal(site: &Site, request: &Request) -> Option<Response> {
    let headers = request.headers();
    // HTTP/1.1 in absolute form and HTTP/2 say it in the target.
    let host = match request.uri().authority() {
        Some(authority) => Some(authority.host().to_lowercase()),
        None => host(headers),
    };
    if !host.is_some_and(|host| is_ours(&host, &site.options.hosts)) {
        // No page: it would be one of ours at a stranger's name.
        let text = "This deployer does not answer at that name (hint: start it with --public-url).\n";
        return Some((StatusCode::MISDIRECTED_REQUEST, text).into_response());
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    (changes && !is_from_our_page(headers)).then(|| {
        let message = "This request does not come from a page of this deployer.";
        Failed::new(Frame::of(site, headers), StatusCode::FORBIDDEN, message).into_response()
    })
}

/// The host that is asked for, in lower case, without its port.
pub(crate) fn host(headers: &HeaderMap) -> Option<String> {
    let authority: Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
    Some(authority.host().to_lowercase())
}

/// Names of the loopback can't be made to mean us by a stranger; nor can those we were told.
fn is_ours(host: &str, ours: &[String]) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
        || host.ends_with(".localhost")
        || ours.iter().any(|name| name == host)
}

/// Browsers say so in one of two ways. Who says nothing is refused: what is no browser has the control socket.
fn is_from_our_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let fetch_site = text("sec-fetch-site").map(|site| site == "same-origin");
    let origin = text("origin").map(|origin| {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        // With the port: another port of this host is somebody else.
        authority.is_some() && authority == text("host")
    });
    match (fetch_site, origin) {
        (None, None) => false,
        (fetch_site, origin) => fetch_site.unwrap_or(true) && origin.unwrap_or(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("127.0.0.1:8080"));
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        is_from_our_page(&headers)
    }

    #[test]
    fn a_change_comes_from_a_page_of_ours_or_is_refused() {
        const OURS: (&str, &str) = ("origin", "http://127.0.0.1:8080");
        const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");
        assert!(from(&[OURS]) && from(&[SAME]) && from(&[OURS, SAME]));
        for foreign in ["http://127.0.0.1:8081", "http://127.0.0.1", "https://evil.example", "null", ""] {
            assert!(!from(&[("origin", foreign), SAME]), "{foreign}");
        }
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!from(&[OURS, ("sec-fetch-site", site)]), "{site}");
        }
        assert!(!from(&[]));
    }

    #[test]
    fn a_host_is_ours_by_name() {
        let ours = vec!["ci.example.org".to_owned()];
        for host in ["localhost", "127.0.0.1", "[::1]", "my.localhost", "ci.example.org"] {
            assert!(is_ours(host, &ours), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "10.0.0.1"] {
            assert!(!is_ours(host, &ours), "{host}");
        }
    }
}
