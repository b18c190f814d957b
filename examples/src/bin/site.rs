//! The main job with `ci-dsl` alone: a commit on `live` is built and tested; if it passes, it is pushed and a service
//! runs it.
//!
//! `cargo run -p examples --bin site -- REPOSITORY REGISTRY`, on a machine whose engine is a Swarm manager.

use std::env;

use ci_core::{Current, Engine};
use ci_dsl::docker::{self, Docker, DockerHost, dockerfile};
use ci_dsl::git::{self, Git, GitOptions};
use ci_dsl::registry::Registry;

fn pipeline(repository: &str) -> anyhow::Result<Current<()>> {
    let site = git::repo(repository)?;
    let image = docker::build(&site.head("live")?, dockerfile("Dockerfile"));
    let tested = docker::run(&image, ["/site", "test"]);
    let pushed = docker::push(&image.gate(&tested), "team/site:live")?;
    Ok(docker::service("site_web", &pushed).ignore())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let (Some(repository), Some(registry)) = (args.next(), args.next()) else {
        anyhow::bail!("usage: site REPOSITORY REGISTRY")
    };
    let pipeline = pipeline(&repository)?;
    let host = env::var("DOCKER_HOST").unwrap_or(Docker::SOCKET.into()).parse::<DockerHost>()?;
    let engine = Engine::open("state")?
        .with(Git::open("state", GitOptions::default()).await?)
        .with(Docker::new(Docker::LOCAL, host))
        .with(Registry::new(registry)?);
    Ok(engine.run(|| pipeline).await?)
}
