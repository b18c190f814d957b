//! What is in a container that has ended.

use bollard::errors::Error as ApiError;
use bollard::query_parameters::DownloadFromContainerOptions;
use bytes::Bytes;
use ci_core::OpError;
use ci_core::executor::WorkId;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::time::timeout;
use tracing::Instrument as _;

use super::{Containers, checked, short};
use crate::docker::client::outside;

/// What is at `path`, as a tar. The engine follows no link out of the container, and a link at the end of the path is one in
/// the tar.
pub(super) fn read<'a>(
    containers: &'a Containers,
    id: &'a WorkId,
    path: &'a str,
) -> BoxStream<'a, Result<Bytes, OpError>> {
    stream::once(open(containers, id, path)).try_flatten().boxed()
}

async fn open<'a>(
    containers: &'a Containers,
    id: &'a WorkId,
    path: &'a str,
) -> Result<BoxStream<'a, Result<Bytes, OpError>>, OpError> {
    let (docker, what) = (&containers.docker, format!("read {path} of container {}", short(id)));
    let id = checked(id)?;
    let engine = docker.engine().instrument(outside(&what)).await;
    let engine = engine.map_err(|error| docker.failure(&what, error))?;
    let options = DownloadFromContainerOptions { path: path.to_owned() };
    let chunks = engine.download_from_container(id.as_str(), Some(options)).boxed();
    let failed = move |error: ApiError| match &error {
        ApiError::DockerResponseServerError { status_code: 404, message }
            if !message.contains("No such container") =>
        {
            OpError::permanent(format!("docker run: there is nothing at {path} when it has ended"))
                .with_hint("let the command leave it there, or name another path")
                .with_source(error)
        }
        _ => docker.failure(&what, error),
    };
    Ok(stream::try_unfold((chunks, failed), move |(mut chunks, failed)| async move {
        match timeout(docker.silence_max(), chunks.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(chunk))) => Ok(Some((chunk, (chunks, failed)))),
            Ok(Some(Err(error))) => Err(failed(error)),
            Err(_) => Err(failed(ApiError::RequestTimeoutError)),
        }
    })
    .boxed())
}
