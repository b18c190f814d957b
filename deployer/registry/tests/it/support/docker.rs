//! The real Docker engine, with names of our own, all of which are removed.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// Images of one test: all its references begin with a repository that nobody else has.
pub(crate) struct Docker {
    repository: String,
}

impl Docker {
    /// A repository with a new name at this registry.
    pub(crate) fn at(address: &str) -> Self {
        Self { repository: format!("{address}/ci-registry-test-{}", hex::encode(random(8))) }
    }

    pub(crate) fn tag(&self, tag: &str) -> String {
        format!("{}:{tag}", self.repository)
    }

    pub(crate) fn by_digest(&self, digest: &str) -> String {
        format!("{}@{digest}", self.repository)
    }

    /// Builds an image with a layer for each of these files. Equal beginnings are equal layers.
    pub(crate) async fn build(&self, tag: &str, layers: &[&Path]) {
        let context = tempfile::tempdir().unwrap();
        let mut dockerfile = "FROM scratch\n".to_owned();
        for layer in layers {
            let name = layer.file_name().unwrap().to_str().unwrap();
            std::fs::hard_link(layer, context.path().join(name)).unwrap();
            dockerfile += &format!("COPY {name} /{name}\n");
        }
        std::fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
        let context = context.path().to_str().unwrap().to_owned();
        self.run(&["build", "--quiet", "--tag", &self.tag(tag), &context]).await;
    }

    /// Pushes a tag. What Docker said, and the manifest's digest.
    pub(crate) async fn push(&self, tag: &str) -> (String, String) {
        let said = self.run(&["push", &self.tag(tag)]).await;
        let digest = said.split("digest: ").nth(1).and_then(|rest| rest.split(' ').next());
        let digest = digest.unwrap_or_else(|| panic!("no digest in {said}")).to_owned();
        (said, digest)
    }

    /// The id of a local image: the digest of its configuration.
    pub(crate) async fn id(&self, reference: &str) -> String {
        self.run(&["image", "inspect", "--format", "{{.Id}}", reference]).await.trim().to_owned()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> String {
        // The classic builder: BuildKit needs a plugin of the command line, and keeps a cache of its own.
        let docker = Command::new("docker")
            .args(arguments)
            .env("DOCKER_BUILDKIT", "0")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .expect("Docker is needed: apt-get install docker.io");
        let (out, err) = (String::from_utf8_lossy(&docker.stdout), String::from_utf8_lossy(&docker.stderr));
        assert!(docker.status.success(), "docker {arguments:?}: {out}{err}");
        out.into_owned()
    }
}

impl Drop for Docker {
    /// Also after a failed test.
    fn drop(&mut self) {
        let run = |arguments: &[&str]| {
            let output = std::process::Command::new("docker").args(arguments).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let list = ["image", "ls", "--digests", "--format", "{{.Tag}} {{.Digest}}", &self.repository];
        for line in run(&list).lines() {
            let (tag, digest) = line.split_once(' ').unwrap();
            if tag != "<none>" {
                run(&["image", "rm", &self.tag(tag)]);
            }
            if digest != "<none>" {
                run(&["image", "rm", &self.by_digest(digest)]);
            }
        }
        let left = run(&list);
        assert!(left.is_empty() || std::thread::panicking(), "images are left: {left}");
    }
}

/// Bytes that nobody had before.
pub(crate) fn random(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    bytes
}
