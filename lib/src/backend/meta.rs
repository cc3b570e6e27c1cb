//! The `meta` bucket: how far the db is.

use crate::backend::value::{bad, each, json_object, u64_be, value_place};
use crate::backend::{EtcdVersion, MemberId};
use crate::bolt::Db;
use crate::codes::{Code, backend as codes};
use crate::mvcc::{Compaction, StoredKey};
use located::{Place, RaftIndex, Sink, Term};

/// The content of the `meta` bucket. A field is `None` if its key is absent or its value cannot be read.
///
/// | key | since | value |
/// |---|---|---|
/// | `consistent_index` | 3.0 | `u64` big-endian |
/// | `term`, `confState` | 3.5 | `u64` big-endian, JSON |
/// | `scheduledCompactRev`, `finishedCompactRev` | 3.0 | 17 bytes of revision |
/// | `storageVersion` | 3.6 | ASCII |
///
/// Source: `server/etcdserver/cindex/cindex.go`, v3.5.30, and `server/etcdserver/api/membership/confstate.go`, v3.5.30;
/// `server/storage/schema/bucket.go, v3.6.14`.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Meta {
    /// Raft index of the last entry whose effect is in the db. etcd 3.4 writes it only with changes of keys and of auth, later
    /// versions with every commit. 3.5.0 to 3.5.2 could commit it without the data of its entry (etcd#13766).
    pub consistent_index: Option<RaftIndex>,
    /// Raft term of that entry.
    pub term: Option<Term>,
    /// Voters and learners after the last change; `snapshot restore` leaves those of the old cluster.
    pub conf_state: Option<ConfState>,
    /// Both compaction revisions.
    #[serde(flatten, serialize_with = "compaction")]
    pub compaction: Compaction,
    /// Version of the schema.
    pub storage_version: Option<EtcdVersion>,
    /// Whether elements of the bucket could not be read: they may be any key that is absent.
    #[serde(skip)]
    pub is_partial: bool,
    /// Keys whose value could not be read.
    #[serde(skip)]
    pub unreadable: Vec<&'static str>,
    /// Keys that no etcd writes here.
    pub unknown_keys: Vec<String>,
    /// Where the value of each key starts.
    #[serde(skip)]
    pub places: Vec<(&'static str, Place)>,
}

/// The value of `confState`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ConfState {
    /// Members that vote.
    #[serde(serialize_with = "ids")]
    pub voters: Vec<u64>,
    /// Members that only receive the log.
    #[serde(serialize_with = "ids")]
    pub learners: Vec<u64>,
    /// The old voters of a joint configuration; etcd never writes one.
    #[serde(serialize_with = "ids")]
    pub voters_outgoing: Vec<u64>,
    /// Learners to be when a joint configuration ends; etcd never writes one.
    #[serde(serialize_with = "ids")]
    pub learners_next: Vec<u64>,
    /// Whether a joint configuration ends by itself.
    pub auto_leave: bool,
}

fn ids<S: serde::Serializer>(ids: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().copied().map(MemberId))
}

fn compaction<S: serde::Serializer>(
    compaction: &Compaction,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let revisions = [
        ("scheduled_compact_revision", compaction.scheduled),
        ("finished_compact_revision", compaction.finished),
    ];
    serializer.collect_map(revisions)
}

/// A field that was parsed: its key, and code and expected value if the bytes are not that.
struct Set {
    key: &'static str,
    wrong: Option<(&'static Code, &'static str)>,
}

impl Meta {
    /// Reads the bucket; an unreadable value is reported to `sink`, and its field is `None`.
    pub fn read(db: &Db<'_>, sink: &mut Sink<'_>) -> Self {
        let mut meta = Self::default();
        let mut entries = Vec::new();
        let mut lost = |finding| {
            meta.is_partial = true;
            sink(finding);
        };
        each(db, b"meta", &mut lost, &mut |item| entries.push(item));
        let file = db.file();
        for item in entries {
            let place = value_place(file.file(), &item);
            match meta.set(item.key, item.value) {
                Some(Set { key, wrong }) => {
                    if let Some((code, expected)) = wrong {
                        meta.unreadable.push(key);
                        bad(sink, code, place.clone(), key, item.value, expected);
                    }
                    meta.places.push((key, place));
                }
                None => meta.unknown_keys.push(item.key.escape_ascii().to_string()),
            }
        }
        meta
    }

    /// Parses one value into its field; `None` for a key that etcd does not write.
    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<Set> {
        let length =
            |is_read: bool, expected| (!is_read).then_some((&codes::META_LENGTH, expected));
        let (key, wrong) = match key {
            b"consistent_index" => {
                self.consistent_index = u64_be(value).map(RaftIndex);
                let wrong = length(self.consistent_index.is_some(), "8 bytes, big-endian");
                ("consistent_index", wrong)
            }
            b"term" => {
                self.term = u64_be(value).map(Term);
                ("term", length(self.term.is_some(), "8 bytes, big-endian"))
            }
            b"scheduledCompactRev" => {
                let scheduled = revision(value);
                self.compaction.scheduled = scheduled;
                let wrong = length(scheduled.is_some(), "17 bytes of revision");
                ("scheduledCompactRev", wrong)
            }
            b"finishedCompactRev" => {
                let finished = revision(value);
                self.compaction.finished = finished;
                let wrong = length(finished.is_some(), "17 bytes of revision");
                ("finishedCompactRev", wrong)
            }
            b"confState" => {
                self.conf_state = json_object(value);
                let wrong = (&codes::META_CONF_STATE, "JSON with voters");
                ("confState", self.conf_state.is_none().then_some(wrong))
            }
            b"storageVersion" => {
                self.storage_version = std::str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse().ok());
                let wrong = (&codes::META_STORAGE_VERSION, "a version such as 3.6.0");
                (
                    "storageVersion",
                    self.storage_version.is_none().then_some(wrong),
                )
            }
            _ => return None,
        };
        Some(Set { key, wrong })
    }

    /// Whether a key without a value may have one all the same, because it could not be read.
    pub fn is_unknown(&self, key: &str) -> bool {
        self.unreadable.contains(&key) || (self.is_partial && self.place(key).is_none())
    }

    /// Whether a compaction revision could not be read.
    pub fn is_compaction_unknown(&self) -> bool {
        let keys = ["scheduledCompactRev", "finishedCompactRev"];
        keys.into_iter().any(|key| self.is_unknown(key))
    }

    /// Returns where the value of a key starts.
    pub fn place(&self, key: &str) -> Option<&Place> {
        self.places
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, place)| place)
    }

    /// Whether nothing is in the bucket, which then says nothing about the version either.
    pub fn is_blank(&self) -> bool {
        self.places.is_empty() && self.unknown_keys.is_empty()
    }

    /// The minor version of the schema: that of `storageVersion`, else 3.5 if there is a `term`, else 3.4 or older.
    /// As `UnsafeDetectSchemaVersion` in `server/storage/schema/schema.go`, v3.6.14.
    pub fn schema_version(&self) -> EtcdVersion {
        match (self.storage_version, self.term) {
            (Some(version), _) => version,
            (None, Some(_)) => EtcdVersion::new(3, 5, 0),
            (None, None) => EtcdVersion::new(3, 4, 0),
        }
    }
}

/// A main and a sub revision, as keys have them: `UnsafeReadFinishedCompact` in `server/mvcc/util.go`, v3.5.30.
fn revision(value: &[u8]) -> Option<i64> {
    StoredKey::parse(value).ok().map(|key| key.revision.main)
}
