//! What the tests are written in.

mod docker;
mod endpoint;
mod image;
mod raw;
mod restart;

pub(crate) use docker::{Docker, random};
pub(crate) use endpoint::{Answer, Endpoint, Ours, UNKNOWN_DIGEST};
pub(crate) use image::{Image, MEDIA_TYPES};
pub(crate) use raw::raw_request;
pub(crate) use restart::{SERVED_DIR, serve_until_told, spawn_this_test};
