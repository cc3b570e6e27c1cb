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
mod snapshot;
mod store;
mod wire;

pub use lines::{Level, Line, counted, is_go};
pub use outcome::{AppliedEntries, Ending, Erased, StartOutcome, WritesAfterStart};

use self::engine::Way;
use crate::Error;
use crate::backend::{Cluster, EtcdVersion, Meta};
use crate::member::Member;
use crate::progress::Progress;
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

/// Simulates a start of etcd on the directory as it is.
///
/// Nothing is judged here. Without a release: the newest of the minor version that wrote the db.
///
/// ```no_run
/// use etcd_inspect::start::{Ending, simulate_start};
/// use etcd_inspect::member::Member;
/// use etcd_inspect::progress::Silent;
/// let member = Member::open("/copy/m1")?;
/// let outcome = simulate_start(&member, "3.5.30".parse().ok(), &Silent);
/// match &outcome.ending {
///     Ending::Serves => println!("revision {:?}, {:?} keys", outcome.revision, outcome.keys),
///     Ending::Refuses(message) => println!("stops: {message}"),
///     Ending::NeverServes(why) | Ending::Unknown(why) => println!("{why}"),
/// }
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
pub fn simulate_start<'m>(
    member: &'m Member,
    release: Option<Release>,
    progress: &dyn Progress,
) -> StartOutcome<'m> {
    let release = release.unwrap_or_else(|| written_by(member));
    engine::run(member, release, Way::Start, None, progress)
}

/// Simulates a start of etcd with `--force-new-cluster` on the directory as it is.
pub fn simulate_force_new_cluster<'m>(
    member: &'m Member,
    release: Option<Release>,
    progress: &dyn Progress,
) -> StartOutcome<'m> {
    let release = release.unwrap_or_else(|| written_by(member));
    engine::run(member, release, Way::ForceNewCluster, None, progress)
}

/// Simulates `snapshot restore --skip-hash-check` of the db (with `etcdutl`, in 3.4 with `etcdctl`), and a start of etcd on the
/// directory that it makes. The WAL and the `.snap` files have no part in it.
pub fn simulate_restore<'m>(
    member: &'m Member,
    release: Option<Release>,
    progress: &dyn Progress,
) -> StartOutcome<'m> {
    let release = release.unwrap_or_else(|| written_by(member));
    engine::run(member, release, Way::Restore, None, progress)
}

/// As [`simulate_restore`]; what a simulated start of the same directory has read in the db is not read again.
pub(crate) fn simulate_restore_after<'m>(
    start: &StartOutcome<'_>,
    member: &'m Member,
    progress: &dyn Progress,
) -> StartOutcome<'m> {
    engine::run(member, start.release, Way::Restore, start.store, progress)
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
    // A backup or a db alone is what it says: there is no log to be replayed.
    if member.evidence().wal().is_empty() {
        return crate::recover::replay(member, progress);
    }
    let outcome = simulate_start(member, release, progress);
    let message = outcome
        .message()
        .unwrap_or("it serves, but not what these files say");
    let refusal = Error::NoStart {
        file: member.evidence().name().clone(),
        release: outcome.release.to_string(),
        message: message.to_owned(),
    };
    outcome.state.ok_or(refusal)
}

/// The newest release of the minor version whose schema the db has.
fn written_by(member: &Member) -> Release {
    let version = member.db().map_or(EtcdVersion::new(3, 5, 0), |db| {
        let cluster = Cluster::read(&db, &mut reported_by("backend::check")).cluster_version;
        let schema = Meta::read(&db, &mut reported_by("backend::check")).schema_version();
        cluster.unwrap_or(schema).max(schema)
    });
    Release::new(u32::try_from(version.minor).unwrap_or(5).clamp(4, 7), 99)
}
