//! Values that the program itself sets.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Seen, sit};
use super::wake::Wake;
use super::{Current, Described, Label, Outcome, Value};
use crate::engine::NodeKind;
use crate::incr::{Compute, Cx, Id};

/// A current that always has a value and is shown under this name, and the handle that changes it, from any thread and whenever: every engine that
/// runs the current follows. What is set between two steps of an engine is seen in one step; of several values only
/// the last.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::current::input;
///
/// let (answer, current) = input("answer", 6);
/// answer.set(42);
/// assert_eq!(value_of(current), Ok(42));
/// ```
pub fn input<T: Value>(label: impl Into<Label>, value: T) -> (Input<T>, Current<T>) {
    let shared = Arc::new(Mutex::new(State { value, readers: Vec::new() }));
    (Input { shared: shared.clone() }, Current::described_by(Set { label: label.into(), shared }))
}

/// Sets the value of a current made by [`input()`]. Clones set the same one. Dropping it leaves the value as it is.
pub struct Input<T> {
    shared: Arc<Mutex<State<T>>>,
}

struct State<T> {
    value: T,
    /// One for each engine that runs the current.
    readers: Vec<Weak<Reader>>,
}

/// One engine's node.
struct Reader {
    wake: Wake,
    node: Id,
    /// It was told, and has not looked yet: so an engine hears of it once however often it is set.
    told: AtomicBool,
}

fn locked<T>(shared: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Value> Input<T> {
    /// Gives the current this value. Returns at once.
    pub fn set(&self, value: T) {
        let mut state = locked(&self.shared);
        state.value = value;
        state.readers.retain(|reader| {
            let Some(reader) = reader.upgrade() else { return false };
            if !reader.told.swap(true, Ordering::Relaxed) {
                reader.wake.look_at(reader.node);
            }
            true
        });
    }

    /// The value that was set last.
    pub fn get(&self) -> T {
        locked(&self.shared).value.clone()
    }
}

impl<T> Clone for Input<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input")
    }
}

struct Set<T> {
    label: Label,
    shared: Arc<Mutex<State<T>>>,
}

impl<T: Value> Plan for Set<T> {
    fn label(&self) -> Label {
        self.label.clone()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        Vec::new()
    }

    fn lower(&self, _: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let cell =
            InputCell { label: self.label.clone(), shared: self.shared.clone(), reader: None, value: None };
        Ok(to.add(&[], cell).id())
    }
}

struct InputCell<T> {
    label: Label,
    shared: Arc<Mutex<State<T>>>,
    reader: Option<Arc<Reader>>,
    value: Option<Outcome<T>>,
}

impl<T: Value> Compute<World> for InputCell<T> {
    type Value = Outcome<T>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let mut state = locked(&self.shared);
        let reader = self.reader.get_or_insert_with(|| {
            let told = AtomicBool::new(false);
            let reader = Arc::new(Reader { wake: cx.world().wake.clone(), node: cx.me(), told });
            if state.readers.len() == state.readers.capacity() {
                state.readers.retain(|reader| reader.upgrade().is_some());
            }
            state.readers.push(Arc::downgrade(&reader));
            reader
        });
        reader.told.store(false, Ordering::Relaxed);
        let changed = !matches!(&self.value, Some(Ok(value)) if *value == state.value);
        if changed {
            self.value = Some(Ok(state.value.clone()));
        }
        changed
    }

    fn value(&self) -> &Outcome<T> {
        self.value.as_ref().expect("because a node is computed before it is read")
    }

    fn answer(&self, question: &mut dyn Any) {
        let Some(value) = &self.value else { return };
        sit(question, || Seen::new(NodeKind::Constant, self.label.clone(), [], value));
    }
}
