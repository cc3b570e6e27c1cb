//! A naive model of etcd's MVCC, and the index over the very same records: they must agree on everything.

use std::collections::BTreeMap;

use etcd_inspect::bolt::{Db, MetaChoice};
use etcd_inspect::mvcc::{
    Compaction, Index, KeyRange, KeyValue, Keyspace, Overlay, Revision, Rules, StoredKey,
};
use etcd_inspect::{Bytes, Error, FileName, Limits};
use proptest::prelude::*;
use testkit::synth;

#[derive(Clone, Debug)]
enum Op {
    Put(u8, u8),
    Delete(u8),
    /// A put and a deletion in one transaction.
    Both(u8, u8),
    /// Compact at this many hundredths of the way to the current revision.
    Compact(u8),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..12u8, any::<u8>()).prop_map(|(key, value)| Op::Put(key, value)),
        3 => (0..12u8).prop_map(Op::Delete),
        2 => (0..12u8, 0..12u8).prop_map(|(a, b)| Op::Both(a, b)),
        1 => (0..=100u8).prop_map(Op::Compact),
    ];
    prop::collection::vec(op, 0..120)
}

/// What a key held at one main revision: creation, version, value; `None` once deleted.
type State = BTreeMap<Vec<u8>, (i64, i64, u8)>;

#[derive(Default)]
struct Model {
    states: BTreeMap<i64, State>,
    records: BTreeMap<Vec<u8>, (StoredKey, Vec<u8>)>,
    compacted: Option<i64>,
    current: i64,
}

fn name(key: u8) -> Vec<u8> {
    format!("/k/{key:02}").into_bytes()
}

impl Model {
    fn run(ops: &[Op]) -> Self {
        let mut model = Self {
            current: 1,
            ..Self::default()
        };
        model.states.insert(1, State::new());
        for op in ops {
            match op {
                Op::Put(key, value) => model.write(&[(*key, Some(*value))]),
                Op::Delete(key) => model.write(&[(*key, None)]),
                Op::Both(a, b) if a != b => model.write(&[(*a, Some(0)), (*b, None)]),
                Op::Both(..) => {}
                Op::Compact(share) => model.compact(*share),
            }
        }
        model
    }

    fn write(&mut self, changes: &[(u8, Option<u8>)]) {
        let mut state = self.states[&self.current].clone();
        let main = self.current + 1;
        let mut sub = 0;
        for (key, value) in changes {
            let user_key = name(*key);
            let stored = |tombstone| StoredKey {
                revision: Revision::new(main, sub),
                tombstone,
            };
            let (stored, record) = match (value, state.get(&user_key).copied()) {
                (None, None) => continue,
                (None, Some(_)) => {
                    state.remove(&user_key);
                    (stored(true), synth::mvcc::KeyValue::deleted(&user_key))
                }
                (Some(value), before) => {
                    let (create, version) =
                        before.map_or((main, 1), |(create, version, _)| (create, version + 1));
                    state.insert(user_key.clone(), (create, version, *value));
                    let record = synth::mvcc::KeyValue {
                        key: user_key.clone(),
                        create_revision: create,
                        mod_revision: main,
                        version,
                        value: vec![*value; usize::from(*value)],
                        lease: 0,
                    };
                    (stored(false), record)
                }
            };
            self.records
                .insert(stored.to_bytes(), (stored, record.encode()));
            sub += 1;
        }
        if sub > 0 {
            self.states.insert(main, state);
            self.current = main;
        }
    }

    /// Generations as etcd keeps them: of those that end at or after C the first, of it the newest record up to C.
    fn compact(&mut self, share: u8) {
        let at = 1 + (self.current - 1) * i64::from(share) / 100;
        if self.compacted.is_some_and(|compacted| at <= compacted) {
            return;
        }
        self.compacted = Some(at);
        let mut of_key: BTreeMap<Vec<u8>, Vec<Vec<StoredKey>>> = BTreeMap::new();
        for (stored, message) in self.records.values() {
            let generations = of_key
                .entry(KeyValue::parse(message).unwrap().key.to_vec())
                .or_insert_with(|| vec![vec![]]);
            generations.last_mut().unwrap().push(*stored);
            if stored.tombstone {
                generations.push(Vec::new());
            }
        }
        let mut keep = Vec::new();
        for generations in of_key.values() {
            let ends = |generation: &&Vec<StoredKey>| {
                generation
                    .last()
                    .is_some_and(|last| last.revision.main >= at)
            };
            let chosen = generations
                .iter()
                .find(ends)
                .or(generations.last())
                .unwrap();
            keep.extend(
                chosen
                    .iter()
                    .rev()
                    .find(|record| record.revision.main <= at)
                    .map(|record| record.to_bytes()),
            );
        }
        self.records
            .retain(|key, (stored, _)| stored.revision.main > at || keep.contains(key));
    }

    fn file(&self) -> Vec<u8> {
        let entries = self
            .records
            .iter()
            .map(|(key, (_, message))| (key.clone(), message.clone()));
        synth::bolt::DbBuilder::etcd()
            .bucket("key", entries)
            .per_leaf(7)
            .build()
    }

    fn compaction(&self) -> Compaction {
        Compaction {
            scheduled: self.compacted,
            finished: self.compacted,
        }
    }

    /// Everything the model knows, asked of a keyspace.
    fn agrees(&self, keyspace: Keyspace<'_>) -> Result<(), TestCaseError> {
        prop_assert_eq!(keyspace.revision(), self.current);
        let oldest = self.compacted.unwrap_or(1);
        for at in oldest..=self.current {
            let state = &self.states[&at];
            let live = keyspace.live(&KeyRange::all(), Some(at)).unwrap();
            let live: Vec<_> = live
                .iter()
                .map(|version| (version.key.to_vec(), facts(version.key_value().unwrap())))
                .collect();
            let wanted: Vec<_> = state
                .iter()
                .map(|(key, facts)| (key.clone(), *facts))
                .collect();
            prop_assert_eq!(live, wanted, "at {}", at);
            for key in (0..12).map(name) {
                let got = keyspace
                    .get(&key, Some(at))
                    .unwrap()
                    .map(|version| facts(version.key_value().unwrap()));
                prop_assert_eq!(got, state.get(&key).copied());
            }
        }
        let past = keyspace.live(&KeyRange::all(), Some(oldest - 1));
        let refused = matches!(past, Err(Error::Compacted { .. }));
        prop_assert!(refused || self.compacted.is_none());
        let future = keyspace.get(b"/k/01", Some(self.current + 1)).unwrap_err();
        let refused = matches!(future, Error::Future { .. });
        prop_assert!(refused);
        prop_assert_eq!(keyspace.removable().len(), 0);
        for key in (0..12).map(name) {
            let mine: Vec<_> = self
                .records
                .values()
                .filter(|(_, m)| KeyValue::parse(m).unwrap().key == key)
                .collect();
            let told: Vec<_> = keyspace
                .history(&key)
                .into_iter()
                .flat_map(|life| life.versions)
                .collect();
            prop_assert_eq!(told.len(), mine.len());
            prop_assert!(
                told.iter()
                    .zip(&mine)
                    .all(|(a, b)| (a.revision, a.tombstone) == (b.0.revision, b.0.tombstone))
            );
            let deleted = mine.last().is_some_and(|(stored, _)| stored.tombstone);
            prop_assert_eq!(
                keyspace.deleted(&KeyRange::key(&key)).len(),
                usize::from(deleted)
            );
        }
        let counts = keyspace.counts();
        let bytes: usize = self
            .records
            .iter()
            .map(|(key, (_, message))| key.len() + message.len())
            .sum();
        prop_assert_eq!(counts.live_bytes + counts.history_bytes, bytes as u64);
        prop_assert_eq!(counts.revisions as usize, self.records.len());
        prop_assert_eq!(counts.keys as usize, self.states[&self.current].len());
        Ok(())
    }

    /// HashKV at R, word for word as etcd loops over its bucket.
    fn hash(&self, at: i64) -> u32 {
        let compacted = self.compacted.unwrap_or(-1);
        let mut newest: BTreeMap<Vec<u8>, StoredKey> = BTreeMap::new();
        for (stored, message) in self
            .records
            .values()
            .filter(|(stored, _)| stored.revision.main <= at)
        {
            newest.insert(KeyValue::parse(message).unwrap().key.to_vec(), *stored);
        }
        let keep: Vec<_> = newest
            .into_values()
            .filter(|stored| !stored.tombstone)
            .collect();
        let mut bytes = b"key".to_vec();
        for (key, (stored, message)) in &self.records {
            let main = stored.revision.main;
            let dropped = main <= compacted && !keep.is_empty() && !keep.contains(stored);
            if main <= at && !dropped && !(stored.tombstone && main == compacted) {
                bytes.extend(key);
                bytes.extend(message);
            }
        }
        crc32c::crc32c(&bytes)
    }
}

fn facts(kv: KeyValue<'_>) -> (i64, i64, u8) {
    (
        kv.create_revision,
        kv.version,
        kv.value.first().copied().unwrap_or(0),
    )
}

fn indexed<T>(file: &[u8], compaction: Compaction, ask: impl FnOnce(Keyspace<'_>) -> T) -> T {
    let name = FileName::new("db");
    let db = Db::open(
        Bytes::new(&name, 0, file),
        MetaChoice::Newest,
        &Limits::default(),
    )
    .unwrap();
    let mut findings = Vec::new();
    let bucket = db.bucket(b"key", &mut |f| findings.push(f)).unwrap();
    let index = Index::build(&bucket, &mut |f| findings.push(f));
    assert_eq!(findings.len(), 0, "{findings:?}");
    ask(Keyspace::new(&index, file, compaction, Rules::NEWEST))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_sequence_of_writes_and_compactions_reads_back_as_the_model_has_it(ops in ops()) {
        let model = Model::run(&ops);
        indexed(&model.file(), model.compaction(), |keyspace| {
            model.agrees(keyspace)?;
            for at in model.compacted.unwrap_or(1)..=model.current {
                prop_assert_eq!(keyspace.hash_kv(Some(at)).unwrap().hash, model.hash(at), "at {}", at);
            }
            Ok(())
        })?;
    }

    #[test]
    fn an_overlay_that_goes_on_is_the_same_as_having_read_it_all(ops in ops(), share in 0..=100usize) {
        let (before, after) = ops.split_at(ops.len() * share / 100);
        let after: Vec<Op> = after.iter().filter(|op| !matches!(op, Op::Compact(_))).cloned().collect();
        let whole = Model::run(&[before, &after[..]].concat());
        let model = Model::run(before);
        indexed(&model.file(), model.compaction(), |keyspace| {
            let mut overlay = Overlay::new(&keyspace);
            for (stored, message) in whole.records.values().filter(|(stored, _)| stored.revision.main > model.current) {
                let kv = KeyValue::parse(message).unwrap();
                let done = if stored.tombstone { overlay.delete(stored.revision, kv.key) } else { overlay.put(stored.revision, &kv) };
                prop_assert!(done);
                let now = overlay.get(kv.key).map(|version| version.revision);
                prop_assert_eq!(now, (!stored.tombstone).then_some(stored.revision));
            }
            whole.agrees(overlay.keyspace())?;
            prop_assert_eq!(overlay.keyspace().hash_kv(None).unwrap().hash, whole.hash(whole.current));

            let at = overlay.keyspace().compact_revision().unwrap_or(1).max(whole.current / 2);
            let mut compacted = Model::run(&[before, &after[..]].concat());
            compacted.records.clone_from(&whole.records);
            compacted.compacted = None;
            let share = u8::try_from((at - 1) * 100 / (whole.current - 1).max(1)).unwrap();
            compacted.compact(share);
            overlay.compact(compacted.compacted.unwrap_or(at));
            if compacted.compacted >= whole.compacted {
                compacted.agrees(overlay.keyspace())?;
                prop_assert_eq!(overlay.keyspace().hash_kv(None).unwrap().hash, compacted.hash(compacted.current));
            }
            Ok(())
        })?;
    }
}

#[test]
fn what_an_interrupted_compaction_left_is_named_and_changes_no_answer() {
    let mut model = Model::run(&[
        Op::Put(1, 1),
        Op::Put(1, 2),
        Op::Put(1, 3),
        Op::Put(2, 1),
        Op::Delete(2),
    ]);
    let compaction = Compaction {
        scheduled: Some(4),
        finished: None,
    };
    let whole = model.file();
    let before = indexed(&whole, compaction, |keyspace| {
        let removable: Vec<_> = keyspace
            .removable()
            .iter()
            .map(|version| version.revision.main)
            .collect();
        assert_eq!(removable, [2, 3]);
        keyspace.hash_kv(Some(6)).unwrap().hash
    });
    model.compacted = Some(4);
    model
        .records
        .retain(|_, (stored, _)| stored.revision.main > 3);
    indexed(&model.file(), model.compaction(), |keyspace| {
        assert_eq!(keyspace.hash_kv(Some(6)).unwrap().hash, before);
        assert_eq!(keyspace.removable().len(), 0);
    });
}
