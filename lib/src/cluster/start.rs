//! What etcd of a release would do when started on a directory, in the order in which it does it.
//!
//! Source: etcd `server/etcdserver/server.go` (`NewServer`, up to 3.5) and `bootstrap.go` (from 3.6).

use super::{Level, Line, counted};
use crate::backend::{Cluster, MemberId, Meta, Version};
use crate::bolt::{Db, NO_FREELIST, Pgid};
use crate::check::{Depth, Report, check};
use crate::codes::{Code, backend, bolt, cross, mvcc, snap};
use crate::evidence::Role;
use crate::finding::{Finding, Severity};
use crate::member::{Member, Wal};
use crate::progress::Progress;
use crate::raft::{ConfChangeType, Payload};
use crate::recover::{replay_through, voters};
use crate::snap::{SnapFile, SnapPart, Store};
use crate::wal::boot::{self, Release};
use crate::wal::{Damage, LogSnapshot, Segment};

/// bbolt refuses a file of less than two pages.
const SMALLEST_DB_BYTES: u64 = 8192;
/// Keys that a prediction names.
const KEYS: usize = 1000;

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
    let version = member.db().map_or(Version::new(3, 5, 0), |db| {
        let cluster = Cluster::read(&db, &mut |_| {}).cluster_version;
        let schema = Meta::read(&db, &mut |_| {}).schema_version();
        cluster.unwrap_or(schema).max(schema)
    });
    Release::new(u32::try_from(version.minor).unwrap_or(5).clamp(4, 7), 99)
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
        self.identity(&wal, reading.node_id)?;
        if has_db {
            self.buckets()?;
        }
        self.replayed(&wal, reading.node_id, reading.last_index(from))
    }

    fn cannot_open(&self, error: &crate::Error) -> Stopped {
        let text = match error {
            crate::Error::Malformed { seen, .. } => {
                seen.split(" (").next().unwrap_or(seen).to_owned()
            }
            other => other.to_string(),
        };
        Stopped(format!(
            "panic: failed to open database {{\"error\": \"{text}\"}}"
        ))
    }

    /// bbolt walks every page when it opens a db whose free list is not stored: etcd's usual case.
    fn pages(&mut self, db: &Db<'_>) -> Result<(), Stopped> {
        if let Some(short) = self.found(&bolt::FILE_SHORT) {
            return Err(Stopped(format!(
                "unexpected fault address (SIGBUS: {})",
                short.message
            )));
        }
        let walked: &[&'static Code] = if db.meta().freelist == NO_FREELIST {
            &[
                &bolt::PAGE_ID,
                &bolt::PAGE_TYPE,
                &bolt::PAGE_OUT_OF_RANGE,
                &bolt::KEY_ORDER,
                &bolt::KEY_RANGE,
                &bolt::PAGE_SHARED,
                &bolt::OVERFLOW,
                &bolt::TREE_DEPTH,
            ]
        } else {
            &[&bolt::PAGE_ID, &bolt::PAGE_TYPE, &bolt::PAGE_OUT_OF_RANGE]
        };
        let worst = self.report.findings.iter().find(|finding| {
            walked.iter().any(|code| std::ptr::eq(*code, finding.code))
                && finding.severity == Severity::Error
        });
        if let Some(finding) = worst {
            let page = finding.place.page.unwrap_or(0);
            let says = db.page(Pgid(page)).map(|found| found.header.id);
            return Err(Stopped(
                if let Some(says) = says.ok().filter(|says| says.0 != page) {
                    format!(
                        "panic: assertion failed: Page expected to be: {page}, but self identifies as {says}"
                    )
                } else if std::ptr::eq(finding.code, &bolt::PAGE_TYPE) {
                    format!("panic: assertion failed: page {page}: has unexpected type/flags")
                } else {
                    format!(
                        "panic: freepages: failed to get all reachable pages (page {page}: {})",
                        finding.message
                    )
                },
            ));
        }
        if let Some(finding) = self.found(&bolt::FOREIGN_BUCKET) {
            return Err(Stopped(format!(
                "panic: runtime error ({})",
                finding.message
            )));
        }
        // Gaps between elements do not stop bbolt; an element that reaches beyond its page does.
        let unreadable = |finding: &&Finding| {
            let page = finding.place.page.and_then(|page| db.page(Pgid(page)).ok());
            page.is_some_and(|page| page.items().any(|item| item.is_err()))
        };
        if let Some(finding) = self.found(&bolt::ELEMENT).filter(unreadable) {
            return Err(Stopped(format!(
                "panic or fault when the element is read ({})",
                finding.message
            )));
        }
        Ok(())
    }

    /// Which `.snap` is used, and whether the db is as new.
    fn snapshot(&mut self, valid: &[boot::Start], has_db: bool) -> Result<boot::Start, Stopped> {
        let member = self.member;
        let snaps = member.snaps(&mut |_| {});
        if self.release.minor >= 7 {
            let newest = valid
                .iter()
                .copied()
                .max_by_key(|start| start.index)
                .unwrap_or_default();
            return self.db_fits(newest, has_db).map(|()| newest);
        }
        let broken = snaps.files.iter().filter(|snap| {
            !snap.is_intact() && matches!(SnapPart::of(snap.file.as_str()), SnapPart::Snap(_))
        });
        let broken: Vec<String> = broken
            .map(|snap| snap.file.to_string())
            .chain(snaps.unreadable.iter().map(ToString::to_string))
            .collect();
        for file in broken.iter().filter(|file| file.ends_with(".snap")) {
            self.say(
                Level::Warn,
                "SNAP-001",
                format!("{file} would be renamed to .broken"),
            );
        }
        let is_valid = |snap: &&SnapFile| {
            valid
                .iter()
                .any(|start| (start.index, start.term) == (snap.index, snap.term))
        };
        let Some(chosen) = snaps.usable().find(is_valid) else {
            self.say(
                Level::Pass,
                "SNAP",
                "no snapshot: the WAL is read from its beginning",
            );
            self.db_fits(boot::Start::default(), has_db)?;
            return Ok(boot::Start::default());
        };
        let from = boot::Start {
            index: chosen.index,
            term: chosen.term,
        };
        let store = Store::parse(&chosen.store_json).map_err(|error| {
            Stopped(format!(
                "panic: failed to recover from snapshot {{\"error\": \"{error}\"}}"
            ))
        })?;
        if self.release.minor >= 6 && !store.custom.is_empty() {
            let text = "illegal v2store content {\"error\": \"detected disallowed custom content in v2store for stage --v2-deprecation=write-only\"}";
            return Err(Stopped(text.to_owned()));
        }
        self.db_fits(from, has_db)?;
        self.say(
            Level::Pass,
            "SNAP",
            format!("the snapshot at index {} is used", from.index),
        );
        if chosen.conf_state.voters.is_empty() {
            return Err(Stopped("runs, but never serves: the snapshot names no voter (failed to publish local member to cluster through raft)".to_owned()));
        }
        let own = member
            .wal()
            .and_then(|wal| wal.log().metadata.first().map(|metadata| metadata.node_id));
        let added_later = |own: u64| {
            member.wal().is_some_and(|wal| {
                let behind = wal
                    .log()
                    .surviving()
                    .filter(|entry| entry.index > from.index && !entry.is_plain);
                behind
                    .map(|entry| wal.payload(entry))
                    .any(|payload| matches!(payload, Payload::ConfChange(change) if change.node_id == own))
            })
        };
        if own.is_some_and(|own| own != 0 && !chosen.conf_state.contains(own) && !added_later(own))
        {
            return Err(Stopped(
                "runs, but never serves: failed to publish local member to cluster through raft"
                    .to_owned(),
            ));
        }
        if self.release.minor <= 5
            && own.is_some_and(|own| {
                chosen.conf_state.contains(own) && !store.members.iter().any(|m| m.id == own)
            })
        {
            return Err(Stopped(
                "panic: failed to update; member unknown".to_owned(),
            ));
        }
        Ok(from)
    }

    fn db_fits(&mut self, from: boot::Start, has_db: bool) -> Result<(), Stopped> {
        let member = self.member;
        let index = member.db().map_or(0, |db| {
            Meta::read(&db, &mut |_| {}).consistent_index.unwrap_or(0)
        });
        if from.index <= index {
            return Ok(());
        }
        let received = member.evidence().of(Role::SnapDb);
        let fits = received.iter().any(
            |file| matches!(SnapPart::of(&file.base()), SnapPart::SnapDb(of) if of == from.index),
        );
        if fits && self.found(&cross::SNAP_DB_INDEX).is_some() {
            return Err(Stopped(
                "panic or fault: the received .snap.db is renamed over the db and cannot be read"
                    .to_owned(),
            ));
        }
        if fits {
            self.say(
                Level::Warn,
                "DIR-007",
                format!(
                    "the db received for index {} would take the place of the db",
                    from.index
                ),
            );
            return Ok(());
        }
        if !has_db {
            self.say(
                Level::Warn,
                "DIR-004",
                "an empty db would be created before etcd notices",
            );
        }
        Err(Stopped("panic: failed to recover v3 backend from snapshot {\"error\": \"failed to find database snapshot file (snap: snapshot file doesn't exist)\"}".to_owned()))
    }

    /// What etcd cuts off, erases, or never sees.
    fn tail(&mut self, wal: &Wal<'_>, reading: &boot::Reading) {
        if let Some(repair) = &reading.repair {
            self.say(
                Level::Warn,
                "WAL-007",
                format!("the last segment would be repaired: {}", repair.error),
            );
        }
        if reading.erases.is_some() && !reading.lost.is_empty() {
            self.say(
                Level::Fail,
                "WAL-034",
                "bytes behind the end of the log would be erased without a word",
            );
        }
        let lost: Vec<_> = reading
            .lost
            .iter()
            .filter_map(|&position| wal.log().entries.get(position))
            .collect();
        let (Some(first), Some(last)) = (lost.first(), lost.last()) else {
            return;
        };
        self.start.lost_entries = lost.len() as u64;
        for entry in &lost {
            let payload = wal.payload(entry);
            for key in payload.user_keys() {
                if self.start.lost_keys.len() < KEYS
                    && !self.start.lost_keys.iter().any(|known| known == key)
                {
                    self.start.lost_keys.push(key.to_vec());
                }
            }
        }
        let text = format!(
            "{} ({} to {}) would be lost by the start",
            counted(lost.len() as u64, "whole entry", "whole entries"),
            first.index,
            last.index
        );
        self.say(Level::Fail, "WAL-033", text);
    }

    /// The member, its cluster, and the versions they agreed on.
    fn identity(&mut self, wal: &Wal<'_>, own: u64) -> Result<(), Stopped> {
        let Ok(db) = self.member.db() else {
            return Ok(());
        };
        let meta = Meta::read(&db, &mut |_| {});
        let cluster = Cluster::read(&db, &mut |_| {});
        let minor = u64::from(self.release.minor);
        if let Some(storage) = meta
            .storage_version
            .filter(|version| version.minor > minor && minor >= 6)
        {
            return Err(Stopped(format!(
                "Failed to validate schema {{\"error\": \"version \\\"{storage}\\\" is not supported\"}}"
            )));
        }
        if let Some(version) = cluster
            .cluster_version
            .filter(|version| version.minor > minor)
        {
            // Up to 3.5 the v2 store says so; it takes the version over from the db with the next snapshot.
            let in_db_only = minor == 5 && self.v2_version().is_some_and(|v2| v2.minor <= minor);
            if !in_db_only {
                return Err(Stopped(format!(
                    "invalid downgrade; server version is lower than determined cluster version {{\"determined-cluster-version\": \"3.{}\"}}",
                    version.minor
                )));
            }
        }
        if cluster.is_removed(MemberId(own)) {
            return Err(Stopped(
                "the member has been permanently removed from the cluster (exit code 0)".to_owned(),
            ));
        }
        if minor >= 6 && !cluster.members.is_empty() && cluster.member(MemberId(own)).is_none() {
            return Err(Stopped(
                "panic: failed to find local ID in cluster members".to_owned(),
            ));
        }
        let conf = voters(self.member, wal, wal.log().last_index());
        if !conf.voters.is_empty() && !conf.contains(own) {
            return Err(Stopped(
                "runs, but never serves: failed to publish local member to cluster through raft"
                    .to_owned(),
            ));
        }
        self.say(
            Level::Pass,
            "MEMBER",
            format!(
                "member {own:016x} of {}",
                counted(conf.voters.len() as u64, "voter", "voters")
            ),
        );
        if conf.voters.len() > 1 {
            self.say(
                Level::Warn,
                "QUORUM",
                "the member serves only together with a majority of its cluster",
            );
        }
        Ok(())
    }

    fn v2_version(&self) -> Option<Version> {
        let snaps = self.member.snaps(&mut |_| {});
        let store = snaps
            .usable()
            .find_map(|snap| Store::parse(&snap.store_json).ok())?;
        store.cluster_version?.parse().ok()
    }

    /// What is decoded before etcd serves.
    fn buckets(&mut self) -> Result<(), Stopped> {
        let fatal: [(&'static Code, &str); 6] = [
            (
                &backend::META_LENGTH,
                "panic: index out of range in the meta bucket",
            ),
            (
                &backend::LEASE_SHAPE,
                "panic: failed to Unmarshal lease proto item",
            ),
            (
                &mvcc::VALUE_UNPARSABLE,
                "failed to unmarshal mvccpb.KeyValue",
            ),
            (
                &mvcc::KEY_SHAPE,
                "panic: invalid revision in the key bucket",
            ),
            (
                &backend::AUTH_UNREADABLE,
                "panic: failed to unmarshal 'authpb.User'",
            ),
            (
                &backend::MEMBER_KEY,
                "panic: failed to parse a member's key",
            ),
        ];
        for (code, message) in fatal {
            // 3.5 takes the members from the .snap.
            let harmless = std::ptr::eq(code, &backend::MEMBER_KEY) && self.release.minor < 6;
            if let Some(finding) = self.found(code).filter(|_| !harmless) {
                return Err(Stopped(format!("{message} ({})", finding.message)));
            }
        }
        Ok(())
    }

    /// The entries behind the db.
    fn replayed(&mut self, wal: &Wal<'_>, own: u64, last: u64) -> Result<(), Stopped> {
        let member = self.member;
        let Ok(replayed) = replay_through(member, last, self.progress) else {
            return Ok(());
        };
        if let Some((index, why)) = replayed
            .reach
            .stops
            .clone()
            .filter(|(index, _)| *index <= last)
        {
            return Err(Stopped(format!(
                "panic: unmarshal should never fail ({why}) at entry {index}"
            )));
        }
        let removes_self = wal.log().surviving().any(|entry| {
            entry.index > replayed.reach.from.min(entry.index.saturating_sub(1))
                && entry.index <= replayed.reach.to
                && matches!(wal.payload(entry), Payload::ConfChange(change)
                    if change.kind() == ConfChangeType::RemoveNode && change.node_id == own)
        });
        if removes_self {
            return Err(Stopped("panic: removed all voters".to_owned()));
        }
        let from = replayed.reach.from;
        self.start.swallowed = from.saturating_sub(last);
        if self.start.swallowed > 0 {
            let text = format!(
                "etcd would skip the next {} entries: writes time out and are never in the store",
                self.start.swallowed
            );
            self.say(Level::Fail, "META-003", text);
        }
        self.start.revision = Some(replayed.keyspace().revision());
        self.start.live_keys = Some(replayed.keyspace().live_count());
        if replayed.reach.entries > 0 {
            let text = format!(
                "{} ({} to {}) are applied to the db, which then is at revision {}",
                counted(replayed.reach.entries, "entry", "entries"),
                from.saturating_add(1),
                replayed.reach.to,
                replayed.keyspace().revision()
            );
            self.say(Level::Pass, "REPLAY", text);
        }
        Ok(())
    }

    /// etcd reads all segments, also those that it does not need: damage before the newest usable snapshot stops it in vain.
    fn movable(&mut self) {
        let member = self.member;
        let (Some(wal), Ok(db)) = (member.wal_with(self.progress), member.db()) else {
            return;
        };
        let log = wal.log();
        let applied = Meta::read(&db, &mut |_| {}).consistent_index.unwrap_or(0);
        let snaps = member.snaps(&mut |_| {});
        let newest = snaps.usable().find_map(|snap| {
            let is_it =
                |record: &&LogSnapshot| (record.index, record.term) == (snap.index, snap.term);
            let record = log.valid_snapshots().rfind(is_it)?;
            log.records.get(record.record).map(|_| snap.index)
        });
        let Some(newest) = newest.filter(|newest| *newest <= applied) else {
            return;
        };
        // etcd opens the last segment whose name is not behind the snapshot.
        let first = |segment: &Segment| segment.name.map(|name| name.index);
        let needed = log
            .segments
            .iter()
            .rposition(|segment| first(segment).is_some_and(|first| first <= newest));
        let Some(needed) = needed.filter(|needed| *needed > 0) else {
            return;
        };
        let old = |damage: &Damage| damage.segment < needed;
        if log.damages.is_empty() || !log.damages.iter().all(old) {
            return;
        }
        let names = log.segments.iter().take(needed);
        let names: Vec<String> = names
            .filter_map(|segment| {
                let name = segment.name?;
                Some(format!("{:016x}-{:016x}.wal", name.seq, name.index))
            })
            .collect();
        let text = format!(
            "the damage lies before the snapshot at index {newest}, and nothing of it is needed: in a copy, move aside {}; then etcd starts",
            names.join(", ")
        );
        self.say(Level::Warn, "WAL-OLD", text);
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
