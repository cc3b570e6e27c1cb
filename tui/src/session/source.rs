//! Opening a dataset and indexing it, beside the event loop.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use etcd_inspect::Severity;
use etcd_inspect::answers::audit::Audited;
use etcd_inspect::check::{Depth, Logged, Report, logged};
use etcd_inspect::dataset::{Builder, CarvedVersions, Dataset, IndexedKeyspace};
use etcd_inspect::member::Identity;
use etcd_inspect::progress::Progress;
use etcd_inspect::verdict::Verdict;
use jiff::Timestamp;

use super::counts::{self, Counts};
use super::side::Replayed;
use crate::job::Monitor;
use crate::notes::Notes;

/// One of the directories, and what is known of it so far.
#[derive(Debug)]
pub struct Slot {
    /// As the user gave it.
    pub path: PathBuf,
    /// The handle, or why there is none.
    pub dataset: Part<Dataset>,
    /// Whose it is.
    pub identity: Option<Identity>,
    /// The index and what is built on it, or why there is none.
    pub data: Part<Arc<Data>>,
    /// The newest revisions, which are there long before the index is.
    pub newest: Option<Arc<Data>>,
    /// What the user has noted and marked of it.
    pub(crate) notes: Notes,
    /// Findings of the quick check, or of a deeper one that a screen has run.
    pub report: Option<Arc<Report>>,
    /// Causes and plan, as soon as a screen has judged a whole check.
    pub verdict: Option<Arc<Verdict>>,
    /// What only the log has, and which entry made which revision; read when it is first asked for.
    pub logged: Option<Part<Option<Arc<Logged>>>>,
    /// What neither db nor log have any more; carved when it is first asked for.
    pub carved: Option<Part<Arc<CarvedVersions>>>,
    /// The requests of the audit log that was given; matched when they are first asked for.
    pub audited: Option<Part<Arc<Audited>>>,
    /// Db and log together; joined when that is first asked for.
    pub joined: Option<Part<Option<Arc<Data>>>>,
    /// The keyspace as etcd would have it after a start; replayed when it is first asked for.
    pub replayed: Option<Part<Replayed>>,
}

/// Something that is read in the background.
#[derive(Clone, Debug)]
pub enum Part<T> {
    /// Not yet.
    Waiting,
    /// There it is.
    Ready(T),
    /// Why it cannot be had.
    Failed(String),
}

impl<T> Part<T> {
    /// What is there.
    pub fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(part) => Some(part),
            Self::Waiting | Self::Failed(_) => None,
        }
    }
}

/// The index of a keyspace and what is built on it: an [`IndexedKeyspace`] dataset, and two facts about it.
#[derive(Debug)]
pub struct Data {
    indexed: IndexedKeyspace,
    /// The newest time in the data: what ages are relative to.
    pub newest_time: Option<Timestamp>,
    /// Whether records could not be read: keys may be missing, and deleted ones among those that are shown.
    pub lacks_records: bool,
    /// Whether all of the keyspace is in it; else the newest revisions only, and counts are at least so high.
    pub complete: bool,
    counts: OnceLock<Counts>,
}

impl Data {
    pub(super) fn new(indexed: IndexedKeyspace, complete: bool) -> Self {
        Self {
            newest_time: indexed.objects().newest_time(None),
            indexed,
            lacks_records: false,
            complete,
            counts: OnceLock::new(),
        }
    }

    /// A hash of what the first surviving revisions wrote: two clusters with equal flags differ in it. FNV-1a, so that every build
    /// finds the same notes.
    pub(super) fn first_revisions(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut take = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for version in self.keyspace().between(0..=i64::MAX).take(FIRST) {
            take(&version.revision.main.to_be_bytes());
            take(version.key);
            take(version.message);
        }
        hash
    }

    /// How much is stored of each resource, once that has been counted.
    pub fn counts(&self) -> Option<&Counts> {
        self.counts.get()
    }

    /// Counts what is stored of each resource: not on the event loop.
    pub(super) fn count(&self) {
        self.counts.get_or_init(|| counts::count(self));
    }

    /// The indexed dataset.
    pub fn indexed(&self) -> &IndexedKeyspace {
        &self.indexed
    }
}

impl Deref for Data {
    type Target = IndexedKeyspace;

    fn deref(&self) -> &IndexedKeyspace {
        &self.indexed
    }
}

/// What the jobs of a slot give.
pub(crate) enum SlotNews {
    Opened(Result<Dataset, String>),
    Known(Identity, u64),
    Newest(Arc<Data>),
    Indexed(Result<Arc<Data>, String>),
    Checked(Report),
    Logged(Result<Option<Arc<Logged>>, String>),
    Carved(Result<Arc<CarvedVersions>, String>),
    Audited(Result<Arc<Audited>, String>),
    Joined(Result<Option<Arc<Data>>, String>),
    Replayed(Result<Replayed, String>),
}

impl Slot {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            dataset: Part::Waiting,
            identity: None,
            data: Part::Waiting,
            newest: None,
            notes: Notes::default(),
            report: None,
            verdict: None,
            logged: None,
            carved: None,
            audited: None,
            joined: None,
            replayed: None,
        }
    }
}

/// Records that tell the data of one cluster from those of another.
const FIRST: usize = 16;

/// The text instead of what was not read.
const STOPPED: &str = "reading was stopped before it was done; :index reads on";

/// Opens, lists the newest keys of, indexes, identifies and quickly checks the dataset at a path; each step is reported as soon
/// as it is done. A dataset that is open already is not opened again.
pub(crate) fn read(slot: usize, opened: Result<Dataset, (PathBuf, Builder)>, monitor: &Monitor) {
    let dataset = match opened {
        Ok(dataset) => dataset,
        Err((path, builder)) => {
            let opened = open(&path, builder, monitor);
            monitor.send((slot, SlotNews::Opened(opened.clone())));
            match opened {
                Ok(dataset) => dataset,
                Err(_) => return,
            }
        }
    };
    // The newest rows first: they take some milliseconds, the index all of the file.
    if let Ok(newest) = dataset.newest_rows() {
        let newest = Arc::new(Data::new(newest, false));
        monitor.send((slot, SlotNews::Newest(newest)));
    }
    let indexed = indexed(&dataset, monitor).map(|indexed| {
        let mut data = Data::new(indexed, true);
        data.lacks_records = !dataset.damage().is_empty();
        Arc::new(data)
    });
    let data = indexed.as_ref().ok().cloned();
    monitor.send((slot, SlotNews::Indexed(indexed)));
    if let Some(data) = &data {
        data.count();
    }
    if monitor.is_cancelled() {
        return;
    }
    let member = dataset.member();
    let _ = member.wal_with(&monitor.whole());
    let first = data.as_ref().map_or(0, |data| data.first_revisions());
    monitor.send((slot, SlotNews::Known(member.identity(), first)));
    if monitor.is_cancelled() {
        return;
    }
    monitor.begin("checking", 0);
    let report = dataset.check_with(Depth::Quick, monitor);
    if !monitor.is_cancelled() {
        monitor.send((slot, SlotNews::Checked(report)));
    }
}

/// The keyspace of the db; if its trees are lost, what log and carved records have of it.
fn indexed(dataset: &Dataset, monitor: &Monitor) -> Result<IndexedKeyspace, String> {
    let rebuilt = |why: String| {
        monitor.begin("rebuilding the keyspace of", 0);
        dataset.rebuilt(why, &monitor.whole())
    };
    match dataset.indexed(monitor) {
        Ok(None) => Err(STOPPED.to_owned()),
        Err(error) => rebuilt(error.to_string()).ok_or_else(|| error.to_string()),
        Ok(Some(indexed)) => {
            let damage = dataset.damage();
            let first = damage
                .findings
                .iter()
                .find(|finding| finding.code.severity == Severity::Error);
            let Some(finding) = first else {
                return Ok(indexed);
            };
            let live = |indexed: &IndexedKeyspace| {
                let (directory, revision) = (indexed.directory(), indexed.keyspace().revision());
                directory.sum(0..directory.len(), revision).0
            };
            let why = format!("{}: {}", finding.code.id, finding.message);
            // What is left of the db is shown unless most of it is lost.
            match rebuilt(why) {
                Some(more) if live(&more) > live(&indexed).saturating_mul(2) => Ok(more),
                _ => Ok(indexed),
            }
        }
    }
}

fn open(path: &Path, builder: Builder, monitor: &Monitor) -> Result<Dataset, String> {
    monitor.begin("opening", 0);
    builder
        .open_with(path, monitor)
        .map_err(|error| match monitor.is_cancelled() {
            true => STOPPED.to_owned(),
            false => error.to_string(),
        })
}

/// Reads what only the log has.
pub(crate) fn read_log(dataset: &Dataset, monitor: &Monitor) -> SlotNews {
    monitor.begin("reading the log", 0);
    let read = logged(dataset.member(), &monitor.whole()).map(|logged| logged.map(Arc::new));
    SlotNews::Logged(read.map_err(|error| error.to_string()))
}

/// What tells the data of a directory from other data, as a file name: cluster and member, which are a hash of the flags of the
/// bootstrap, and what the first surviving revisions wrote; where there is no log to tell them, the path.
pub(crate) fn name_of(identity: &Identity, first: u64, path: &Path) -> String {
    if let (Some(cluster), Some(member)) = (identity.cluster_id, identity.member_id) {
        return format!("{cluster}-{member}-{first:016x}");
    }
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let mut hasher = std::hash::DefaultHasher::new();
    path.hash(&mut hasher);
    format!("path-{:016x}", hasher.finish())
}
