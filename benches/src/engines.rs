//! Who competes.

use crate::shape::Sizes;
use crate::work::{Work, Workload};

pub mod core;
pub mod incremental;
pub mod incremental_map;
mod running;
pub mod salsa;
pub mod whole;

pub use self::running::{Running, state_in_memory, state_on_disk};

/// An engine.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// Its name in tables.
    pub name: &'static str,
    /// Makes it ready for a workload; `None`: it has no form of it.
    pub ready: fn(Workload, &Sizes) -> Option<Box<dyn Work>>,
}

/// [`ci_core::incr`]; told how a sum is undone, as the peers are.
pub const CORE: Engine = Engine { name: "core", ready: core::ready };
/// [`ci_core::incr`], with sums kept as any associative function is.
pub const ANY_FOLD: Engine = Engine { name: "core, any fold", ready: core::ready_any_fold };
/// [`ci_core::Current`], run by an engine.
pub const WHOLE: Engine = Engine { name: "whole", ready: whole::ready };
/// Crate `incremental`, expert form.
pub const INCREMENTAL: Engine = Engine { name: "incremental", ready: incremental::ready };
/// Crate `incremental-map`.
pub const INCREMENTAL_MAP: Engine = Engine { name: "incremental-map", ready: incremental_map::ready };
/// Crate `salsa`.
pub const SALSA: Engine = Engine { name: "salsa", ready: salsa::ready };

/// All of them; the first is what others are compared with.
pub const ALL: [Engine; 6] = [CORE, ANY_FOLD, WHOLE, INCREMENTAL, INCREMENTAL_MAP, SALSA];
