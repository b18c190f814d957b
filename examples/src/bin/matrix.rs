//! One Dockerfile, several variants: each is built and tested; only if all pass is any of them pushed.
//!
//! `cargo run -p examples --bin matrix -- REPOSITORY REGISTRY`. The Dockerfile takes a build argument `VARIANT`.

use std::env;

use ci_core::current::all;
use ci_core::{Current, Engine};
use ci_dsl::docker::{self, BadReference, Docker, DockerHost, dockerfile};
use ci_dsl::git::{self, Git, GitOptions};
use ci_dsl::registry::Registry;

fn pipeline(repository: &str) -> anyhow::Result<Current<()>> {
    let commit = git::repo(repository)?.head("main")?;
    let image = |variant| docker::build(&commit, dockerfile("Dockerfile").arg("VARIANT", variant));
    let images = ["small", "large"].map(|variant| (variant, image(variant)));
    let tested = all(images.iter().map(|(_, image)| docker::run(image, ["/app", "test"])));
    let push = |(variant, image): &(&str, Current<_>)| {
        Ok(docker::push(&image.gate(&tested), &format!("team/app:{variant}"))?.ignore())
    };
    Ok(all(images.iter().map(push).collect::<Result<Vec<_>, BadReference>>()?))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let (Some(repository), Some(registry)) = (args.next(), args.next()) else {
        anyhow::bail!("usage: matrix REPOSITORY REGISTRY")
    };
    let pipeline = pipeline(&repository)?;
    let host = env::var("DOCKER_HOST").unwrap_or(Docker::SOCKET.into()).parse::<DockerHost>()?;
    let engine = Engine::open("state")?
        .with(Git::open("state", GitOptions::default()).await?)
        .with(Docker::new(Docker::LOCAL, host))
        .with(Registry::new(registry)?);
    Ok(engine.run(|| pipeline).await?)
}
