//! What an engine keeps in its state directory besides the store.

use super::{Engine, Owner};
use crate::log_rules::LogRules;
use crate::store::SideFile;

impl Engine {
    /// Whose things on the outside are ours, and the log rules that people added: see [`crate::store::back_up`].
    pub const SIDE_FILES: [SideFile; 2] = [
        SideFile { path: Owner::FILE, read: |file| Owner::read(file).map(drop) },
        SideFile { path: LogRules::FILE, read: LogRules::check },
    ];
}
