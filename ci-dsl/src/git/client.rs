//! Running `git` so that nothing outside our own words decides what it does.
//!
//! Repositories are hostile: their hooks, their configuration, their attributes and submodules run nothing here.
//! - The environment is cleared: no `GIT_*` of ours leaks in. System and user configuration are not read; a file of
//!   our own takes the place of the user's, since it is the only one that `git-upload-pack`, started by Git inside a
//!   local source, still reads.
//! - Git may use no protocol but that of the address it is given, so neither a redirect nor a submodule leads it to
//!   a file, a helper program or another host's ssh.
//! - It never asks: no terminal, no password program; ssh is in batch mode and knows its hosts beforehand.
//! - It never works in the background, never fetches lazily, never follows replaced objects.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ci_core::process::{Process, ProcessError};
use ci_core::secret::Secrets;
use ci_core::{Bindings, DEFAULT, OpError, Unbound};

use super::repo::RepoUrl;

/// What may differ between installations.
#[derive(Clone, Debug, Default)]
pub struct GitOptions {
    /// Variables for `git` and `ssh`: `PATH` (else [`Process::PATH_DEFAULT`]), `HOME` (where curl finds `.netrc`),
    /// `SSH_AUTH_SOCK`, `GIT_SSL_CAINFO`, proxies. Those that keep Git harmless can't be changed.
    pub env: Vec<(OsString, OsString)>,
    /// Read by ssh in place of the user's configuration.
    pub ssh_config: Option<PathBuf>,
}

/// Access to repositories, with mirrors of them in a directory. Cheap to clone; clones share the mirrors.
#[derive(Clone)]
pub struct Git {
    pub(super) inner: Arc<Inner>,
    /// What errors don't tell: Git repeats what servers say.
    secrets: Secrets,
}

pub(super) struct Inner {
    /// Holds the mirrors.
    pub(super) home: PathBuf,
    /// Holds our configuration, and is where Git works when it needs no mirror.
    pub(super) desk: PathBuf,
    /// The desk, if it goes with us.
    _borrowed: Option<tempfile::TempDir>,
    options: GitOptions,
    /// One fetch at a time into a mirror: Git's own locks make the others fail, not wait. As many entries as there
    /// are repositories.
    pub(super) turns: Mutex<HashMap<PathBuf, Turn>>,
}

/// The lock of one mirror.
pub(super) type Turn = Arc<tokio::sync::Mutex<Checked>>;

/// Whether a mirror was read as a whole and found good, and no fetch into it has succeeded since.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked(pub(super) bool);

/// Configuration that wins over every file.
const CONFIG: [(&str, &str); 15] = [
    ("advice.fetchShowForcedUpdates", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("credential.helper", ""),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("log.showSignature", "false"),
    ("maintenance.auto", "false"),
    ("protocol.file.allow", "user"),
    ("submodule.recurse", "false"),
    ("tar.umask", "0022"),
    ("transfer.fsckObjects", "true"),
];

/// In a file, as `git-upload-pack` in a local source sees it too. The user named that source, whoever owns it; what
/// we run there runs nothing of it.
const CONFIG_FILE: &str = "[safe]\n\tdirectory = *\n";

impl Git {
    /// How long reading heads may take.
    pub const HEAD_DEADLINE: Duration = Duration::from_secs(30);
    /// How long a fetch may take.
    pub const FETCH_DEADLINE: Duration = Duration::from_secs(3600);
    /// How long looking something up in a mirror may take.
    pub const LOOK_DEADLINE: Duration = Duration::from_secs(600);

    /// Makes `<state>/git`, and removes what an interrupted run left half done there. One `Git` per state directory.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Infrastructure`] when the directory can't be made, read or written.
    pub async fn open(state: impl AsRef<Path>, options: GitOptions) -> Result<Self, OpError> {
        let home = state.as_ref().join("git");
        let shown = home.display().to_string();
        let prepared = tokio::task::spawn_blocking(move || prepare(&home)).await;
        let home = prepared.map_err(std::io::Error::other).flatten().map_err(|e| {
            OpError::infrastructure(format!("the directory for Git mirrors, {shown}, can't be used: {e}"))
                .with_hint("check that it can be written and the disk is not full")
        })?;
        let desk = home.clone();
        let inner = Inner { home, desk, _borrowed: None, options, turns: Mutex::default() };
        Ok(Self { inner: Arc::new(inner), secrets: Secrets::default() })
    }

    /// For questions only, beside whoever has the state directory, which need not be there: nothing is written into it.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Infrastructure`] when no temporary directory can be made.
    pub fn looking(state: impl AsRef<Path>, options: GitOptions) -> Result<Self, OpError> {
        let home = state.as_ref().join("git");
        let home = home.canonicalize().unwrap_or(home);
        let borrowed = tempfile::Builder::new().prefix("git-").tempdir();
        let written = borrowed.and_then(|dir| {
            std::fs::write(dir.path().join("config"), CONFIG_FILE)?;
            Ok((dir.path().canonicalize()?, dir))
        });
        let (desk, borrowed) = written.map_err(|e| {
            OpError::infrastructure(format!("no temporary directory can be made: {e}"))
                .with_hint("check that the disk is not full, or name another directory by TMPDIR")
        })?;
        let inner = Inner { home, desk, _borrowed: Some(borrowed), options, turns: Mutex::default() };
        Ok(Self { inner: Arc::new(inner), secrets: Secrets::default() })
    }

    /// That of an engine, whose secrets no error tells.
    pub(crate) fn bound(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        Ok(Self { secrets: bindings.get(DEFAULT).unwrap_or_default(), ..bindings.get(on)? })
    }

    /// Git in a directory, reaching nobody.
    pub(super) fn local(&self, what: impl Into<String>, folder: &Path) -> Process {
        self.git(what.into(), folder, "none")
    }

    /// Git in a directory, reaching one repository.
    pub(super) fn reaching(&self, repo: &RepoUrl, what: impl Into<String>, folder: &Path) -> Process {
        self.git(what.into(), folder, repo.protocols())
    }

    fn git(&self, what: String, folder: &Path, protocols: &str) -> Process {
        let options = &self.inner.options;
        let mut git = Process::new("git").what(what).cwd(folder).masking(&self.secrets);
        for (name, value) in &options.env {
            git = git.env(name, value);
        }
        let ssh = match &options.ssh_config {
            // Git hands this to a shell: the path goes by a variable, not by its text.
            Some(path) => {
                git = git.env("CI_SSH_CONFIG", path);
                "ssh -F \"$CI_SSH_CONFIG\" -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=30"
            }
            None => "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=30",
        };
        // Looking for a repository goes no further up than the directory itself.
        let ceiling = folder.parent().unwrap_or(folder);
        git = git
            .env("LC_ALL", "C")
            .env("GIT_ALLOW_PROTOCOL", protocols)
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_CEILING_DIRECTORIES", ceiling)
            .env("GIT_CONFIG_GLOBAL", self.inner.desk.join("config"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_COUNT", CONFIG.len().to_string())
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_SSH_COMMAND", ssh)
            .env("GIT_TERMINAL_PROMPT", "0");
        for (n, (name, value)) in CONFIG.iter().enumerate() {
            git = git.env(format!("GIT_CONFIG_KEY_{n}"), *name).env(format!("GIT_CONFIG_VALUE_{n}"), *value);
        }
        git
    }

    /// The lock of one mirror.
    pub(super) fn turn(&self, mirror: &Path) -> Turn {
        let mut turns = self.inner.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(mirror.to_owned()).or_default().clone()
    }
}

/// Prefix of what is being made or thrown away beside the mirrors.
pub(super) const UNFINISHED: &str = ".unfinished-";

fn prepare(home: &Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(home)?;
    let home = home.canonicalize()?;
    for entry in std::fs::read_dir(&home)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    std::fs::write(home.join("config"), CONFIG_FILE)?;
    Ok(home)
}

/// What a failure to reach a repository means, by what Git says about it (in English: `LC_ALL=C`). That it can't be
/// had now says nothing about what it holds: it is asked again for as long as that lasts.
pub(super) fn unreachable(repo: &RepoUrl, error: ProcessError) -> OpError {
    let again = match repo.is_local() {
        true => "it is read again by itself; if this goes on, see what `git fsck` says there",
        false => "it is asked again by itself; if this goes on, look after its server and the network",
    };
    match &error {
        ProcessError::Failed { .. } => {}
        ProcessError::Late { .. } => {
            let message = format!("{repo} does not answer: {error}");
            return OpError::infrastructure(message).with_hint(again).with_source(error);
        }
        _ => return error.into(),
    }
    let said = error.complaints();
    let has = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
    let why = reasons(&error);
    let message = format!("{repo} can't be read: {why}");
    let ours = || format!("what {} holds can't be stored on this machine: {why}", repo.name());
    if has(&["No space left on device"]) {
        return OpError::infrastructure(ours())
            .with_hint("free some space; it is tried again by itself")
            .with_source(error);
    }
    if has(&["out of memory", "Out of memory"]) {
        return OpError::infrastructure(message).with_hint("free some memory on this machine");
    }
    if has(&["Read-only file system", "Unable to create temporary file", "unable to create temporary file"]) {
        let message = ours();
        return OpError::infrastructure(message)
            .with_hint("make the state directory writable; it is tried again by itself")
            .with_source(error);
    }
    if has(&["fsck error", "fsck: "]) {
        return OpError::permanent(message)
            .with_hint("the repository holds malformed objects; it must be repaired");
    }
    if has(&["Host key verification failed"]) {
        let hint = "compare the host's key with the one you know, and add it to known_hosts";
        return OpError::infrastructure(message).with_hint(hint);
    }
    if has(&[
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "Permission denied",
    ]) {
        let hint = "give this machine access: an ssh key, or an entry in .netrc";
        let message = format!("{repo} does not let this machine in: {why}");
        return OpError::infrastructure(message).with_hint(hint).with_source(error);
    }
    if says_no_repository(&error) {
        return no_repository(repo).with_source(error);
    }
    OpError::infrastructure(message).with_hint(again).with_source(error)
}

/// How many of Git's lines a message holds.
const REASONS_MAX: usize = 3;

/// What Git gives as reasons, without its progress and its manners.
fn reasons(error: &ProcessError) -> String {
    let is_reason = |line: &&str| {
        let is_progress = line.starts_with("remote: ")
            && (line.contains("% (") || line.contains("Enumerating ") || line.contains("Total "));
        !line.is_empty()
            && !is_progress
            && !line.starts_with("Please make sure you have the correct access rights")
            && *line != "and the repository exists."
    };
    let lines: Vec<&str> = error.complaints().lines().map(str::trim).filter(is_reason).collect();
    let plain = |line: &&str| {
        let line = line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: ")).unwrap_or(line);
        // It goes on with the address, which is told already.
        let line = line
            .strip_prefix("unable to access '")
            .and_then(|rest| rest.split_once("': "))
            .map_or(line, |(_, why)| why);
        line.trim_end_matches('.').to_owned()
    };
    match &lines[lines.len().saturating_sub(REASONS_MAX)..] {
        [] => error.to_string(),
        lines => lines.iter().map(plain).collect::<Vec<_>>().join("; "),
    }
}

/// Whether Git says that there is nothing at the address.
pub(super) fn says_no_repository(error: &ProcessError) -> bool {
    let said = error.complaints();
    let texts = [
        "does not appear to be a git repository",
        "epository not found",
        "' not found",
        "not a git repository",
    ];
    texts.iter().any(|text| said.contains(text))
}

pub(super) fn no_repository(repo: &RepoUrl) -> OpError {
    let hint = if repo.is_local() {
        "check the path, or make a repository there with `git init`"
    } else {
        "check the address, and that this machine may read it"
    };
    OpError::permanent(format!("there is no Git repository at {repo}")).with_hint(hint)
}

impl fmt::Debug for Git {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Git").field("home", &self.inner.home).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use ci_core::secret::Secret;

    use super::super::commit::RefName;
    use super::*;

    #[tokio::test]
    async fn what_a_server_says_is_masked_before_the_end_of_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        // Stands in for git: what is kept of its complaints begins within the secret.
        let script =
            format!("#!/bin/sh\nprintf 'hunter2%0{}d' 0 >&2; exit 128\n", Process::TAIL_BYTES_MAX - 3);
        let git = dir.path().join("git");
        std::fs::write(&git, script).unwrap();
        std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o700)).unwrap();
        let path = format!("{}:{}", dir.path().display(), Process::PATH_DEFAULT);
        let options = GitOptions { env: vec![("PATH".into(), path.into())], ssh_config: None };

        let secrets = Secrets::default();
        secrets.add(&Secret::new("token", "hunter2").unwrap()).unwrap();
        let mut bindings = Bindings::new();
        bindings.bind(DEFAULT, Git::looking(dir.path(), options).unwrap());
        bindings.bind(DEFAULT, secrets);
        let git = Git::bound(&bindings, DEFAULT).unwrap();
        let repo = RepoUrl::parse("https://example.org/site.git").unwrap();
        let error = git.head(&repo, &RefName::parse("live").unwrap()).await.unwrap_err();
        assert!(error.message().contains("000") && !error.message().contains("er2"), "{error}");
    }
}
