//! The versions of the keys that `changes` meets: found once for each key, because a hot key has very many.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::answers::history::is_placed;
use crate::check::{Logged, versions};
use crate::member::Origin;
use crate::mvcc::{Keyspace, Revision, Version};

/// The versions of each key that was met.
pub(super) struct VersionsOfKeys<'a> {
    keyspace: Keyspace<'a>,
    logged: Option<&'a Logged>,
    of_keys: RefCell<HashMap<&'a [u8], Rc<KeyVersions<'a>>>>,
}

#[derive(Default)]
struct KeyVersions<'a> {
    /// Oldest first.
    placed: Vec<(Origin, Version<'a>)>,
    /// By the raft index that is in place of their revision.
    unplaced: HashMap<Revision, (Origin, Version<'a>)>,
}

impl<'a> VersionsOfKeys<'a> {
    pub(super) fn new(keyspace: Keyspace<'a>, logged: Option<&'a Logged>) -> Self {
        Self {
            keyspace,
            logged,
            of_keys: RefCell::default(),
        }
    }

    fn of_key(&self, key: &'a [u8]) -> Rc<KeyVersions<'a>> {
        let mut of_keys = self.of_keys.borrow_mut();
        let of_key = of_keys.entry(key).or_insert_with(|| {
            let mut found = KeyVersions::default();
            for (origin, version) in versions(key, &self.keyspace, self.logged) {
                match is_placed(origin) {
                    true => found.placed.push((origin, version)),
                    false => {
                        found
                            .unplaced
                            .entry(version.revision)
                            .or_insert((origin, version));
                    }
                }
            }
            found.placed.sort_by_key(|(_, version)| version.revision);
            Rc::new(found)
        });
        Rc::clone(of_key)
    }

    /// The version of the same key before one; `None` if there is none, or if nothing says which it is.
    pub(super) fn before(
        &self,
        (origin, version): (Origin, Version<'a>),
    ) -> Option<(Origin, Version<'a>)> {
        if !is_placed(origin) {
            return None;
        }
        let of_key = self.of_key(version.key);
        let is_older = |(_, older): &(Origin, Version<'a>)| older.revision < version.revision;
        let older = of_key.placed.partition_point(is_older);
        of_key.placed.get(older.checked_sub(1)?).copied()
    }

    /// A write of the log of which no revision is known; `None` if the db has it with its revision.
    pub(super) fn unplaced(&self, write: &Version<'a>) -> Option<(Origin, Version<'a>)> {
        let of_key = self.of_key(write.key);
        of_key.unplaced.get(&write.revision).copied()
    }
}
