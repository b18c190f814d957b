//! Uploads: begun, sent, asked about, finished, cancelled.

use std::sync::Arc;

use axum::extract::{Query, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{CONTENT_DIGEST, header_pair, parse_digest, parse_name};
use crate::digest::Digest;
use crate::error::ApiError;
use crate::name::Name;
use crate::registry::Registry;
use crate::storage::Storage;
use crate::upload::{ChunkRange, Claim, Upload, UploadError};

const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

#[derive(Deserialize)]
struct Parameters {
    digest: Option<String>,
    mount: Option<String>,
    from: Option<String>,
}

/// Begins an upload, does all of it at once (`digest`), or takes the blob from another repository (`mount`).
pub(super) async fn start(registry: &Registry, name: &Name, request: Request) -> Result<Response, ApiError> {
    let parameters = Parameters::of(&request)?;
    if let (Some(digest), Some(from)) = (&parameters.mount, &parameters.from) {
        let (digest, from, to) = (parse_digest(digest)?, parse_name(from)?, name.clone());
        let wanted = digest.clone();
        let mount = move |storage: &Storage| storage.mount_blob(&from, &to, &wanted);
        if registry.blocking(mount).await? {
            return Ok(created(name, &digest));
        }
    }
    let digest = parameters.digest.as_deref().map(parse_digest).transpose()?;
    let (uploads, of) = (registry.uploads.clone(), name.clone());
    let upload = registry.blocking(move |storage| uploads.start(storage, &of)).await?;
    match digest {
        // What a client sends with an empty POST begins an upload, so the body is not looked at.
        None => Ok((StatusCode::ACCEPTED, progress(name, &upload)).into_response()),
        Some(digest) => {
            let claim = upload.claim()?;
            let received = receive(registry, name, &upload, &claim, request).await;
            if received.is_err() {
                // The client was not told of this upload, so it can't go on with it.
                registry.uploads.discard(&claim).await;
            }
            received?;
            store(registry, name, claim, digest).await
        }
    }
}

/// How far the upload came.
pub(super) fn status(registry: &Registry, name: &Name, id: &str) -> Result<Response, ApiError> {
    let upload = registry.uploads.find(name, id)?;
    Ok((StatusCode::NO_CONTENT, progress(name, &upload)).into_response())
}

/// Appends the body.
pub(super) async fn append(
    registry: &Registry,
    name: &Name,
    id: &str,
    request: Request,
) -> Result<Response, ApiError> {
    let upload = registry.uploads.find(name, id)?;
    let claim = upload.claim()?;
    receive(registry, name, &upload, &claim, request).await?;
    Ok((StatusCode::ACCEPTED, progress(name, &upload)).into_response())
}

/// Appends the body, if there is one, and makes the whole a blob.
pub(super) async fn finish(
    registry: &Registry,
    name: &Name,
    id: &str,
    request: Request,
) -> Result<Response, ApiError> {
    let upload = registry.uploads.find(name, id)?;
    let Some(digest) = Parameters::of(&request)?.digest else {
        return Err(ApiError::bad_request("DIGEST_INVALID", "an upload is finished with ?digest="));
    };
    let digest = parse_digest(&digest)?;
    let claim = upload.claim()?;
    receive(registry, name, &upload, &claim, request).await?;
    store(registry, name, claim, digest).await
}

pub(super) async fn cancel(registry: &Registry, name: &Name, id: &str) -> Result<Response, ApiError> {
    let upload = registry.uploads.find(name, id)?;
    if !registry.uploads.remove(&upload) {
        return Err(UploadError::Unknown.into());
    }
    // With the last hold on it, its file is removed.
    crate::blocking::blocking(move || drop(upload)).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn receive(
    registry: &Registry,
    name: &Name,
    upload: &Upload,
    claim: &Arc<Claim>,
    request: Request,
) -> Result<u64, ApiError> {
    let range = chunk_range(request.headers())?;
    match registry.uploads.receive(claim, range, request.into_body()).await {
        Ok(len) => Ok(len),
        // Tells the client where to go on.
        Err(error @ (UploadError::OutOfOrder { .. } | UploadError::WrongLength { .. })) => {
            Err(ApiError::from(error).with_headers(progress(name, upload)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn store(
    registry: &Registry,
    name: &Name,
    claim: Arc<Claim>,
    digest: Digest,
) -> Result<Response, ApiError> {
    let (uploads, wanted) = (registry.uploads.clone(), digest.clone());
    registry.blocking(move |storage| uploads.finish(storage, &claim, &wanted)).await?;
    Ok(created(name, &digest))
}

fn created(name: &Name, digest: &Digest) -> Response {
    let location = header_pair(header::LOCATION, format_args!("/v2/{name}/blobs/{digest}"));
    (StatusCode::CREATED, [location, header_pair(CONTENT_DIGEST, digest)]).into_response()
}

/// `Range` names the last byte that is there, so nothing yet and one byte look the same: `0-0`. Docker's own
/// registry says the same, and its client insists on a range.
fn progress(name: &Name, upload: &Upload) -> [(HeaderName, HeaderValue); 3] {
    let id = upload.id();
    [
        header_pair(header::LOCATION, format_args!("/v2/{name}/blobs/uploads/{id}")),
        header_pair(header::RANGE, format_args!("0-{}", upload.len().saturating_sub(1))),
        header_pair(UPLOAD_UUID, id),
    ]
}

fn chunk_range(headers: &HeaderMap) -> Result<Option<ChunkRange>, ApiError> {
    let Some(header) = headers.get(header::CONTENT_RANGE) else { return Ok(None) };
    let bad = |message: String| ApiError::bad_request("BLOB_UPLOAD_INVALID", message);
    let range = header.to_str().ok().and_then(ChunkRange::parse);
    let range = range.ok_or_else(|| bad("Content-Range is not <first byte>-<last byte>".into()))?;
    let len = headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    match len {
        // Known before a byte is written.
        Some(len) if len != range.len => {
            let message = format!("Content-Range is {} bytes, Content-Length {len}", range.len);
            Err(ApiError::bad_request("SIZE_INVALID", message))
        }
        _ => Ok(Some(range)),
    }
}

impl Parameters {
    fn of(request: &Request) -> Result<Self, ApiError> {
        let query = Query::try_from_uri(request.uri());
        let Query(parameters) = query.map_err(|error| {
            ApiError::bad_request("BLOB_UPLOAD_INVALID", format!("the query can't be read: {error}"))
        })?;
        Ok(parameters)
    }
}
