//! One owned handle on a directory: opened once, cloned freely, asked from any thread.
//!
//! [`Dataset`] is what a program embeds. It keeps how to read (limits, encryption keys, key layout) beside what was read, so
//! that no question has to repeat it, and every answer is owned and contains its damage
//! ([`Answer`]). The borrowed views that the browser and the checks work on ([`Keyspace`],
//! [`Objects`]) are a call away and cost nothing to make.

mod carved;
mod damage;
mod indexed;
mod joined;
pub mod log;
mod log_side;
mod moment;
mod object;
pub mod pages;
mod rebuilt;
pub mod scratch;
mod selection;

use std::path::Path;
use std::sync::{Arc, OnceLock};

pub use carved::{CarvedVersions, all_versions};
pub use indexed::IndexedKeyspace;
pub use joined::JoinedHistory;
pub use moment::Moment;
pub use object::{Object, StoredValue};
pub use rebuilt::{Rebuilt, RebuiltOrigin};
pub use selection::Selection;

pub use crate::bolt::MetaChoice;
use crate::check::{Depth, Logged, Report, check_with};
use crate::evidence::{Evidence, Io};
use crate::kubernetes::encryption::Keyring;
use crate::kubernetes::key::Layout;
use crate::member::{Member, Objects, Options, Wal};
use crate::mvcc::{
    Directory, HASH_IGNORES_3_4, HASH_IGNORES_3_5, HASH_IGNORES_3_6, Keyspace, Rules, db_hash,
};
use crate::recover::{ReplayedRange, ReplayedState};
use crate::start::{has_stored_db, state_after_start};
use located::Error;
use located::progress::{Progress, Silent};
use located::{Answer, Damage};
use located::{Limits, MainRevision};

/// A directory, db, snapshot, WAL or archive that is open for questions.
///
/// A clone shares everything that was read. Files stay mapped until the last clone is dropped.
///
/// ```
/// use etcd_inspect::dataset::Dataset;
///
/// let dataset = Dataset::open("../fixtures/k8s-1.20-etcd35.tar.zst")?;
/// let worker = std::thread::spawn({
///     let dataset = dataset.clone();
///     move || dataset.at(1_600).hash_kv()
/// });
/// for pod in dataset.at(1_600).pods()?.complete()? {
///     println!("{} {}", pod.mod_revision, pod.name());
/// }
/// # drop(worker);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dataset {
    shared: Arc<Shared>,
    side: Side,
}

/// Which state a question is asked of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Side {
    /// The db as it is stored.
    #[default]
    Stored,
    /// The db as etcd would have it after a start: with the WAL entries after it applied.
    Replayed,
    /// What the log alone gives, for a db that cannot be read: see [`Dataset::of_log`].
    Log,
}

#[derive(Debug)]
struct Shared {
    member: Member,
    keyring: Arc<Keyring>,
    /// Prefixes that were given; `None` if they are to be detected.
    given: Option<Layout>,
    stored: Known,
    replayed: Known,
    replay: OnceLock<ReplayedState>,
    of_log: Known,
    log: OnceLock<Option<Logged>>,
}

/// What is found out once for each side.
#[derive(Debug, Default)]
struct Known {
    layout: OnceLock<Arc<Layout>>,
    /// Record ids of all keys in byte order.
    order: OnceLock<Arc<[u32]>>,
}

/// How a [`Dataset`] is opened.
///
/// ```
/// use etcd_inspect::dataset::Dataset;
/// use etcd_inspect::Limits;
///
/// let mut limits = Limits::default();
/// limits.value_depth = 400;
/// let dataset = Dataset::builder().limits(limits).prefixes(["/k8s"]).open("../fixtures/k8s-1.20-etcd35.tar.zst")?;
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    options: Options,
    keyring: Keyring,
    layout: Option<Layout>,
}

impl Builder {
    /// All that [`Member`] can be asked to do when it reads.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Depth, size and allocation bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.evidence.limits = limits;
        self
    }

    /// Mapping, or plain reads that go on past ranges that cannot be read.
    #[must_use]
    pub fn io(mut self, io: Io) -> Self {
        self.options.evidence.io = io;
        self
    }

    /// Which meta page of the db is followed.
    #[must_use]
    pub fn meta(mut self, meta: MetaChoice) -> Self {
        self.options.meta = meta;
        self
    }

    /// The etcd release whose edge rules answers follow; without this the newest, which fits every db.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.options.rules = Some(rules);
        self
    }

    /// Keys that open values encrypted at rest.
    #[must_use]
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = keyring;
        self
    }

    /// The registry prefixes (`--etcd-prefix` of the API server); without this they are detected.
    #[must_use]
    pub fn prefixes<'p>(mut self, prefixes: impl IntoIterator<Item = &'p str>) -> Self {
        self.layout = Some(Layout::with_prefixes(prefixes));
        self
    }

    /// Prefixes and CRDs; without this they are detected.
    #[must_use]
    pub fn layout(mut self, layout: Option<Layout>) -> Self {
        self.layout = layout;
        self
    }

    /// Opens the evidence at a path; nothing but names is read yet.
    ///
    /// # Errors
    /// As [`Evidence::open`]; damage within the files is no error here.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Dataset, Error> {
        self.open_with(path, &Silent)
    }

    /// As [`open`](Self::open), and reports how far unpacking an archive is.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        self,
        path: impl AsRef<Path>,
        progress: &dyn Progress,
    ) -> Result<Dataset, Error> {
        let evidence = Evidence::open_with(path, &self.options.evidence, progress)?;
        Ok(self.evidence(evidence))
    }

    /// A dataset of files that are located already.
    pub fn evidence(self, evidence: Evidence) -> Dataset {
        let options = self.options.clone();
        self.member(Member::from_evidence(evidence, options))
    }

    /// A dataset of a member that is open already; the options of the builder that concern opening are not used.
    pub fn member(self, member: Member) -> Dataset {
        Dataset {
            shared: Arc::new(Shared {
                member,
                keyring: Arc::new(self.keyring),
                given: self.layout,
                stored: Known::default(),
                replayed: Known::default(),
                replay: OnceLock::new(),
                of_log: Known::default(),
                log: OnceLock::new(),
            }),
            side: Side::Stored,
        }
    }
}

impl Dataset {
    /// Opens a data directory, db, snapshot, WAL or archive with default options; nothing but names is read yet.
    ///
    /// # Errors
    /// As [`Evidence::open`]; damage within the files is no error here.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::builder().open(path)
    }

    /// Limits, keys and layout to open with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The joined handle on the files.
    pub fn member(&self) -> &Member {
        &self.shared.member
    }

    /// The keys that open values encrypted at rest.
    pub fn keyring(&self) -> &Keyring {
        &self.shared.keyring
    }

    /// Which state questions are asked of.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The same evidence, asked for its other state. The replay happens when it is first needed.
    #[must_use]
    pub fn on(&self, side: Side) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            side,
        }
    }

    /// The newest state.
    pub fn newest(&self) -> Moment {
        Moment::new(self.clone(), None)
    }

    /// The state at a revision; one that is compacted or not yet written is an error of the question.
    pub fn at(&self, revision: impl Into<MainRevision>) -> Moment {
        Moment::new(self.clone(), Some(revision.into()))
    }

    /// The newest state if `revision` is `None`, else the state at that revision.
    pub fn at_or_newest(&self, revision: Option<MainRevision>) -> Moment {
        Moment::new(self.clone(), revision)
    }

    /// Replays the WAL if this side needs it and it was not done; reports how far it is.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn load(&self, progress: &dyn Progress) -> Result<Option<&ReplayedRange>, Error> {
        match self.side {
            Side::Stored => {
                self.shared.member.keyspace_with(progress)?;
                Ok(None)
            }
            Side::Replayed => Ok(Some(&self.replay(progress)?.reach)),
            Side::Log => Ok(None),
        }
    }

    fn replay(&self, progress: &dyn Progress) -> Result<&ReplayedState, Error> {
        if let Some(known) = self.shared.replay.get() {
            return Ok(known);
        }
        let replayed = state_after_start(&self.shared.member, None, progress)?.into_state();
        Ok(self.shared.replay.get_or_init(|| replayed))
    }

    /// The keyspace, indexed once: a borrowed view that costs nothing to make again.
    ///
    /// # Errors
    /// As [`Member::db`]; [`Error::Missing`] if the db has no `key` bucket.
    pub fn keyspace(&self) -> Result<Answer<Keyspace<'_>>, Error> {
        let stored = || self.shared.member.readable_keyspace();
        let keyspace = match self.side {
            Side::Stored => stored()?,
            Side::Replayed => {
                let replayed = self.replay(&Silent)?;
                match stored() {
                    Ok(stored) => replayed.keyspace(&stored),
                    // A start that made the db again: every record is of the log.
                    Err(_) if !has_stored_db(self.member()) => {
                        replayed.keyspace(&indexed::NOTHING.keyspace())
                    }
                    Err(error) => return Err(error),
                }
            }
            Side::Log => match self.logged(&Silent) {
                Some(logged) => logged.keyspace(),
                None => stored()?,
            },
        };
        Ok(Answer::new(keyspace, self.damage()))
    }

    /// What the replay left of leases, alarms, users and members; `None` on the stored side.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn replayed(&self) -> Result<Option<&ReplayedState>, Error> {
        match self.side {
            Side::Replayed => self.replay(&Silent).map(Some),
            Side::Stored | Side::Log => Ok(None),
        }
    }

    /// The keyspace as Kubernetes sees it: a borrowed view; prefixes and CRDs are read once.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn objects(&self) -> Result<Answer<Objects<'_>>, Error> {
        let file = self.store_name()?;
        let limits = &self.shared.member.options().evidence.limits;
        Ok(self.keyspace()?.map(|keyspace| {
            let layout = self.known().layout.get_or_init(|| {
                let given = self.shared.given.clone();
                let keyring = Arc::clone(&self.shared.keyring);
                Objects::read_layout(keyspace, file, given, keyring, limits)
            });
            let keyring = Arc::clone(&self.shared.keyring);
            Objects::with_layout(keyspace, file, Arc::clone(layout), keyring, limits)
        }))
    }

    /// All keys in byte order: a borrowed view; the order is found once.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn directory(&self) -> Result<Answer<Directory<'_>>, Error> {
        Ok(self.keyspace()?.map(|keyspace| {
            let order = self.known().order.get_or_init(|| keyspace.key_order());
            keyspace.directory_of(Arc::clone(order))
        }))
    }

    /// The raft log; `None` without a WAL. Partial if records could not be read, or if the db has applied more of them.
    pub fn log(&self) -> Option<Answer<Wal<'_>>> {
        let member = &self.shared.member;
        let (wal, mut damage) = crate::answers::wal::log(member.wal()?).into_parts();
        damage.extend(crate::answers::wal::log_loss(member, &Silent));
        Some(Answer::new(wal, damage))
    }

    /// The hash that `Maintenance.Hash` of a release gives: over all buckets of the db.
    ///
    /// # Errors
    /// As [`Member::db`].
    pub fn db_hash(&self, minor: u64) -> Result<Answer<u32>, Error> {
        let ignored = match minor {
            0..=4 => HASH_IGNORES_3_4,
            5 => HASH_IGNORES_3_5,
            _ => HASH_IGNORES_3_6,
        };
        let mut findings = Vec::new();
        let sink = &mut |finding| findings.push(finding);
        let hash = db_hash(&self.shared.member.db()?, ignored, sink).hash;
        let lost = u64::try_from(findings.len()).unwrap_or(u64::MAX);
        Ok(Answer::new(hash, Damage::new(findings, lost)))
    }

    /// Checks the evidence and reports what is damaged.
    pub fn check(&self, depth: Depth) -> Report {
        self.check_with(depth, &Silent)
    }

    /// As [`check`](Self::check), and reports how far it is.
    pub fn check_with(&self, depth: Depth, progress: &dyn Progress) -> Report {
        check_with(
            &self.shared.member,
            depth,
            &self.shared.keyring,
            self.shared.given.clone(),
            progress,
        )
    }

    fn known(&self) -> &Known {
        match self.side {
            Side::Stored => &self.shared.stored,
            Side::Replayed => &self.shared.replayed,
            Side::Log => &self.shared.of_log,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dataset;

    fn shared<T: Clone + Send + Sync + 'static>() {}

    #[test]
    fn a_dataset_can_be_cloned_and_sent_between_threads() {
        shared::<Dataset>();
        shared::<super::Moment>();
    }
}
