//! From memory into sled.
//!
//! An index that has to be made anew is made in memory, in a tenth of the time that sled takes: so a program that was
//! killed answers soon, however long its history. What is more than [`AT_ONCE`] rows is moved into sled later, in the
//! order of its keys, whenever nobody waits for the writer. Until all is there memory is what is asked, and what is in
//! sled is not believed, should the program end. Where sled can't be used, the rows stay in memory until the next start.

use std::fs;
use std::io;
use std::path::Path;

use super::index::Index;
use super::rows::{Changes, IndexError};

/// So many rows are moved before anybody asks.
pub(super) const AT_ONCE: usize = 2_000;
/// So many are moved before it is looked again whether somebody waits.
pub(super) const STEP: usize = 200;

/// Rows on their way.
pub(super) struct Moving {
    sled: Index,
    /// All rows before it are there.
    before: Vec<u8>,
}

impl Moving {
    /// To an empty sled.
    pub(super) fn to(folder: &Path) -> Result<Self, IndexError> {
        let removed = match fs::symlink_metadata(folder) {
            Ok(there) if there.is_dir() => fs::remove_dir_all(folder),
            Ok(_) => fs::remove_file(folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(|error| IndexError(format!("can't remove {}: {error}", folder.display())))?;
        Ok(Self { sled: Index::open(folder)?, before: Vec::new() })
    }

    /// Copies the next rows, at most so many. Tells whether all are there now.
    pub(super) fn go_on(&mut self, from: &Index, rows: usize) -> Result<bool, IndexError> {
        let next = from.rows_from(&self.before, rows)?;
        let is_all = next.len() < rows;
        if let Some((last, _)) = next.last() {
            self.before = [last, &b"\0"[..]].concat();
        }
        self.sled.commit(next.into_iter().map(|(key, value)| (key, Some(value))).collect())?;
        Ok(is_all)
    }

    /// Makes those changes that are of rows which are there already: the others come with their rows.
    pub(super) fn follow(&mut self, changes: &Changes) -> Result<(), IndexError> {
        let there = changes.iter().take_while(|(key, _)| **key < self.before);
        self.sled.commit(there.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// The index to ask, when all is there.
    pub(super) fn into_index(self) -> Index {
        self.sled
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::rows::{Memory, Rows};

    #[derive(Clone, Debug)]
    enum Step {
        Move(usize),
        Change(u8, Option<u8>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (1..9_usize).prop_map(Step::Move),
            (any::<u8>(), any::<Option<u8>>()).prop_map(|(key, value)| Step::Change(key, value)),
        ];
        prop::collection::vec(step, 0..80)
    }

    /// All rows, by asking for each after the one before.
    fn all(index: &Index) -> Memory {
        let mut rows = Memory::new();
        let mut from = Vec::new();
        while let Some((key, value)) = index.at_or_after(b"", &from).unwrap() {
            from = [&key[..], b"\0"].concat();
            rows.insert(key, value);
        }
        rows
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_changes_meanwhile_sled_has_in_the_end(
            there in prop::collection::btree_map(any::<u8>(), any::<u8>(), 0..60),
            steps in steps(),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let rows = there.into_iter().map(|(key, value)| (vec![key], vec![value])).collect();
            let mut memory = Index::Memory(rows);
            let mut moving = Moving::to(&dir.path().join("index")).unwrap();
            for step in steps {
                match step {
                    Step::Move(rows) => _ = moving.go_on(&memory, rows).unwrap(),
                    Step::Change(key, value) => {
                        let changes = Changes::from([(vec![key], value.map(|value| vec![value]))]);
                        moving.follow(&changes).unwrap();
                        memory.commit(changes).unwrap();
                    }
                }
            }
            while !moving.go_on(&memory, 7).unwrap() {}
            prop_assert_eq!(all(&moving.into_index()), all(&memory));
        }
    }
}
