//! Opening a member and indexing it, beside the event loop.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcd_inspect::Error;
use etcd_inspect::check::{Depth, Logged, Report, check, logged};
use etcd_inspect::evidence::Evidence;
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::member::{Identity, Member, Objects, Options};
use etcd_inspect::mvcc::{Directory, Keyspace};
use etcd_inspect::progress::Progress;
use jiff::Timestamp;

use super::side::Replayed;
use crate::job::Monitor;
use crate::notes::Notes;

/// One of the directories, and what is known of it so far.
#[derive(Debug)]
pub struct Slot {
    /// As the user gave it.
    pub path: PathBuf,
    /// The handle, or why there is none.
    pub member: Part<&'static Member>,
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
    /// What only the log has, and which entry made which revision; read when it is first asked for.
    pub logged: Option<Part<Option<&'static Logged>>>,
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

/// The index of a keyspace and what is built on it.
#[derive(Debug)]
pub struct Data {
    /// Keys and values as Kubernetes sees them.
    pub objects: Objects<'static>,
    /// Every key of which anything is retained, in byte order, at any revision.
    pub directory: Directory<'static>,
    /// The newest time in the data: what ages are relative to.
    pub newest_time: Option<Timestamp>,
    /// Whether all of the keyspace is in it; else the newest revisions only, and counts are at least so high.
    pub complete: bool,
}

/// What the jobs of a slot give.
pub(crate) enum News {
    Opened(Result<&'static Member, String>),
    Known(Identity),
    Newest(Arc<Data>),
    Indexed(Result<Arc<Data>, String>),
    Checked(Report),
    Logged(Result<Option<&'static Logged>, String>),
    Replayed(Result<Replayed, String>),
}

impl Slot {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            member: Part::Waiting,
            identity: None,
            data: Part::Waiting,
            newest: None,
            notes: Notes::default(),
            report: None,
            logged: None,
            replayed: None,
        }
    }
}

/// The text instead of what was not read.
const STOPPED: &str = "reading was stopped before it was done; :index reads on";

/// Opens, lists the newest keys of, indexes, identifies and quickly checks the member at a path; each step is reported as soon as
/// it is done. A member that is open already is not opened again.
pub(crate) fn read(
    slot: usize,
    opened: Result<&'static Member, (PathBuf, Options)>,
    keyring: Keyring,
    monitor: &Monitor,
) {
    let member = match opened {
        Ok(member) => member,
        Err((path, options)) => {
            let opened = open(&path, options, monitor);
            monitor.send((slot, News::Opened(opened.clone())));
            match opened {
                Ok(member) => member,
                Err(_) => return,
            }
        }
    };
    // The newest rows first: they take some milliseconds, the index all of the file.
    let newest = member
        .newest_keyspace()
        .and_then(|keyspace| data(member, keyspace, keyring.clone(), false));
    if let Ok(newest) = newest {
        monitor.send((slot, News::Newest(Arc::new(newest))));
    }
    let indexed = match member.keyspace_with(monitor) {
        Ok(Some(keyspace)) => {
            monitor.begin("sorting the keys", 0);
            data(member, keyspace, keyring, true).map_err(|error| error.to_string())
        }
        Ok(None) => Err(STOPPED.to_owned()),
        Err(error) => Err(error.to_string()),
    };
    monitor.send((slot, News::Indexed(indexed.map(Arc::new))));
    if monitor.is_cancelled() {
        return;
    }
    let _ = member.wal_with(&monitor.whole());
    monitor.send((slot, News::Known(member.identity())));
    if monitor.is_cancelled() {
        return;
    }
    monitor.begin("checking", 0);
    let report = check(member, Depth::Quick, monitor);
    if !monitor.is_cancelled() {
        monitor.send((slot, News::Checked(report)));
    }
}

fn open(path: &Path, options: Options, monitor: &Monitor) -> Result<&'static Member, String> {
    monitor.begin("opening", 0);
    let evidence = Evidence::open_with(path, &options.evidence, monitor);
    let evidence = evidence.map_err(|error| match monitor.is_cancelled() {
        true => STOPPED.to_owned(),
        false => error.to_string(),
    })?;
    // The browser looks at its members until the process ends. Leaked, they are borrowed by screens and jobs alike without
    // anyone counting.
    Ok(Box::leak(Box::new(Member::from_evidence(
        evidence, options,
    ))))
}

/// What is built on the index of a keyspace.
pub(super) fn data(
    member: &'static Member,
    keyspace: Keyspace<'static>,
    keyring: Keyring,
    complete: bool,
) -> Result<Data, Error> {
    let directory = keyspace.directory();
    let objects = Objects::of_directory(
        &directory,
        member.db_file()?.name(),
        keyring,
        &member.options().evidence.limits,
    );
    let newest_time = objects.newest_time(None);
    Ok(Data {
        objects,
        directory,
        newest_time,
        complete,
    })
}

/// Reads what only the log has.
pub(crate) fn read_log(member: &'static Member, monitor: &Monitor) -> News {
    monitor.begin("reading the log", 0);
    let read = logged(member, &monitor.whole())
        .map(|logged| logged.map(|logged| &*Box::leak(Box::new(logged))));
    News::Logged(read.map_err(|error| error.to_string()))
}

/// What tells the data of a directory from other data, as a file name: cluster and member; where there is no log to tell them,
/// the path.
pub(crate) fn name_of(identity: &Identity, path: &Path) -> String {
    if let (Some(cluster), Some(member)) = (identity.cluster_id, identity.member_id) {
        return format!("{cluster}-{member}");
    }
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let mut hasher = std::hash::DefaultHasher::new();
    path.hash(&mut hasher);
    format!("path-{:016x}", hasher.finish())
}
