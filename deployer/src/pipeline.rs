//! What is built, and where it runs. This table is the demo's: one repository, one image, one service.

use std::time::Duration;

use crate::prelude::*;

/// The table of the program `deployer`.
pub fn pipeline() -> Vec<Repo> {
    vec![site("demo/site", "demo-site", "demo/site:live")]
}

/// When a commit reaches `live`, `service` runs its image. The image has a health check, so two steady seconds say
/// enough.
pub(crate) fn site(path: &str, name: &str, image: &str) -> Repo {
    let site = service(name).create_on("bridge").stable_for(Duration::from_secs(2));
    repo(path).docker(dockerfile("Dockerfile").deploy("live", image, [site]))
}
