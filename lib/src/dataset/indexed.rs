//! A dataset whose keyspace has been read: views of it that cannot fail and cost next to nothing.

use std::sync::{Arc, LazyLock};

use super::joined::JoinedHistory;
use super::rebuilt::Rebuilt;
use super::{Dataset, Side};
use crate::answers::WrittenVersion;
use crate::kubernetes::key::Layout;
use crate::member::Objects;
use crate::mvcc::{Compaction, Directory, Keyspace, Overlay, Rules};
use located::Error;
use located::FileName;
use located::progress::Progress;

/// A keyspace that was indexed, with its key order, prefixes and CRDs. Owned: it can be kept and sent between threads.
///
/// ```
/// use etcd_inspect::dataset::Dataset;
/// use etcd_inspect::progress::Silent;
///
/// let dataset = Dataset::open("../fixtures/etcd-3.5.30.tar.zst")?;
/// if let Some(indexed) = dataset.indexed(&Silent)? {
///     let worker = std::thread::spawn(move || indexed.directory().len());
///     drop(worker);
/// }
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct IndexedKeyspace {
    dataset: Dataset,
    /// Whether only the newest revisions were read.
    newest_only: bool,
    compaction: Compaction,
    file: FileName,
    layout: Arc<Layout>,
    order: Arc<[u32]>,
    /// What answers instead of a db that cannot be read.
    rebuilt: Option<Arc<Rebuilt>>,
    /// Versions of the log beside those of the db.
    joined: Option<Arc<JoinedHistory>>,
}

/// What a view shows if an index were gone, which cannot happen: an index is never dropped before its dataset.
pub(super) static NOTHING: LazyLock<Overlay<'static>> =
    LazyLock::new(|| Overlay::empty(Rules::NEWEST));

impl Dataset {
    /// Reads the keyspace of this side; `None` if that was cancelled.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn indexed(&self, progress: &dyn Progress) -> Result<Option<IndexedKeyspace>, Error> {
        let member = self.member();
        if member.keyspace_with(progress)?.is_none() {
            return Ok(None);
        }
        if self.side == Side::Replayed {
            self.load(progress)?;
        }
        self.index(false).map(Some)
    }

    /// The newest revisions of the db alone, from some of its last pages: there long before the index is. Older keys and versions
    /// are missing.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn newest_rows(&self) -> Result<IndexedKeyspace, Error> {
        self.member().newest_keyspace()?;
        self.on(Side::Stored).index(true)
    }

    fn index(&self, newest_only: bool) -> Result<IndexedKeyspace, Error> {
        let member = self.member();
        let mut indexed = IndexedKeyspace {
            dataset: self.clone(),
            newest_only,
            compaction: member.compaction()?,
            file: member.db_file()?.name().clone(),
            layout: Arc::default(),
            order: Arc::from([]),
            rebuilt: None,
            joined: None,
        };
        // What is found of the newest rows is not what all of them say: it is not kept for the dataset.
        let known = (!newest_only).then(|| self.known());
        let order = match known {
            Some(known) => Arc::clone(known.order.get_or_init(|| indexed.keyspace().key_order())),
            None => indexed.keyspace().key_order(),
        };
        indexed.order = order;
        let limits = &member.options().evidence.limits;
        let read = || {
            let keyring = Arc::clone(&self.shared.keyring);
            let given = self.shared.given.clone();
            Objects::read_layout_of(&indexed.directory(), &indexed.file, given, keyring, limits)
        };
        let layout = match known {
            Some(known) => Arc::clone(known.layout.get_or_init(read)),
            None => read(),
        };
        indexed.layout = layout;
        Ok(indexed)
    }

    /// The views over a rebuilt keyspace.
    pub(super) fn index_rebuilt(
        &self,
        rebuilt: Arc<Rebuilt>,
        compaction: Compaction,
        file: FileName,
    ) -> IndexedKeyspace {
        let mut indexed = IndexedKeyspace {
            dataset: self.clone(),
            newest_only: false,
            compaction,
            file,
            layout: Arc::default(),
            order: rebuilt.keyspace().key_order(),
            rebuilt: Some(rebuilt),
            joined: None,
        };
        let limits = &self.member().options().evidence.limits;
        let (keyring, given) = (Arc::clone(&self.shared.keyring), self.shared.given.clone());
        let directory = indexed.directory();
        let layout = Objects::read_layout_of(&directory, &indexed.file, given, keyring, limits);
        indexed.layout = layout;
        indexed
    }

    /// The views over db and log together: prefixes and CRDs are those of the db.
    pub(super) fn index_joined(
        &self,
        joined: Arc<JoinedHistory>,
    ) -> Result<IndexedKeyspace, Error> {
        let mut indexed = self.index(false)?;
        indexed.joined = Some(joined);
        indexed.order = indexed.keyspace().key_order();
        Ok(indexed)
    }

    /// Whether both are the same evidence, opened once.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl IndexedKeyspace {
    /// The dataset.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The keyspace.
    pub fn keyspace(&self) -> Keyspace<'_> {
        if let Some(rebuilt) = &self.rebuilt {
            return rebuilt.keyspace();
        }
        let member = self.dataset.member();
        let Some(stored) = member.known_keyspace(self.newest_only, self.compaction) else {
            return NOTHING.keyspace();
        };
        if let Some(joined) = &self.joined {
            return joined.keyspace(&stored);
        }
        match (self.dataset.side, self.dataset.shared.replay.get()) {
            (Side::Replayed, Some(replayed)) => replayed.keyspace(&stored),
            _ => stored,
        }
    }

    /// What answers instead of a db that cannot be read; `None` if the db does.
    pub fn rebuilt(&self) -> Option<&Rebuilt> {
        self.rebuilt.as_deref()
    }

    /// What the log adds to the db, if its versions are among those of the keyspace.
    pub fn joined(&self) -> Option<&JoinedHistory> {
        self.joined.as_deref()
    }

    /// Its keys in byte order.
    pub fn directory(&self) -> Directory<'_> {
        self.keyspace().directory_of(Arc::clone(&self.order))
    }

    /// Its values as Kubernetes sees them.
    pub fn objects(&self) -> Objects<'_> {
        self.objects_of(self.keyspace())
    }

    /// The same prefixes, CRDs and keys over another keyspace, such as that of the log.
    pub fn objects_of<'k>(&self, keyspace: Keyspace<'k>) -> Objects<'k> {
        let limits = &self.dataset.member().options().evidence.limits;
        let keyring = Arc::clone(&self.dataset.shared.keyring);
        let layout = Arc::clone(&self.layout);
        Objects::with_layout(keyspace, &self.file, layout, keyring, limits)
    }

    /// Prefixes and CRDs.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The version of a key that is current at a revision, as far as anything of it is stored; `None`: it did not exist then.
    pub fn version(&self, key: &[u8], revision: i64) -> Option<WrittenVersion> {
        let directory = self.directory();
        let version = directory.at(directory.position(key)?, revision)?;
        Some(WrittenVersion::from(&version))
    }
}
