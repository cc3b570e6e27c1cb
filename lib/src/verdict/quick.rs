//! A quick verdict: identity, ends and order of db, log and `.snap` files, the revisions, what reading the log met, and what the next
//! start ends in. No page is walked, no record is compared with the log.

use serde::Serialize;
use serde::ser::SerializeStruct;

use super::actions::no_others;
use super::cause::{Cause, causes};
use super::facts::conf_of_db;
use super::outcome::alone_it_never_serves;
use super::soundness::Soundness;
use crate::Severity;
use crate::backend::Meta;
use crate::check::{Depth, NOT_SURVEYED, Report, check, survey};
use crate::codes::backend::NEVER_USED;
use crate::codes::mvcc::VALUE_UNPARSABLE;
use crate::evidence::Kind;
use crate::member::Member;
use crate::progress::Progress;
use crate::start::{
    ENDS_LATER, Ending, Level, StartMode, StartOutcome, WritesAfterStart, counted,
    simulate_quickly, simulate_start,
};
use crate::text::number::thousands;
use crate::wal::boot::Release;
use located::{Command, RaftIndex, reported_by};

/// What a quick look says.
#[derive(Clone, Debug)]
pub struct Quick {
    /// One sentence.
    pub headline: String,
    /// How bad it is; `None` if nothing is known to be wrong, which says nothing about what was [not looked at](Self::not_read).
    pub severity: Option<Severity>,
    /// What was found.
    pub report: Report,
    /// The same, with consequences folded into their causes.
    pub causes: Vec<Cause>,
    /// How far db and log are of each other.
    pub order: Order,
    /// What the next start ends in; `None` if it was not asked for, or if etcd cannot be started on this evidence.
    pub start: Option<PredictedStart>,
    /// What was not looked at.
    pub not_read: Vec<&'static str>,
    /// The safest next command.
    pub next: Command,
}

/// Which of db and log is ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Both end at the same entry.
    Level,
    /// So many entries of the log are not in the db.
    Lags(u64),
    /// The db has applied so many entries that the log has not.
    Ahead(u64),
    /// One of them is missing or cannot be read.
    #[default]
    Unknown,
}

/// What the next start ends in, as far as a quick look can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PredictedStart {
    /// The release of etcd.
    pub release: Release,
    /// Whether it comes up and serves; `None` if that is not known. In JSON `"unknown"` also if it waits for other members.
    pub starts: Option<bool>,
    /// Why it does not serve, or what is wrong although it does.
    pub message: Option<String>,
    /// The revision that it serves.
    pub revision: Option<i64>,
    /// Number of keys that it serves.
    pub keys: Option<usize>,
    /// How many voters must run until it serves, this member included.
    pub quorum: usize,
    /// Whether an alarm refuses writes until it is disarmed.
    pub refuses_writes: bool,
    /// Number of entries that it applies to the db.
    pub applies: u64,
    /// Index of the received db that it puts in the place of the db.
    pub received_index: Option<RaftIndex>,
}

impl Serialize for PredictedStart {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let waits = self.starts == Some(true) && self.quorum > 1;
        let others = self.quorum.saturating_sub(1);
        let message = waits.then(|| alone_it_never_serves(others));
        let mut fields = serializer.serialize_struct("PredictedStart", 8)?;
        fields.serialize_field("release", &self.release.to_string())?;
        match self.starts.filter(|_| !waits) {
            Some(starts) => fields.serialize_field("starts", &starts)?,
            None => fields.serialize_field("starts", "unknown")?,
        }
        fields.serialize_field("message", &self.message.clone().or(message))?;
        fields.serialize_field("revision", &self.revision)?;
        fields.serialize_field("keys", &self.keys)?;
        fields.serialize_field("quorum", &self.quorum)?;
        fields.serialize_field("applies", &self.applies)?;
        fields.serialize_field("received_index", &self.received_index)?;
        fields.end()
    }
}

impl PredictedStart {
    fn new(outcome: &StartOutcome<'_>) -> Self {
        let dies = outcome.serves() && outcome.dies_at_first_question;
        let mut fails = outcome.steps.iter();
        let fails = fails.find(|line| line.level == Level::Fail);
        let message = match outcome.message() {
            Some(message) => Some(message.to_owned()),
            None if dies => Some(ENDS_LATER.to_owned()),
            None if outcome.duplicated > 0 => Some(format!(
                "it applies {} a second time",
                counted(outcome.duplicated, "write", "writes")
            )),
            None => match (fails, &outcome.later_writes) {
                (Some(line), _) => Some(line.text.clone()),
                (None, WritesAfterStart::Swallowed(writes)) if outcome.serves() => Some(format!(
                    "the next {} time out and vanish",
                    counted(*writes, "write", "writes")
                )),
                (None, _) => None,
            },
        };
        Self {
            release: outcome.release,
            starts: match outcome.ending {
                Ending::Serves if dies => None,
                Ending::Serves => Some(true),
                Ending::Refuses(_) | Ending::NeverServes(_) => Some(false),
                Ending::Unknown(_) => None,
            },
            message,
            revision: outcome.revision.filter(|_| !dies),
            keys: outcome.keys.filter(|_| !dies),
            quorum: outcome.quorum,
            refuses_writes: matches!(outcome.later_writes, WritesAfterStart::Refused(_)),
            applies: outcome.applied.map_or(0, |applied| applied.entries),
            received_index: outcome.received_index,
        }
    }

    /// One sentence.
    pub fn sentence(&self) -> String {
        let etcd = format!("etcd {}", self.release);
        let message = self.message.as_deref();
        let serves = match (self.revision, self.keys) {
            (Some(revision), Some(keys)) => format!(
                "revision {} with {}",
                thousands(revision.into()),
                counted(keys as u64, "key", "keys")
            ),
            _ => "a revision that is not known".to_owned(),
        };
        match (self.starts, message) {
            (Some(false), why) => {
                let why = why.unwrap_or("it never serves");
                format!("{etcd} does not serve it: {why}")
            }
            (None, why) => {
                let why = why.unwrap_or("it depends on what these files do not say");
                format!("not known whether {etcd} serves it: {why}")
            }
            (Some(true), Some(but)) => format!("{etcd} serves {serves}, but: {but}"),
            (Some(true), None) if self.quorum > 1 => format!(
                "{etcd} serves it together with a majority of its cluster, from {serves} on"
            ),
            (Some(true), None) if self.refuses_writes => {
                format!("{etcd} serves {serves}, and refuses writes (alarm)")
            }
            (Some(true), None) => format!("{etcd} serves {serves}"),
        }
    }

    fn severity(&self) -> Option<Severity> {
        match (self.starts, &self.message) {
            (Some(true), None) => None,
            _ => Some(Severity::Error),
        }
    }
}

/// Looks at ends and order; `with_log` also at the revisions, the whole log, the `.snap` files and the next start.
pub fn quick(member: &Member, with_log: bool, progress: &dyn Progress) -> Quick {
    let report = match with_log {
        true => survey(member, progress),
        false => check(member, Depth::Quick, progress),
    };
    let causes = causes(&report);
    let order = order(member);
    let mut codes = report.findings.iter().map(|finding| finding.code);
    let decodes = !codes.any(|code| std::ptr::eq(code, &VALUE_UNPARSABLE));
    let start = (with_log && can_start(member))
        .then(|| predicted_start(member, &report, decodes, progress));
    let mut not_read = match with_log {
        true => Vec::new(),
        false => not_read_quickly(member),
    };
    not_read.extend(NOT_SURVEYED);
    let mut look = Quick {
        headline: String::new(),
        severity: None,
        report,
        causes,
        order,
        start,
        not_read,
        next: Command::inspect("check").on_evidence(member.evidence().operand()),
    };
    (look.headline, look.severity) = match look.wrong(member) {
        Some((text, severity)) => (text, Some(severity)),
        None => (look.nothing_found(), None),
    };
    look
}

/// What the next start ends in, of the newest release of the minor version that wrote the db; the message says if older ones may end in
/// something else.
fn predicted_start(
    member: &Member,
    report: &Report,
    decodes: bool,
    progress: &dyn Progress,
) -> PredictedStart {
    let outcome = simulate_quickly(member, decodes, progress);
    let mut start = PredictedStart::new(&outcome);
    if start.starts == Some(false) {
        // Of older releases of the same minor version it may not be known.
        let oldest = Some(Release::new(start.release.minor, 0));
        let oldest = simulate_start(member, StartMode::AsItIs, oldest, progress);
        if matches!(oldest.ending, Ending::Unknown(_)) {
            let why = start.message.take().unwrap_or_default();
            start.message = Some(format!("the newest does not ({why}), older ones may"));
            start.starts = None;
        }
    }
    let applied = member.meta().ok().and_then(|meta| meta.consistent_index);
    let is_alone = member.wal_with(progress).and_then(|wal| {
        let sound = Soundness::from_report(report);
        let own = wal.log().metadata.first()?.node_id;
        let conf = conf_of_db(member, Some(&wal), applied.unwrap_or_default(), sound)?;
        Some(conf.voters == [own.get()])
    });
    if is_alone == Some(true) && start.starts == Some(true) && start.quorum > 1 {
        start.message = Some(no_others(start.quorum.saturating_sub(1)));
        start.starts = Some(false);
    }
    start
}

/// What a look at the ends alone leaves out, of the parts that are there.
fn not_read_quickly(member: &Member) -> Vec<&'static str> {
    let evidence = member.evidence();
    let parts = [
        (true, "revisions"),
        (!evidence.wal().is_empty(), "the log between its ends"),
        (can_start(member), "the next start"),
        (
            evidence.backup_size_bytes().is_some(),
            "the SHA-256 of the backup",
        ),
    ];
    let there = parts.into_iter().filter(|(is_there, _)| *is_there);
    there.map(|(_, part)| part).collect()
}

/// Whether etcd can be started on the evidence: it is a directory that no server has.
fn can_start(member: &Member) -> bool {
    let evidence = member.evidence();
    let is_directory = matches!(evidence.kind(), Kind::DataDir | Kind::MemberDir);
    is_directory && evidence.holders().is_empty()
}

/// Why the db has entries that are not in the log.
fn ahead(member: &Member, entries: u64) -> String {
    let entries = counted(entries, "entry", "entries");
    match member.log_read() {
        Some(log) if !log.damages.is_empty() || !log.gaps.is_empty() => format!(
            "the log is cut or damaged: {entries} that the db has applied cannot be read from it"
        ),
        _ => format!(
            "the db is ahead of its log by {entries}: the end of the log is missing, or the two are not of one time or not of one member"
        ),
    }
}

fn order(member: &Member) -> Order {
    if member.evidence().unseen_log().is_some() {
        return Order::Unknown;
    }
    let meta = member
        .db()
        .ok()
        .map(|db| Meta::read(&db, &mut reported_by("backend::check")));
    let applied = meta.and_then(|meta| meta.consistent_index);
    let last = member.wal_ends().map(|ends| ends.last_index);
    match (applied, last) {
        (Some(applied), Some(last)) if applied > last => Order::Ahead(applied.since(last)),
        (Some(applied), Some(last)) if applied < last => Order::Lags(last.since(applied)),
        (Some(_), Some(_)) => Order::Level,
        _ => Order::Unknown,
    }
}

impl Quick {
    /// What is wrong, the worst first.
    fn wrong(&self, member: &Member) -> Option<(String, Severity)> {
        let evidence = member.evidence();
        let is_directory = matches!(evidence.kind(), Kind::DataDir | Kind::MemberDir);
        if let Some(unseen) = evidence.unseen_log().or(evidence.unseen_db()) {
            let text = format!("not known: {}: {}", unseen.place, unseen.message);
            return Some((text, Severity::Error));
        }
        if let Order::Ahead(entries) = self.order {
            return Some((ahead(member, entries), Severity::Error));
        }
        let is_never_used = |cause: &Cause| std::ptr::eq(cause.code, &NEVER_USED);
        let never_used = self.causes.iter().any(is_never_used);
        if is_directory && evidence.wal().is_empty() && !never_used {
            let text = "there is no WAL beside the db".to_owned();
            return Some((text, Severity::Error));
        }
        let cause = self.causes.first();
        let of_start = self.start.as_ref().and_then(|start| {
            let severity = start.severity()?;
            Some((start.sentence(), severity))
        });
        let said = |cause: &Cause| {
            let text = format!("{}: {}", cause.code.title, cause.message);
            (text, cause.severity)
        };
        match (cause, of_start) {
            (Some(cause), None) => return Some(said(cause)),
            (Some(cause), Some((_, severity))) if cause.severity >= severity => {
                return Some(said(cause));
            }
            (_, Some(start)) => return Some(start),
            (None, None) => {}
        }
        let error = member.db().map(|_| ()).err()?;
        let is_expected = evidence.db().is_some() || is_directory;
        is_expected.then(|| (format!("the db cannot be read: {error}"), Severity::Error))
    }

    /// What is known of healthy files, and what is not.
    fn nothing_found(&self) -> String {
        let not_read = format!("not looked at: {}", self.not_read.join(", "));
        let received = self.start.as_ref().and_then(|start| start.received_index);
        let ends = match (self.order, received) {
            (Order::Lags(entries), Some(index)) => {
                let applies = self.start.as_ref().map_or(0, |start| start.applies);
                format!(
                    "{} of the log {} not in the db: a start takes the db that was received at entry {} instead, and applies {}",
                    counted(entries, "entry", "entries"),
                    if entries == 1 { "is" } else { "are" },
                    thousands(index.into()),
                    counted(applies, "entry", "entries"),
                )
            }
            (Order::Lags(1), _) => {
                "1 entry of the log is not in the db yet: a start applies it".to_owned()
            }
            (Order::Lags(entries), _) => format!(
                "{} entries of the log are not in the db yet: a start applies them",
                thousands(entries.into())
            ),
            (Order::Level, _) => "db and log end at the same entry".to_owned(),
            _ => "no fault at a quick look".to_owned(),
        };
        format!("{ends}; {not_read}")
    }
}
