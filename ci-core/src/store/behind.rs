//! One lot of changes is written while the next is worked out: each takes about as long as the other.

use std::sync::Arc;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::index::Index;
use super::rows::{Changes, IndexError, Over};

/// An index that a thread of its own writes to.
pub(super) struct Behind<'s, 'i> {
    scope: &'s Scope<'s, 'i>,
    index: &'i Index,
    /// What is on its way.
    ahead: Arc<Changes>,
    writes: Option<ScopedJoinHandle<'s, Result<(), IndexError>>>,
}

impl<'s, 'i> Behind<'s, 'i> {
    pub(super) fn new(scope: &'s Scope<'s, 'i>, index: &'i Index) -> Self {
        Self { scope, index, ahead: Arc::default(), writes: None }
    }

    /// The rows as they are when all is written.
    pub(super) fn rows(&self) -> Over<'_> {
        Over { base: self.index, changes: &self.ahead }
    }

    /// Begins to make these changes when those before are made.
    pub(super) fn commit(&mut self, changes: Changes) -> Result<(), IndexError> {
        self.end()?;
        self.ahead = Arc::new(changes);
        let (index, changes) = (self.index, self.ahead.clone());
        let writes =
            Builder::new().name("ci-index".to_owned()).spawn_scoped(self.scope, move || index.make(&changes));
        match writes {
            Ok(writes) => self.writes = Some(writes),
            Err(_) => self.index.make(&self.ahead)?,
        }
        Ok(())
    }

    /// Returns when all changes are made.
    pub(super) fn end(&mut self) -> Result<(), IndexError> {
        let Some(writes) = self.writes.take() else { return Ok(()) };
        writes.join().unwrap_or_else(|_| Err(IndexError("writing the index panicked".to_owned())))
    }
}
