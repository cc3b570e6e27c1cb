//! The copy that most sections are about, with what is read of it once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::ReportQuestion;
use super::model::{cut, document, on, table_document};
use crate::answers::check::{CheckAnswer, Only};
use crate::answers::clocks::clock_and_requests;
use crate::answers::encryption::encryption;
use crate::answers::log_alone::{LogReach, log_reach};
use crate::answers::status::{RaftStatus, StatusAnswer, StoreStatus};
use crate::answers::timeline::{
    EventKind, EventStream, TimelineFilter, TimelineSources, all_versions, timeline,
};
use crate::answers::view::View;
use crate::answers::wal::log_loss;
use crate::check::{Depth, Logged, Report};
use crate::codes::cross;
use crate::kubernetes::mask::token;
use crate::member::{Member, Objects};
use crate::mvcc::KeyRange;
use crate::verdict::{Comparison, Verdict, judge, quick};
use located::progress::Progress;
use located::{
    Advice, AdvicePart, Command, Damage, EvidenceOperand, Finding, Place, ReadBy, Severity,
};

/// One copy.
pub(super) struct Subject<'q> {
    pub(super) question: &'q ReportQuestion<'q>,
    pub(super) member: &'q Member,
    pub(super) path: &'q Path,
    pub(super) report: &'q Report,
    depth: Depth,
    pub(super) verdict: Verdict,
    /// What `status` prints.
    pub(super) status: Value,
    /// What `check` prints.
    pub(super) check: Value,
    view: Option<View<'q>>,
    /// Why the db cannot be read.
    pub(super) unread: Option<String>,
    /// How far the log reaches, if it answers in place of the db.
    pub(super) reach: Option<LogReach>,
    /// What `meta --encryption` prints: empty if nothing is encrypted.
    pub(super) encryption: Value,
    moment: Option<Timestamp>,
    damage: RefCell<Damage>,
}

impl<'q> Subject<'q> {
    pub(super) fn new(
        question: &'q ReportQuestion<'q>,
        member: &'q Member,
        path: &'q Path,
        (report, depth): (&'q Report, Depth),
        progress: &dyn Progress,
    ) -> Self {
        let verdict = judge(member, report, None, progress);
        let looked = quick(member, true, progress);
        let mut damage = Damage::default();
        let (view, unread) = opened(member, &mut damage, progress);
        damage.extend(member.meta_loss());
        if let Ok(buckets) = member.buckets() {
            damage.extend(buckets.loss());
        }
        let store = match (&view, &unread, member.db_file()) {
            (Some(view), None, _) => StoreStatus::read(view).unwrap_or(StoreStatus::None),
            (_, _, Ok(_)) => StoreStatus::unread(member, unread.clone().unwrap_or_default()),
            (_, _, Err(_)) => StoreStatus::None,
        };
        let log_alone = view.as_ref().and_then(View::log_alone);
        let reach = log_alone.and_then(|logged| log_reach(member, logged));
        damage.extend(lost_parts(member, reach.as_ref(), progress));
        let raft = RaftStatus::read(member, None, true);
        let identity = member.identity();
        let status = document(&StatusAnswer::new(member, &identity, store, raft, &looked));
        let operand = EvidenceOperand::from(path)
            .with_wal_dir(member.evidence().wal_dir())
            .with_flags(&question.flags);
        let check = CheckAnswer::new(report, Only::default(), Some(&verdict), operand);
        let mut subject = Self {
            question,
            member,
            path,
            report,
            depth,
            verdict,
            status,
            check: document(&check),
            view,
            unread,
            reach,
            encryption: Value::Null,
            moment: None,
            damage: RefCell::new(damage),
        };
        let (encryption, moment) = subject.read_objects();
        subject.encryption = encryption;
        subject.moment = moment;
        subject
    }

    /// What the values say: which keys encrypted them, and the moment in question.
    fn read_objects(&self) -> (Value, Option<Timestamp>) {
        let of_status = || {
            let text = self.status.get("newest_time")?.as_str()?;
            text.parse().ok()
        };
        let moment = self.question.at.or_else(of_status);
        let Some(objects) = self.objects() else {
            return (Value::Null, moment);
        };
        let encryption = encryption(&objects, None).map(|table| table_document(&table));
        let moment = moment.or_else(|| objects.newest_time(None));
        (encryption.unwrap_or_default(), moment)
    }

    /// This copy, as commands name it.
    pub(super) fn operand(&self) -> EvidenceOperand<'_> {
        let wal_dir = self.member.evidence().wal_dir();
        EvidenceOperand::from(self.path)
            .with_wal_dir(wal_dir)
            .with_flags(&self.question.flags)
    }

    /// The safest next command, of this copy or of all.
    pub(super) fn next(&self, compared: Option<&Comparison>) -> Command {
        let next = match compared {
            Some(compared) => &compared.next,
            None => &self.verdict.next,
        };
        next.clone().opened_with(self.operand())
    }

    /// A command about this copy.
    pub(super) fn command(&self, command: Command) -> String {
        on(command, self.operand())
    }

    /// The same as what the reader does next.
    pub(super) fn advice(&self, command: Command) -> Vec<AdvicePart> {
        Advice::from(command.evidence()).parts(self.operand())
    }

    /// A command of a verb that reads names of keys, with the prefixes that were given.
    pub(super) fn naming(&self, command: Command) -> Command {
        let given = self.question.flags.iter();
        let given = given.filter(|flag| flag.read_by == ReadBy::Names);
        given.fold(command, |command, flag| {
            command.flag(flag.name, &flag.value)
        })
    }

    /// A command of a verb that reads values, with the keys and prefixes that were given.
    pub(super) fn reading(&self, command: Command) -> Command {
        let given = self.question.flags.iter();
        let given = given.filter(|flag| flag.read_by != ReadBy::Every);
        given.fold(command, |command, flag| {
            command.flag(flag.name, &flag.value)
        })
    }

    /// The check whose findings are on the page.
    pub(super) fn checking(&self) -> Command {
        let check = Command::inspect("check");
        self.reading(match self.depth {
            Depth::Deep => check.arg("--deep"),
            _ => check,
        })
    }

    /// Why a section about the content says nothing.
    pub(super) fn unreadable(&self) -> String {
        match &self.unread {
            Some(unread) => format!("The db cannot be read ({unread}), and no log answers for it."),
            None => "The db cannot be read.".to_owned(),
        }
    }

    /// Whether the log answers for the db, and has writes but no state of the store.
    pub(super) fn has_no_state(&self) -> bool {
        let log_alone = self.view.as_ref().and_then(View::log_alone);
        log_alone.is_some_and(|logged| logged.revisions().is_none())
    }

    /// The open state: that of the db, or of the log if the db cannot be read.
    pub(super) fn view(&self) -> Option<&View<'q>> {
        self.view.as_ref()
    }

    /// What only the log has.
    pub(super) fn logged(&self) -> Option<&Logged> {
        self.view.as_ref()?.logged()
    }

    /// The objects in it.
    pub(super) fn objects(&self) -> Option<Objects<'_>> {
        let view = self.view.as_ref()?;
        let limits = &self.member.options().evidence.limits;
        let evidence = self.member.evidence();
        let name = evidence.db().map_or(evidence.name(), |file| file.name());
        let keyring = self.question.keyring.clone();
        let layout = self.question.layout.clone();
        Some(Objects::new(view.keyspace(), name, layout, keyring, limits))
    }

    /// What could not be read until now.
    pub(super) fn damage(&self) -> Damage {
        self.damage.borrow().clone()
    }

    /// Adds what a section could not read.
    pub(super) fn lacks(&self, damage: Damage) {
        self.damage.borrow_mut().extend(damage);
    }

    pub(super) fn is_partial(&self) -> bool {
        // The log answers for the keys of a lost db, not for its pages and buckets.
        self.unread.is_some() || !self.damage.borrow().is_empty()
    }

    /// Whether damage was met that the check did not look for: that of values, if it read none.
    pub(super) fn has_unjudged_damage(&self) -> bool {
        let is_judged = |met: &Finding| {
            let findings = self.report.findings.iter();
            met.severity == Severity::Note
                || findings
                    .into_iter()
                    .any(|known| std::ptr::eq(known.code, met.code))
        };
        !matches!(self.depth, Depth::Deep) && !self.damage.borrow().findings.iter().all(is_judged)
    }

    /// Names of objects that are tokens: those of OpenShift before 4.6, in every version that is stored.
    pub(super) fn token_names(&self) -> Vec<String> {
        let Some(objects) = self.objects() else {
            return Vec::new();
        };
        let (layout, keyspace) = (objects.layout(), objects.keyspace());
        let mut names = Vec::new();
        for prefix in layout.prefixes() {
            let range = KeyRange::prefix(format!("{prefix}/oauth").as_bytes());
            for version in keyspace.all(&range).iter() {
                let name = token(version.key).and_then(|place| version.key.get(place));
                names.extend(name.map(|name| String::from_utf8_lossy(name).into_owned()));
            }
        }
        // A part of another name last.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        names.dedup();
        names
    }

    /// The moment in question: that which was asked for, else the newest in the data.
    pub(super) fn moment(&self) -> Option<Timestamp> {
        self.moment
    }

    /// Secrets that are stored here.
    pub(super) fn secrets(&self) -> Option<u64> {
        let of_status = self
            .status
            .pointer("/secrets/count")
            .and_then(Value::as_u64);
        of_status.or_else(|| {
            let objects = self.objects().filter(|_| self.reach.is_some())?;
            let targets = objects.layout().resolve("secrets").into_iter();
            let counts =
                targets.map(|target| objects.list(&target, None, None).map(|all| all.len()));
            let count = counts.sum::<Result<usize, _>>().ok()?;
            u64::try_from(count).ok().filter(|count| *count > 0)
        })
    }

    pub(super) fn subtitle(&self) -> String {
        let text = |pointer: &str| self.status.pointer(pointer).and_then(Value::as_str);
        let number = |pointer: &str| self.status.pointer(pointer).and_then(Value::as_i64);
        let mut parts = Vec::new();
        parts.extend(text("/etcd_version").map(|version| format!("etcd {version}")));
        parts.push(self.member.evidence().kind().as_str().to_owned());
        parts.extend(text("/cluster_id").map(|id| format!("cluster {id}")));
        parts.extend(text("/member_id").map(|id| format!("member {id}")));
        parts.extend(number("/revision").map(|revision| {
            format!(
                "revision {}",
                located::text::number::thousands(revision.into())
            )
        }));
        parts.extend(
            self.moment()
                .map(|moment| format!("at {}", located::text::time::rfc3339(moment))),
        );
        parts.join(" · ")
    }

    /// What happened, as `timeline` prints it; `None` if the db cannot be read.
    pub(super) fn events(&self, progress: &dyn Progress) -> Option<Events> {
        let objects = self.objects()?;
        let logged = self.logged();
        let all = all_versions(&objects, logged);
        let logs = (self.question.audit.clone(), self.question.etcd_log.as_ref());
        let (clock, audited) =
            clock_and_requests(self.member, (&objects, logged), &all, logs, progress);
        let sources = TimelineSources {
            member: self.member,
            objects: &objects,
            logged,
            clock: &clock,
            audited: audited.as_ref(),
            etcd_log: self.question.etcd_log.as_ref(),
            report: Some(self.report),
            mask: Some(self.question.mask),
        };
        let mut stream = timeline(&sources, &all, &TimelineFilter::default(), progress);
        let times = || stream.rows.iter().filter_map(|row| Some(row.time?.time));
        let ends = times().min().zip(times().max());
        let deletions = stream.rows.iter();
        let deletions = deletions
            .filter(|row| row.kind == EventKind::Delete)
            .count();
        // `timeline --since` asks the same of each row.
        let filter = TimelineFilter {
            since: self.question.since,
            ..TimelineFilter::default()
        };
        stream.rows.retain(|row| filter.has_time(row.time));
        // The page shows no more of a text, and all rows are kept until it is drawn.
        for row in &mut stream.rows {
            row.what = cut(&row.what).into_owned();
        }
        Some(Events {
            ends,
            deletions,
            ..Events::new(stream, &objects)
        })
    }
}

/// The state of the db, or what the log has if the db cannot be read; then why it cannot.
fn opened<'q>(
    member: &'q Member,
    damage: &mut Damage,
    progress: &dyn Progress,
) -> (Option<View<'q>>, Option<String>) {
    match View::open(member, false, progress) {
        Ok(view) => {
            let mut view = view.collect(damage);
            view.read_log(progress);
            (Some(view), None)
        }
        Err(error) => (View::of_log(member, progress), Some(error.to_string())),
    }
}

/// What is lost of the files, and of the log: most sections are made of it too.
fn lost_parts(member: &Member, reach: Option<&LogReach>, progress: &dyn Progress) -> Damage {
    let mut lost = member.evidence().damage();
    lost.extend(member.evidence().backup_damage());
    lost.extend(log_loss(member, progress));
    let lacking = reach.filter(|reach| reach.may_lack_writes && lost.is_empty());
    if let Some(reach) = lacking {
        let place = Place::file(member.evidence().name());
        let finding = Finding::new(&cross::MISSING, place, reach.text.clone());
        lost.extend(Damage::new(vec![finding], 0));
    }
    lost
}

/// The stream of events, with the resource of each.
pub(super) struct Events {
    pub(super) stream: EventStream,
    /// Position in `names`, for each row.
    pub(super) of_rows: Vec<Option<usize>>,
    pub(super) names: Vec<String>,
    /// The first and the last time of all events, whatever is asked for.
    pub(super) ends: Option<(Timestamp, Timestamp)>,
    /// Number of deletions among all events.
    pub(super) deletions: usize,
}

impl Events {
    fn new(stream: EventStream, objects: &Objects<'_>) -> Self {
        let resources = stream.rows.iter().map(|row| {
            let key = row.key.as_deref()?;
            let path = objects.layout().resource(key)?;
            Some(String::from_utf8_lossy(path).into_owned())
        });
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        let mut names = Vec::new();
        let of_rows = resources.map(|path| {
            let path = path?;
            let next = known.len();
            Some(*known.entry(path.clone()).or_insert_with(|| {
                names.push(path);
                next
            }))
        });
        let of_rows = of_rows.collect();
        Self {
            stream,
            of_rows,
            names,
            ends: None,
            deletions: 0,
        }
    }
}
