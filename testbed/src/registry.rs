//! Debian's registry, on a loopback port inside an engine's namespace.

use std::fs::{self, File};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use crate::{Engine, debian};

/// How long the registry may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running registry without passwords. Dropping it ends it; what it stores goes with its engine.
#[derive(Debug)]
pub struct Registry {
    server: Child,
    address: String,
}

impl Registry {
    /// Starts a registry next to `engine`, which trusts it, being on its loopback.
    ///
    /// # Panics
    ///
    /// When docker-registry is not installed or does not come up.
    pub fn start(engine: &Engine) -> Self {
        let program = debian::program("docker-registry", "docker-registry");
        let address = format!("127.0.0.1:{}", engine.free_port());
        let folder = engine.dir().join(format!("registry-{address}"));
        fs::create_dir_all(&folder).expect("the engine's folder is writable");
        let config = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nhttp: {{addr: \"{address}\"}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n",
            folder.display()
        );
        fs::write(folder.join("config.yml"), config).expect("the registry's folder is writable");
        let log = File::create(folder.join("log")).expect("the registry's folder is writable");
        let mut command = engine.command(program);
        command.arg("serve").arg(folder.join("config.yml"));
        command.stdout(log.try_clone().expect("a file can be opened twice")).stderr(log);
        let server = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let mut registry = Self { server, address };
        let deadline = Instant::now() + START_TIMEOUT;
        let url = format!("http://{}/v2/", registry.address);
        let busybox = debian::program("busybox", "busybox-static");
        while !debian::output(engine.command(&busybox).args(["wget", "-q", "-O", "-", &url])).status.success()
        {
            let ended = registry.server.try_wait().ok().flatten();
            if ended.is_some() || deadline < Instant::now() {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                panic!(
                    "docker-registry did not come up: {}",
                    log.lines().last().unwrap_or("it said nothing")
                );
            }
            thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// `127.0.0.1:PORT`, as the engine and programs in its namespace see it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Pushes a local image as `repository` (`app`, without host and tag) and returns `HOST/app@sha256:…`.
    ///
    /// # Panics
    ///
    /// When the push fails.
    pub fn push(&self, engine: &Engine, local: &str, repository: &str) -> String {
        let remote = format!("{}/{repository}:pushed", self.address);
        engine.docker(["tag", local, &remote]);
        let said = engine.docker(["push", &remote]);
        engine.docker(["rmi", &remote]);
        let digest = said.split_ascii_whitespace().find(|word| word.starts_with("sha256:"));
        let digest = digest.unwrap_or_else(|| panic!("docker push told no digest: {said}"));
        format!("{}/{repository}@{digest}", self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ended = self.server.kill();
        let _status = self.server.wait();
    }
}
