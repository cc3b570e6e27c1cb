//! The store that a replay starts from, as etcd's own reading of a damaged db found it.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::mvcc::KeyValue;
use crate::raft::Entry;
use crate::recover::{Applied, ApplyRules, Base, KeySpan, Replay, State};

/// Live records: user key, serialized `mvccpb.KeyValue`.
#[derive(Debug, Default)]
pub(super) struct Live(pub BTreeMap<Vec<u8>, Vec<u8>>);

impl Base for Live {
    fn live(&self, key: &[u8]) -> Option<KeyValue<'_>> {
        KeyValue::parse(self.0.get(key)?).ok()
    }

    fn live_in(&self, span: KeySpan<'_>) -> Vec<Vec<u8>> {
        let first = match span {
            KeySpan::Key(first) | KeySpan::Range(first, _) | KeySpan::From(first) => first,
        };
        let from = (Bound::Included(first), Bound::Unbounded);
        let keys = self.0.range::<[u8], _>(from).map(|(key, _)| key);
        keys.take_while(|key| span.contains(key)).cloned().collect()
    }

    fn attached(&self, lease: i64) -> Vec<Vec<u8>> {
        let on_lease = |record: &Vec<u8>| KeyValue::parse(record).is_ok_and(|kv| kv.lease == lease);
        let records = self.0.iter().filter(|(_, record)| on_lease(record));
        records.map(|(key, _)| key.clone()).collect()
    }
}

impl Live {
    /// Revision and number of keys after the entries were applied; `None` if one of them stops etcd.
    pub(super) fn after(
        &self,
        state: State,
        (revision, compacted): (i64, i64),
        entries: &[Entry<'_>],
        rules: ApplyRules,
    ) -> Option<(i64, usize)> {
        let mut replay = Replay::new(self, state, revision, compacted).with_rules(rules);
        for entry in entries {
            if let Applied::Stops(_) = replay.apply_data(entry.index, entry.kind, entry.data) {
                return None;
            }
        }
        let keys = replay.layer().live_in(KeySpan::From(&[0]));
        Some((replay.revision(), keys.len()))
    }
}
