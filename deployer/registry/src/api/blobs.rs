//! Blobs: read whole or in part, and let go.

use std::io::{Seek, SeekFrom};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::{CONTENT_DIGEST, header_pair, ranges::ByteRange};
use crate::digest::Digest;
use crate::error::ApiError;
use crate::name::Name;
use crate::registry::Registry;
use crate::storage::{Storage, StorageError};

/// How much of a blob is in memory for one reader, bytes.
const READ_LEN: usize = 256 * 1024;

pub(super) async fn get(
    registry: &Registry,
    name: &Name,
    digest: &Digest,
    request: Request,
) -> Result<Response, ApiError> {
    let (name, wanted) = (name.clone(), digest.clone());
    let found = registry.blocking(move |storage: &Storage| storage.open_blob(&name, &wanted)).await?;
    let Some((mut file, len)) = found else {
        return Err(ApiError::blob_unknown().about(serde_json::json!(digest)));
    };

    let range = request.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
    let (status, start, part_len) = match ByteRange::parse(range, len) {
        ByteRange::Whole => (StatusCode::OK, 0, len),
        ByteRange::Part { start, len } => (StatusCode::PARTIAL_CONTENT, start, len),
        ByteRange::Unsatisfiable => {
            let error = ApiError::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "SIZE_INVALID",
                format!("the blob is {len} bytes long; Range is beyond that"),
            );
            return Err(
                error.with_headers([header_pair(header::CONTENT_RANGE, format_args!("bytes */{len}"))])
            );
        }
    };
    let mut headers: Vec<(HeaderName, HeaderValue)> = vec![
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        header_pair(header::CONTENT_LENGTH, part_len),
        header_pair(CONTENT_DIGEST, digest),
    ];
    if status == StatusCode::PARTIAL_CONTENT {
        let end = start + part_len - 1;
        headers.push(header_pair(header::CONTENT_RANGE, format_args!("bytes {start}-{end}/{len}")));
    }
    let body = if *request.method() == Method::HEAD {
        Body::empty()
    } else {
        let seek = move |storage: &Storage| match file.seek(SeekFrom::Start(start)) {
            Ok(_) => Ok(file),
            Err(source) => Err(StorageError::Io { path: storage.root().to_owned(), source }),
        };
        let file = tokio::fs::File::from_std(registry.blocking(seek).await?);
        Body::from_stream(ReaderStream::with_capacity(file.take(part_len), READ_LEN))
    };
    let mut response = (status, body).into_response();
    response.headers_mut().extend(headers);
    Ok(response)
}

pub(super) async fn delete(registry: &Registry, name: &Name, digest: &Digest) -> Result<Response, ApiError> {
    let (name, wanted) = (name.clone(), digest.clone());
    match registry.blocking(move |storage: &Storage| storage.delete_blob(&name, &wanted)).await? {
        true => Ok(StatusCode::ACCEPTED.into_response()),
        false => Err(ApiError::blob_unknown().about(serde_json::json!(digest))),
    }
}
