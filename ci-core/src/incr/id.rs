//! Names of nodes and scopes: small numbers that know when what they named is gone.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// No node, no scope: the end of a list of indices.
pub(super) const NONE: u32 = u32::MAX;

/// A node of one graph. A place in the arena is used again after a release, with a new generation: an id kept too
/// long is recognised and ignored. Ids of one graph mean nothing in another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Id {
    /// The same id, with the type that the caller knows its value to have. A wrong type shows at the first read:
    /// [`Graph::get`](super::Graph::get) gives `None`.
    pub fn typed<T>(self) -> Node<T> {
        Node { id: self, value: PhantomData }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}

/// A node whose value is a `T`. As small and as free to copy as its [`Id`].
pub struct Node<T> {
    id: Id,
    value: PhantomData<fn() -> T>,
}

impl<T> Node<T> {
    /// The id without the type.
    pub fn id(self) -> Id {
        self.id
    }
}

impl<T> Clone for Node<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Node<T> {}

impl<T> PartialEq for Node<T> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<T> Eq for Node<T> {}

impl<T> Hash for Node<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl<T> fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// A group of nodes that are released together. Stale ones are recognised as with [`Id`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Scope {
    /// Where nodes are made that live as long as the graph.
    pub(super) const ROOT: Self = Self { index: 0, generation: 0 };
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scope {}.{}", self.index, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_equal_when_they_name_the_same_and_say_which() {
        let node = |index, generation| Id { index, generation }.typed::<u8>();
        assert_eq!(node(1, 2), node(1, 2));
        assert_ne!(node(1, 2), node(1, 3));
        let all = [node(1, 2), node(1, 3), node(2, 2)];
        assert_eq!(HashSet::from(all).len(), 3);
        let hashes: HashSet<_> = all.iter().map(hash).collect();
        assert_eq!(hashes.len(), 3, "they don't all fall into one place of a table");
        assert_eq!(format!("{:?} {:?}", node(1, 2), node(1, 2).id()), "#1.2 #1.2");
        assert_eq!(format!("{:?}", Scope { index: 4, generation: 5 }), "scope 4.5");
    }

    fn hash(node: &Node<u8>) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        node.hash(&mut hasher);
        hasher.finish()
    }
}
