//! The copy that most sections are about, with what is read of it once.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::ReportQuestion;
use super::model::{cut, document, on};
use crate::answers::check::{CheckAnswer, Only};
use crate::answers::clocks::clock_and_requests;
use crate::answers::status::{RaftStatus, StatusAnswer, StoreStatus};
use crate::answers::timeline::{
    EventStream, TimelineFilter, TimelineSources, all_versions, timeline,
};
use crate::answers::view::View;
use crate::check::{Logged, Report, logged_beside};
use crate::member::{Member, Objects};
use crate::verdict::{Verdict, judge, quick};
use located::progress::Progress;
use located::{Command, Damage, EvidenceOperand};

/// One copy.
pub(super) struct Subject<'q> {
    pub(super) question: &'q ReportQuestion<'q>,
    pub(super) member: &'q Member,
    pub(super) path: &'q Path,
    pub(super) report: &'q Report,
    pub(super) verdict: Verdict,
    /// What `status` prints.
    pub(super) status: Value,
    /// What `check` prints.
    pub(super) check: Value,
    view: Option<View<'q>>,
    /// Why there is no view.
    pub(super) unread: Option<String>,
    logged: Option<Logged>,
    damage: Damage,
}

impl<'q> Subject<'q> {
    pub(super) fn new(
        question: &'q ReportQuestion<'q>,
        member: &'q Member,
        path: &'q Path,
        report: &'q Report,
        progress: &dyn Progress,
    ) -> Self {
        let verdict = judge(member, report, None, progress);
        let looked = quick(member, true, progress);
        let mut damage = Damage::default();
        let (view, unread) = match View::open(member, false, progress) {
            Ok(view) => (Some(view.collect(&mut damage)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let store = match (&view, member.db_file()) {
            (Some(view), _) => StoreStatus::read(view).unwrap_or(StoreStatus::None),
            (None, Ok(_)) => StoreStatus::Unreadable(unread.clone().unwrap_or_default()),
            (None, Err(_)) => StoreStatus::None,
        };
        let raft = RaftStatus::read(member, None, true);
        let identity = member.identity();
        let status = document(&StatusAnswer::new(member, &identity, store, raft, &looked));
        let operand = EvidenceOperand::from(path).with_wal_dir(member.evidence().wal_dir());
        let check = CheckAnswer::new(report, Only::default(), Some(&verdict), operand);
        let logged = view
            .as_ref()
            .and_then(|view| logged_beside(&view.keyspace(), member, progress));
        Self {
            question,
            member,
            path,
            report,
            verdict,
            status,
            check: document(&check),
            view,
            unread,
            logged,
            damage,
        }
    }

    /// A command about this copy.
    pub(super) fn command(&self, command: Command) -> String {
        let wal_dir = self.member.evidence().wal_dir();
        on(
            command,
            EvidenceOperand::from(self.path).with_wal_dir(wal_dir),
        )
    }

    /// The open state; `None` if the db cannot be read.
    pub(super) fn view(&self) -> Option<&View<'q>> {
        self.view.as_ref()
    }

    /// What only the log has.
    pub(super) fn logged(&self) -> Option<&Logged> {
        self.logged.as_ref()
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

    pub(super) fn damage(&self) -> &Damage {
        &self.damage
    }

    pub(super) fn is_partial(&self) -> bool {
        self.view.is_none() || !self.damage.is_empty()
    }

    /// The moment in question: that which was asked for, else the newest in the data.
    pub(super) fn moment(&self) -> Option<Timestamp> {
        let newest = || {
            let text = self.status.get("newest_time")?.as_str()?;
            text.parse().ok()
        };
        self.question.at.or_else(newest)
    }

    /// Secrets that are stored here.
    pub(super) fn secrets(&self) -> Option<u64> {
        self.status.pointer("/secrets/count")?.as_u64()
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
        let filter = TimelineFilter {
            since: self.question.since,
            ..TimelineFilter::default()
        };
        let mut stream = timeline(&sources, &all, &filter, progress);
        // The page shows no more of a text, and all rows are kept until it is drawn.
        for row in &mut stream.rows {
            row.what = cut(&row.what).into_owned();
        }
        Some(Events::new(stream, &objects))
    }
}

/// The stream of events, with the resource of each.
pub(super) struct Events {
    pub(super) stream: EventStream,
    /// Position in `names`, for each row.
    pub(super) of_rows: Vec<Option<usize>>,
    pub(super) names: Vec<String>,
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
        }
    }
}
