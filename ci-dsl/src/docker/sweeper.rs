//! Containers of jobs that are over, removed.
//!
//! A job removes its container by itself. It can't while the Docker engine is away, and a process that is killed may not
//! come to it: the container would run on, and nobody would look at it again.

use std::time::Duration;

use ci_core::engine::Handle;
use tokio::task::JoinHandle;

use super::client::Docker;
use super::container::Containers;

/// Removes, now and then, what jobs of an engine that are over have left on one Docker engine, until it is dropped. It
/// touches nothing but containers of the engine's own state directory.
#[derive(Debug)]
pub struct Sweeper(JoinHandle<()>);

impl Sweeper {
    /// How long it is from one look to the next. One that does not reach the engine is made up for by the next, so this is
    /// also how long an engine that came back keeps what nobody waits for.
    pub const EVERY: Duration = Duration::from_secs(60);

    /// Looks for the first time at once, then each [`Sweeper::EVERY`].
    pub fn start(engine: &Handle, docker: Docker) -> Self {
        Self::each(Self::EVERY, engine, docker)
    }

    /// As [`Sweeper::start`], with another time in between.
    pub fn each(every: Duration, engine: &Handle, docker: Docker) -> Self {
        let (engine, containers) = (engine.clone(), Containers::of(docker, engine.owner()));
        Self(tokio::spawn(async move {
            loop {
                match containers.sweep(engine.unfinished()).await {
                    Ok(removed) => {
                        for job in removed {
                            tracing::info!(%job, ?containers, "removed the container of a job that is over");
                        }
                    }
                    // Who needs the engine says so, too.
                    Err(error) => tracing::debug!(%error, ?containers, "can't look for what jobs have left"),
                }
                tokio::time::sleep(every).await;
            }
        }))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}
