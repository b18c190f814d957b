//! Our own files: the style sheet, the script, the icon.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use crate::{ansi, graph};

/// Name, type, content in pieces.
const FILES: [(&str, &str, &[&str]); 3] = [
    ("style.css", "text/css; charset=utf-8", &[include_str!("../static/style.css"), ansi::CSS, graph::CSS]),
    ("live.js", "text/javascript; charset=utf-8", &[include_str!("../static/live.js")]),
    ("icon.svg", "image/svg+xml", &[include_str!("../static/icon.svg")]),
];

/// Names the files' content, so that browsers may keep them for ever: pages ask for `style.css?VERSION`.
pub(crate) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let all = FILES.iter().fold(Sha256::new(), |all, (_, _, content)| all.chain_update(content.concat()));
        hex::encode(&all.finalize()[..6])
    })
}

pub(crate) async fn file(Path(name): Path<String>) -> Response {
    let Some((_, kind, content)) = FILES.iter().find(|(file, _, _)| *file == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kept = "public, max-age=31536000, immutable";
    ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, kept)], content.concat()).into_response()
}
