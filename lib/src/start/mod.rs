//! What etcd of a release does when it is started on a directory, in the order in which it does it.
//!
//! [`simulate_start`] is the one answer: `preflight`, the plan, `compare` and `--replay` show it, and `tests/oracle` holds it
//! against real etcd. Source: `NewServer` in `server/etcdserver/server.go`, v3.5.30; from 3.6
//! `server/etcdserver/bootstrap.go`, v3.6.14.

mod apply;
mod engine;
mod force_new_cluster;
mod lines;
mod live;
mod old_segments;
mod outcome;
mod repeated;
mod restore;
mod run;
mod snapshot;
mod store;
mod unread;
mod wire;

pub(crate) use repeated::shows_a_known_value;

pub use lines::{Level, Line, counted, is_go};
pub use outcome::{AppliedEntries, Ending, Erased, ForcedLog, StartOutcome, WritesAfterStart};

use crate::Error;
use crate::backend::{EtcdVersion, Meta};
use crate::member::Member;
use crate::progress::Progress;
use crate::raft::{Operation, Payload, Request};
use crate::recover::Replayed;
use crate::wal::boot::Release;
use located::reported_by;

/// Why a start ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stopped {
    /// The process ends with this message.
    Refuses(String),
    /// It runs on without a leader. Holds why.
    NeverServes(String),
    /// It depends on what these files do not say. Holds why.
    Unknown(String),
}

/// What need not be read again as etcd reads it.
#[derive(Clone, Copy, Default)]
struct AlreadyRead<'m> {
    /// What another simulation of this release has read in the same db.
    store: Option<store::ServedStore>,
    /// The records, if the tree is sound and they are in order.
    swept: Option<crate::mvcc::Keyspace<'m>>,
}

/// How etcd is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartMode {
    /// On the directory as it is.
    AsItIs,
    /// On the directory as it is, with `--force-new-cluster`.
    ForceNewCluster,
    /// On the directory that `snapshot restore --skip-hash-check` of the db makes (with `etcdutl`, in 3.4 with `etcdctl`). The WAL
    /// and the `.snap` files have no part in it.
    Restored,
}

/// Simulates a start of etcd.
///
/// Nothing is judged here. Without a release: the newest of the minor version that wrote the db.
///
/// ```
/// use etcd_inspect::start::{Ending, StartMode, simulate_start};
/// use etcd_inspect::member::Member;
/// use etcd_inspect::progress::Silent;
/// let member = Member::open("../fixtures/etcd-3.5.30.tar.zst")?;
/// let outcome = simulate_start(&member, StartMode::AsItIs, "3.5.30".parse().ok(), &Silent);
/// match &outcome.ending {
///     Ending::Serves => println!("revision {:?}, {:?} keys", outcome.revision, outcome.keys),
///     Ending::Refuses(message) => println!("stops: {message}"),
///     Ending::NeverServes(why) | Ending::Unknown(why) => println!("{why}"),
/// }
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
pub fn simulate_start<'m>(
    member: &'m Member,
    mode: StartMode,
    release: Option<Release>,
    progress: &dyn Progress,
) -> StartOutcome<'m> {
    let release = release.unwrap_or_else(|| newest_release(member));
    run::simulate(member, release, mode, AlreadyRead::default(), progress)
}

/// As [`simulate_start`] of the same release in another mode; what `start` has read in the db is not read again.
pub(crate) fn simulate_after<'m>(
    start: &StartOutcome<'_>,
    member: &'m Member,
    mode: StartMode,
    progress: &dyn Progress,
) -> StartOutcome<'m> {
    let known = AlreadyRead {
        store: start.store,
        swept: None,
    };
    run::simulate(member, start.release, mode, known, progress)
}

/// What is reported of a db on which etcd comes up, and which it cannot read in full.
pub(crate) static ENDS_LATER: &str =
    "it ends at the first request that reads every key, or at one of the first writes";

/// As [`simulate_start`] of the directory as it is, in less time: if the tree of keys is sound and its records are in order, the
/// records are not read as etcd reads them. `check` does that. `decodes`: no record is known to be undecodable.
pub(crate) fn simulate_quickly<'m>(
    member: &'m Member,
    decodes: bool,
    progress: &dyn Progress,
) -> StartOutcome<'m> {
    let release = newest_release(member);
    let swept = member.readable_keyspace().ok();
    let swept = swept.filter(|keyspace| decodes && keyspace.index().is_sound);
    let read = AlreadyRead { store: None, swept };
    run::simulate(member, release, StartMode::AsItIs, read, progress)
}

/// The store as etcd serves it after a start, for `--replay`: the state of [`simulate_start`], or why there is none.
///
/// # Errors
/// [`Error::NoStart`] if etcd does not start on this directory; else as [`Member::keyspace`].
pub fn state_after_start<'m>(
    member: &'m Member,
    release: Option<Release>,
    progress: &dyn Progress,
) -> Result<Replayed<'m>, Error> {
    let evidence = member.evidence();
    if evidence.unseen_log().is_some() {
        return Err(Error::Missing {
            file: evidence.name().clone(),
            what: "WAL that can be read as a whole: which entries a start applies is not known",
        });
    }
    // A backup or a db alone is what it says: there is no log to be replayed.
    if evidence.wal().is_empty() && evidence.is_file() {
        return crate::recover::replay(member, progress);
    }
    let outcome = simulate_start(member, StartMode::AsItIs, release, progress);
    let message = outcome
        .message()
        .unwrap_or("it serves, but not what these files say");
    let refusal = Error::NoStart {
        file: member.evidence().name().clone(),
        release: outcome.release.to_string(),
        message: message.to_owned(),
    };
    let dies = outcome.dies_at_first_question;
    let has_log = !evidence.wal().is_empty();
    let mut state = outcome.state.ok_or(refusal)?;
    state.reach.doubt = match (dies, has_log) {
        (true, _) => Some(ENDS_LATER.to_owned()),
        (false, true) => None,
        (false, false) => Some(WITHOUT_LOG.to_owned()),
    };
    Ok(state)
}

/// Whether there is a db; in the place of none, and of an empty file, a start makes a new one.
pub(crate) fn has_stored_db(member: &Member) -> bool {
    member.evidence().db().is_some_and(|db| db.size() > 0)
}

/// What is reported of a data directory with a db and without a log.
static WITHOUT_LOG: &str = "there is no WAL beside the db: etcd starts as a new member on it, and what the WAL had after it is not known";

/// The newest release of the minor version that wrote the data.
fn newest_release(member: &Member) -> Release {
    let minor = written_by(member).minor;
    Release::new(u32::try_from(minor).unwrap_or(5).clamp(4, 7), 99)
}

/// The version that wrote the data: of the bucket `cluster`, of the newest `.snap`, of the schema of the db, whichever is newest; if
/// none of them can be read, the one that the log agreed on; 3.5 if that cannot be read either.
pub(crate) fn written_by(member: &Member) -> EtcdVersion {
    let schema = member.db().ok().and_then(|db| {
        db.bucket(b"meta", &mut reported_by("bbolt::check")).ok()?;
        let meta = Meta::read(&db, &mut reported_by("backend::check"));
        (!meta.is_blank()).then(|| meta.schema_version())
    });
    let version = member.identity().version.max(schema);
    let unknown = EtcdVersion {
        major: 3,
        minor: 5,
        patch: 0,
    };
    version.or_else(|| of_log(member)).unwrap_or(unknown)
}

/// The version of the cluster that the newest entry about it sets.
fn of_log(member: &Member) -> Option<EtcdVersion> {
    let wal = member.wal()?;
    let entries = wal.log().surviving().rev();
    let mut versions = entries.filter(|entry| !entry.is_plain).filter_map(|entry| {
        let request = match wal.payload(entry) {
            Payload::Request(Request::V2(request)) => {
                return request.cluster_version()?.parse().ok();
            }
            Payload::Request(Request::Internal(request)) => request,
            _ => return None,
        };
        match request.operation()? {
            Operation::ClusterVersionSet(set) => set.ver.parse().ok(),
            Operation::V2(request) => request.cluster_version()?.parse().ok(),
            _ => None,
        }
    });
    versions.next()
}
