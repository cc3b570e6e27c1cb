//! One handle that joins db, WAL and snaps.
//!
//! [`Member::open`] reads nothing but names. Every part is read when it is first asked for and kept; a part that is missing
//! or broken costs its own answers and nothing else.
//!
//! **Invariants.** This is the only room that knows all formats; they do not know each other. What is cached holds offsets,
//! not bytes, so that it lives beside the mapping it describes.

mod cluster_release;
mod described_version;
mod identity;
mod keyspace;
mod measurements;
mod objects;
mod prefixes;
#[cfg(feature = "search")]
mod search;
mod secret_ranges;
mod snap;
mod space;
mod undecodable;
mod version_writer;
mod wal;

use std::path::Path;
use std::sync::OnceLock;

pub use described_version::{DescribedVersion, Origin, comparable, describe_versions};
pub use identity::{BucketPart, Buckets, Identity};
pub use objects::{Objects, Reading};
pub use prefixes::UnusedPrefixes;
#[cfg(feature = "search")]
pub use search::{Hit, Pattern, Places};
pub use secret_ranges::{
    content_in, mask_ranges, secrets_in_entry, secrets_in_page, secrets_in_value,
};
pub(crate) use snap::{is_foreign, of_this_member};
pub use space::Space;
pub use undecodable::Undecodable;
pub use version_writer::{VersionWriter, WhoSource};
pub use wal::Wal;

use crate::bolt::{Db, MetaChoice};
use crate::evidence::{self, Evidence, File, Kind, Role, Trailer};
use crate::mvcc::Rules;
use crate::snap::SnapPart;
use crate::wal::Ends;
use located::Error;
use located::progress::{Progress, Silent};
use located::{Bytes, RaftIndex};

/// How a member is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Mapping or plain reads, bounds.
    pub evidence: evidence::OpenOptions,
    /// Which meta page of the db to follow.
    pub meta: MetaChoice,
    /// The release whose edge rules answers follow; `None`: the newest, which fits every db that its own etcd compacted.
    pub rules: Option<Rules>,
}

/// A member's directory, or whatever part of one is there.
///
/// ```
/// use etcd_inspect::member::Member;
///
/// let member = Member::open("../fixtures/etcd-3.5.30.tar.zst")?;
/// let db = member.db()?;
/// println!("{} bytes in pages of {}", db.meta().size_bytes(), db.page_size());
/// if let Some(wal) = member.wal() {
///     println!("the log ends at index {}", wal.log().last_index());
/// }
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
#[derive(Debug)]
pub struct Member {
    evidence: Evidence,
    options: Options,
    log: OnceLock<crate::wal::Log>,
    index: OnceLock<keyspace::Indexed>,
    newest: OnceLock<crate::mvcc::Index>,
    changed: OnceLock<Option<Box<ChangedMember>>>,
    /// For each db that a leader sent, with its index: the member with that db in the place of its own.
    received: OnceLock<Vec<(RaftIndex, Member)>>,
}

/// The same member with other bytes in some places.
#[derive(Debug)]
struct ChangedMember {
    member: Member,
    /// What was changed, one sentence each.
    notes: Vec<String>,
}

impl Member {
    /// Locates the parts at a path with default options.
    ///
    /// # Errors
    /// As [`Evidence::open`]; damage within the parts is no error here.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, Options::default())
    }

    /// Locates the parts at a path.
    ///
    /// # Errors
    /// As [`Evidence::open`].
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        Ok(Self::from_evidence(
            Evidence::open(path, &options.evidence)?,
            options,
        ))
    }

    /// The member whose files were located already.
    pub fn from_evidence(evidence: Evidence, options: Options) -> Self {
        Self {
            evidence,
            options,
            log: OnceLock::new(),
            index: OnceLock::new(),
            newest: OnceLock::new(),
            changed: OnceLock::new(),
            received: OnceLock::new(),
        }
    }

    /// The same member with other bytes in some places, and what was changed. `make` is called once; the result is kept.
    pub(crate) fn changed_by(
        &self,
        make: impl FnOnce() -> Option<(Self, Vec<String>)>,
    ) -> Option<(&Self, &[String])> {
        let made = || {
            let (member, notes) = make()?;
            Some(Box::new(ChangedMember { member, notes }))
        };
        let changed = self.changed.get_or_init(made).as_ref()?;
        Some((&changed.member, &changed.notes))
    }

    /// The files.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// How it was opened.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The member with the db that it received for the snapshot at `index` in the place of its own; `None` if there is none.
    pub fn with_received_db(&self, index: RaftIndex) -> Option<&Self> {
        let members = self.received.get_or_init(|| {
            let files = self.evidence.with_role(Role::SnapDb).iter();
            let received = files.filter_map(|file| {
                let SnapPart::SnapDb(index) = SnapPart::from_path(&file.base()) else {
                    return None;
                };
                let evidence = self.evidence.with_received_db(file);
                Some((index, Self::from_evidence(evidence, self.options.clone())))
            });
            received.collect()
        });
        let mut members = members.iter();
        members.find_map(|(of, member)| (*of == index).then_some(member))
    }

    /// The db as the chosen meta shows it, without the trailer of a snapshot file.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is no db file; else as [`Db::open`].
    pub fn db(&self) -> Result<Db<'_>, Error> {
        self.db_at(self.options.meta)
    }

    /// The db as another meta shows it.
    ///
    /// # Errors
    /// As [`Member::db`].
    pub fn db_at(&self, meta: MetaChoice) -> Result<Db<'_>, Error> {
        let db = Db::open(self.db_bytes()?, meta, &self.options.evidence.limits)?;
        Ok(match self.db_file()?.reader() {
            Some(reader) => db.with_reader(reader),
            None => db,
        })
    }

    /// The bytes of the db file, without the trailer of a snapshot file.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is none; [`Error::Io`] where it cannot be read.
    pub fn db_bytes(&self) -> Result<Bytes<'_>, Error> {
        let bytes = self.db_file()?.bytes()?;
        Ok(Trailer::find(&bytes).map_or(bytes, |trailer| trailer.image()))
    }

    /// The db file.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is none.
    pub fn db_file(&self) -> Result<&File, Error> {
        self.evidence.db().ok_or_else(|| Error::Missing {
            file: self.evidence.name().clone(),
            what: "db",
        })
    }

    /// The SHA-256 trailer of an `etcdctl snapshot save` file.
    pub fn trailer(&self) -> Option<Trailer<'_>> {
        Trailer::find(&self.evidence.db()?.bytes().ok()?)
    }

    /// Whether it is a file of `etcdctl snapshot save` that is not what was saved: any record may be wrong.
    pub fn fails_sha256(&self) -> bool {
        self.evidence.kind() == Kind::Snapshot && self.trailer_matches() == Some(false)
    }

    /// Whether the SHA-256 trailer matches the db before it; `None` if there is none. It is computed once.
    pub fn trailer_matches(&self) -> Option<bool> {
        self.evidence.db()?.trailer_matches()
    }

    /// The write-ahead log; `None` if there is no segment.
    pub fn wal(&self) -> Option<Wal<'_>> {
        self.wal_with(&Silent)
    }

    /// The write-ahead log, telling how far reading it is. It is read once.
    pub fn wal_with(&self, progress: &dyn Progress) -> Option<Wal<'_>> {
        if self.evidence.wal().is_empty() {
            return None;
        }
        let files = self.wal_bytes();
        let limits = &self.options.evidence.limits;
        let log = self
            .log
            .get_or_init(|| crate::wal::Log::read(&files, limits, progress));
        Some(Wal::new(log, files))
    }

    /// The index of the log, if it was read already.
    pub(crate) fn log_read(&self) -> Option<&crate::wal::Log> {
        self.log.get()
    }

    /// The writer and the last index of the log, from as few segments as possible; `None` if there is no segment.
    ///
    /// Checksums are not verified. A log that was read already answers itself, and so does one that is damaged where this
    /// looks: it is then read as a whole.
    pub fn wal_ends(&self) -> Option<Ends> {
        let segments = self.evidence.wal();
        let bytes = |at: usize| {
            let file = segments.get(at).or(segments.first());
            file.and_then(|file| file.bytes().ok())
                .unwrap_or_else(|| Bytes::new(self.evidence.name(), 0, &[]))
        };
        match self.log.get() {
            None if segments.is_empty() => None,
            None => Ends::read(segments.len(), bytes)
                .or_else(|| Some(Ends::from_log(self.wal()?.log()))),
            Some(log) => Some(Ends::from_log(log)),
        }
    }

    /// Segments, then `.broken` files; one that cannot be read is empty here, and [`Member::unreadable_files`] names it.
    fn wal_bytes(&self) -> Vec<Bytes<'_>> {
        let broken = self.evidence.with_role(Role::WalBroken);
        let bytes = |file| File::bytes(file).unwrap_or_else(|_| Bytes::new(file.name(), 0, &[]));
        self.evidence
            .wal()
            .iter()
            .chain(broken)
            .map(bytes)
            .collect()
    }

    /// Files that the operating system does not let us read at all, with its reason.
    pub fn unreadable_files(&self) -> impl Iterator<Item = (&File, Error)> {
        let roles = [
            Role::Db,
            Role::Wal,
            Role::Snap,
            Role::WalBroken,
            Role::SnapDb,
            Role::SnapBroken,
        ];
        let files = roles
            .into_iter()
            .flat_map(|role| self.evidence.with_role(role));
        files.filter_map(|file| Some((file, file.bytes().err()?)))
    }
}
