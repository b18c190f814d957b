//! A folder for the time of a job, gone with it whatever is in it.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// How the names of such folders begin.
const PREFIX: &str = ".unfinished-";

/// An empty folder that only we may enter. Dropped, it is removed with all that is in it, also what does not let us in, off
/// the runtime's own threads. What a killed process could not remove, [`Scratch::sweep`] does.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    runtime: Handle,
    kept: bool,
}

impl Scratch {
    /// A new one in `folder`, which has to be there.
    ///
    /// # Errors
    ///
    /// When `folder` can't be written.
    pub async fn within(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        let made = spawn_blocking(move || {
            let own = Permissions::from_mode(0o700);
            Ok(tempfile::Builder::new().prefix(PREFIX).permissions(own).tempdir_in(folder)?.keep())
        });
        let path = made.await.map_err(io::Error::other).flatten()?;
        Ok(Self { path, runtime: Handle::current(), kept: false })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it stay, as `path` beside it: at once, whole, and for good. An empty folder that is there is replaced. Dropped
    /// in the middle, it goes on: `path` is never there in part.
    ///
    /// # Errors
    ///
    /// When something else is there ([`io::ErrorKind::DirectoryNotEmpty`]), or it can't be moved. Then it is removed. Where
    /// it was moved and a power cut may undo that, it stays all the same.
    pub async fn keep_as(mut self, path: impl Into<PathBuf>) -> io::Result<()> {
        // From here on it is the task's alone: removing it beside that would follow it to its new name.
        self.kept = true;
        let (from, to) = (std::mem::take(&mut self.path), path.into());
        let moved = spawn_blocking(move || {
            // What is in it is on the disk before its name is.
            let synced = File::open(&from).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
            if let Err(error) = synced.and_then(|()| fs::rename(&from, to)) {
                remove_or_tell(&from);
                return Err(error);
            }
            from.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        });
        moved.await.map_err(io::Error::other).flatten()
    }

    /// Removes those that processes which are gone left in `folder`. Blocks; to be called when none is in use there.
    ///
    /// # Errors
    ///
    /// When `folder` can't be read, or something in it not be removed.
    pub fn sweep(folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let path = std::mem::take(&mut self.path);
        self.runtime.spawn_blocking(move || remove_or_tell(&path));
    }
}

fn remove_or_tell(folder: &Path) {
    if let Err(error) = remove(folder) {
        tracing::warn!(folder = %folder.display(), %error, "a job's folder can't be removed");
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(folder)?;
            fs::remove_dir_all(folder)
        }
        done => done,
    }
}

/// Lets us into each folder below. Follows no link.
fn open_up(folder: &Path) -> io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::{Arc, Barrier, mpsc};

    use futures::FutureExt as _;
    use rustix::process::Uid;
    use rustix::thread::set_thread_res_uid;
    use tempfile::TempDir;
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    /// Nobody: whom a folder's permissions hold back, as they don't root.
    const NOBODY: u32 = 65534;

    /// A runtime with one thread for what blocks, which is nobody's.
    fn runtime() -> Runtime {
        runtime_of(1)
    }

    fn runtime_of(threads: usize) -> Runtime {
        Builder::new_current_thread()
            .max_blocking_threads(threads)
            .on_thread_start(|| {
                if rustix::process::geteuid().is_root() {
                    let nobody = Uid::from_raw(NOBODY);
                    set_thread_res_uid(nobody, nobody, nobody).unwrap();
                }
            })
            .build()
            .unwrap()
    }

    fn home() -> TempDir {
        let home = TempDir::new().unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(home.path(), Some(NOBODY), None).unwrap();
        }
        home
    }

    /// Folders that can't be written, read or entered, a file in each, and links out of there.
    fn fill(folder: &Path, outside: &Path) {
        for mode in [0o555, 0o500, 0o000] {
            let inner = folder.join(format!("{mode:o}/inner"));
            fs::create_dir_all(&inner).unwrap();
            fs::write(inner.join("file"), "x").unwrap();
            symlink(outside, inner.join("link")).unwrap();
            fs::set_permissions(&inner, Permissions::from_mode(mode)).unwrap();
            fs::set_permissions(inner.parent().unwrap(), Permissions::from_mode(mode)).unwrap();
        }
    }

    #[test]
    fn it_is_gone_with_folders_that_let_nobody_in_and_what_links_lead_to_stays() {
        let (home, outside, runtime) = (home(), home(), runtime());
        fs::write(outside.path().join("mine"), "x").unwrap();
        fs::set_permissions(outside.path(), Permissions::from_mode(0o500)).unwrap();
        runtime.block_on(async {
            let scratch = Scratch::within(home.path()).await.unwrap();
            let (folder, elsewhere) = (scratch.path().to_owned(), outside.path().to_owned());
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
            spawn_blocking(move || fill(&folder, &elsewhere)).await.unwrap();
            drop(scratch);
            // There is one thread: what was to be done before this is done.
            spawn_blocking(|| ()).await.unwrap();
        });
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
        assert!(outside.path().join("mine").exists());
        assert_eq!(fs::metadata(outside.path()).unwrap().permissions().mode() & 0o777, 0o500);
    }

    #[test]
    fn removing_it_holds_up_nobody() {
        let (home, runtime) = (home(), runtime());
        runtime.block_on(async {
            let scratch = Scratch::within(home.path()).await.unwrap();
            let (go, gone) = mpsc::channel::<()>();
            let busy = spawn_blocking(move || _ = gone.recv());
            let path = scratch.path().to_owned();
            drop(scratch);
            assert!(path.exists(), "it is for the thread that is busy");
            drop(go);
            busy.await.unwrap();
            spawn_blocking(|| ()).await.unwrap();
            assert!(!path.exists());
        });
    }

    #[test]
    fn who_stops_waiting_for_it_to_be_kept_takes_nothing_out_of_it() {
        const FILES: usize = 500;
        let (home, runtime) = (home(), runtime_of(2));
        let to = home.path().join("kept");
        runtime.block_on(async {
            let scratch = Scratch::within(home.path()).await.unwrap();
            let folder = scratch.path().to_owned();
            let fill = move || (0..FILES).for_each(|n| fs::write(folder.join(n.to_string()), "x").unwrap());
            spawn_blocking(fill).await.unwrap();
            // What is to be done now begins when both threads are free, at once.
            let busy = [(); 2].map(|()| {
                let (go, gone) = mpsc::channel::<()>();
                (go, spawn_blocking(move || _ = gone.recv()))
            });
            assert!(scratch.keep_as(&to).now_or_never().is_none(), "it is for the threads that are busy");
            for (go, busy) in busy {
                drop(go);
                busy.await.unwrap();
            }
            // Where two meet, both threads are done with what came before.
            let place = Arc::new(Barrier::new(2));
            for met in [(); 2].map(|()| {
                spawn_blocking({
                    let place = place.clone();
                    move || _ = place.wait()
                })
            }) {
                met.await.unwrap();
            }
        });
        assert_eq!(fs::read_dir(&to).unwrap().count(), FILES);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn one_that_is_kept_is_there_whole_and_others_are_swept() {
        let (home, runtime) = (home(), runtime());
        runtime.block_on(async {
            let [kept, second, left] = [(); 3].map(|()| Scratch::within(home.path()));
            let (kept, second, mut left) = (kept.await.unwrap(), second.await.unwrap(), left.await.unwrap());
            let file = kept.path().join("file");
            spawn_blocking(move || fs::write(file, "x")).await.unwrap().unwrap();
            kept.keep_as(home.path().join("kept")).await.unwrap();
            let taken = second.keep_as(home.path().join("kept")).await.unwrap_err();
            assert_eq!(taken.kind(), io::ErrorKind::DirectoryNotEmpty);
            left.kept = true;
        });
        drop(runtime);
        Scratch::sweep(home.path()).unwrap();
        let names: Vec<_> =
            fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["kept"]);
        assert_eq!(fs::read(home.path().join("kept/file")).unwrap(), b"x");
    }
}
