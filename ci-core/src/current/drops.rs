//! Descriptions are dropped one after another and never one within another: a chain may be as long as memory allows, be
//! it one of inputs, of contexts, or of closures that hold a current each.

use std::any::Any;
use std::cell::RefCell;

thread_local! {
    /// What is to be dropped by the drop under way further up the stack; `None`: none is.
    static LATER: RefCell<Option<Vec<Box<dyn Any>>>> = const { RefCell::new(None) };
}

/// Drops `what`, now or when the drop that is under way has got that far.
pub(super) fn drop_flat(what: impl Any) {
    let nested = LATER.try_with(|later| match &mut *later.borrow_mut() {
        Some(later) => {
            later.push(Box::new(what));
            None
        }
        none => {
            *none = Some(Vec::new());
            Some(what)
        }
    });
    // An error: the thread ends, and has no place for what comes later. It was dropped where it stood.
    let Ok(Some(what)) = nested else { return };
    let _end = End;
    drop(what);
    while let Some(next) = LATER.with_borrow_mut(|later| later.as_mut()?.pop()) {
        drop(next);
    }
}

/// However the drop ends: if a closure's own panics, what is left is dropped as it comes.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        let left = LATER.take();
        drop(left);
    }
}
