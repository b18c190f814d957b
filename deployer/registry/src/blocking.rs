//! The way off the runtime for what blocks.

/// Runs `work` on a thread that may block. It goes on to its end even if nobody waits any more.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await.map_err(|error| error.try_into_panic()) {
        Ok(value) => value,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime is shutting down, and this future with it.
        Err(Err(_)) => std::future::pending().await,
    }
}
