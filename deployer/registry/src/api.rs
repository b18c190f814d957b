//! Every route of the distribution API, on one page.
//!
//! Names contain slashes, so a path is read from its end: the last words say what is asked for, and all before them
//! is the name. It is read as it was sent: an encoded slash is no slash, and no name.

mod blobs;
mod guard;
mod listings;
mod manifests;
mod ranges;
mod uploads;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use crate::digest::Digest;
use crate::error::ApiError;
use crate::name::Name;
use crate::registry::Registry;
use crate::storage::Reference;

pub use listings::{CATALOG_PAGE_DEFAULT, PAGE_MAX};

/// What a path below `/v2/` names.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Catalog,
    Tags(Name),
    Blob(Name, Digest),
    Manifest(Name, Reference),
    Uploads(Name),
    Upload(Name, String),
}

impl Registry {
    /// The distribution API below `/v2/`.
    ///
    /// A registry without users must not be reached through somebody's browser: a request is refused with `403`
    /// unless its `Host` is loopback (`localhost`, `127.0.0.0/8`, `::1`; a foreign name bound to 127.0.0.1 is DNS
    /// rebinding), and if it has an `Origin` that is not (registry clients send none).
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v2/", any(version))
            .route("/v2", any(version))
            .route("/v2/{*path}", any(dispatch))
            .fallback(unknown_path)
            .layer(axum::middleware::from_fn(guard::guard))
            .with_state(self.clone())
    }
}

async fn dispatch(State(registry): State<Registry>, request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path();
    let route = Route::parse(path.strip_prefix("/v2/").unwrap_or(path))?;
    let allowed = match (&route, request.method().as_str()) {
        (Route::Catalog, "GET") => return listings::catalog(&registry, request).await,
        (Route::Tags(name), "GET") => return listings::tags(&registry, name, request).await,
        (Route::Catalog | Route::Tags(_), _) => "GET",

        (Route::Blob(name, digest), "GET" | "HEAD") => {
            return blobs::get(&registry, name, digest, request).await;
        }
        (Route::Blob(name, digest), "DELETE") => return blobs::delete(&registry, name, digest).await,
        (Route::Blob(..), _) => "GET, HEAD, DELETE",

        (Route::Uploads(name), "POST") => return uploads::start(&registry, name, request).await,
        (Route::Uploads(_), _) => "POST",
        (Route::Upload(name, id), "GET") => return uploads::status(&registry, name, id),
        (Route::Upload(name, id), "PATCH") => return uploads::append(&registry, name, id, request).await,
        (Route::Upload(name, id), "PUT") => return uploads::finish(&registry, name, id, request).await,
        (Route::Upload(name, id), "DELETE") => return uploads::cancel(&registry, name, id).await,
        (Route::Upload(..), _) => "GET, PATCH, PUT, DELETE",

        (Route::Manifest(name, reference), "GET" | "HEAD") => {
            return manifests::get(&registry, name, reference, request).await;
        }
        (Route::Manifest(name, reference), "PUT") => {
            return manifests::put(&registry, name, reference, request).await;
        }
        (Route::Manifest(name, reference), "DELETE") => {
            return manifests::delete(&registry, name, reference).await;
        }
        (Route::Manifest(..), _) => "GET, HEAD, PUT, DELETE",
    };
    Err(method_not_allowed(allowed))
}

async fn version(method: Method) -> Result<Response, ApiError> {
    match method {
        Method::GET | Method::HEAD => Ok(axum::Json(serde_json::json!({})).into_response()),
        _ => Err(method_not_allowed("GET, HEAD")),
    }
}

async fn unknown_path() -> ApiError {
    ApiError::not_found("UNSUPPORTED", "there is nothing here; the registry is below /v2/")
}

fn method_not_allowed(allowed: &'static str) -> ApiError {
    let message = format!("this path answers {allowed}");
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
        .with_headers([(header::ALLOW, HeaderValue::from_static(allowed))])
}

impl Route {
    fn parse(path: &str) -> Result<Self, ApiError> {
        if path == "_catalog" {
            return Ok(Self::Catalog);
        }
        let mut words: Vec<&str> = path.rsplitn(4, '/').collect();
        words.reverse();
        let upload = match words[..] {
            [name, "blobs", "uploads", id] => Some((name, id)),
            [.., "blobs", "uploads"] => path.strip_suffix("/blobs/uploads").map(|name| (name, "")),
            _ => None,
        };
        if let Some((name, id)) = upload {
            let name = parse_name(name)?;
            return Ok(if id.is_empty() { Self::Uploads(name) } else { Self::Upload(name, id.to_owned()) });
        }
        let (before, last) = path.rsplit_once('/').unwrap_or(("", path));
        let (name, kind) = before.rsplit_once('/').unwrap_or(("", before));
        match (kind, last) {
            ("tags", "list") => Ok(Self::Tags(parse_name(name)?)),
            ("blobs", digest) => Ok(Self::Blob(parse_name(name)?, parse_digest(&decode_colon(digest))?)),
            ("manifests", reference) => {
                let (name, reference) = (parse_name(name)?, decode_colon(reference));
                if reference.contains(':') {
                    return Ok(Self::Manifest(name, Reference::Digest(parse_digest(&reference)?)));
                }
                let tag = reference.parse();
                let tag = tag.map_err(|error| ApiError::bad_request("TAG_INVALID", format!("{error}")))?;
                Ok(Self::Manifest(name, Reference::Tag(tag)))
            }
            ("referrers", _) => {
                let message = "referrers are not served; keep them under a tag, as the specification says";
                Err(ApiError::not_found("UNSUPPORTED", message))
            }
            _ => Err(ApiError::not_found("UNSUPPORTED", "there is no such path in the distribution API")),
        }
    }
}

/// Some clients encode the colon of a digest. Nothing else of a reference can be encoded.
fn decode_colon(reference: &str) -> String {
    reference.replace("%3A", ":").replace("%3a", ":")
}

fn parse_name(text: &str) -> Result<Name, ApiError> {
    text.parse().map_err(|error| ApiError::bad_request("NAME_INVALID", format!("{error}")))
}

fn parse_digest(text: &str) -> Result<Digest, ApiError> {
    text.parse().map_err(|error| ApiError::bad_request("DIGEST_INVALID", format!("{error}")))
}

/// A header whose value is made of names, digests and numbers.
fn header_pair(name: HeaderName, value: impl std::fmt::Display) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::try_from(value.to_string());
    (name, value.expect("because names, digests and numbers are visible ASCII"))
}

/// The header that says what a response or an upload is, in content.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_is_read_from_its_end() {
        let digest = Digest::of(b"");
        let tag = Reference::Tag("list".parse().unwrap());
        let cases = [
            ("_catalog".to_owned(), Route::Catalog),
            ("a/tags/list".to_owned(), Route::Tags(name("a"))),
            ("a/manifests/tags/list".to_owned(), Route::Tags(name("a/manifests"))),
            ("a/tags/manifests/list".to_owned(), Route::Manifest(name("a/tags"), tag)),
            (format!("a/b/blobs/{DIGEST}"), Route::Blob(name("a/b"), digest.clone())),
            (format!("a/blobs/{}", DIGEST.replace(':', "%3A")), Route::Blob(name("a"), digest.clone())),
            (format!("a/manifests/{DIGEST}"), Route::Manifest(name("a"), Reference::Digest(digest.clone()))),
            (format!("blobs/uploads/blobs/{DIGEST}"), Route::Blob(name("blobs/uploads"), digest)),
            ("a/blobs/uploads/".to_owned(), Route::Uploads(name("a"))),
            ("a/b/c/blobs/uploads".to_owned(), Route::Uploads(name("a/b/c"))),
            ("blobs/uploads/blobs/uploads/x".to_owned(), Route::Upload(name("blobs/uploads"), "x".into())),
        ];
        for (path, route) in cases {
            assert_eq!(Route::parse(&path).unwrap(), route, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_of_the_api_is_refused() {
        for path in [
            "",
            "/",
            "a",
            "tags/list",
            "a//tags/list",
            "../tags/list",
            "blobs/uploads/",
            "a/blobs/uploads/x/y",
        ] {
            assert!(Route::parse(path).is_err(), "{path}");
        }
    }
}
