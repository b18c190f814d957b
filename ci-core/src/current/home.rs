//! Where nodes that were made of descriptions are found again, by those that are made later.
//!
//! What a bind's body or an element of a list is made of is lowered while the engine runs, and may use currents that
//! stand outside: those are the same nodes there. A home is kept only for a scope in which something can be made later,
//! and holds only descriptions that somebody else holds, too: nobody can ask for others.

use std::collections::HashMap;

use crate::incr::{Id, Scope};

/// A home's number: good for as long as its scope lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HomeNo(u32);

#[derive(Debug)]
pub(super) struct Home {
    parent: Option<HomeNo>,
    scope: Scope,
    /// See [`super::lower::Lowering::preview`].
    preview: Option<Id>,
    pub(super) nodes: HashMap<u64, Id>,
}

/// All homes of one engine.
#[derive(Debug, Default)]
pub(crate) struct Homes {
    slots: Vec<Option<Home>>,
    free: Vec<u32>,
    /// How many there may be before those of released scopes are looked for.
    sweep_at: usize,
}

impl Homes {
    /// Fewer are not worth a sweep.
    const SWEEP_MIN: usize = 64;

    /// A home for what is made in `scope`. Those of released scopes are given up from time to time: there are at most
    /// twice as many as were ever alive together, and some.
    pub(super) fn open(
        &mut self,
        parent: Option<HomeNo>,
        scope: Scope,
        preview: Option<Id>,
        is_open: impl Fn(Scope) -> bool,
    ) -> HomeNo {
        if self.slots.len() - self.free.len() >= self.sweep_at {
            for (at, slot) in (0..).zip(&mut self.slots) {
                if slot.take_if(|home| !is_open(home.scope)).is_some() {
                    self.free.push(at);
                }
            }
            self.sweep_at = (2 * (self.slots.len() - self.free.len())).max(Self::SWEEP_MIN);
        }
        let home = Some(Home { parent, scope, preview, nodes: HashMap::new() });
        match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = home;
                HomeNo(at)
            }
            None => {
                self.slots.push(home);
                HomeNo((self.slots.len() - 1) as u32)
            }
        }
    }

    pub(super) fn get_mut(&mut self, no: HomeNo) -> Option<&mut Home> {
        self.slots.get_mut(no.0 as usize)?.as_mut()
    }

    /// What stands for the element that there is none of, if all in this home is only to be seen.
    pub(super) fn preview(&self, no: HomeNo) -> Option<Id> {
        self.slots.get(no.0 as usize)?.as_ref()?.preview
    }

    /// The node of a description, in a home or one around it.
    pub(super) fn find(&self, mut from: Option<HomeNo>, number: u64) -> Option<Id> {
        while let Some(home) = from.and_then(|no| self.slots.get(no.0 as usize)?.as_ref()) {
            if let Some(id) = home.nodes.get(&number) {
                return Some(*id);
            }
            from = home.parent;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incr::Graph;

    #[test]
    fn homes_of_released_scopes_do_not_pile_up() {
        let mut graph = Graph::new(());
        let mut homes = Homes::default();
        for _ in 0..10_000 {
            let scope = graph.new_scope();
            homes.open(None, scope, None, |scope| graph.is_open(scope));
            graph.release_scope(scope);
        }
        assert!(homes.slots.len() <= Homes::SWEEP_MIN, "{}", homes.slots.len());
    }
}
