//! Where nodes that were made of descriptions are found again, by those that are made later.
//!
//! What a bind's body or an element of a list is made of is lowered while the engine runs, and may use currents that
//! stand outside: those are the same nodes there. A home is kept only for a scope in which something can be made later,
//! and holds only descriptions that somebody else holds, too: nobody can ask for others.

use std::collections::HashMap;

use super::sweep::Sweep;
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
    sweep: Sweep,
}

impl Homes {
    /// A home for what is made in `scope`. Those of released scopes are given up from time to time.
    pub(super) fn open(
        &mut self,
        parent: Option<HomeNo>,
        scope: Scope,
        preview: Option<Id>,
        is_open: impl Fn(Scope) -> bool,
    ) -> HomeNo {
        if self.sweep.is_due(self.slots.len() - self.free.len()) {
            for (at, slot) in (0..).zip(&mut self.slots) {
                if slot.take_if(|home| !is_open(home.scope)).is_some() {
                    self.free.push(at);
                }
            }
            self.sweep.leaves(self.slots.len() - self.free.len());
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
    use std::cell::Cell;

    use super::*;
    use crate::incr::Graph;

    #[test]
    fn homes_of_released_scopes_do_not_pile_up_and_those_of_open_ones_stay() {
        const OPENED: usize = 10_000;
        let mut graph = Graph::new(());
        let (mut homes, mut alive, asked) = (Homes::default(), Vec::new(), Cell::new(0));
        for number in 0..OPENED {
            let scope = graph.new_scope();
            let home = homes.open(None, scope, None, |scope| {
                asked.set(asked.get() + 1);
                graph.is_open(scope)
            });
            if number.is_multiple_of(50) {
                alive.push((home, scope));
            } else {
                graph.release_scope(scope);
            }
            let most = (2 * alive.len()).max(Sweep::MIN);
            assert!(homes.slots.len() <= most, "{} for {}", homes.slots.len(), alive.len());
        }
        for (home, scope) in alive {
            assert_eq!(homes.get_mut(home).map(|home| home.scope), Some(scope));
        }
        assert!(asked.get() <= 3 * OPENED, "{} looks", asked.get());
    }
}
