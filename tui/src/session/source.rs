//! Opening a member and indexing it, beside the event loop.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcd_inspect::check::{Depth, Logged, Report, check, logged};
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::member::{Identity, Member, Objects, Options};
use etcd_inspect::mvcc::Directory;
use etcd_inspect::progress::Progress;
use jiff::Timestamp;

use crate::job::Monitor;

/// One of the directories, and what is known of it so far.
#[derive(Debug)]
pub struct Slot {
    /// As the user gave it.
    pub path: PathBuf,
    /// The handle, or why there is none.
    pub member: Part<&'static Member>,
    /// Whose it is.
    pub identity: Option<Identity>,
    /// The index and what stands on it, or why there is none.
    pub data: Part<Arc<Data>>,
    /// Findings of the quick check, or of a deeper one that a screen has run.
    pub report: Option<Arc<Report>>,
    /// What only the log has, and which entry made which revision; read when it is first asked for.
    pub logged: Option<Part<Option<&'static Logged>>>,
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

/// The index of a keyspace and what stands on it.
#[derive(Debug)]
pub struct Data {
    /// Keys and values as Kubernetes sees them.
    pub objects: Objects<'static>,
    /// Every key of which anything is retained, in byte order, at any revision.
    pub directory: Directory<'static>,
    /// The newest time in the data: what ages are relative to.
    pub newest_time: Option<Timestamp>,
}

/// What the jobs of a slot give.
pub(crate) enum News {
    Opened(Result<&'static Member, String>),
    Known(Identity),
    Indexed(Result<Arc<Data>, String>),
    Checked(Report),
    Logged(Result<Option<&'static Logged>, String>),
}

impl Slot {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            member: Part::Waiting,
            identity: None,
            data: Part::Waiting,
            report: None,
            logged: None,
        }
    }
}

/// Opens, identifies, indexes and quickly checks the member at a path; each step is told as soon as it is done.
pub(crate) fn read(
    slot: usize,
    path: &Path,
    options: Options,
    keyring: Keyring,
    monitor: &Monitor,
) {
    monitor.begin("opening", 0);
    let member = match Member::open_with(path, options) {
        // The browser looks at its members until the process ends. Leaked, they are borrowed by screens and jobs alike
        // without anyone counting.
        Ok(member) => &*Box::leak(Box::new(member)),
        Err(error) => {
            monitor.send((slot, News::Opened(Err(error.to_string()))));
            return;
        }
    };
    monitor.send((slot, News::Opened(Ok(member))));
    monitor.begin("indexing", 0);
    monitor.send((slot, News::Indexed(index(member, keyring).map(Arc::new))));
    monitor.begin("reading the log", 0);
    monitor.send((slot, News::Known(member.identity())));
    monitor.begin("checking", 0);
    monitor.send((slot, News::Checked(check(member, Depth::Quick, monitor))));
}

fn index(member: &'static Member, keyring: Keyring) -> Result<Data, String> {
    let read = || {
        let directory = member.keyspace()?.directory();
        let objects = Objects::of_directory(&directory, member.db_file()?.name(), keyring);
        let newest_time = objects.newest_time(None);
        Ok(Data {
            objects,
            directory,
            newest_time,
        })
    };
    read().map_err(|error: etcd_inspect::Error| error.to_string())
}

/// Reads what only the log has.
pub(crate) fn read_log(member: &'static Member, monitor: &Monitor) -> News {
    monitor.begin("reading the log", 0);
    let read =
        logged(member, monitor).map(|logged| logged.map(|logged| &*Box::leak(Box::new(logged))));
    News::Logged(read.map_err(|error| error.to_string()))
}
