//! What replayed entries have changed, over the store they were applied to.
//!
//! Requests read the newest version of keys, ranges of live keys and the keys of a lease; they write new versions. The
//! layer answers from what was written so far and falls through to the [`Base`] for the rest. Keys and values that
//! are in the log stay slices of it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use super::covered::Covered;
use crate::mvcc::{KeyValue, Revision};
use located::RaftIndex;

/// The store under a replay, as it is at one revision.
pub trait Base {
    /// The version of a key that is live there; a slice of its value is not kept beyond the call.
    fn live(&self, key: &[u8]) -> Option<KeyValue<'_>>;
    /// The live keys of a span, ascending.
    fn live_in(&self, span: KeySpan<'_>) -> Vec<Vec<u8>>;
    /// The live keys attached to a lease, in any order.
    fn attached(&self, lease: i64) -> Vec<Vec<u8>>;
}

/// The store of a member that was never written to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Base for Nothing {
    fn live(&self, _key: &[u8]) -> Option<KeyValue<'_>> {
        None
    }
    fn live_in(&self, _span: KeySpan<'_>) -> Vec<Vec<u8>> {
        Vec::new()
    }
    fn attached(&self, _lease: i64) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// One key, or the keys from one up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySpan<'a> {
    /// One key.
    Key(&'a [u8]),
    /// From the first up to, not including, the second.
    Range(&'a [u8], &'a [u8]),
    /// From a key to the end.
    From(&'a [u8]),
}

impl<'a> KeySpan<'a> {
    /// As etcd reads `key` and `range_end`: empty is one key, one zero byte is everything from `key` on.
    pub fn new(key: &'a [u8], range_end: &'a [u8]) -> Self {
        match range_end {
            [] => Self::Key(key),
            [0] => Self::From(key),
            end => Self::Range(key, end),
        }
    }

    /// Returns whether `key` is in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        match *self {
            Self::Key(only) => key == only,
            Self::Range(first, end) => key >= first && key < end,
            Self::From(first) => key >= first,
        }
    }
}

/// One record that a replayed entry writes into the `key` bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// Its revision.
    pub revision: Revision,
    /// The raft index of the entry.
    pub index: RaftIndex,
    /// The user key.
    pub key: Cow<'a, [u8]>,
    /// What is stored; `None` for a deletion.
    pub put: Option<Put<'a>>,
}

/// What a put stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put<'a> {
    /// The revision that created the key.
    pub create_revision: i64,
    /// Writes since then.
    pub version: i64,
    /// The value.
    pub value: Cow<'a, [u8]>,
    /// The lease; 0 for none.
    pub lease: i64,
}

impl Change<'_> {
    /// The record as etcd would store it.
    pub fn key_value(&self) -> KeyValue<'_> {
        let mut kv = KeyValue {
            key: &self.key,
            canonical: true,
            ..KeyValue::default()
        };
        if let Some(put) = &self.put {
            kv.create_revision = put.create_revision;
            kv.mod_revision = self.revision.main;
            kv.version = put.version;
            kv.value = &put.value;
            kv.lease = put.lease;
        }
        kv
    }
}

/// Everything that replayed entries changed, over the store they were applied to.
pub struct Layer<'a, 'b> {
    base: &'b dyn Base,
    changes: Vec<Change<'a>>,
    /// The newest change of each key that was touched.
    newest: HashMap<Cow<'a, [u8]>, usize, foldhash::fast::RandomState>,
    /// The keys of them that are live, in order: collected when a range is first asked for, which most logs never do.
    alive: OnceCell<BTreeSet<Cow<'a, [u8]>>>,
    /// Where the base has no live key that was not touched: a range that was deleted is not read again.
    deleted: Covered,
    /// Keys that the layer attached to a lease.
    attached: HashMap<i64, BTreeSet<Vec<u8>>>,
    /// Keys of which something shows that they were written since, at a revision, or deleted (`None`), by an entry that is lost.
    presumed: HashMap<Vec<u8>, Option<i64>>,
}

impl<'a, 'b> Layer<'a, 'b> {
    /// Nothing changed yet.
    pub fn new(base: &'b dyn Base) -> Self {
        Self {
            base,
            changes: Vec::new(),
            newest: HashMap::default(),
            alive: OnceCell::new(),
            deleted: Covered::default(),
            attached: HashMap::new(),
            presumed: HashMap::new(),
        }
    }

    /// What was changed, by ascending revision.
    pub fn changes(&self) -> &[Change<'a>] {
        &self.changes
    }

    /// What was changed, by ascending revision.
    pub fn into_changes(self) -> Vec<Change<'a>> {
        self.changes
    }

    /// Takes out the changes that a later one of the same key replaced, by ascending revision: those that are left answer
    /// every question about the store. Bounds the memory of a replay whose changes are used up on the way.
    pub(crate) fn take_replaced(&mut self, each: &mut dyn FnMut(Change<'a>)) {
        let mut is_newest = vec![false; self.changes.len()];
        for at in self.newest.values() {
            if let Some(is_newest) = is_newest.get_mut(*at) {
                *is_newest = true;
            }
        }
        let mut left = 0;
        let place = |is_newest: &bool| {
            let at = left;
            left += usize::from(*is_newest);
            at
        };
        let places: Vec<usize> = is_newest.iter().map(place).collect();
        for at in self.newest.values_mut() {
            *at = places.get(*at).copied().unwrap_or(*at);
        }
        let mut flags = is_newest.iter();
        let is_replaced = |_: &mut Change<'a>| flags.next() == Some(&false);
        self.changes.extract_if(.., is_replaced).for_each(each);
    }

    /// Returns the newest change of a key; `None` if the layer did not touch it.
    pub fn touched(&self, key: &[u8]) -> Option<&Change<'a>> {
        self.changes.get(*self.newest.get(key)?)
    }

    /// The live version of a key.
    pub fn live(&self, key: &[u8]) -> Option<KeyValue<'_>> {
        let known = match self.touched(key) {
            Some(change) => change.put.as_ref().map(|_| change.key_value()),
            None => self.base.live(key),
        };
        match self.presumed.get_key_value(key) {
            None => known,
            Some((key, written)) => written.map(|main| presumed(key, main, known)),
        }
    }

    /// Goes on as if a lost entry had written a key at a revision, or deleted it: no change says so, what is known of its value is that
    /// of the version before, and its lease is not known.
    pub(crate) fn presume(&mut self, key: &[u8], written: Option<i64>) {
        self.presumed.insert(key.to_vec(), written);
    }

    /// The live keys of a span, ascending.
    pub fn live_in(&self, span: KeySpan<'_>) -> Vec<Vec<u8>> {
        if let KeySpan::Key(key) = span {
            return self.live(key).map(|_| key.to_vec()).into_iter().collect();
        }
        let mut keys: BTreeSet<Vec<u8>> = BTreeSet::new();
        for (first, end) in self.deleted.without(span) {
            let part = match &end {
                Some(end) => KeySpan::Range(&first, end),
                None => KeySpan::From(&first),
            };
            let of_base = self.base.live_in(part).into_iter();
            keys.extend(of_base.filter(|key| !self.newest.contains_key(key.as_slice())));
        }
        let first = match span {
            KeySpan::Key(first) | KeySpan::Range(first, _) | KeySpan::From(first) => first,
        };
        let from = (Bound::Included(first), Bound::Unbounded);
        let touched = self.alive().range::<[u8], _>(from);
        let touched = touched.take_while(|key| span.contains(key));
        keys.extend(touched.map(|key| key.to_vec()));
        for (key, written) in &self.presumed {
            match written {
                Some(_) if span.contains(key) => {
                    keys.insert(key.clone());
                }
                Some(_) => {}
                None => {
                    keys.remove(key);
                }
            }
        }
        keys.into_iter().collect()
    }

    /// The keys that were touched and are live.
    fn alive(&self) -> &BTreeSet<Cow<'a, [u8]>> {
        let is_live = |at: usize| {
            let newest = self.changes.get(at);
            newest.is_some_and(|change| change.put.is_some())
        };
        self.alive.get_or_init(|| {
            let touched = self.newest.iter();
            let alive = touched.filter(|(_, at)| is_live(**at));
            alive.map(|(key, _)| key.clone()).collect()
        })
    }

    /// Remembers that every key of a span was deleted.
    pub fn deleted(&mut self, span: KeySpan<'_>) {
        if !matches!(span, KeySpan::Key(_)) {
            self.deleted.add(span);
        }
    }

    /// The live keys attached to a lease, ascending.
    pub fn attached(&self, lease: i64) -> Vec<Vec<u8>> {
        let below = self
            .base
            .attached(lease)
            .into_iter()
            .filter(|key| !self.newest.contains_key(key.as_slice()));
        let mut keys: BTreeSet<Vec<u8>> = self.attached.get(&lease).cloned().unwrap_or_default();
        keys.extend(below);
        // The lease of a lost write is not known; most clients write a key again with a lease of its own.
        keys.retain(|key| !self.presumed.contains_key(key));
        keys.into_iter().collect()
    }

    /// Writes a version of a key: a value, or a deletion.
    pub fn write(&mut self, change: Change<'a>) {
        if !self.presumed.is_empty() {
            self.presumed.remove(change.key.as_ref());
        }
        let at = self.changes.len();
        let before = match self.newest.get_mut(&change.key) {
            Some(newest) => Some(std::mem::replace(newest, at)),
            None => {
                self.newest.insert(change.key.clone(), at);
                None
            }
        };
        let before = before
            .and_then(|before| self.changes.get(before)?.put.as_ref())
            .map(|put| put.lease);
        if let Some(before) = before
            && let Some(keys) = self.attached.get_mut(&before)
        {
            keys.remove(change.key.as_ref());
        }
        if let Some(put) = change.put.as_ref().filter(|put| put.lease != 0) {
            self.attached
                .entry(put.lease)
                .or_default()
                .insert(change.key.to_vec());
        }
        match (self.alive.get_mut(), &change.put, before) {
            // It is among them, or they are not collected yet.
            (None, ..) | (_, Some(_), Some(_)) => {}
            (Some(alive), Some(_), None) => {
                alive.insert(change.key.clone());
            }
            (Some(alive), None, _) => {
                alive.remove(&change.key);
            }
        }
        self.changes.push(change);
    }
}

/// A key as a lost entry left it, after the version that is known.
fn presumed<'k>(key: &'k [u8], main: i64, known: Option<KeyValue<'k>>) -> KeyValue<'k> {
    let known = known.unwrap_or(KeyValue {
        create_revision: main,
        canonical: true,
        ..KeyValue::default()
    });
    KeyValue {
        key,
        mod_revision: main,
        version: known.version.saturating_add(1),
        ..known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(main: i64, key: &'static [u8], put: Option<(&'static [u8], i64)>) -> Change<'static> {
        let put = put.map(|(value, lease)| Put {
            create_revision: main,
            version: 1,
            value: value.into(),
            lease,
        });
        Change {
            revision: Revision::new(main, 0),
            index: RaftIndex(0),
            key: key.into(),
            put,
        }
    }

    #[test]
    fn a_deleted_key_is_neither_live_nor_attached() {
        let mut layer = Layer::new(&Nothing);
        layer.write(change(2, b"a", Some((b"1", 7))));
        layer.write(change(3, b"b", Some((b"2", 7))));
        assert_eq!(layer.attached(7), [b"a", b"b"]);
        layer.write(change(4, b"a", None));
        assert_eq!(layer.live_in(KeySpan::From(b"")), [b"b"]);
        assert_eq!(layer.attached(7), [b"b"]);
        assert!(layer.live(b"a").is_none());
    }

    /// Counts the keys that are read of it.
    struct Counting(std::cell::Cell<usize>);

    impl Base for Counting {
        fn live(&self, _key: &[u8]) -> Option<KeyValue<'_>> {
            None
        }
        fn live_in(&self, span: KeySpan<'_>) -> Vec<Vec<u8>> {
            let keys: Vec<Vec<u8>> = (0..1000)
                .map(|n| format!("p/{n:04}").into_bytes())
                .collect();
            let keys: Vec<_> = keys.into_iter().filter(|key| span.contains(key)).collect();
            self.0.set(self.0.get() + keys.len());
            keys
        }
        fn attached(&self, _lease: i64) -> Vec<Vec<u8>> {
            Vec::new()
        }
    }

    #[test]
    fn a_range_that_was_deleted_is_not_read_again() {
        let base = Counting(std::cell::Cell::new(0));
        let mut layer = Layer::new(&base);
        for round in 0..50 {
            let span = KeySpan::new(b"p/", b"p0");
            let keys = layer.live_in(span);
            assert_eq!(keys.len(), if round == 0 { 1000 } else { 1 });
            for key in keys {
                layer.write(Change {
                    revision: Revision::new(10 + round, 0),
                    index: RaftIndex(0),
                    key: key.into(),
                    put: None,
                });
            }
            layer.deleted(span);
            layer.write(change(11 + round, b"p/new", Some((b"1", 0))));
        }
        assert_eq!(base.0.get(), 1000);
        assert_eq!(layer.live_in(KeySpan::From(b"a")), [b"p/new"]);
        assert_eq!(layer.live_in(KeySpan::From(b"")).len(), 1);
    }

    #[test]
    fn the_newest_change_of_each_key_is_left_when_the_replaced_ones_are_taken() {
        let mut layer = Layer::new(&Nothing);
        for (main, key, value) in [(2, b"a", b"1"), (3, b"b", b"2"), (4, b"a", b"3")] {
            layer.write(change(main, key, Some((value, 0))));
        }
        let mut taken = Vec::new();
        layer.take_replaced(&mut |change| taken.push(change.revision.main));
        assert_eq!(taken, [2]);
        layer.write(change(5, b"b", None));
        layer.take_replaced(&mut |change| taken.push(change.revision.main));
        assert_eq!(taken, [2, 3]);
        let newest = |key: &[u8]| layer.touched(key).map(|change| change.revision.main);
        assert_eq!((newest(b"a"), newest(b"b")), (Some(4), Some(5)));
        assert_eq!(layer.live_in(KeySpan::From(b"")), [b"a"]);
    }

    #[test]
    fn a_range_ends_before_its_end() {
        let span = KeySpan::new(b"a", b"c");
        assert!(span.contains(b"b") && !span.contains(b"c"));
        assert!(KeySpan::new(b"a", b"\0").contains(b"zz"));
        assert!(!KeySpan::new(b"a", b"").contains(b"aa"));
    }
}
