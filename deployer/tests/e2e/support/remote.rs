//! A world whose repository is on a Git server.

use std::fs;

use testbed::GitServer;

use super::World;
use super::world::SERVICE;

impl World {
    /// As [`World::that_works`], but the repository is reached over HTTP, and asked every second.
    pub(crate) fn with_a_git_server() -> (Self, GitServer) {
        let mut world = Self::before_its_start();
        let server = world.is_served();
        world.starts();
        world.publishes();
        world.is_well_again();
        (world, server)
    }

    /// The deployer that is started next is to reach the repository over HTTP, and to ask it every second.
    pub(crate) fn is_served(&mut self) -> GitServer {
        let site = self.bed.site();
        let server = GitServer::serving(site.parent().expect("because a path was joined"));
        self.table = format!("{} live team/{SERVICE}:live {SERVICE} bridge", server.url("site"));
        let settings = self.bed.home().join("deployer.toml");
        fs::write(&settings, "poll_seconds = 1\n").unwrap();
        self.flags = vec!["--config".to_owned(), settings.display().to_string()];
        server
    }
}
