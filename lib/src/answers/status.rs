//! `status`: who a member is, how far its db and its log are, what the file's bytes are.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::plan::CauseRow;
pub use super::secrets::SecretsStatus;
use super::view::View;
use crate::backend::{Alarm, ClusterMember};
use crate::clock::WriteTime;
use crate::evidence::Kind;
use crate::member::{BucketPart, Identity, Member, Objects, Space};
use crate::mvcc::{Counts, KeyRange};
use crate::start::has_stored_db;
use crate::verdict::{PredictedStart, Quick};
use located::text::time::{rfc3339, rfc3339_millis};
use located::{ClusterId, Command, Error, MemberId, RaftIndex, Severity, Term, reported_by};

/// What `status` answers. What is not known is left out.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StatusAnswer {
    /// The evidence.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// The version that all members support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etcd_version: Option<String>,
    /// Id of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<ClusterId>,
    /// Id of the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_id: Option<MemberId>,
    /// The members of the cluster; `None` if nothing that can be read lists them.
    pub members: Option<Vec<ClusterMember>>,
    /// What the store contains.
    #[serde(flatten)]
    pub store: StoreStatus,
    /// How far db and log are.
    pub raft: RaftStatus,
    /// What the next start ends in; left out with `--quick`, and of evidence on which etcd cannot be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<PredictedStart>,
    /// What was not looked at.
    pub skipped: Vec<String>,
    /// How much is wrong at a quick look.
    pub findings: FindingCounts,
    /// The same, with consequences folded into their causes.
    pub cause: Vec<CauseRow>,
    /// One sentence.
    pub verdict: String,
    /// The safest next command.
    pub next: [Command; 1],
}

/// The db as far as it was looked at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreStatus {
    /// There is no db.
    None,
    /// There may be one: its folder, or a part of the archive, could not be read.
    Unseen,
    /// It cannot be read; why.
    Unreadable(String),
    /// Only its ends were looked at.
    Quick {
        /// The newest revision; `None` if the last record cannot be read.
        revision: Option<i64>,
        /// The file; `None` if it is no db.
        file: Option<QuickFile>,
    },
    /// No record can be read.
    Unknown {
        /// Why.
        why: String,
        /// The file.
        file: FileStatus,
    },
    /// There is none, and a start makes it from the log: what it then has.
    Started {
        /// Its keys.
        keys: Box<KeysStatus>,
    },
    /// It was read.
    Read {
        /// Its keys.
        keys: Box<KeysStatus>,
        /// The file.
        file: FileStatus,
    },
}

/// The db file at a quick look.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct QuickFile {
    /// Bytes of a page.
    pub page_size: u64,
    /// The last transaction.
    pub txid: u64,
    /// Bytes below the high-water mark.
    pub high_water_mark_bytes: u64,
}

/// The db file.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct FileStatus {
    /// Sizes and the last transaction.
    pub db: FileSizes,
    /// Where its bytes are.
    pub bytes: FileBytes,
    /// Whether the SHA-256 of a backup matches; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256_ok: Option<bool>,
}

/// Where the bytes of the db file are.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FileBytes {
    /// All parts.
    Counted(Space),
    /// The records cannot be read: how many of the bytes in use are theirs is not known, which is not 0.
    Uncounted(UncountedSpace),
}

/// The parts that are known without the records.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct UncountedSpace {
    /// Always `null`.
    pub live: Option<u64>,
    /// Always `null`.
    pub history: Option<u64>,
    /// Always `null`.
    pub tree: Option<u64>,
    /// Free pages.
    pub free: u64,
    /// Pages that may be in use or free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<u64>,
    /// After the high-water mark.
    pub outside: u64,
}

/// Sizes of the db file.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct FileSizes {
    /// Size of the file.
    pub size_bytes: u64,
    /// etcd's `dbSizeInUse`; `None` if pages may be in use or free.
    pub in_use_bytes: Option<u64>,
    /// Free pages; `None` in the same case.
    pub free_bytes: Option<u64>,
    /// Bytes of a page.
    pub page_size: u64,
    /// The last transaction.
    pub txid: u64,
    /// Bytes below the high-water mark.
    pub high_water_mark_bytes: u64,
}

/// Keys and revisions.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct KeysStatus {
    /// The newest revision.
    pub revision: i64,
    /// The compaction revision; 0 if never compacted, `None` if it cannot be read.
    pub compact_revision: Option<i64>,
    /// The revision of the db, if a replay was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_revision: Option<i64>,
    /// Number of entries that were replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed_entries: Option<u64>,
    /// When the newest revision was written, by the revision clock.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "moment_with_millis"
    )]
    pub newest_time: Option<Timestamp>,
    /// How far the true time may be from it, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_time_uncertainty_s: Option<f64>,
    /// Where that time is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_time_source: Option<&'static str>,
    /// The time at the compaction revision.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "moment")]
    pub compact_time: Option<Timestamp>,
    /// Number of live keys.
    pub keys: u64,
    /// Number of stored versions.
    pub revisions: u64,
    /// Number of deletions among them.
    pub tombstones: u64,
    /// Number of leases; `None` if their bucket cannot be read as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leases: Option<usize>,
    /// Alarms that are on; `None` if their bucket cannot be read as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarms: Option<Vec<Alarm>>,
    /// Whether Kubernetes wrote here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub kubernetes: bool,
    /// The prefixes below which Kubernetes has keys, if there are several: API servers that share an etcd.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<PrefixStatus>,
    /// How Secrets are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<SecretsStatus>,
    /// Whether a compaction was interrupted.
    #[serde(skip)]
    pub is_compaction_interrupted: bool,
    /// Whether a part of the records cannot be read, so that the counts are those of the rest.
    #[serde(skip)]
    pub is_partial: bool,
    /// When the newest revision was written, with its bounds.
    #[serde(skip)]
    pub newest: Option<WriteTime>,
}

fn moment_with_millis<S: Serializer>(
    moment: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    moment.map(rfc3339_millis).serialize(serializer)
}

fn moment<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => serializer.serialize_str(&rfc3339(*moment)),
        None => serializer.serialize_none(),
    }
}

/// How far db and log are.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct RaftStatus {
    /// The newest term.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// The highest index known to be committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<RaftIndex>,
    /// The last entry in the state that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<RaftIndex>,
    /// The last entry in the db, if the state that is asked is that after a replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_in_db: Option<RaftIndex>,
    /// The first entry of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_index: Option<RaftIndex>,
    /// The last entry of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_index: Option<RaftIndex>,
    /// The newest usable `.snap` file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_index: Option<RaftIndex>,
    /// Damaged ranges of the log, if it was read as a whole.
    #[serde(skip)]
    pub damaged_ranges: usize,
    /// Whether there may be a log that could not be read.
    #[serde(skip)]
    pub is_log_unseen: bool,
}

/// How much is wrong.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct FindingCounts {
    /// Number of errors.
    pub errors: usize,
    /// Number of warnings.
    pub warnings: usize,
}

impl Serialize for StoreStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Ends {
            #[serde(skip_serializing_if = "Option::is_none")]
            revision: Option<i64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            db: Option<QuickFile>,
        }
        #[derive(Serialize)]
        struct Unknown<'f> {
            revision: Option<i64>,
            #[serde(flatten)]
            file: &'f FileStatus,
        }
        #[derive(Serialize)]
        struct Read<'f> {
            #[serde(flatten)]
            keys: &'f KeysStatus,
            #[serde(flatten)]
            file: &'f FileStatus,
        }
        let nothing = Ends {
            revision: None,
            db: None,
        };
        match self {
            Self::None | Self::Unseen | Self::Unreadable(_) => nothing.serialize(serializer),
            Self::Quick { revision, file } => Ends {
                revision: *revision,
                db: *file,
            }
            .serialize(serializer),
            // Unknown is not zero: the revision is null.
            Self::Unknown { file, .. } => Unknown {
                revision: None,
                file,
            }
            .serialize(serializer),
            Self::Read { keys, file } => Read { keys, file }.serialize(serializer),
            Self::Started { keys } => keys.serialize(serializer),
        }
    }
}

impl StatusAnswer {
    /// What is known of a member. `store`: what was read of its db; `looked`: what a quick look found.
    pub fn new(
        member: &Member,
        identity: &Identity,
        store: StoreStatus,
        raft: RaftStatus,
        looked: &Quick,
    ) -> Self {
        let evidence = member.evidence();
        let report = &looked.report;
        let causes = looked.causes.iter();
        Self {
            path: evidence.name().as_str().to_owned(),
            kind: evidence.kind(),
            etcd_version: identity
                .version
                .map(|version| format!("{}.{}", version.major, version.minor)),
            cluster_id: identity.cluster_id,
            member_id: identity.member_id,
            members: known_members(member, identity),
            store,
            raft,
            start: looked.start.clone(),
            skipped: looked
                .not_read
                .iter()
                .map(|&what| what.to_owned())
                .collect(),
            findings: FindingCounts {
                errors: report.count(Severity::Error),
                warnings: report.count(Severity::Warning),
            },
            cause: causes.map(|cause| CauseRow::new(cause, report)).collect(),
            verdict: looked.headline.clone(),
            next: [looked.next.clone()],
        }
    }

    /// Whether Kubernetes wrote here; unknown counts as no.
    pub fn is_kubernetes(&self) -> bool {
        matches!(&self.store, StoreStatus::Read { keys, .. } | StoreStatus::Started { keys } if keys.kubernetes)
    }
}

/// The members, unless none are known and their bucket cannot be read either.
fn known_members(member: &Member, identity: &Identity) -> Option<Vec<ClusterMember>> {
    let is_read = || {
        let buckets = member.buckets();
        buckets.is_ok_and(|buckets| buckets.is_whole(BucketPart::Cluster))
    };
    (!identity.members.is_empty() || is_read()).then(|| identity.members.clone())
}

impl StoreStatus {
    /// The ends of the db: no key is counted.
    pub fn quick(member: &Member) -> Self {
        let file = member.db().ok().map(|db| QuickFile {
            page_size: db.page_size(),
            txid: db.meta().txid.0,
            high_water_mark_bytes: db.meta().size_bytes(),
        });
        Self::Quick {
            revision: member.newest_revision(),
            file,
        }
    }

    /// A db of which no record can be read, with what is known of its file; nothing more than why if it is no db.
    pub fn unread(member: &Member, why: String) -> Self {
        let space = member.space(&Counts::default());
        match space.and_then(|space| FileStatus::read(member, space)) {
            Ok(mut file) => {
                file.forget_records();
                Self::Unknown { why, file }
            }
            Err(_) => Self::Unreadable(why),
        }
    }

    /// The db, or what it is after a replay.
    ///
    /// # Errors
    /// As [`Member::db`].
    pub fn read(view: &View<'_>) -> Result<Self, Error> {
        let member = view.member();
        let counts = view.keyspace().counts();
        if !has_stored_db(member) && view.replayed().is_some() {
            let keys = Box::new(KeysStatus::read(view, &counts)?);
            return Ok(Self::Started { keys });
        }
        let mut file = FileStatus::read(member, view.space(Some(&counts))?)?;
        if is_damaged(member) {
            file.forget_records();
        }
        Ok(Self::Read {
            keys: Box::new(KeysStatus::read(view, &counts)?),
            file,
        })
    }
}

/// Whether a part of the records cannot be read.
fn is_damaged(member: &Member) -> bool {
    let mut damage = member.keyspace_damage().iter();
    damage.any(|finding| finding.severity == Severity::Error)
}

impl KeysStatus {
    fn read(view: &View<'_>, counts: &Counts) -> Result<Self, Error> {
        let keyspace = view.keyspace();
        let replayed = view.replayed();
        let objects = view.kubernetes()?;
        let time_of = |revision| objects.as_ref()?.time_of(revision);
        let newest = time_of(keyspace.revision());
        let compacted = keyspace.compact_revision();
        let compact_time = newest.and(compacted).and_then(time_of);
        let buckets = view.buckets().ok();
        let has_db = has_stored_db(view.member());
        let whole = |part| buckets.as_ref().filter(|buckets| buckets.is_whole(part));
        Ok(Self {
            revision: keyspace.revision(),
            compact_revision: match has_db && view.member().meta()?.is_compaction_unknown() {
                true => None,
                false => Some(compacted.unwrap_or(0)),
            },
            db_revision: match replayed.is_some() && has_db {
                true => Some(view.member().readable_keyspace()?.revision()),
                false => None,
            },
            replayed_entries: replayed.map(|replayed| replayed.reach.entries),
            newest_time: newest.map(|mark| mark.time),
            newest_time_uncertainty_s: newest.and_then(|write| write.uncertainty_s()),
            newest_time_source: newest.map(|mark| mark.source.as_str()),
            compact_time: compact_time.map(|mark| mark.time),
            keys: counts.keys,
            revisions: counts.revisions,
            tombstones: counts.tombstones,
            leases: whole(BucketPart::Leases).map(|buckets| buckets.leases.len()),
            alarms: whole(BucketPart::Alarms).map(|buckets| buckets.alarms.clone()),
            kubernetes: objects.is_some(),
            prefixes: match &objects {
                Some(objects) => PrefixStatus::read(objects)?,
                None => Vec::new(),
            },
            secrets: match &objects {
                Some(objects) => SecretsStatus::read(objects)?,
                None => None,
            },
            is_compaction_interrupted: keyspace.compaction().is_interrupted(),
            is_partial: is_damaged(view.member()),
            newest,
        })
    }
}

/// A prefix of Kubernetes: what an API server was started with as `--etcd-prefix`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PrefixStatus {
    /// The prefix.
    pub prefix: String,
    /// Number of live keys below it.
    pub keys: u64,
}

impl PrefixStatus {
    /// Empty if there is one prefix only.
    fn read(objects: &Objects<'_>) -> Result<Vec<Self>, Error> {
        let mut found = Vec::new();
        for prefix in objects.layout().prefixes() {
            let below = KeyRange::prefix(format!("{prefix}/").as_bytes());
            let names = objects.keyspace().live_names(&below, None)?;
            // One prefix may be within another: a key is below the longest.
            let own = |key: &&[u8]| objects.layout().prefix_of(key) == Some(prefix);
            let keys = names.iter().filter(own).count() as u64;
            found.extend((keys > 0).then(|| Self {
                prefix: prefix.to_owned(),
                keys,
            }));
        }
        found.sort_by(|a, b| b.keys.cmp(&a.keys).then_with(|| a.prefix.cmp(&b.prefix)));
        Ok(found).map(|found| if found.len() > 1 { found } else { Vec::new() })
    }
}

impl FileStatus {
    /// The records cannot be read, so their bytes are not known.
    fn forget_records(&mut self) {
        if let FileBytes::Counted(space) = self.bytes {
            self.bytes = FileBytes::Uncounted(UncountedSpace {
                live: None,
                history: None,
                tree: None,
                free: space.free_bytes,
                unknown: Some(space.unknown_bytes).filter(|bytes| *bytes > 0),
                outside: space.outside_bytes,
            });
        }
    }

    fn read(member: &Member, space: Space) -> Result<Self, Error> {
        let db = member.db()?;
        Ok(Self {
            db: FileSizes {
                size_bytes: space.size_bytes(),
                in_use_bytes: space.is_known().then(|| space.in_use_bytes()),
                free_bytes: space.is_known().then_some(space.free_bytes),
                page_size: db.page_size(),
                txid: db.meta().txid.0,
                high_water_mark_bytes: db.meta().size_bytes(),
            },
            bytes: FileBytes::Counted(space),
            sha256_ok: member.trailer_matches(),
        })
    }
}

impl RaftStatus {
    /// The ends of db and log. `replayed_to`: the last entry that a replay applied; `whole`: read the whole log.
    pub fn read(member: &Member, replayed_to: Option<RaftIndex>, whole: bool) -> Self {
        let in_db = || member.meta().ok().and_then(|meta| meta.consistent_index);
        // A log that was read as a whole answers for its ends too.
        let log = if whole { member.wal() } else { None };
        let ends = member.wal_ends();
        let state = ends.and_then(|ends| ends.state);
        let snaps = member.snaps(&mut reported_by("snap::check"));
        Self {
            term: state.map(|state| state.term),
            commit: state.map(|state| state.commit),
            applied: replayed_to.or_else(in_db),
            applied_in_db: replayed_to.and_then(|_| in_db()),
            first_index: ends.and_then(|ends| ends.first_index),
            last_index: ends.map(|ends| ends.last_index),
            snapshot_index: snaps.usable().map(|snap| snap.index).max(),
            damaged_ranges: log.map_or(0, |wal| wal.log().damages.len()),
            is_log_unseen: member.evidence().unseen_log().is_some(),
        }
    }
}
