//! Hearing at once when a local repository changes.
//!
//! A watch says *look again*, nothing more; it may say so too often, and never too seldom: open it first, then read,
//! then wait. What happens between reading and waiting ends the wait at once.
//!
//! Directories are watched, not files: Git replaces its files by renaming others onto them, and a watched file would
//! be the old one. A directory that is itself moved or replaced is not ours any more, and for one that lies inside a
//! moved one no news comes at all; so its identity is looked at after every event, and from time to time.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ci_core::OpError;
use notify::event::CreateKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::client::{Git, no_repository, unreachable};
use super::repo::RepoUrl;

/// A watch on the references of a local repository. Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    folder: PathBuf,
    identity: (u64, u64),
    news: Arc<News>,
    _watcher: RecommendedWatcher,
}

/// What the watching thread tells.
#[derive(Debug, Default)]
struct News {
    /// Holds one wake-up: many changes while nobody waits are one.
    changed: Notify,
    /// A folder was made. It is watched from a moment later on; what was put in meanwhile made no event, so a later
    /// wake-up stands in for it.
    new_folder: AtomicBool,
}

/// The watched repository was moved, replaced or deleted: nothing is heard any more. Poll, and watch again when it
/// can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Git repository in {} was moved, replaced or deleted", folder.display())]
pub struct WatchLost {
    folder: PathBuf,
}

impl Watch {
    /// How often the watched directory is looked at without an event.
    pub const LOOK_EVERY: Duration = Duration::from_secs(2);

    /// Waits until references may have changed since the last call returned, or since the watch was opened. Safe to
    /// cancel.
    ///
    /// # Errors
    ///
    /// [`WatchLost`], again at every further call.
    pub async fn changed(&mut self) -> Result<(), WatchLost> {
        let mut woken = false;
        loop {
            let found = tokio::fs::metadata(&self.folder).await;
            if found.ok().as_ref().map(identity) != Some(self.identity) {
                return Err(WatchLost { folder: self.folder.clone() });
            }
            if woken {
                return Ok(());
            }
            woken = match tokio::time::timeout(Self::LOOK_EVERY, self.news.changed.notified()).await {
                Ok(()) => true,
                Err(_) => self.news.new_folder.swap(false, Ordering::Relaxed),
            };
        }
    }
}

impl Git {
    /// Watches a local repository: bare, a work tree, or a linked work tree (its references are in the main one).
    /// `None` for a remote one, which is to be polled.
    ///
    /// # Errors
    ///
    /// When there is no repository, or the system has no watches left ([`ci_core::FailureKind::Infrastructure`]):
    /// then it is to be polled, too.
    pub async fn watch(&self, repo: &RepoUrl) -> Result<Option<Watch>, OpError> {
        let Some(path) = repo.local_path() else { return Ok(None) };
        if !tokio::fs::try_exists(path).await.unwrap_or(false) {
            return Err(no_repository(repo));
        }
        let said = self
            .local(format!("git rev-parse {}", repo.name()), path)
            .args(["rev-parse", "--path-format=absolute", "--git-common-dir"])
            .deadline(Self::HEAD_DEADLINE)
            .output(64 << 10)
            .await
            .map_err(|error| unreachable(repo, error))?;
        let said = String::from_utf8(said).map_err(|e| cannot_watch(repo, &e).with_source(e))?;
        let folder = PathBuf::from(said.strip_suffix('\n').unwrap_or(&said));
        let watch = tokio::task::spawn_blocking(move || watch(folder)).await;
        match watch {
            Ok(Ok(watch)) => Ok(Some(watch)),
            Ok(Err(error)) => Err(cannot_watch(repo, &error).with_source(error)),
            Err(error) => Err(cannot_watch(repo, &error).with_source(error)),
        }
    }
}

fn cannot_watch(repo: &RepoUrl, error: &dyn std::error::Error) -> OpError {
    OpError::infrastructure(format!("{repo} can't be watched: {error}"))
        .with_hint("its changes are noticed later; if the system's watches are used up, raise fs.inotify.max_user_watches")
}

fn watch(folder: PathBuf) -> notify::Result<Watch> {
    let news = Arc::new(News::default());
    let (tell, root) = (news.clone(), folder.clone());
    let watcher = watcher(&folder, move |event| {
        // An error may stand for lost events.
        if event.as_ref().is_ok_and(|event| !concerns_references(&root, event)) {
            return;
        }
        if event.is_ok_and(|event| event.kind == EventKind::Create(CreateKind::Folder)) {
            tell.new_folder.store(true, Ordering::Relaxed);
        }
        tell.changed.notify_one();
    })?;
    let identity = identity(&folder.metadata().map_err(notify::Error::io)?);
    Ok(Watch { folder, identity, news, _watcher: watcher })
}

fn watcher(
    folder: &Path,
    hear: impl Fn(notify::Result<Event>) + Send + 'static,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(hear)?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    for part in ["refs", "reftable"] {
        let part = folder.join(part);
        if part.is_dir() {
            watcher.watch(&part, RecursiveMode::Recursive)?;
        }
    }
    Ok(watcher)
}

/// Whether to look again. Reading is no reason (we would wake ourselves), and neither is what Git keeps beside its
/// references: the index, messages, logs, locks.
fn concerns_references(root: &Path, event: &Event) -> bool {
    if event.need_rescan() || event.paths.is_empty() {
        return true;
    }
    let concerns = |path: &PathBuf| match path.strip_prefix(root).map(|path| path.iter().next()) {
        Ok(None) | Err(_) => true,
        Ok(Some(first)) => {
            let first = first.as_encoded_bytes();
            matches!(first, b"HEAD" | b"packed-refs" | b"refs" | b"reftable")
                && path.extension().is_none_or(|extension| extension != "lock")
        }
    };
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(concerns)
}

fn identity(found: &std::fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;

    use super::*;

    fn git(folder: &Path, args: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(args)
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// The events of one watcher come in order: between two marks are those of what was done between them.
    #[test]
    fn reading_and_what_lies_beside_the_references_are_no_reason_to_look_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        git(&root, &["init", "--quiet", "--initial-branch=live"]);
        git(&root, &["commit", "--quiet", "--allow-empty", "--message=x"]);
        let dot_git = root.join(".git");
        let (tell, events) = mpsc::channel();
        let _watcher = watcher(&dot_git, move |event| tell.send(event.unwrap()).unwrap()).unwrap();
        let heard = |act: &dyn Fn()| {
            act();
            std::fs::create_dir(dot_git.join("refs/mark")).unwrap();
            std::fs::remove_dir(dot_git.join("refs/mark")).unwrap();
            let mut count = 0;
            for event in &events {
                if event.paths.iter().any(|path| path.ends_with("refs/mark")) {
                    match event.kind {
                        EventKind::Remove(_) => break,
                        _ => continue,
                    }
                }
                count += usize::from(concerns_references(&dot_git, &event));
            }
            count
        };
        assert_eq!(heard(&|| git(&root, &["ls-remote", ".", "refs/heads/live"])), 0);
        assert_eq!(heard(&|| git(&root, &["fetch", "--quiet", ".", "live"])), 0);
        assert_eq!(heard(&|| std::fs::write(dot_git.join("refs/heads/live.lock"), "").unwrap()), 0);
        assert_eq!(heard(&|| std::fs::remove_file(dot_git.join("refs/heads/live.lock")).unwrap()), 0);
        assert_eq!(heard(&|| std::fs::write(dot_git.join("COMMIT_EDITMSG"), "").unwrap()), 0);
        assert_ne!(heard(&|| git(&root, &["branch", "other"])), 0);
        assert_ne!(heard(&|| git(&root, &["pack-refs", "--all"])), 0);
        assert_ne!(heard(&|| git(&root, &["commit", "--quiet", "--allow-empty", "--message=y"])), 0);
    }
}
