//! How etcd reads its db before it serves: buckets, leases, users, alarms, and every record of bucket `key` into its index.
//!
//! Source: `restore` in `server/mvcc/kvstore.go`, v3.5.30, `server/lease/lessor.go`, v3.5.30, `server/auth/store.go`, v3.5.30,
//! `server/etcdserver/api/v3alarm/alarms.go`, v3.5.30; in 3.4 the same files without `server/`.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::Stopped;
use super::live::Live;
use super::wire::{self, Field, Spec};
use crate::bolt::open::{Death, Found, Generation, OpenBucket, Opened};
use crate::mvcc::{KeyValue, Keyspace};
use crate::wal::boot::Release;
use located::RaftIndex;

/// Length of a revision key of a put; a tombstone's is one longer.
const REVISION_BYTES: usize = 17;

/// The db as etcd has it when it begins to serve.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServedStore {
    pub revision: i64,
    pub keys: usize,
    pub consistent_index: RaftIndex,
    /// The compaction revision; -1 for none.
    pub compacted: i64,
    /// The first question that reads all keys ends the process: a record that the index names cannot be found.
    pub dies_at_first_question: bool,
}

impl ServedStore {
    /// Whether nothing was ever applied to it.
    pub fn is_empty(&self) -> bool {
        self.revision <= 1 && self.keys == 0 && self.consistent_index == 0 && self.compacted < 0
    }
}

/// The bbolt that a release of etcd is built with.
pub(super) fn generation(release: Release) -> Generation {
    match (release.minor, release.patch) {
        (..=4, ..=23) | (5, ..=7) => Generation::V1_3_6,
        (..=4, _) | (5, ..=29) => Generation::V1_3_11,
        // Upstream builds 3.5.30 with bbolt 1.3.12, Debian, whose binaries the tests ask, with 1.4; they differ only in how
        // page types with more than one bit are taken.
        _ => Generation::V1_4,
    }
}

/// What ends etcd while it reads its db; `None` if that depends on chance.
pub(super) fn stopped(death: Death) -> Stopped {
    match death {
        Death::Chance(why) => Stopped::Unknown(why),
        Death::Exhausted(pages) => Stopped::NeverServes(format!(
            "bbolt is busy with a list of {pages} pages, until memory ends"
        )),
        // 3.5 logs a structure, 3.4 a line.
        Death::Error(text) => Stopped::Refuses(format!(
            "panic: failed to open database {{\"error\": \"{text}\"}}"
        )),
        other => Stopped::Refuses(other.message().unwrap_or_default()),
    }
}

/// A db that bbolt opened for a release.
pub(super) struct Backend<'a> {
    pub bolt: Opened<'a>,
    pub release: Release,
}

const LEASE: Spec = &[Field(1, 0, None), Field(2, 0, None), Field(3, 0, None)];
const USER_OPTIONS: Spec = &[Field(1, 0, None)];
const USER: Spec = &[
    Field(1, 2, None),
    Field(2, 2, None),
    Field(3, 2, None),
    Field(4, 2, Some(USER_OPTIONS)),
];
const PERMISSION: Spec = &[Field(1, 0, None), Field(2, 2, None), Field(3, 2, None)];
const ROLE: Spec = &[Field(1, 2, None), Field(2, 2, Some(PERMISSION))];
const ALARM: Spec = &[Field(1, 0, None), Field(2, 0, None)];

impl<'a> Backend<'a> {
    /// `UnsafeCreateBucket`, and the commit after it.
    pub fn create(&self, name: &str) -> Result<Option<OpenBucket>, Stopped> {
        let found = self.bolt.bucket(name.as_bytes()).map_err(stopped)?;
        self.bolt.commit().map_err(stopped)?;
        match found {
            Found::Bucket(bucket) => Ok(Some(bucket)),
            Found::Created => Ok(None),
            Found::Missing => {
                self.bolt.create(name.as_bytes()).map_err(stopped)?;
                Ok(None)
            }
            Found::Incompatible => Err(Stopped::Refuses(match self.release.minor {
                ..=4 => format!("cannot create bucket {name} (incompatible value)"),
                _ => "failed to create a bucket {\"error\": \"incompatible value\"}".to_owned(),
            })),
        }
    }

    /// A bucket, if it is one.
    pub fn find(&self, name: &str) -> Result<Found, Stopped> {
        self.bolt.bucket(name.as_bytes()).map_err(stopped)
    }

    /// A key of a bucket is written, if the bucket was there when the db was opened.
    pub fn rewrite(&self, name: &str, key: &[u8]) -> Result<(), Stopped> {
        match self.find(name)? {
            Found::Bucket(bucket) => {
                let written = self.bolt.rewrite(name.as_bytes(), &bucket, key);
                written.map_err(stopped)
            }
            _ => Ok(()),
        }
    }

    fn value(&self, bucket: Option<OpenBucket>, key: &[u8]) -> Result<Option<Vec<u8>>, Stopped> {
        let Some(bucket) = bucket else {
            return Ok(None);
        };
        let found = self.bolt.get(&bucket, key).map_err(stopped)?;
        Ok(found.map(std::borrow::Cow::into_owned))
    }

    /// `ForEach`.
    pub fn each(
        &self,
        bucket: Option<OpenBucket>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let Some(bucket) = bucket else {
            return Ok(());
        };
        let mut failed = None;
        let ended = self
            .bolt
            .scan(&bucket, None, |key, value, _| match visit(&key, &value) {
                Ok(()) => ControlFlow::Continue(()),
                Err(stop) => {
                    failed = Some(stop);
                    ControlFlow::Break(())
                }
            });
        match failed {
            Some(stop) => Err(stop),
            None => ended.map_err(stopped),
        }
    }

    /// `consistent_index`; 0 if it is absent.
    pub fn consistent_index(&self) -> Result<RaftIndex, Stopped> {
        let meta = self.create("meta")?;
        let Some(bytes) = self.value(meta, b"consistent_index")? else {
            return Ok(RaftIndex(0));
        };
        let index = number(&bytes)?;
        if self.release.minor >= 5
            && let Some(term) = self.value(meta, b"term")?
        {
            number(&term)?;
        }
        Ok(RaftIndex(index))
    }

    /// The lessor: every value of bucket `lease`. The key is not compared with the id in it.
    pub fn leases(&self) -> Result<(), Stopped> {
        let bucket = self.create("lease")?;
        self.each(bucket, |key, value| match wire::reads(LEASE, value) {
            true => Ok(()),
            // The text of the error wants the id out of the key.
            false if key.len() != 8 => Err(Stopped::Refuses(
                "panic: lease ID must be 8-byte".to_owned(),
            )),
            false => Err(Stopped::Refuses(
                "panic: failed to Unmarshal lease proto item".to_owned(),
            )),
        })
    }

    /// Users, and the roles that they have.
    pub fn auth(&self) -> Result<(), Stopped> {
        let auth = self.create("auth")?;
        let users = self.create("authUsers")?;
        let roles = self.create("authRoles")?;
        let revision = match self.value(auth, b"authRevision")? {
            Some(bytes) => number(&bytes)?,
            None => 0,
        };
        // A revision of 0, or none, is written as 1.
        if let (0, Some(bucket)) = (revision, auth) {
            self.bolt
                .rewrite(b"auth", &bucket, b"authRevision")
                .map_err(stopped)?;
        }
        let unreadable = |what: &str, old: &str| {
            Stopped::Refuses(match self.release.minor {
                ..=4 => format!("panic: failed to unmarshal {old} struct"),
                _ => format!("panic: failed to unmarshal 'authpb.{what}'"),
            })
        };
        let mut names = Vec::new();
        self.each(users, |_, value| {
            if !wire::reads(USER, value) {
                return Err(unreadable("User", "user"));
            }
            names.push(wire::texts(value, 1).last().cloned().unwrap_or_default());
            Ok(())
        })?;
        for name in names {
            let user = match self.value(users, &name)? {
                Some(user) => user,
                None if self.release.minor <= 4 => return Err(nil_pointer()),
                None => continue,
            };
            for role in wire::texts(&user, 3) {
                let value = self.value(roles, &role)?;
                if value.is_some_and(|value| !wire::reads(ROLE, &value)) {
                    return Err(unreadable("Role", "role"));
                }
            }
        }
        Ok(())
    }

    /// Alarms: their keys are messages.
    pub fn alarms(&self) -> Result<(), Stopped> {
        let Some(bucket) = self.create("alarm")? else {
            return Ok(());
        };
        let mut readable = true;
        let ended = self.bolt.scan(&bucket, None, |key, _, _| {
            readable = wire::reads(ALARM, &key);
            match readable {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        match (self.release.minor, ended) {
            (..=4, _) if !readable => Err(Stopped::Refuses("etcdmain: unexpected EOF".to_owned())),
            (_, _) if !readable => Err(Stopped::Refuses("discovery failed".to_owned())),
            // 3.4 panics with the lock of its transaction held, for which its own clean-up then waits.
            (..=4, Err(death @ (Death::Panic(_) | Death::Error(_)))) => match stopped(death) {
                Stopped::Refuses(why) => Err(Stopped::NeverServes(why)),
                other => Err(other),
            },
            (_, ended) => ended.map_err(stopped),
        }
    }

    /// Membership: its buckets are created if they are missing. `restored`: the members in it were just written.
    pub fn membership(&self, restored: bool) -> Result<(), Stopped> {
        let members = self.create("members")?;
        self.create("members_removed")?;
        let cluster = self.create("cluster")?;
        if self.release.minor <= 4 {
            return Ok(());
        }
        if !self.cleans_up() && !restored {
            self.each(members, |_, _| Ok(()))?;
        }
        self.value(cluster, b"downgrade")?;
        Ok(())
    }

    /// Since 3.5.24 a member removes from the db what only the db knows (etcd#19557), and reads all members for it.
    fn cleans_up(&self) -> bool {
        self.release.minor == 5 && self.release.patch >= 24
    }

    /// `store.restore` of a sound tree whose records are in order: they are not read again.
    pub fn restore_swept(&self, swept: &Keyspace<'_>) -> Result<ServedStore, Stopped> {
        let mut restored = self.revisions(swept.newest_revision().map_or(0, |last| last.main))?;
        restored.keys = swept.live_count();
        Ok(restored)
    }

    /// The revisions of the store; `newest`: that of its last record.
    fn revisions(&self, newest: i64) -> Result<ServedStore, Stopped> {
        let meta = self.create("meta")?;
        let finished = self.revision_in(meta, b"finishedCompactRev")?;
        let scheduled = self.revision_in(meta, b"scheduledCompactRev")?;
        let mut restored = ServedStore {
            revision: newest.max(1).max(finished.unwrap_or(-1)),
            consistent_index: self.consistent_index()?,
            compacted: finished.unwrap_or(-1),
            ..ServedStore::default()
        };
        // Since etcd#17780 (3.4.33, 3.5.14) the scheduled compaction is a lower bound, too.
        let bounded = (self.release.minor, self.release.patch) >= (5, 14)
            || (self.release.minor == 4 && self.release.patch >= 33);
        if bounded {
            restored.revision = restored.revision.max(scheduled.unwrap_or(0));
        }
        Ok(restored)
    }

    /// `store.restore`.
    pub fn restore(&self) -> Result<ServedStore, Stopped> {
        let bucket = self.create("key")?;
        // What comes before the records ends etcd first.
        let meta = self.create("meta")?;
        for name in [&b"finishedCompactRev"[..], b"scheduledCompactRev"] {
            self.revision_in(meta, name)?;
        }
        let mut index = TreeIndex::default();
        if let Some(bucket) = bucket {
            self.records(&bucket, &mut index)?;
        }
        let mut restored = self.revisions(index.revision)?;
        let at = restored.revision;
        let served = |key: &&KeyIndex| key.live && key.modified.0 <= at;
        // A bumped restore writes one record without a key: no range of keys contains it.
        let named = index.keys.iter().filter(|(key, _)| !key.is_empty());
        restored.keys = named.map(|(_, key)| key).filter(served).count();
        // Where keys are not tested to be in order, a record that the walk meets may be out of reach of a search.
        let searched =
            index.disordered || index.odd || generation(self.release) == Generation::V1_3_6;
        if let Some(bucket) = bucket.filter(|_| searched) {
            for key in index.keys.values().filter(served) {
                let found = self
                    .bolt
                    .get(&bucket, &stored(key.modified))
                    .map_err(stopped)?;
                restored.dies_at_first_question |= found.is_none();
            }
        }
        Ok(restored)
    }

    /// The records that are served: what the replay of the log starts from if only etcd's way through the db finds them.
    pub fn live(&self, restored: &ServedStore) -> Result<Live, Stopped> {
        let mut index = TreeIndex::default();
        let mut live = Live::default();
        let Some(bucket) = self.create("key")? else {
            return Ok(live);
        };
        self.records(&bucket, &mut index)?;
        for (key, indexed) in &index.keys {
            if !indexed.live || indexed.modified.0 > restored.revision {
                continue;
            }
            let record = self
                .bolt
                .get(&bucket, &stored(indexed.modified))
                .map_err(stopped)?;
            if let Some(record) = record {
                live.0.insert(key.clone(), record.into_owned());
            }
        }
        Ok(live)
    }

    fn revision_in(&self, meta: Option<OpenBucket>, key: &[u8]) -> Result<Option<i64>, Stopped> {
        match self.value(meta, key)? {
            None => Ok(None),
            Some(bytes) => main_of(&bytes).map(Some),
        }
    }

    fn records(&self, bucket: &OpenBucket, index: &mut TreeIndex) -> Result<(), Stopped> {
        let first = [&1i64.to_be_bytes()[..], b"_", &0i64.to_be_bytes()[..]].concat();
        let end = [
            &i64::MAX.to_be_bytes()[..],
            b"_",
            &i64::MAX.to_be_bytes()[..],
        ]
        .concat();
        let mut failed = None;
        let mut before: Vec<u8> = Vec::new();
        let scanned = self.bolt.scan(bucket, Some(&first), |key, value, missing| {
            if key.as_ref() >= end.as_slice() {
                return ControlFlow::Break(());
            }
            index.disordered |= key.as_ref() <= before.as_slice();
            before.clear();
            before.extend_from_slice(&key);
            match self.record(&key, &value, missing, index) {
                Ok(()) => ControlFlow::Continue(()),
                Err(stop) => {
                    failed = Some(stop);
                    ControlFlow::Break(())
                }
            }
        });
        match failed {
            Some(stop) => Err(stop),
            None => scanned.map_err(stopped),
        }
    }

    /// `missing`: the value goes on after the end of the file, by so many bytes.
    fn record(
        &self,
        key: &[u8],
        value: &[u8],
        missing: u64,
        index: &mut TreeIndex,
    ) -> Result<(), Stopped> {
        if self.release.minor >= 6 && !(REVISION_BYTES..=REVISION_BYTES + 1).contains(&key.len()) {
            return Err(Stopped::Refuses(format!(
                "panic: invalid revision length: {}",
                key.len()
            )));
        }
        let parsed = KeyValue::parse(value);
        if missing > 0 && parsed.is_err_and(|flaw| flaw.at >= value.len() || flaw.what.is_cut()) {
            return Err(stopped(Death::Fault(0)));
        }
        let Ok(kv) = parsed else {
            return Err(Stopped::Refuses(match self.release.minor {
                ..=4 => "cannot unmarshal event".to_owned(),
                _ => "failed to unmarshal mvccpb.KeyValue".to_owned(),
            }));
        };
        let (main, sub) = revision(key)?;
        let tombstone = key.len() == REVISION_BYTES + 1 && key.last() == Some(&b't');
        index.revision = main;
        index.odd |= !tombstone && key != stored((main, sub));
        index.add(self.release, kv.key, (main, sub), tombstone)
    }

    /// The commits after the first entry was applied: meta and the own member are rewritten, and the root above them.
    pub fn first_commits(&self, own: u64) -> Result<(), Stopped> {
        let member = format!("{own:x}");
        let writes: [(&str, &[u8]); 2] = [
            ("meta", b"consistent_index"),
            ("members", member.as_bytes()),
        ];
        for (name, key) in writes {
            self.rewrite(name, key)?;
        }
        if !self.cleans_up() {
            return Ok(());
        }
        for name in ["members", "members_removed"] {
            let bucket = self.create(name)?;
            self.each(bucket, |key, _| {
                let text = std::str::from_utf8(key).unwrap_or_default();
                match u64::from_str_radix(text, 16) {
                    Ok(_) => Ok(()),
                    Err(_) => Err(Stopped::Refuses(
                        "panic: failed to parse member id from key".to_owned(),
                    )),
                }
            })?;
        }
        Ok(())
    }
}

/// How the first write of a client ends etcd, if it does: the last leaf of bucket `key` and the pages above it are read whole.
impl Backend<'_> {
    pub fn first_write(&self) -> Result<(), Stopped> {
        let Found::Bucket(bucket) = self.bolt.bucket(b"key").map_err(stopped)? else {
            return Ok(());
        };
        let newest = stored((i64::MAX, 0));
        match self.bolt.rewrite(b"key", &bucket, &newest) {
            Err(Death::Chance(_)) => Ok(()),
            written => written.map_err(stopped),
        }
    }
}

fn nil_pointer() -> Stopped {
    Stopped::Refuses(
        "panic: runtime error: invalid memory address or nil pointer dereference".to_owned(),
    )
}

/// Eight bytes, big endian, as Go reads them: shorter ones panic.
fn number(bytes: &[u8]) -> Result<u64, Stopped> {
    let head = bytes.first_chunk::<8>().ok_or_else(|| {
        Stopped::Refuses(format!(
            "panic: runtime error: index out of range [7] with length {}",
            bytes.len()
        ))
    })?;
    Ok(u64::from_be_bytes(*head))
}

fn main_of(bytes: &[u8]) -> Result<i64, Stopped> {
    revision(bytes).map(|(main, _)| main)
}

/// `bytesToRev`: the separator is not looked at.
fn revision(bytes: &[u8]) -> Result<(i64, i64), Stopped> {
    if bytes.len() < 8 {
        return Err(Stopped::Refuses(format!(
            "panic: runtime error: slice bounds out of range [:8] with capacity {}",
            bytes.len()
        )));
    }
    let main = number(bytes)?;
    let Some(rest) = bytes.get(9..) else {
        return Err(Stopped::Refuses(format!(
            "panic: runtime error: slice bounds out of range [9:{}]",
            bytes.len()
        )));
    };
    let sub = number(rest)?;
    let signed = |number: u64| i64::from_ne_bytes(number.to_ne_bytes());
    Ok((signed(main), signed(sub)))
}

/// `revToBytes`: the key by which a record is searched, whatever it is stored under.
fn stored((main, sub): (i64, i64)) -> Vec<u8> {
    [&main.to_be_bytes()[..], b"_", &sub.to_be_bytes()[..]].concat()
}

#[derive(Default)]
struct TreeIndex {
    keys: HashMap<Vec<u8>, KeyIndex>,
    revision: i64,
    disordered: bool,
    /// A record whose key is not what its revision is searched by: another separator, a byte too many.
    odd: bool,
}

/// What the index knows of a key.
struct KeyIndex {
    modified: (i64, i64),
    live: bool,
}

impl TreeIndex {
    fn add(
        &mut self,
        release: Release,
        key: &[u8],
        at: (i64, i64),
        tombstone: bool,
    ) -> Result<(), Stopped> {
        let Some(known) = self.keys.get_mut(key) else {
            // A tombstone alone is left out of the index by old releases, and kept as a deleted key by new ones.
            if !tombstone || release.minor > 4 {
                let indexed = KeyIndex {
                    modified: at,
                    live: !tombstone,
                };
                self.keys.insert(key.to_vec(), indexed);
            }
            return Ok(());
        };
        if tombstone && !known.live {
            return Ok(());
        }
        if at <= known.modified {
            return Err(Stopped::Refuses(match release.minor {
                ..=4 => "panic: store.keyindex: put with unexpected smaller revision".to_owned(),
                _ => "panic: 'put' with an unexpected smaller revision".to_owned(),
            }));
        }
        known.modified = at;
        known.live = !tombstone;
        Ok(())
    }
}
