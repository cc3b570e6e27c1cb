//! Keys that a damaged db has back: the log beside it deleted them, and the record of the deletion is lost.

use std::collections::BTreeMap;

use super::objects::{ObjectState, ObjectsAnswer};
use crate::check::Logged;
use crate::codes::cross;
use crate::mvcc::{KeyRange, Keyspace};
use located::text::escape::{self, Charset};
use located::text::number::thousands;
use located::{FileName, Finding, Place};

/// Maximum number of keys that the sentence names.
const NAMED: usize = 5;

/// The keys, each with the revision of the deletion that the db lost.
#[derive(Clone, Debug, Default)]
pub struct ReturnedKeys(BTreeMap<Vec<u8>, i64>);

impl ReturnedKeys {
    /// Those that are live in a db at its newest revision. What the db does not have yet, a start applies: it is not lost.
    pub fn find(keyspace: &Keyspace<'_>, logged: &Logged) -> Self {
        let (of_log, newest) = (logged.keyspace(), keyspace.revision());
        let mut last: BTreeMap<&[u8], (i64, bool)> = BTreeMap::new();
        for version in of_log.all(&KeyRange::all()).iter() {
            let main = version.revision.main;
            let known = last.entry(version.key).or_default();
            if main <= newest && main > known.0 {
                *known = (main, version.tombstone);
            }
        }
        let is_back = |key: &[u8], deleted: i64| {
            let stored = keyspace.get(key, None).ok().flatten();
            stored.is_some_and(|stored| stored.revision.main < deleted)
        };
        let deleted = last.into_iter().filter(|(_, (_, tombstone))| *tombstone);
        let back = deleted.filter(|(key, (main, _))| is_back(key, *main));
        Self(back.map(|(key, (main, _))| (key.to_vec(), main)).collect())
    }

    /// The revision at which the log deleted a key that the db has.
    pub fn deleted_at(&self, key: &[u8]) -> Option<i64> {
        self.0.get(key).copied()
    }

    /// One sentence about them; `None` if there are none.
    pub fn sentence(&self) -> Option<String> {
        let named = self.0.iter().take(NAMED).map(|(key, main)| {
            let key = escape::bytes(key, Charset::default());
            format!("{key} at rev {}", thousands((*main).into()))
        });
        let named: Vec<String> = named.collect();
        let more = match self.0.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let count = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        let what = crate::start::counted(
            count,
            "key that the db has as live was deleted",
            "keys that the db has as live were deleted",
        );
        (!self.0.is_empty()).then(|| {
            format!(
                "{what}, as the log has it; the db lost the record of that: {}{more}",
                named.join(", ")
            )
        })
    }

    /// The same as damage of an answer.
    pub fn finding(&self, file: FileName) -> Option<Finding> {
        let finding = Finding::new(&cross::MISSING, Place::file(&file), self.sentence()?);
        let keys = self.0.keys().take(NAMED);
        Some(keys.fold(finding, |finding, key| finding.key(key.as_slice())))
    }

    /// Marks the rows of these keys: they are not live.
    pub fn mark(&self, answer: &mut ObjectsAnswer) {
        for row in &mut answer.rows {
            let deleted = self.deleted_at(&row.key);
            let is_live = matches!(row.state, ObjectState::Live | ObjectState::Unreadable(_));
            if let Some(revision) = deleted.filter(|_| is_live) {
                row.state = ObjectState::DeletedInLog { revision };
                answer.live = answer.live.saturating_sub(1);
            }
        }
    }
}
