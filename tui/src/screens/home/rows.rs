//! The lines of Home, and where each leads.

use etcd_inspect::Severity;
use etcd_inspect::answers::changes::{LatelyKind, LatelyRow};
use etcd_inspect::answers::reach::{ReachAnswer, RevisionReach, WalReach};
use etcd_inspect::answers::status::{SecretsStatus, StoreStatus};
use etcd_inspect::kubernetes::table::human_duration;
use etcd_inspect::text::{escape, number, time};
use etcd_inspect::verdict::shown_steps;
use jiff::Timestamp;

use super::facts::{CertificateFacts, Facts, LatelyFacts, StatusFacts, StoredFacts};
use crate::paint::Line;
use crate::screen::ScreenId;
use crate::screens::check::step;
use crate::session::{Part, Session};
use crate::target::{Listing, Target};
use crate::theme::Role;

/// One line: its label, its text, and where ⏎ leads.
#[derive(Clone, Debug)]
pub(super) struct HomeRow {
    pub(super) label: &'static str,
    pub(super) line: Line,
    pub(super) target: Option<Target>,
    /// The verb that answers the same.
    pub(super) verb: &'static str,
    /// Whether a bar of the parts of the file is drawn below it.
    pub(super) has_bar: bool,
}

impl HomeRow {
    fn new(label: &'static str, line: Line, verb: &'static str) -> Self {
        Self {
            label,
            line,
            target: None,
            verb,
            has_bar: false,
        }
    }

    fn to(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    fn opens(self, screen: ScreenId) -> Self {
        self.to(Target::Screen(screen))
    }
}

/// All lines. `busy`: more is still being read; `most`: lines of what happened lately.
pub(super) fn rows(facts: &Facts, busy: bool, most: usize, session: &Session) -> Vec<HomeRow> {
    let mut rows = verdict(facts, session);
    rows.extend(reach(facts, busy, session));
    rows.extend(space(facts));
    rows.extend(lately(facts, busy, most, session));
    rows.extend(stored(facts, session));
    rows.push(next(session));
    rows
}

fn thousands(value: i64) -> String {
    number::thousands(value.into())
}

fn count(many: usize) -> String {
    number::thousands(many as i128)
}

/// The verdict of `status`, and the first step of the plan.
fn verdict(facts: &Facts, session: &Session) -> Vec<HomeRow> {
    let Some(status) = &facts.status else {
        let why = match session.slot().map(|slot| &slot.dataset) {
            Some(Part::Failed(why)) => Line::piece(Role::Error, why.clone()),
            _ => Line::piece(Role::Dim, session.why_no_data().plain()),
        };
        return vec![HomeRow::new("verdict", why, "status")];
    };
    let role = match status.severity {
        None => Role::Good,
        Some(Severity::Error) => Role::Error,
        Some(_) => Role::Warning,
    };
    let judged = session.slot().and_then(|slot| slot.verdict.as_ref());
    let headline = match judged {
        Some(verdict) => {
            let more = match verdict.causes.len() {
                0 | 1 => String::new(),
                causes => format!(" (and {} more)", causes - 1),
            };
            let worst = verdict.causes.first().map(|cause| cause.severity);
            let role = match worst {
                None | Some(Severity::Note) => Role::Good,
                Some(Severity::Warning) => Role::Warning,
                Some(_) => Role::Error,
            };
            Line::piece(role, format!("{}{more}", verdict.headline()))
        }
        None => Line::piece(role, status.answer.verdict.clone()),
    };
    let mut rows = vec![HomeRow::new("verdict", headline, "check").opens(ScreenId::Check)];
    if let Some(start) = &status.answer.start {
        let role = match (start.starts, &start.message) {
            (Some(true), None) => Role::Good,
            (Some(false), _) => Role::Error,
            _ => Role::Warning,
        };
        let line = Line::piece(role, start.sentence());
        rows.push(HomeRow::new("start", line, "status").opens(ScreenId::Check));
    }
    let plan = match judged {
        None => Line::piece(Role::Dim, "looking at every page and record…"),
        Some(verdict) => {
            let steps = shown_steps(&verdict.plan);
            match steps.first() {
                Some(first) => {
                    let (role, _) = step::cost(first);
                    let of = format!("  step 1 of {}, ⏎ all", steps.len());
                    Line::piece(role, step::line(first)).with(Role::Dim, of)
                }
                None => Line::piece(Role::Good, "nothing to do"),
            }
        }
    };
    rows.push(HomeRow::new("plan", plan, "check").opens(ScreenId::Check));
    rows
}

/// `01:36:42Z–01:37:40Z (58 s)`; empty if no time is known.
fn times(reach: &RevisionReach, session: &Session) -> String {
    let zone = &session.options.zone;
    let (Some(from), Some(to)) = (reach.from, reach.to) else {
        return String::new();
    };
    let took = to.time.duration_since(from.time).as_secs().max(0);
    format!(
        " · ~{}–{} ({})",
        time::short(from.time, to.time, zone),
        time::short(to.time, to.time, zone),
        human_duration(took)
    )
}

fn revisions(reach: &RevisionReach, session: &Session) -> String {
    format!(
        "revisions {}–{}{}",
        thousands(reach.first),
        thousands(reach.last),
        times(reach, session)
    )
}

/// What the db, the log and carved records reach back to.
fn reach(facts: &Facts, busy: bool, session: &Session) -> Vec<HomeRow> {
    let Some(reach) = &facts.reach else {
        let text = match busy {
            true => "reading…",
            false => "neither the db nor a log can be read",
        };
        return vec![HomeRow::new(
            "reach",
            Line::piece(Role::Dim, text),
            "timeline",
        )];
    };
    let mut rows = vec![of_db(facts, reach, session)];
    rows.push(match &reach.log {
        Some(log) => HomeRow::new("WAL", of_log(log, session), "wal").opens(ScreenId::Wal),
        None => HomeRow::new("WAL", Line::piece(Role::Warning, "none here"), "wal"),
    });
    let carved = match &facts.carved {
        Some(carved) if carved.records == 0 => {
            Line::piece(Role::Dim, "no record that db and WAL do not have")
        }
        Some(carved) => {
            let records = count(carved.records);
            let line = Line::from(format!(
                "{records} record{} that neither db nor WAL has",
                if carved.records == 1 { "" } else { "s" }
            ));
            match carved.revisions {
                Some((first, last)) => line.text(format!(
                    " · revisions {}–{}",
                    thousands(first),
                    thousands(last)
                )),
                None => line,
            }
        }
        None if busy => Line::piece(Role::Dim, "looking through pages that no tree reaches…"),
        None => Line::piece(Role::Dim, "not looked for: R reads again"),
    };
    rows.push(HomeRow::new("carved", carved, "carve").opens(ScreenId::Pages));
    rows
}

fn of_db(facts: &Facts, reach: &ReachAnswer, session: &Session) -> HomeRow {
    let row = |line| HomeRow::new("db", line, "timeline").opens(ScreenId::Timeline);
    let Some(db) = &reach.db else {
        let why = match facts.status.as_ref().map(|status| &status.answer.store) {
            Some(StoreStatus::None) => "none here".to_owned(),
            Some(StoreStatus::Unreadable(why) | StoreStatus::Unknown { why, .. }) => {
                format!("cannot be read: {why}")
            }
            _ => "no record can be read".to_owned(),
        };
        return row(Line::piece(Role::Error, why));
    };
    let line = Line::from(revisions(db, session));
    row(match reach.compacted {
        Some(_) => line.with(Role::Dim, " · older ones are compacted"),
        None => line.with(Role::Dim, " · never compacted"),
    })
}

fn of_log(log: &WalReach, session: &Session) -> Line {
    let entries = format!(
        "entries {}–{}",
        number::thousands(log.first_index.into()),
        number::thousands(log.last_index.into())
    );
    let line = Line::from(match &log.revisions {
        Some(reach) => format!("{} · {entries}", revisions(reach, session)),
        None => format!("{entries} · their revisions are not known"),
    });
    let line = match log.first_index.get() {
        1 => line.with(Role::Good, " · from the first entry on"),
        _ => line,
    };
    match log.damaged_ranges {
        0 => line,
        1 => line.with(Role::Error, " · 1 damaged range"),
        ranges => line.with(Role::Error, format!(" · {ranges} damaged ranges")),
    }
}

/// The sizes of the parts of the file, and what takes most of it.
fn space(facts: &Facts) -> Vec<HomeRow> {
    let Some(status) = &facts.status else {
        return Vec::new();
    };
    let Some(space) = &status.space else {
        let line = Line::piece(Role::Dim, "unknown: the pages of the db cannot be counted");
        let row = HomeRow::new("space", line, "space").opens(ScreenId::Space);
        return std::iter::once(row).chain(biggest(facts)).collect();
    };
    let parts = super::bars::PARTS.iter().zip(super::bars::parts(space));
    let parts: Vec<String> = parts
        .filter(|(part, _)| part.letter != '?' || !space.is_known())
        .map(|(part, bytes)| format!("{} {}", part.name, number::size(bytes)))
        .collect();
    let text = format!(
        "{} = {}",
        number::size(space.size_bytes()),
        parts.join(" + ")
    );
    let mut row = HomeRow::new("space", Line::from(text), "space").opens(ScreenId::Space);
    row.has_bar = true;
    std::iter::once(row).chain(biggest(facts)).collect()
}

/// What takes most of the records.
fn biggest(facts: &Facts) -> Option<HomeRow> {
    let biggest = facts.biggest.as_ref()?;
    let charset = escape::Charset::default();
    let mut line = Line::new();
    if let Some((resource, bytes)) = &biggest.resource {
        let name = escape::bytes(resource, charset);
        line = line.text(format!("{name} {} with history · ", number::size(*bytes)));
    }
    let (key, bytes) = biggest.value.as_ref()?;
    let line = line
        .text(format!("one value {} ", number::size(*bytes)))
        .with(Role::Name, escape::bytes(key, charset));
    Some(HomeRow::new("biggest", line, "keys").to(Target::Key(key.clone())))
}

/// What happened lately; each line leads to its last revision.
fn lately(facts: &Facts, busy: bool, most: usize, session: &Session) -> Vec<HomeRow> {
    let Some(found) = &facts.lately else {
        return match busy {
            true => vec![HomeRow::new(
                "lately",
                Line::piece(Role::Dim, "reading…"),
                "changes",
            )],
            false => Vec::new(),
        };
    };
    let lines = &found.lines;
    if lines.is_empty() {
        let line = Line::piece(Role::Dim, "no change but of Leases, Events and status");
        return vec![HomeRow::new("lately", line, "changes")];
    }
    let newest = lines
        .iter()
        .filter_map(|line| line.to)
        .map(|to| to.time)
        .max();
    let one = |line: &LatelyRow| {
        let role = match line.kind {
            LatelyKind::NamespaceDeleted | LatelyKind::Deleted => Role::Error,
            LatelyKind::Scaled => Role::Warning,
            LatelyKind::Changed | LatelyKind::Created => Role::Plain,
        };
        let shown =
            Line::piece(role, line.text.clone()).with(Role::Dim, when(line, newest, session));
        let main = Some(line.last);
        HomeRow::new("lately", shown, "changes").to(Target::History {
            key: line.key.clone(),
            main,
        })
    };
    let mut rows: Vec<HomeRow> = vec![window(found, session)];
    rows.extend(lines.iter().take(most).map(one));
    let more = lines.len().saturating_sub(most);
    if more > 0 {
        let text = format!("… {} more: ⏎ timeline", count(more));
        let row = HomeRow::new("lately", Line::piece(Role::Dim, text), "changes");
        rows.push(row.opens(ScreenId::Timeline));
    }
    rows
}

/// Which changes the lines are of: `of the last 600 changes, revisions 2,402–3,001`.
fn window(found: &LatelyFacts, session: &Session) -> HomeRow {
    let which = match (found.is_all, found.changes) {
        (true, 1) => "the only change".to_owned(),
        (true, changes) => format!("all {} changes", count(changes)),
        (false, changes) => format!("the last {} changes", count(changes)),
    };
    let mut line = Line::piece(Role::Dim, format!("of {which}"));
    match (found.from, found.to, found.span) {
        (Some(from), Some(to), _) => {
            let short = |at| time::short(at, to, &session.options.zone);
            line = line.with(Role::Dim, format!(" · ~{}–{}", short(from), short(to)));
        }
        (_, _, Some((first, last))) => {
            let text = format!(" · revisions {}–{}", thousands(first), thousands(last));
            line = line.with(Role::Dim, text);
        }
        _ => {}
    }
    HomeRow::new("lately", line, "changes").opens(ScreenId::Timeline)
}

/// `  ~01:17:48Z–01:18:12Z`.
fn when(line: &LatelyRow, newest: Option<Timestamp>, session: &Session) -> String {
    let zone = &session.options.zone;
    let short = |at: Timestamp| time::short(at, newest.unwrap_or(at), zone);
    match (line.from, line.to) {
        (Some(from), Some(to)) if short(from.time) != short(to.time) => {
            format!("  ~{}–{}", short(from.time), short(to.time))
        }
        (_, Some(to)) => format!("  ~{}", short(to.time)),
        _ => format!("  revision {}", thousands(line.last)),
    }
}

/// Secrets, certificates, members, alarms, leases, users.
fn stored(facts: &Facts, session: &Session) -> Vec<HomeRow> {
    let mut rows = Vec::new();
    let status = facts.status.as_ref();
    let of_status = status.and_then(|status| status.secrets.as_ref());
    rows.extend(of_status.map(secrets));
    if let Some(facts) = &facts.certificates {
        rows.push(certificates(facts, session).to(Target::Listing(Listing::Certificates)));
    }
    match &facts.stored {
        Some(Ok(stored)) => rows.extend(own(stored, status)),
        // What cannot be read is not nothing.
        Some(Err(why)) => rows.extend(["members", "leases", "auth"].map(|label| {
            let unknown = Line::piece(Role::Dim, format!("unknown: {why}"));
            HomeRow::new(label, unknown, "meta")
        })),
        None => {}
    }
    rows
}

fn secrets(secrets: &SecretsStatus) -> HomeRow {
    let line = match secrets.plaintext {
        0 => Line::piece(
            Role::Good,
            format!("{} Secrets, all encrypted", secrets.count),
        ),
        plaintext => Line::piece(
            Role::Warning,
            format!("{plaintext} of {} Secrets in plaintext", secrets.count),
        ),
    };
    HomeRow::new("secrets", line, "status")
}

fn certificates(facts: &CertificateFacts, session: &Session) -> HomeRow {
    let mut line = match (facts.all, facts.now) {
        (0, _) => Line::piece(Role::Dim, "none found"),
        (all, None) => Line::from(format!(
            "{all} found; nothing in the data says what the time was"
        )),
        (all, Some(_)) => {
            let (role, text) = match (facts.expired, facts.within_month) {
                (0, 0) => (Role::Good, "none expires within 30 days".to_owned()),
                (0, soon) => (Role::Warning, format!("{soon} expire within 30 days")),
                (expired, 0) => (Role::Error, format!("{expired} expired")),
                (expired, soon) => (
                    Role::Error,
                    format!("{expired} expired, {soon} expire within 30 days"),
                ),
            };
            Line::piece(role, text).text(format!(" of {all}"))
        }
    };
    if let Some((subject, end, left)) = facts.next.as_ref().filter(|_| facts.now.is_some()) {
        line = line.with(
            Role::Dim,
            format!(
                " · next: {subject} in {} ({})",
                human_duration(*left),
                time::full(*end, &session.options.zone)
            ),
        );
    }
    if facts.unread > 0 {
        let text = format!(" · {} values could not be read", facts.unread);
        line = line.with(Role::Warning, text);
    }
    HomeRow::new("certs", line, "certs")
}

/// What etcd keeps about itself.
fn own(stored: &StoredFacts, status: Option<&StatusFacts>) -> Vec<HomeRow> {
    let meta = &stored.meta;
    let version = status.and_then(|status| status.answer.etcd_version.clone());
    let mut members = Line::from(match meta.members.as_ref().map(Vec::len) {
        None => "unknown".to_owned(),
        Some(0) => "none stored".to_owned(),
        Some(count) => count.to_string(),
    });
    if let Some(version) = version {
        members = members.text(format!(" · etcd {version}"));
    }
    let members = match meta.alarms.as_deref() {
        None => members.with(Role::Error, " · alarms unknown"),
        Some([]) => members.text(" · no alarm"),
        Some([alarm]) => members.with(Role::Error, format!(" · alarm {}", alarm.alarm)),
        Some(alarms) => members.with(Role::Error, format!(" · {} alarms are on", alarms.len())),
    };
    let row = |label, line, listing| HomeRow::new(label, line, "meta").to(Target::Listing(listing));
    let auth = match meta.auth.enabled {
        Some(true) => format!("on · {} users", meta.auth.users.len()),
        _ => "off".to_owned(),
    };
    let leases = Line::from(count(stored.leases));
    let leases = match stored.orphans {
        0 => leases,
        count => leases.with(
            Role::Warning,
            format!(" · {count} more only named by keys: those never expire"),
        ),
    };
    vec![
        row("members", members, Listing::Members),
        row("leases", leases, Listing::Leases),
        row("auth", Line::from(auth), Listing::Auth),
    ]
}

/// The keys one needs next.
fn next(session: &Session) -> HomeRow {
    let mut line = Line::piece(Role::Key, "1").text(" keys  ");
    let report = session.slot().and_then(|slot| slot.report.as_ref());
    let findings = report.map(|report| report.findings.len());
    line = line.with(Role::Key, "7").text(match findings {
        Some(1) => " check (1 finding)  ".to_owned(),
        Some(findings) => format!(" check ({findings} findings)  "),
        None => " check  ".to_owned(),
    });
    if session.tabs().contains(&ScreenId::Compare) {
        line = line.with(Role::Key, "9").text(" compare  ");
    }
    let line = line
        .with(Role::Key, "t")
        .text(" time  ")
        .with(Role::Key, ":")
        .text(" resource, key, rev, page, certs…");
    HomeRow::new("next", line, "status").opens(ScreenId::Check)
}
