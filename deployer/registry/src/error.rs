//! What goes wrong, as the distribution specification tells it: a status and `{"errors":[{code, message, detail}]}`.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::manifest::MANIFEST_LEN_MAX;
use crate::storage::{PutError, StorageError};
use crate::upload::UploadError;

/// A refusal or a failure, as the client is told.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Vec<Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: vec![json!({})], headers: Vec::new() }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(crate) fn blob_unknown() -> Self {
        Self::not_found("BLOB_UNKNOWN", "this repository does not hold that blob")
    }

    pub(crate) fn manifest_unknown() -> Self {
        Self::not_found("MANIFEST_UNKNOWN", "this repository does not hold that manifest")
    }

    pub(crate) fn manifest_too_large() -> Self {
        let message = format!("a manifest is at most {MANIFEST_LEN_MAX} bytes long");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID", message)
    }

    /// Names what the error is about.
    #[must_use]
    pub(crate) fn about(mut self, detail: Value) -> Self {
        self.details = vec![detail];
        self
    }

    #[must_use]
    pub(crate) fn with_headers(
        mut self,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        self.headers.extend(headers);
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, message) = (self.code, self.message);
        let error = |detail| json!({ "code": code, "message": message, "detail": detail });
        let errors: Vec<Value> = self.details.into_iter().map(error).collect();
        let mut response = (self.status, Json(json!({ "errors": errors }))).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "a request failed");
        if error.is_full() {
            let message = "the registry's disk is full; make room and push again";
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, "UNKNOWN", message);
        }
        let message = match error {
            StorageError::Io { .. } => "the registry's directory can't be read or written; its log says why",
            StorageError::Damaged { .. } => "what is stored is damaged; push the image again",
        };
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", message)
    }
}

impl From<PutError> for ApiError {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Missing(digests) => {
                let message = "the manifest refers to what this repository does not hold; push that first";
                let details = digests.iter().map(|digest| json!(digest)).collect();
                Self { details, ..Self::bad_request("MANIFEST_BLOB_UNKNOWN", message) }
            }
            PutError::Storage(error) => error.into(),
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::TooMany => {
                let message = "too many uploads are open; finish or cancel some, or try again later";
                Self::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", message)
            }
            UploadError::Unknown => {
                Self::not_found("BLOB_UPLOAD_UNKNOWN", "there is no such upload, or no more; begin another")
            }
            UploadError::Busy => {
                let message = "another request is sending to this upload; wait for it to end";
                Self::new(StatusCode::CONFLICT, "BLOB_UPLOAD_INVALID", message)
            }
            UploadError::OutOfOrder { len } => {
                let message =
                    format!("the next byte of this upload is {len}; Content-Range begins elsewhere");
                Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", message)
            }
            UploadError::WrongLength { len } => {
                let message = format!("the body is not as long as its Content-Range; go on at byte {len}");
                Self::bad_request("SIZE_INVALID", message)
            }
            UploadError::Broken { why } => {
                let message = format!("the body broke off: {why}; what arrived is kept");
                Self::new(StatusCode::REQUEST_TIMEOUT, "BLOB_UPLOAD_INVALID", message)
            }
            UploadError::WrongDigest { actual } => {
                let message = "the bytes have another digest; nothing was stored";
                Self::bad_request("DIGEST_INVALID", message).about(json!({ "actual": actual }))
            }
            UploadError::Storage(error) => error.into(),
        }
    }
}
