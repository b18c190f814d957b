//! One suite, two registries: ours, and Debian's `docker-registry` as the oracle. A case is a sentence, and a function
//! over an [`Endpoint`].

use crate::support::Endpoint;

mod a_blob_is_read_in_part;
mod a_cancelled_upload_is_gone;
mod a_chunked_upload_makes_a_blob;
mod a_deleted_manifest_takes_its_tags_along;
mod a_manifest_is_kept_byte_for_byte;
mod a_manifest_is_pushed_by_its_digest;
mod a_manifest_of_missing_blobs_is_refused;
mod a_monolithic_upload_makes_a_blob;
mod a_mount_of_what_is_not_there_begins_an_upload;
mod a_mounted_blob_is_held_by_both;
mod a_moved_tag_names_the_newer_manifest;
mod a_post_with_a_digest_makes_a_blob;
mod a_wrong_digest_stores_nothing;
mod an_empty_blob_is_a_blob;
mod an_index_needs_its_manifests;
mod an_oci_manifest_needs_a_client_that_accepts_it;
mod docker_pushes_and_pulls_by_tag_and_digest;
mod docker_pushes_shared_layers_once;
mod tags_are_listed;
mod the_api_announces_its_version;
mod the_catalog_is_listed_in_pages;
mod what_is_no_manifest_is_refused;
mod what_is_not_there_is_unknown;

macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod on_ours {
            use super::Endpoint;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let registry = Endpoint::ours().await;
                    super::$case::case(&registry).await;
                    registry.stop().await;
                }
            )+
        }
        mod on_debians {
            use super::Endpoint;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let registry = Endpoint::debian().await;
                    super::$case::case(&registry).await;
                    registry.stop().await;
                }
            )+
        }
    };
}

on_both! {
    a_blob_is_read_in_part,
    a_cancelled_upload_is_gone,
    a_chunked_upload_makes_a_blob,
    a_deleted_manifest_takes_its_tags_along,
    a_manifest_is_kept_byte_for_byte,
    a_manifest_is_pushed_by_its_digest,
    a_manifest_of_missing_blobs_is_refused,
    a_monolithic_upload_makes_a_blob,
    a_mount_of_what_is_not_there_begins_an_upload,
    a_mounted_blob_is_held_by_both,
    a_moved_tag_names_the_newer_manifest,
    a_post_with_a_digest_makes_a_blob,
    a_wrong_digest_stores_nothing,
    an_empty_blob_is_a_blob,
    an_index_needs_its_manifests,
    an_oci_manifest_needs_a_client_that_accepts_it,
    docker_pushes_and_pulls_by_tag_and_digest,
    docker_pushes_shared_layers_once,
    tags_are_listed,
    the_api_announces_its_version,
    the_catalog_is_listed_in_pages,
    what_is_no_manifest_is_refused,
    what_is_not_there_is_unknown,
}
