//! A quick verdict: identity, ends and order of db, log and `.snap` files, and what reading the log met. No page is walked.

use super::cause::{Cause, causes};
use super::source::Source;
use crate::backend::Meta;
use crate::check::{Depth, Report, check, heads};
use crate::evidence::Kind;
use crate::member::Member;
use crate::progress::Progress;
use crate::text::number::thousands;
use crate::{Finding, Severity};
use located::{Command, reported_by};

/// What a quick look says.
#[derive(Clone, Debug)]
pub struct Quick {
    /// One sentence.
    pub headline: String,
    /// How bad it is; `None` if nothing is known to be wrong.
    pub severity: Option<Severity>,
    /// What was found: the quick check, and what reading the log met.
    pub report: Report,
    /// The same, with consequences folded into their causes.
    pub causes: Vec<Cause>,
    /// How far db and log are of each other.
    pub order: Order,
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

/// Looks at ends and order; `with_log` also at everything that reading the whole log and the `.snap` files meets.
pub fn quick(member: &Member, with_log: bool, progress: &dyn Progress) -> Quick {
    let mut report = check(member, Depth::Quick, progress);
    let mut found: Vec<Finding> = Vec::new();
    if with_log {
        heads(member, progress, &mut |finding| found.push(finding));
    }
    for finding in found {
        let same = |known: &Finding| {
            std::ptr::eq(known.code, finding.code) && known.place == finding.place
        };
        if !report.findings.iter().any(same) {
            report.findings.push(finding);
        }
    }
    report
        .findings
        .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let causes = causes(&report);
    let order = order(member);
    let (headline, severity) = headline(member, order, &causes);
    let next = Command::inspect("check").path(Source::new(member.evidence()).given());
    Quick {
        headline,
        severity,
        report,
        causes,
        order,
        next,
    }
}

fn order(member: &Member) -> Order {
    let meta = member
        .db()
        .ok()
        .map(|db| Meta::read(&db, &mut reported_by("backend::check")));
    let applied = meta.and_then(|meta| meta.consistent_index);
    let last = member.wal_ends().map(|ends| ends.last_index.get());
    match (applied, last) {
        (Some(applied), Some(last)) if applied > last => Order::Ahead(applied.saturating_sub(last)),
        (Some(applied), Some(last)) if applied < last => Order::Lags(last.saturating_sub(applied)),
        (Some(_), Some(_)) => Order::Level,
        _ => Order::Unknown,
    }
}

fn headline(member: &Member, order: Order, causes: &[Cause]) -> (String, Option<Severity>) {
    let evidence = member.evidence();
    let directory = matches!(evidence.kind(), Kind::DataDir | Kind::MemberDir);
    if let Order::Ahead(entries) = order {
        let text = format!(
            "the db is ahead of its log by {} entries: they are not of one member, or not of one time",
            thousands(entries.into())
        );
        return (text, Some(Severity::Error));
    }
    if directory && evidence.wal().is_empty() {
        return (
            "there is no WAL beside the db".to_owned(),
            Some(Severity::Error),
        );
    }
    if let Some(cause) = causes.first() {
        let text = format!("{}: {}", cause.code.title, cause.message);
        return (text, Some(cause.severity));
    }
    if let Err(error) = member.db().map(|_| ()) {
        let has_db = evidence.db().is_some();
        if has_db || directory {
            return (
                format!("the db cannot be read: {error}"),
                Some(Severity::Error),
            );
        }
    }
    let text = match order {
        Order::Lags(entries) => format!(
            "nothing wrong at a quick look; {} entries of the log are not in the db yet: a start applies them",
            thousands(entries.into())
        ),
        Order::Level => {
            "nothing wrong at a quick look; db and log end at the same entry".to_owned()
        }
        _ => "nothing wrong at a quick look".to_owned(),
    };
    (text, None)
}
