//! What etcd of a release would do when started on a directory, in the order in which it does it.
//!
//! Source: etcd `server/etcdserver/server.go` (`NewServer`, up to 3.5) and `bootstrap.go` (from 3.6).

mod db;
mod identity;
mod log;
mod outcome;
mod snapshot;

pub use outcome::{Applied, Ending, Erased, LaterWrites, Outcome};

use super::{Level, Line};
use crate::backend::{Cluster, EtcdVersion, Meta};
use crate::check::{Depth, Report, check};
use crate::codes::{Code, snap};
use crate::member::Member;
use crate::wal::boot::{self, Release};
use located::MemberId;
use located::progress::Progress;
use located::{Finding, Severity};

/// bbolt refuses a file of less than two pages.
const SMALLEST_DB_BYTES: u64 = 8192;

/// What would happen.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The release that was asked about.
    pub release: String,
    /// Whether it comes up and serves.
    pub starts: bool,
    /// The last thing it says where it does not.
    pub message: Option<String>,
    /// Entries that are whole in the evidence and gone after the start.
    pub lost_entries: u64,
    /// User keys they write.
    pub lost_keys: Vec<Vec<u8>>,
    /// New writes that etcd would swallow because consistent_index is ahead of the log.
    pub swallowed: u64,
    /// The revision after the start.
    pub revision: Option<i64>,
    /// The last entry of the log that the start keeps.
    pub last_index: Option<u64>,
    /// Keys after the start.
    pub live_keys: Option<usize>,
    /// Everything worth saying, in the order of the start.
    pub lines: Vec<Line>,
    /// What `check` found.
    pub report: Option<Report>,
}

/// Why a start ends early.
struct Stopped(String);

/// Predicts a start. Without a release: the newest of the minor version that wrote the db.
pub fn start(member: &Member, release: Option<Release>, progress: &dyn Progress) -> Start {
    let release = release.unwrap_or_else(|| written_by(member));
    let mut boot = Boot {
        member,
        release,
        report: check(member, Depth::Default, progress),
        start: Start {
            release: release.to_string(),
            ..Start::default()
        },
        progress,
    };
    match boot.run() {
        Ok(()) => {
            boot.start.starts = true;
            boot.say(Level::Pass, "START", format!("etcd {release} starts"));
            boot.unnoticed();
        }
        Err(Stopped(message)) => {
            boot.say(
                Level::Fail,
                "START",
                format!("etcd {release} does not start: {message}"),
            );
            boot.movable();
            boot.start.message = Some(message);
        }
    }
    let Boot {
        mut start, report, ..
    } = boot;
    start.report = Some(report);
    start
}

/// The newest release of the minor version whose schema the db has.
fn written_by(member: &Member) -> Release {
    let version = member.db().map_or(EtcdVersion::new(3, 5, 0), |db| {
        let cluster = Cluster::read(&db, &mut |_| {}).cluster_version;
        let schema = Meta::read(&db, &mut |_| {}).schema_version();
        cluster.unwrap_or(schema).max(schema)
    });
    Release::new(u32::try_from(version.minor).unwrap_or(5).clamp(4, 7), 99)
}

/// Simulates a start of etcd on the directory as it is: the one answer that `preflight`, the plan and `--replay` share.
///
/// Nothing is judged here; [`start`] adds what `check` found. Without a release: the newest of the minor version that wrote
/// the db.
///
/// ```no_run
/// use etcd_inspect::cluster::{Ending, simulate_start};
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
) -> Outcome<'m> {
    outcome::from_start(
        member,
        release.unwrap_or_else(|| written_by(member)),
        progress,
    )
}

struct Boot<'m> {
    member: &'m Member,
    release: Release,
    report: Report,
    start: Start,
    progress: &'m dyn Progress,
}

impl Boot<'_> {
    fn say(&mut self, level: Level, code: &str, text: impl Into<String>) {
        self.start.lines.push(Line::new(level, code, text));
    }

    fn found(&self, code: &'static Code) -> Option<&Finding> {
        self.report
            .findings
            .iter()
            .find(|finding| std::ptr::eq(finding.code, code) && finding.severity == Severity::Error)
    }

    fn run(&mut self) -> Result<(), Stopped> {
        let member = self.member;
        let evidence = member.evidence();
        let has_db = evidence.db().is_some_and(|db| db.size() > 0);
        if evidence.wal().is_empty() {
            let text = if has_db {
                "no WAL: etcd starts as a new member on the old db; entries up to consistent_index are skipped, so writes hang and are lost"
            } else {
                "neither WAL nor db: etcd starts a new, empty cluster"
            };
            self.say(Level::Fail, "DIR-003", text);
            if let Ok(db) = member.db() {
                self.start.swallowed = Meta::read(&db, &mut |_| {}).consistent_index.unwrap_or(0);
                self.pages(&db)?;
            }
            return Ok(());
        }
        let size = evidence.db().map_or(0, crate::evidence::File::size);
        if has_db && size < SMALLEST_DB_BYTES {
            let text = format!(
                "panic: failed to open database {{\"error\": \"file size too small {size}\"}}"
            );
            return Err(Stopped(text));
        }
        if has_db {
            let db = member.db().map_err(|error| self.cannot_open(&error))?;
            self.pages(&db)?;
            self.say(
                Level::Pass,
                "DB",
                "the db opens and its pages can be walked",
            );
        }
        let Some(wal) = member.wal_with(self.progress) else {
            return Ok(());
        };
        let halted = |halt: boot::Halt, release| Stopped(halt.log_line(release));
        let valid = boot::valid_snapshots(wal.log(), wal.files(), self.release)
            .map_err(|halt| halted(halt, self.release))?;
        let from = self.snapshot(&valid, has_db)?;
        let reading = boot::read(wal.log(), wal.files(), self.release, from)
            .map_err(|halt| halted(halt, self.release))?;
        if reading.node_id == 0 {
            return Err(Stopped("panic: cannot use none as id".to_owned()));
        }
        self.tail(&wal, &reading);
        if let Some(message) = boot::commit_out_of_range(&reading, from) {
            return Err(Stopped(format!("panic: {message}")));
        }
        self.say(
            Level::Pass,
            "WAL",
            format!("the WAL is read to entry {}", reading.last_index(from)),
        );
        self.start.last_index = Some(reading.last_index(from));
        self.identity(&wal, MemberId(reading.node_id))?;
        if has_db {
            self.buckets()?;
        }
        self.replayed(&wal, MemberId(reading.node_id), reading.last_index(from))
    }

    /// Damage that etcd would start with.
    fn unnoticed(&mut self) {
        let said: Vec<String> = self
            .start
            .lines
            .iter()
            .map(|line| line.code.clone())
            .collect();
        let lines: Vec<Line> = self
            .report
            .findings
            .iter()
            .filter(|finding| {
                finding.severity > Severity::Note
                    && !said.iter().any(|code| code == finding.code.id)
            })
            .map(|finding| {
                let level = if finding.severity == Severity::Error {
                    Level::Fail
                } else {
                    Level::Warn
                };
                let text = match level {
                    Level::Fail => format!(
                        "etcd starts and does not notice: {}: {}",
                        finding.code.title, finding.message
                    ),
                    _ => format!("{}: {}", finding.code.title, finding.message),
                };
                Line::new(level, finding.code.id, text)
            })
            .collect();
        self.start.lines.extend(lines);
        let orphan = self
            .report
            .findings
            .iter()
            .any(|finding| std::ptr::eq(finding.code, &snap::SNAP_ORPHAN));
        if orphan {
            self.say(
                Level::Pass,
                "SNAP-003",
                "a .snap without WAL record is passed over",
            );
        }
    }
}
