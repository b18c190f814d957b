use std::fs;
use std::path::Path;

use ci_core::current::all;
use ci_core::{Engine, Level, OpError};

use crate::support::{Answer, Child, Ci, World, head, make, put, run};

/// Lets one of everything happen.
async fn work(state: &Path) {
    let world = World::default();
    world.set("main", 1);
    world.answer("make image.1", Answer::Fail(OpError::transient("busy")));
    world.answer("make bad.1", Answer::Fail(OpError::permanent("broken")));
    let mut ci = Ci::with(
        state,
        &world,
        |engine: Engine| engine.confirm(Some(Level::Dangerous)),
        || {
            let image = make("image", &head("main"));
            all([put("site", &image).ignore(), run(&image).ignore(), make("bad", &head("main")).ignore()])
        },
    );
    let job = ci.waits("site := <image.1>").await;
    ci.handle.approve(job, "ada").await.unwrap();
    ci.ok("site := <image.1>").await;
    assert_eq!(ci.failed().await, "broken");
    for (file, flags) in open_files() {
        let is_written = u32::from_str_radix(&flags, 8).unwrap() & 0o3 != 0;
        assert!(!is_written || file.starts_with(state), "{} is open", file.display());
    }
    ci.stop().await;
}

/// The regular files that are open in this process, and how.
fn open_files() -> Vec<(std::path::PathBuf, String)> {
    let fds = fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| {
        let fd = fd.unwrap();
        // The one that reads the list is gone by then.
        let file = fs::read_link(fd.path()).ok().filter(|file| file.is_file())?;
        let info = fs::read_to_string(Path::new("/proc/self/fdinfo").join(fd.file_name())).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?.trim().to_owned();
        Some((file, flags))
    });
    fds.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_process_may_like_to_write() {
    if let Some(state) = Child::state() {
        return work(&state).await;
    }
    let (state, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let name = "nothing_is_written_outside_the_state_directory::wherever_a_process_may_like_to_write";
    let child = Child::of(name, state.path(), |command| {
        for place in
            ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"]
        {
            command.env(place, elsewhere.path());
        }
        command.current_dir(elsewhere.path())
    });
    assert!(child.ends());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert!(fs::read_dir(state.path()).unwrap().count() > 0);
}
