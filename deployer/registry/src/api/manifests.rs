//! Manifests: pushed, read, removed.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde_json::json;

use super::{CONTENT_DIGEST, header_pair};
use crate::digest::Digest;
use crate::error::ApiError;
use crate::manifest::{MANIFEST_LEN_MAX, Manifest, essence};
use crate::name::Name;
use crate::registry::Registry;
use crate::storage::{Reference, Storage};
use crate::upload::BODY_IDLE_MAX;

/// Up to this length, bytes, a manifest that is too large is read to its end and forgotten: a client that still
/// writes when it is refused sees a broken connection instead of the reason.
const PASSED_OVER_LEN_MAX: usize = 4 * MANIFEST_LEN_MAX;

/// Gives out the bytes that were pushed, as what they were pushed.
///
/// Nothing is ever converted: a client that does not accept what is stored is told so.
pub(super) async fn get(
    registry: &Registry,
    name: &Name,
    reference: &Reference,
    request: Request,
) -> Result<Response, ApiError> {
    let (of, wanted) = (name.clone(), reference.clone());
    let found = registry.blocking(move |storage: &Storage| storage.manifest(&of, &wanted)).await?;
    let Some(stored) = found else { return Err(ApiError::manifest_unknown().about(detail(reference))) };
    if !accepts(request.headers(), stored.media_type) {
        let message = format!("the manifest is {}, which Accept does not name", stored.media_type);
        return Err(ApiError::not_found("MANIFEST_UNKNOWN", message).about(detail(reference)));
    }
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(stored.media_type)),
        header_pair(header::CONTENT_LENGTH, stored.bytes.len()),
        header_pair(CONTENT_DIGEST, &stored.digest),
        header_pair(header::ETAG, format_args!("\"{}\"", stored.digest)),
    ];
    let body = if *request.method() == Method::HEAD { Body::empty() } else { Body::from(stored.bytes) };
    Ok((headers, body).into_response())
}

/// Stores a manifest once the repository holds all it refers to.
pub(super) async fn put(
    registry: &Registry,
    name: &Name,
    reference: &Reference,
    request: Request,
) -> Result<Response, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
    let content_type = content_type.as_ref().and_then(|value| value.to_str().ok());
    let bytes = read_body(request).await?;
    let manifest = Manifest::parse(content_type, &bytes)
        .map_err(|error| ApiError::bad_request("MANIFEST_INVALID", error.to_string()))?;
    let digest = Digest::of(&bytes);
    let tag = match reference {
        Reference::Tag(tag) => Some(tag.clone()),
        Reference::Digest(named) if *named == digest => None,
        Reference::Digest(_) => {
            let message = "the manifest has another digest; nothing was stored";
            return Err(ApiError::bad_request("DIGEST_INVALID", message).about(json!({ "actual": digest })));
        }
    };
    let (to, stored) = (name.clone(), digest.clone());
    let put = move |storage: &Storage| storage.put_manifest(&to, &manifest, (&stored, &bytes), tag.as_ref());
    registry.blocking(put).await?;
    let location = header_pair(header::LOCATION, format_args!("/v2/{name}/manifests/{digest}"));
    Ok((StatusCode::CREATED, [location, header_pair(CONTENT_DIGEST, &digest)]).into_response())
}

/// By tag, removes the tag; by digest, the manifest and every tag that names it.
pub(super) async fn delete(
    registry: &Registry,
    name: &Name,
    reference: &Reference,
) -> Result<Response, ApiError> {
    let found = match reference {
        Reference::Tag(tag) => registry.delete_tag(name, tag).await?,
        Reference::Digest(digest) => registry.delete_manifest(name, digest).await?,
    };
    match found {
        true => Ok(StatusCode::ACCEPTED.into_response()),
        false => Err(ApiError::manifest_unknown().about(detail(reference))),
    }
}

/// At most [`MANIFEST_LEN_MAX`] bytes, none of which came later than [`BODY_IDLE_MAX`] after the one before.
async fn read_body(request: Request) -> Result<Vec<u8>, ApiError> {
    let broken = |why: String| ApiError::new(StatusCode::REQUEST_TIMEOUT, "MANIFEST_INVALID", why);
    let mut body = request.into_body().into_data_stream();
    let mut bytes = Vec::new();
    let mut len: usize = 0;
    loop {
        match tokio::time::timeout(BODY_IDLE_MAX, body.next()).await {
            Ok(Some(Ok(chunk))) => {
                len = len.saturating_add(chunk.len());
                if len > PASSED_OVER_LEN_MAX {
                    return Err(ApiError::manifest_too_large());
                } else if len > MANIFEST_LEN_MAX {
                    bytes.clear();
                } else {
                    bytes.extend_from_slice(&chunk);
                }
            }
            Ok(None) if len > MANIFEST_LEN_MAX => return Err(ApiError::manifest_too_large()),
            Ok(None) => return Ok(bytes),
            Ok(Some(Err(error))) => return Err(broken(format!("the body broke off: {error}"))),
            Err(_) => return Err(broken(format!("nothing arrived for {} s", BODY_IDLE_MAX.as_secs()))),
        }
    }
}

/// Whether a client takes this media type. One that does not say takes anything.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let mut ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let names = |range: &str| matches!(range, "*/*" | "application/*") || range == media_type;
    !headers.contains_key(header::ACCEPT) || ranges.any(|value| value.split(',').map(essence).any(names))
}

fn detail(reference: &Reference) -> serde_json::Value {
    match reference {
        Reference::Tag(tag) => json!({ "tag": tag.as_str() }),
        Reference::Digest(digest) => json!({ "digest": digest }),
    }
}
