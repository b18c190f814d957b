//! An engine on its own thread, as programs run it.

use std::path::Path;
use std::sync::Arc;

use ci_core::engine::{Handle, Status};
use ci_core::{Current, Engine};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// A state directory on a disk.
pub fn state_on_disk() -> TempDir {
    tempfile::tempdir().expect("because a temporary folder can be made")
}

/// A state directory in memory; `None`: this machine has no such file system.
pub fn state_in_memory() -> Option<TempDir> {
    let memory = Path::new("/dev/shm");
    memory.is_dir().then(|| tempfile::tempdir_in(memory).expect("because a temporary folder can be made"))
}

/// An engine that runs a pipeline. It is stopped when this is dropped, and its state removed if nobody else
/// holds it.
#[derive(Debug)]
pub struct Running {
    runtime: Runtime,
    engine: Handle,
    status: watch::Receiver<Status>,
    _state: Arc<TempDir>,
}

impl Running {
    /// Opens an engine, lets `bind` bind clients to it, and starts what `pipeline` makes. Returns without waiting.
    pub fn start(
        state: impl Into<Arc<TempDir>>,
        bind: impl FnOnce(Engine) -> Engine,
        pipeline: impl FnOnce() -> Current<()>,
    ) -> Self {
        let state = state.into();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("because threads can be had");
        let engine = Engine::open(state.path()).expect("because the folder is new");
        let engine = {
            let _entered = runtime.enter();
            bind(engine).start(pipeline).expect("because all that is needed is bound")
        };
        let status = engine.status();
        Self { runtime, engine, status, _state: state }
    }

    /// How the whole pipeline stands.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Returns when a step has ended after which `reached` holds.
    pub fn wait(&mut self, mut reached: impl FnMut(&Status) -> bool) {
        let seen = self.runtime.block_on(self.status.wait_for(|status| reached(status)));
        seen.expect("because the engine runs");
    }

    /// Waits for anything else.
    pub fn block_on<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// Returns when no job has a task any more.
    pub fn wait_for_tasks(&self) {
        let tasks = self.runtime.metrics();
        while tasks.num_alive_tasks() > 0 {
            std::thread::yield_now();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.runtime.block_on(self.engine.stop());
    }
}
