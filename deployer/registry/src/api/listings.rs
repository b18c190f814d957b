//! Lists: the tags of a repository, and the repositories, a page at a time.

use axum::Json;
use axum::extract::{Query, Request};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::header_pair;
use crate::error::ApiError;
use crate::name::Name;
use crate::registry::Registry;
use crate::storage::Storage;

/// The most entries in one answer, whatever `n` asks for; also what a list of tags gives without `n`.
pub const PAGE_MAX: usize = 10_000;

/// How many repositories the catalog gives without `n`.
pub const CATALOG_PAGE_DEFAULT: usize = 100;

#[derive(Deserialize)]
struct Page {
    n: Option<usize>,
    last: Option<String>,
}

pub(super) async fn catalog(registry: &Registry, request: Request) -> Result<Response, ApiError> {
    let page = Page::of(&request)?;
    let names = registry.repositories().await?;
    let names = names.iter().map(Name::as_str);
    Ok(page.answer("/v2/_catalog", names, CATALOG_PAGE_DEFAULT, |names| json!({ "repositories": names })))
}

pub(super) async fn tags(registry: &Registry, name: &Name, request: Request) -> Result<Response, ApiError> {
    let page = Page::of(&request)?;
    let of = name.clone();
    let Some(tags) = registry.blocking(move |storage: &Storage| storage.tags(&of)).await? else {
        let error = ApiError::not_found("NAME_UNKNOWN", "this repository is not known here");
        return Err(error.about(json!({ "name": name.as_str() })));
    };
    let tags = tags.iter().map(|tag| tag.as_str());
    let path = format!("/v2/{name}/tags/list");
    Ok(page.answer(&path, tags, PAGE_MAX, |tags| json!({ "name": name.as_str(), "tags": tags })))
}

impl Page {
    fn of(request: &Request) -> Result<Self, ApiError> {
        let bad = |_| ApiError::bad_request("PAGINATION_NUMBER_INVALID", "n is a number of entries, from 0");
        let Query(page) = Query::try_from_uri(request.uri()).map_err(bad)?;
        Ok(page)
    }

    /// The page of sorted `entries` that was asked for, with a link to the next if there is one.
    fn answer<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a str>,
        default: usize,
        document: impl FnOnce(&[&str]) -> serde_json::Value,
    ) -> Response {
        let n = self.n.unwrap_or(default).min(PAGE_MAX);
        let mut rest = entries.skip_while(|entry| self.last.as_deref().is_some_and(|last| *entry <= last));
        let page: Vec<&str> = rest.by_ref().take(n).collect();
        let mut response = Json(document(&page)).into_response();
        if let (Some(last), Some(_)) = (page.last(), rest.next()) {
            let next = format_args!("<{path}?n={n}&last={last}>; rel=\"next\"");
            response.headers_mut().extend([header_pair(header::LINK, next)]);
        }
        response
    }
}
