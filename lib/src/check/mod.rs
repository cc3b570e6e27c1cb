//! Runs every format's check at a chosen depth, cross-file rules, report order.
//!
//! ```
//! use etcd_inspect::check::{Depth, check};
//! use etcd_inspect::member::Member;
//! use etcd_inspect::progress::Silent;
//!
//! let member = Member::open("../fixtures/etcd-3.5.30.tar.zst")?;
//! let report = check(&member, Depth::Default, &Silent);
//! println!("{}: {} findings", report.verdict, report.findings.len());
//! # Ok::<(), etcd_inspect::Error>(())
//! ```

mod advice;
mod affected;
pub(crate) mod applied;
mod bent_root;
mod buckets;
mod collect;
mod cross;
mod file_causes;
mod foreign_snap;
mod holes;
mod kubernetes;
mod logged_alarms;
mod membership;
mod missing_parts;
mod names;
mod restored_db;
mod survey;
mod torn_copy;
mod undecided_leases;

use std::fmt;

pub(crate) use bent_root::has_bent_root;
pub(crate) use membership::{UPGRADE_FIRST, db_is_of_another_cluster};
pub(crate) use survey::{NOT_SURVEYED, survey};

pub use applied::{
    ComparedRange, Logged, applied, log_adds_nothing, log_ends_otherwise, logged, logged_beside,
    logged_tail, versions,
};

use crate::backend::{self, Meta};
use crate::bolt::Db;
use crate::codes;
use crate::evidence::{Kind, Role};
use crate::kubernetes::encryption::Keyring;
use crate::kubernetes::key::Layout;
use crate::member::{Member, Objects, Wal};
use crate::mvcc::Noted;
use crate::snap::Snaps;
use crate::start::counted;
use located::Place;
use located::progress::Progress;
use located::{Advice, Finding, RaftIndex, Severity, reported_by};

use self::collect::Collector;

/// How deep to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Depth {
    /// Layout, metas, etcd's own buckets, heads of the log: under a second on any size.
    Quick,
    /// Every page, every revision, every WAL record, every `.snap`, the rules across files.
    #[default]
    Default,
    /// And every Kubernetes value.
    Deep,
}

/// What to think of the evidence as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Nothing found.
    Clean,
    /// Only things worth knowing.
    Notes,
    /// Suspicious, nothing known to be lost.
    Warnings,
    /// Data is lost or wrong, or etcd will not start.
    Damaged,
    /// The db cannot be opened, and there is no log either; or something could not be read, and the rest is sound.
    Unreadable,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clean => "clean",
            Self::Notes => "notes",
            Self::Warnings => "warnings",
            Self::Damaged => "damaged",
            Self::Unreadable => "unreadable",
        })
    }
}

/// Something that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Report {
    /// One word for all.
    pub verdict: Health,
    /// What was found, worst first; one finding for one cause. The ids `F-01`, `F-02`, … are their positions.
    pub findings: Vec<Finding>,
    /// What was looked at, and how far it reaches back.
    pub checked: Vec<String>,
    /// What was not, and why.
    pub skipped: Vec<Skipped>,
    /// Whether there are objects of Kubernetes that only [`Depth::Deep`] reads.
    pub unread_objects: bool,
    /// The safest next command.
    pub next: Advice,
}

impl Report {
    /// How many findings of a severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// The id of the finding at a position: `F-01`.
    pub fn id(position: usize) -> String {
        format!("F-{:02}", position.saturating_add(1))
    }
}

/// Checks a member, or whatever part of one is there.
pub fn check(member: &Member, depth: Depth, progress: &dyn Progress) -> Report {
    check_with(member, depth, &Keyring::default(), None, progress)
}

/// As [`check`], with the keys that open values encrypted at rest, and where Kubernetes keeps its keys (`None`: detected).
pub fn check_with(
    member: &Member,
    depth: Depth,
    keyring: &Keyring,
    layout: Option<Layout>,
    progress: &dyn Progress,
) -> Report {
    let mut run = CheckRun::new(member, depth, progress);
    run.layout();
    run.db(depth);
    run.log(depth);
    if depth > Depth::Quick {
        run.applied();
        run.bent_root();
    }
    if depth == Depth::Deep {
        run.objects(keyring, layout);
    }
    run.unknowable(depth);
    run.report()
}

struct CheckRun<'m> {
    member: &'m Member,
    depth: Depth,
    /// How far the store was compared with the WAL.
    compared: Option<ComparedRange>,
    progress: &'m dyn Progress,
    found: Collector,
    checked: Vec<String>,
    skipped: Vec<Skipped>,
    /// Whether anything could be read.
    readable: bool,
}

impl<'m> CheckRun<'m> {
    fn new(member: &'m Member, depth: Depth, progress: &'m dyn Progress) -> Self {
        Self {
            member,
            depth,
            compared: None,
            progress,
            found: Collector::new(member.options().evidence.limits.findings_per_code),
            checked: Vec::new(),
            skipped: Vec::new(),
            readable: false,
        }
    }

    fn skip(&mut self, what: &str, why: impl Into<String>) {
        self.skipped.push(Skipped {
            what: what.to_owned(),
            why: why.into(),
        });
    }

    fn layout(&mut self) {
        let evidence = self.member.evidence();
        evidence.report(&mut |finding| self.found.add(finding));
        for (file, error) in self.member.unreadable_files() {
            let finding = Finding::new(error.code(), Place::file(file.name()), error.to_string());
            self.found.add(finding.severity(Severity::Error));
        }
        self.checked.push(format!(
            "layout of the {}: names, sizes, holders",
            evidence.kind().as_str()
        ));
    }

    /// The SHA-256 of a backup.
    fn trailer(&mut self) {
        let found = &mut self.found;
        cross::trailer(self.member, &mut |finding| found.add(finding));
    }

    fn db(&mut self, depth: Depth) {
        let evidence = self.member.evidence();
        if evidence.db().is_none() {
            if matches!(
                evidence.kind(),
                Kind::WalDir | Kind::WalFile | Kind::SnapFile
            ) {
                self.skip("db", "not part of what was given");
            }
            return;
        }
        if depth > Depth::Quick || self.member.trailer().is_none() {
            self.trailer();
        }
        let Some(db) = self.open_db() else { return };
        self.readable = true;
        let found = &mut self.found;
        if depth == Depth::Quick {
            crate::bolt::check::metas(db.file(), &db, &mut |finding| found.add(finding));
            backend::check::check(&db, None, &mut |finding| found.add(finding));
            self.checked
                .push("db: both metas, etcd's own buckets".to_owned());
            self.skip("pages, revisions, values", "--quick");
            return;
        }
        crate::bolt::check::check(&db, self.progress, &mut |finding| found.add(finding));
        let pages = db.pages();
        self.checked.push(format!(
            "db: {pages} pages of {} bytes, both metas",
            db.page_size()
        ));
        self.keyspace(&db);
        affected::name_keys(&db, &mut self.found);
        self.found.join_below(&codes::bolt::PAGE_SHARED);
    }

    /// The db; `None`, with a finding, if it cannot be opened.
    fn open_db(&mut self) -> Option<Db<'m>> {
        let error = match self.member.db() {
            Ok(db) => return Some(db),
            Err(error) => error,
        };
        let evidence = self.member.evidence();
        let text = format!("the db cannot be opened: {error}");
        // A db that this user may not read is reported with the layout; it may be a healthy one.
        let name = evidence.db().map(|db| db.name().clone());
        let is_unread = self
            .member
            .unreadable_files()
            .any(|(file, _)| Some(file.name()) == name.as_ref());
        if !is_unread {
            let place = error.place().cloned();
            let place = place.unwrap_or_else(|| Place::file(evidence.name()));
            let finding = Finding::new(&codes::bolt::METAS_INVALID, place, text.clone());
            self.found.add(finding);
        }
        self.skip("pages, revisions and buckets", text);
        None
    }

    /// Revisions, and the buckets that refer to them.
    fn keyspace(&mut self, db: &Db<'_>) {
        let found = &mut self.found;
        match self.member.noted_keyspace(Noted::FACTS) {
            Ok(keyspace) => {
                let limits = &self.member.options().evidence.limits;
                if let Ok(bucket) = db.bucket(b"key", &mut reported_by("bbolt::check")) {
                    crate::mvcc::check::check(
                        &bucket,
                        &keyspace,
                        limits,
                        self.progress,
                        &mut |finding| found.add(finding),
                    );
                }
                backend::check::check(db, Some(&keyspace), &mut |finding| found.add(finding));
                let compacted = match keyspace.compact_revision() {
                    Some(revision) => {
                        format!("history reaches back to the compaction at revision {revision}")
                    }
                    None => "never compacted".to_owned(),
                };
                self.checked.push(format!(
                    "keyspace: {} records up to revision {}; {compacted}",
                    keyspace.index().len(),
                    keyspace.revision()
                ));
            }
            Err(error) => {
                backend::check::check(db, None, &mut |finding| found.add(finding));
                self.skip("revisions", error.to_string());
            }
        }
    }

    fn log(&mut self, depth: Depth) {
        match depth {
            Depth::Quick => self.heads(),
            _ => self.log_and_snaps(true),
        }
    }

    /// The whole log and the `.snap` files. `buckets`: compares etcd's own buckets with the log.
    fn log_and_snaps(&mut self, buckets: bool) {
        let member = self.member;
        let found = &mut self.found;
        let snaps = member.snaps(&mut |finding| found.add(finding));
        if !snaps.files.is_empty() {
            self.checked.push(format!(
                "{} .snap files: envelope, voters, v2 store",
                snaps.files.len()
            ));
        }
        let Some(wal) = member.wal_with(self.progress) else {
            self.no_log();
            return;
        };
        self.readable = true;
        crate::wal::check::all(wal.log(), wal.files(), &mut |finding| found.add(finding));
        crate::snap::check::against_log(&snaps, wal.log(), wal.files(), &mut |finding| {
            found.add(finding)
        });
        let log = wal.log();
        let (first, last) = (
            log.first().map_or(RaftIndex(0), |entry| entry.index),
            log.last_index(),
        );
        self.checked.push(format!(
            "WAL: {}, {}, raft entries {first} to {last}, terms to {}",
            counted(log.segments.len() as u64, "segment", "segments"),
            counted(log.records.len() as u64, "record", "records"),
            log.hard_state()
                .map_or(located::Term(0), |state| state.term)
        ));
        if let Ok(db) = member.db() {
            self.log_against_db(&db, &wal, &snaps, buckets);
        }
        let applied = member.db().map_or(RaftIndex(0), |db| {
            Meta::read(&db, &mut reported_by("backend::check"))
                .consistent_index
                .unwrap_or_default()
        });
        for broken in member.evidence().with_role(Role::SnapDb) {
            cross::snap_db(
                broken,
                applied,
                &member.options().evidence.limits,
                &mut |finding| self.found.add(finding),
            );
        }
    }

    /// What the db holds, compared with the log that wrote it.
    fn log_against_db(&mut self, db: &Db<'_>, wal: &Wal<'_>, snaps: &Snaps, buckets: bool) {
        let member = self.member;
        let meta = Meta::read(db, &mut reported_by("backend::check"));
        cross::db_and_log(member, db, &meta, wal, snaps, &mut |finding| {
            self.found.add(finding)
        });
        names::names(db, &meta, wal, snaps, &mut |finding| {
            self.found.add(finding)
        });
        logged_alarms::logged_alarms(member, db, &meta, wal, &mut |finding| {
            self.found.add(finding)
        });
        if !buckets {
            return;
        }
        let compared = buckets::against_log(db, &meta, wal, &mut |finding| self.found.add(finding));
        if let Err(why) = compared {
            self.skip(
                "users, roles, leases, members and alarms against the WAL",
                why,
            );
        }
    }

    /// What names and heads say, without reading log and snapshots.
    fn heads(&mut self) {
        let member = self.member;
        if member.evidence().wal().is_empty() {
            return self.no_log();
        }
        cross::quick_heads(member, &mut |finding| self.found.add(finding));
        self.checked
            .push("WAL: names and heads of the segments".to_owned());
        self.skip("WAL records, .snap files", "--quick");
    }

    fn no_log(&mut self) {
        if matches!(self.member.evidence().kind(), Kind::Db | Kind::Snapshot) {
            self.skip(
                "WAL and .snap",
                "a db file alone was given: what the log knows better cannot be seen",
            );
        } else if self.may_not_read() {
            self.skip("WAL", "it could not be read: see the findings");
        } else {
            self.skip("WAL", "there is none");
        }
    }

    /// The WAL against the store it was applied to.
    fn applied(&mut self) {
        let (Ok(db), Ok(keyspace), Some(wal)) = (
            self.member.db(),
            self.member.readable_keyspace(),
            self.member.wal_with(self.progress),
        ) else {
            return;
        };
        let index = Meta::read(&db, &mut reported_by("backend::check"))
            .consistent_index
            .unwrap_or_default();
        let found = &mut self.found;
        match applied(&db, &keyspace, &wal, index, self.progress, &mut |finding| {
            found.add(finding)
        }) {
            Ok(reach) => {
                let (first, last) = reach.indexes.unwrap_or_default();
                self.checked.push(format!(
                    "store against WAL: {} of raft entries {first} to {last}, from revision {} on",
                    counted(reach.records, "record", "records"),
                    reach.from_revision
                ));
                self.compared = Some(reach);
                if let Some(next) = reach.stopped_at {
                    self.skip(
                        &format!("store against WAL from raft entry {next} on"),
                        "the revisions of these entries are not known: entries before them are missing or damaged, or the store has other records",
                    );
                }
            }
            Err(why) => self.skip("store against WAL", why),
        }
    }

    /// The values, as Kubernetes reads them.
    fn objects(&mut self, keyring: &Keyring, layout: Option<Layout>) {
        let (Ok(keyspace), Ok(file)) = (self.member.readable_keyspace(), self.member.db_file())
        else {
            self.skip("Kubernetes objects", "there is no readable keyspace");
            return;
        };
        let is_given = layout.is_some();
        let objects = Objects::new(
            keyspace,
            file.name(),
            layout,
            keyring.clone(),
            &self.member.options().evidence.limits,
        );
        if let Some(unused) = is_given.then(|| objects.unused_prefixes()).flatten() {
            self.skip("Kubernetes objects", unused.to_string());
            return;
        }
        let found = &mut self.found;
        let outcome = kubernetes::objects(&objects, file.name(), self.progress, &mut |finding| {
            found.add(finding)
        });
        self.checked.extend(outcome.checked);
        self.skipped.extend(outcome.skipped);
    }

    /// Whether a file or folder could not be read, so that its content is not known.
    fn may_not_read(&self) -> bool {
        self.found.contains(&codes::dir::UNREADABLE)
            || self.member.unreadable_files().next().is_some()
    }

    /// Whether the cluster has more than this member, or may have: a quick check does not read the log.
    fn has_other_members(&self) -> bool {
        if self.depth == Depth::Quick {
            return true;
        }
        let Some(wal) = self.member.wal_with(self.progress) else {
            return true;
        };
        let last = wal.log().last_index();
        crate::recover::voters(self.member, &wal, last).voters.len() != 1
    }

    /// Lists what no check can see.
    fn unknowable(&mut self, depth: Depth) {
        if self.readable && depth > Depth::Quick {
            let why = match self.has_other_members() {
                true => "no checksum protects them: compare with other members, or with a backup",
                false => "no checksum protects them: compare with a backup",
            };
            self.skip("values that are older than the WAL", why);
        }
        if depth < Depth::Deep {
            self.skip("Kubernetes objects", "only with --deep");
        }
    }

    fn report(self) -> Report {
        let has_other_members = self.has_other_members();
        let may_not_read = self.may_not_read();
        let compared = self.compared;
        let newest = match self.depth {
            Depth::Quick => 0,
            _ => self
                .member
                .readable_keyspace()
                .map_or(0, |keyspace| keyspace.revision()),
        };
        let Self {
            member,
            depth,
            found,
            mut checked,
            skipped,
            readable,
            ..
        } = self;
        let mut findings = found.into_findings();
        member
            .evidence()
            .report_unreadable(&mut |finding| findings.push(finding));
        missing_parts::settle(member, &mut findings);
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        file_causes::add_file_causes(member, &mut findings, compared, newest);
        for finding in &mut findings {
            advice::fill(finding, has_other_members);
        }
        checked.dedup();
        let verdict = health(&findings, readable, may_not_read);
        let unread_objects = depth == Depth::Default && kubernetes::present::has_objects(member);
        let next = match may_not_read && verdict == Health::Unreadable {
            true => Advice::from(
                "Run it as a user who may read all files: sudo etcd-inspect check {path}",
            ),
            false => next(verdict, member),
        };
        Report {
            next,
            verdict,
            unread_objects,
            findings,
            checked,
            skipped,
        }
    }
}

/// One word for all findings.
fn health(findings: &[Finding], readable: bool, may_not_read: bool) -> Health {
    let worst = findings.iter().map(|finding| finding.severity).max();
    match worst {
        _ if !readable && worst == Some(Severity::Error) => Health::Unreadable,
        _ if may_not_read && findings.iter().all(is_no_damage) => Health::Unreadable,
        None => Health::Clean,
        Some(Severity::Note) => Health::Notes,
        Some(Severity::Warning) => Health::Warnings,
        Some(Severity::Error) => Health::Damaged,
    }
}

/// Whether a finding says nothing about the content of files: what could not be read may be healthy.
fn is_no_damage(finding: &Finding) -> bool {
    let is_of_reading = std::ptr::eq(finding.code, &codes::dir::UNREADABLE)
        || codes::error::ALL
            .iter()
            .any(|code| std::ptr::eq(*code, finding.code));
    is_of_reading || finding.severity < Severity::Error
}

/// The safest thing to do now.
fn next(verdict: Health, member: &Member) -> Advice {
    let is_dir = matches!(member.evidence().kind(), Kind::DataDir | Kind::MemberDir);
    Advice::from(match verdict {
        Health::Unreadable => "etcd-inspect page {path}",
        _ if is_dir => "etcd-inspect preflight {path} --for start",
        _ => "etcd-inspect preflight {path} --for restore",
    })
}
