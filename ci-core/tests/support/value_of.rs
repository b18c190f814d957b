// For the examples in the docs: runs a current on an engine of its own until it has a value or has failed.
pub fn value_of<T: ci_core::Value>(current: ci_core::Current<T>) -> Result<T, String> {
    value_on(|engine| engine, current)
}

// The same on an engine that has something bound to it.
pub fn value_on<T: ci_core::Value>(
    set: impl FnOnce(ci_core::Engine) -> ci_core::Engine,
    current: ci_core::Current<T>,
) -> Result<T, String> {
    use ci_core::{Engine, current::Pending};
    use std::sync::{Arc, Mutex};

    let (state, seen) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(None)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let last = seen.clone();
        let told = current.map(move |value| *last.lock().unwrap() = Some(value.clone()));
        let engine = set(Engine::open(state.path()).unwrap()).start(|| told).unwrap();
        let mut status = engine.status();
        let over = |status: &ci_core::engine::Status| !matches!(status.outcome, Err(Pending::Active(_)));
        let outcome = status.wait_for(over).await.unwrap().outcome.clone();
        engine.stop().await;
        outcome.map_err(|why| why.to_string())
    })?;
    let value = seen.lock().unwrap().take();
    Ok(value.unwrap())
}
