//! The demo's repository: a web service, its page, and its Dockerfile.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ci_core::process::Process;

/// The web service: one static program, compiled by the build script from `site/main.rs`.
const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/site"));

const DOCKERFILE: &str = r#"FROM scratch
COPY site page.html /
HEALTHCHECK --interval=1s --timeout=2s CMD ["/site", "check"]
ENTRYPOINT ["/site"]
"#;

/// What git prints is for programs here, and short.
const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// A git repository with one branch, `live`.
#[derive(Debug)]
pub(super) struct Site {
    path: PathBuf,
}

impl Site {
    /// Makes it, with nothing committed.
    pub(super) async fn create(path: PathBuf) -> anyhow::Result<Self> {
        tokio::fs::create_dir_all(&path).await?;
        let site = Self { path };
        site.git(["init", "--quiet", "--initial-branch=live"]).await?;
        // So that whoever commits in it by hand needs no identity of their own.
        site.git(["config", "user.name", "deployer demo"]).await?;
        site.git(["config", "user.email", "demo@localhost"]).await?;
        let program = site.path.join("site");
        tokio::fs::write(&program, PROGRAM).await?;
        tokio::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).await?;
        tokio::fs::write(site.path.join("Dockerfile"), DOCKERFILE).await?;
        Ok(site)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn write_page(&self, text: &str) -> anyhow::Result<()> {
        Ok(tokio::fs::write(self.path.join("page.html"), format!("<h1>{text}</h1>\n")).await?)
    }

    pub(super) async fn break_dockerfile(&self) -> anyhow::Result<()> {
        let broken = format!("{DOCKERFILE}COPY not-there /\n");
        Ok(tokio::fs::write(self.path.join("Dockerfile"), broken).await?)
    }

    /// Commits everything; returns the commit's id.
    pub(super) async fn commit(&self, message: &str) -> anyhow::Result<String> {
        self.git(["add", "--all"]).await?;
        self.git(["commit", "--quiet", "--no-verify", "--message", message]).await?;
        Ok(self.git(["rev-parse", "HEAD"]).await?.trim().to_owned())
    }

    async fn git<const N: usize>(&self, args: [&str; N]) -> anyhow::Result<String> {
        let git = Process::new("git")
            .args(args)
            .cwd(&self.path)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0");
        let output = git.output(OUTPUT_BYTES_MAX).await.map_err(ci_core::OpError::from)?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }
}
