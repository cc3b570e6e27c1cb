//! The keyspace that a question is asked of: the db's, or what it becomes when the WAL entries after it are replayed.

use std::cell::Cell;
use std::ops::Deref;

use etcd_inspect::answers::Damage;
use etcd_inspect::answers::log_alone::{LogReach, log_reach};
use etcd_inspect::clock::WriteTime;
use etcd_inspect::codes::cross;
use etcd_inspect::dataset::Dataset;
use etcd_inspect::member::Member;
use etcd_inspect::{Command, Finding, Place};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::at::{self, At, Side, When};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::logs::AuditLogs;
use crate::output::{number::thousands, time};
use crate::ui::Ui;

/// A moment with its fraction of a second, by which alone writes may differ.
fn exact(moment: Timestamp, zone: &TimeZone) -> String {
    let zoned = moment.to_zoned(zone.clone());
    let offset = if zoned.offset().is_zero() {
        "Z".to_owned()
    } else {
        zoned.strftime("%:z").to_string()
    };
    // A nanosecond is what keeps a fraction of zero, as it was written, apart from none.
    let form = match moment.subsec_nanosecond() {
        1 => "%Y-%m-%d %H:%M:%S%.3f",
        _ => "%Y-%m-%d %H:%M:%S%.f",
    };
    format!("{}{offset}", zoned.strftime(form))
}

/// The state that is asked, with what is reported about the question.
pub(crate) struct View<'m> {
    state: etcd_inspect::answers::view::View<'m>,
    /// The time of `--at`.
    asked: Cell<Option<Timestamp>>,
    /// Whether the log alone answers, and writes may be missing.
    is_partial: bool,
}

impl<'m> Deref for View<'m> {
    type Target = etcd_inspect::answers::view::View<'m>;

    fn deref(&self) -> &Self::Target {
        &self.state
    }
}

impl<'m> View<'m> {
    /// Reads the keyspace.
    pub(crate) fn open(member: &'m Member, side: Side, ui: &mut Ui) -> anyhow::Result<Self> {
        let state = etcd_inspect::answers::view::View::open(member, side.replay, &*ui.progress())?;
        let view = Self {
            state: ui.take(state),
            asked: Cell::new(None),
            is_partial: false,
        };
        if side.replay {
            ui.needs_log(member);
        }
        view.say_side(ui)?;
        view.say_returned(ui)?;
        Ok(view)
    }

    /// Reads the keyspace, and with `carved` every version that log and carved records still have: those alone if the db cannot
    /// be read.
    pub(crate) fn open_with(
        member: &'m Member,
        side: Side,
        carved: bool,
        ui: &mut Ui,
    ) -> anyhow::Result<Self> {
        match Self::open(member, side, ui) {
            Err(error) if carved => {
                ui.warn(format!("{error}: only log and carved records answer"))?;
                let view = Self {
                    state: etcd_inspect::answers::view::View::without_db(member),
                    asked: Cell::new(None),
                    is_partial: false,
                };
                view.with_carved(true, ui)
            }
            view => view?.with_carved(carved, ui),
        }
    }

    /// As [`open_with`](Self::open_with); without `carved` the log alone answers if the db cannot be read and the log has every entry
    /// since the store was empty.
    pub(crate) fn open_or_log(
        member: &'m Member,
        side: Side,
        carved: bool,
        ui: &mut Ui,
    ) -> anyhow::Result<Self> {
        Self::open_or_alone(member, side, carved, true, ui)
    }

    /// The same for verbs that list writes: the log alone answers also if its writes have no revisions.
    pub(crate) fn open_or_writes(
        member: &'m Member,
        side: Side,
        carved: bool,
        ui: &mut Ui,
    ) -> anyhow::Result<Self> {
        Self::open_or_alone(member, side, carved, false, ui)
    }

    fn open_or_alone(
        member: &'m Member,
        side: Side,
        carved: bool,
        needs_state: bool,
        ui: &mut Ui,
    ) -> anyhow::Result<Self> {
        let error = match Self::open_with(member, side, carved, ui) {
            Err(error) if !carved && !side.replay => error,
            view => return view,
        };
        let state = etcd_inspect::answers::view::View::of_log(member, &*ui.progress());
        let Some(state) = state else {
            return Err(error);
        };
        let has_state = state
            .log_alone()
            .is_some_and(|logged| logged.revisions().is_some());
        if needs_state && !has_state {
            return Err(without_state(error));
        }
        let reach = state
            .log_alone()
            .and_then(|logged| log_reach(member, logged));
        let view = Self {
            state,
            asked: Cell::new(None),
            is_partial: reach.as_ref().is_none_or(|reach| reach.may_lack_writes),
        };
        let text = reach.map(|reach| reach.text).unwrap_or_default();
        match view.is_partial {
            true => {
                ui.warn(format!("{error}: {text}"))?;
                lacks_writes(member, text, ui);
            }
            false => ui.note(format!("{error}: {text}"))?,
        }
        Ok(view)
    }

    /// Reads only the newest entries of the log beside the db; the first revision that they have. `None` if they do not suffice.
    pub(crate) fn read_log_tail(
        &mut self,
        entries: usize,
        progress: &dyn etcd_inspect::progress::Progress,
    ) -> Option<i64> {
        match self.is_db_alone() {
            true => self.state.read_log_tail(entries, progress),
            false => None,
        }
    }

    /// Reads all of the log after [`read_log_tail`](Self::read_log_tail).
    pub(crate) fn read_whole_log(&mut self, ui: &mut Ui) {
        if self.log_alone().is_none() {
            self.state.forget_log();
        }
        self.read_log(ui);
    }

    /// Says how many committed entries of the log the db does not have yet.
    pub(crate) fn say_unapplied(&self, ui: &mut Ui) -> anyhow::Result<()> {
        match self.is_db_alone() {
            true => say_unapplied(self.member(), ui),
            false => Ok(()),
        }
    }

    /// Reads the log beside the db: [`logged`](etcd_inspect::answers::view::View::logged) has it from then on. What is lost of it marks
    /// the answer.
    pub(crate) fn read_log(&mut self, ui: &mut Ui) {
        self.state.read_log(&*ui.progress());
        ui.needs_log(self.member());
    }

    /// The exit status of an answer: 3 if the log alone answered and writes may be missing.
    pub(crate) fn exit(&self, exit: Exit) -> Exit {
        match self.is_partial {
            true => Exit::Partial,
            false => exit,
        }
    }

    /// Whether records may be missing that the evidence had: a key without one may exist all the same.
    pub(crate) fn lacks_records(&self) -> bool {
        self.is_partial || !self.state.member().keyspace_loss().is_empty()
    }

    /// The same with every version that log and carved records still have, if that is asked for.
    pub(crate) fn with_carved(mut self, wanted: bool, ui: &mut Ui) -> anyhow::Result<Self> {
        if !wanted {
            return Ok(self);
        }
        self.state = self.state.with_past(&*ui.progress());
        ui.needs_log(self.member());
        let unplaced = self.past().map_or(0, |past| past.unplaced);
        if unplaced > 0 {
            let carve = ui.advice(Command::inspect("carve").evidence());
            ui.note(format!(
                "{} carved writes of unknown revision are left out: {carve}",
                thousands(i128::try_from(unplaced).unwrap_or_default())
            ))?;
        }
        Ok(self)
    }

    /// Says which keys the db has as live although the log deleted them, also in the answer itself.
    fn say_returned(&self, ui: &mut Ui) -> anyhow::Result<()> {
        let returned = self.returned(&*ui.progress());
        let evidence = self.member().evidence();
        let db = evidence.db().map_or(evidence.name(), |file| file.name());
        if let Some(finding) = returned.finding(db.clone()) {
            ui.warn(finding.message.clone())?;
            ui.partial(Damage::new(vec![finding], 0));
        }
        Ok(())
    }

    /// Says how far a replay went and why not further.
    fn say_side(&self, ui: &mut Ui) -> anyhow::Result<()> {
        let Some(reach) = self.replayed().map(|replayed| &replayed.reach) else {
            return Ok(());
        };
        if self.member().evidence().wal().is_empty() {
            if let Some(doubt) = &reach.doubt {
                ui.warn(format!(
                    "the db as it is stored, which a start serves: {doubt}"
                ))?;
                return Ok(());
            }
            ui.note("there is no log with this file, so nothing was replayed: this is the db as it is stored")?;
            return Ok(());
        }
        ui.note(format!(
            "after replay of {} WAL entries after index {}: as etcd would have it after a start",
            reach.entries, reach.from
        ))?;
        if let Some(doubt) = &reach.doubt {
            ui.warn(format!("not known whether etcd serves this state: {doubt}"))?;
        }
        if reach.to < reach.last {
            ui.note(format!(
                "entries {} to {} are in the log but not known to be committed: not applied",
                reach.to.saturating_add(1),
                reach.last
            ))?;
        }
        if let Some((index, why)) = &reach.stops {
            ui.warn(format!(
                "etcd stops at entry {index}: {why}; nothing after it was applied"
            ))?;
        }
        Ok(())
    }

    /// Reads the state of moments: that of the db, or that of db and log together if the db has one of them no longer or not yet.
    /// Returns the revision of each; what is reported about them is printed.
    pub(crate) fn open_at<const N: usize>(
        member: &'m Member,
        moments: [&At; N],
        carved: bool,
        ui: &mut Ui,
    ) -> anyhow::Result<(Self, [Option<i64>; N])> {
        Self::open_at_by(member, moments, carved, &AuditLogs::default(), ui)
    }

    /// The same; a time is by the requests of an audit log, too.
    pub(crate) fn open_at_by<const N: usize>(
        member: &'m Member,
        moments: [&At; N],
        carved: bool,
        audit: &AuditLogs,
        ui: &mut Ui,
    ) -> anyhow::Result<(Self, [Option<i64>; N])> {
        let side = moments.first().map(|at| at.side).unwrap_or_default();
        let mut view = Self::open_or_log(member, side, carved, ui)?;
        if moments.iter().any(|at| at.at.is_some()) {
            let measured = audit.measured(&view.state, ui)?;
            if !measured.is_empty() {
                view.state.measure(&measured, &*ui.progress())?;
            }
        }
        let found = match view.resolve_all(moments, ui) {
            Err(error) if view.is_db_alone() && is_outside(&error, &moments) => {
                view = view.with_log_for(error, moments, ui)?;
                view.resolve_all(moments, ui)?
            }
            found => found?,
        };
        let revisions = found.each_ref().map(|found| found.revision);
        for note in found.into_iter().filter_map(|found| found.note) {
            ui.note(note)?;
        }
        for revision in revisions.into_iter().flatten() {
            view.say_unknown_after(revision, ui)?;
        }
        Ok((view, revisions))
    }

    /// Says that keys of a revision may be missing: writes after it are in no source.
    fn say_unknown_after(&self, revision: i64, ui: &mut Ui) -> anyhow::Result<()> {
        let unknown = self.past().and_then(|past| past.unknown_after(revision));
        let Some((first, last)) = unknown else {
            return Ok(());
        };
        let (at, first, last) = (revision.into(), first.into(), last.into());
        let text = format!(
            "keys of rev {} may be missing: no source has all writes of revs {}–{}, and a key that was deleted there may have left nothing",
            thousands(at),
            thousands(first),
            thousands(last)
        );
        ui.warn(text.clone())?;
        let place = Place::file(self.member().evidence().name());
        ui.partial(Damage::new(
            vec![Finding::new(&cross::MISSING, place, text)],
            0,
        ));
        Ok(())
    }

    fn resolve_all<const N: usize>(
        &self,
        moments: [&At; N],
        ui: &mut Ui,
    ) -> anyhow::Result<[Resolved; N]> {
        let mut found = [const { Resolved::newest() }; N];
        for (found, at) in found.iter_mut().zip(moments) {
            *found = self.resolve(at, ui)?;
        }
        Ok(found)
    }

    /// Whether neither the log nor anything else answers with the db.
    pub(crate) fn is_db_alone(&self) -> bool {
        self.past().is_none() && self.replayed().is_none() && self.log_alone().is_none()
    }

    /// Adds the log to the db, because the db alone has no answer; that is the error if the log does not reach there.
    fn with_log_for<const N: usize>(
        mut self,
        error: anyhow::Error,
        moments: [&At; N],
        ui: &mut Ui,
    ) -> anyhow::Result<Self> {
        let compacted = self.keyspace().compact_revision().unwrap_or(-1);
        self.state = self.state.with_log(&*ui.progress());
        ui.needs_log(self.member());
        let Some((first, last)) = self.past().and_then(|past| past.logged()) else {
            return Err(error);
        };
        let found = self.resolve_all(moments, ui);
        let mut revisions = found.iter().flatten().filter_map(|found| found.revision);
        if found.is_err() || revisions.any(|revision| revision < first.min(compacted)) {
            return Err(error);
        }
        ui.note(format!(
            "the db alone cannot answer ({error}): db and log answer together, the log has revs {}–{} beside it",
            thousands(first.into()),
            thousands(last.into())
        ))?;
        Ok(self)
    }

    /// The revision that `--rev` or `--at` means, `None` for the newest; an answer about the past is reported as one.
    pub(crate) fn revision(&self, at: &At, ui: &mut Ui) -> anyhow::Result<Option<i64>> {
        let found = self.resolve(at, ui)?;
        if let Some(note) = found.note {
            ui.note(note)?;
        }
        Ok(found.revision)
    }

    /// The revision of a moment, with what is to be reported about it.
    fn resolve(&self, at: &At, ui: &Ui) -> anyhow::Result<Resolved> {
        let newest = self.keyspace().revision();
        if let Some(when) = at.at {
            return self.at(when, ui);
        }
        let revision = at.rev.and_then(|rev| rev.revision(newest));
        let past = revision.filter(|revision| *revision != newest);
        if let Err(error) = self.keyspace().at(past) {
            return Err(match self.state.member().reach() {
                Ok(()) => error.into(),
                Err(lost) => unknown_revision(&lost, newest),
            });
        }
        Ok(Resolved {
            revision,
            note: past.map(|revision| format!("as of rev {revision}")),
        })
    }

    /// The time that `--at` asked for, once [`revision`](Self::revision) has looked.
    pub(crate) fn asked_time(&self) -> Option<Timestamp> {
        self.asked.get()
    }

    /// The revision at a time, reported with the two writes around it.
    fn at(&self, when: When, ui: &Ui) -> anyhow::Result<Resolved> {
        let progress = ui.progress();
        let clock = self.clock(&*progress)?;
        let zone = time::zone(ui.global.local);
        let newest = self.keyspace().revision();
        let Some((first, _)) = clock.ends() else {
            return Err(Failure::not_found(
                "no value here has a time: --at cannot be answered, because etcd itself stores none",
            )
            .next(ui.replaced(&["--at"], Some("--rev=-100")))
            .into());
        };
        let last = clock.newest_time(newest).unwrap_or(first.1.time);
        let moment = when.moment(last, &zone);
        self.asked.set(Some(moment));
        let day_before = at::day_before(when, (moment, last), &zone);
        let day_before = day_before.map_or_else(String::new, |text| format!("; {text}"));
        let Some(found) = clock.at(moment, newest) else {
            let asked = ui.flag_of(&["--at", "--from", "--to"], |value| {
                value.parse() == Ok(when)
            });
            let (name, flag) = match asked {
                Some(name @ ("--from" | "--to")) => (name, format!("{name}={}", first.0)),
                _ => ("--at", format!("--rev={}", first.0)),
            };
            return Err(Failure::not_found(format!(
                "{} is before the first write with a time: {}{day_before}",
                time::full(moment, &zone),
                shown(first, moment, &zone)
            ))
            .next(ui.replaced(&[name], Some(&flag)))
            .into());
        };
        let next = match found.next {
            Some(next) => format!("; the next is {}", shown(next, moment, &zone)),
            None => "; no write is known to be later".to_owned(),
        };
        self.keyspace().at(Some(found.revision))?;
        Ok(Resolved {
            revision: Some(found.revision),
            note: Some(format!(
                "as of rev {}: at {}{} the newest write was {}{next}{day_before}",
                thousands(found.revision.into()),
                exact(moment, &zone),
                match moment.subsec_nanosecond() {
                    0 => " (to the end of the second)",
                    _ => "",
                },
                shown((found.revision, found.written), moment, &zone),
            )),
        })
    }
}

/// The dataset, or what its log alone gives if its db cannot be read, with how far that reaches. [`View::open_at`] says which.
pub(crate) fn or_log(dataset: Dataset, ui: &Ui) -> (Dataset, Option<LogReach>) {
    if dataset.member().reach().is_ok() {
        return (dataset, None);
    }
    match dataset.of_log(&*ui.progress()) {
        Some((of_log, reach)) => (of_log, Some(reach)),
        None => (dataset, None),
    }
}

/// Says how many committed entries of a member's log its db does not have yet.
pub(crate) fn say_unapplied(member: &Member, ui: &mut Ui) -> anyhow::Result<()> {
    let applied = member.meta().ok().and_then(|meta| meta.consistent_index);
    let (Some(applied), Some(ends)) = (applied, member.wal_ends()) else {
        return Ok(());
    };
    let committed = ends.state.unwrap_or_default().commit;
    let committed = committed.min(ends.last_index);
    if committed <= applied {
        return Ok(());
    }
    let count = committed.since(applied);
    ui.note(format!(
        "{} not in the db yet; with them: {}",
        etcd_inspect::start::counted(count, "entry of the log is", "entries of the log are"),
        ui.with_flag("--replay")
    ))?;
    Ok(())
}

/// As [`or_log`], for verbs that open no view: says so, with how far the log reaches.
pub(crate) fn or_log_said(dataset: Dataset, ui: &mut Ui) -> anyhow::Result<Dataset> {
    let Err(error) = dataset.member().reach() else {
        return Ok(dataset);
    };
    let Some((of_log, reach)) = dataset.of_log(&*ui.progress()) else {
        return Ok(dataset);
    };
    let text = format!("{error}: {}", reach.text);
    if !reach.may_lack_writes {
        ui.note(text)?;
        return Ok(of_log);
    }
    ui.warn(text.clone())?;
    lacks_writes(of_log.member(), text, ui);
    Ok(of_log)
}

/// Marks the answer of a log that stands for the db and lacks writes.
fn lacks_writes(member: &Member, text: String, ui: &mut Ui) {
    ui.needs_log(member);
    if ui.damage().is_empty() {
        let place = Place::file(member.evidence().name());
        let finding = Finding::new(&cross::MISSING, place, text);
        ui.partial(Damage::new(vec![finding], 0));
    }
}

/// A moment as a revision, `None` for the newest, with what is to be reported about it.
struct Resolved {
    revision: Option<i64>,
    note: Option<String>,
}

impl Resolved {
    const fn newest() -> Self {
        Self {
            revision: None,
            note: None,
        }
    }
}

/// Whether a question was refused because the db has that moment no longer, or not yet.
fn is_outside(error: &anyhow::Error, moments: &[&At]) -> bool {
    let of_library = error.downcast_ref::<etcd_inspect::Error>();
    let is_of_revision = of_library.is_some_and(|error| {
        matches!(
            error,
            etcd_inspect::Error::Compacted { .. } | etcd_inspect::Error::Future { .. }
        )
    });
    is_of_revision || moments.iter().any(|at| at.at.is_some())
}

/// A revision after the newest that anything shows, where the db cannot be read: whether it was written is not known.
fn unknown_revision(lost: &etcd_inspect::Error, newest: i64) -> anyhow::Error {
    let what = match newest {
        ..=1 => "no record of a known revision is found elsewhere".to_owned(),
        newest => format!(
            "the newest revision that is found elsewhere is {}",
            thousands(newest.into())
        ),
    };
    Failure::not_found(format!(
        "{lost}, and {what}: the state of later ones is not known"
    ))
    .next("etcd-inspect changes {path}     the writes that the log has")
    .into()
}

/// The db cannot be read, and the log has writes but no state.
fn without_state(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<etcd_inspect::Error>() {
        Some(of_library) => Failure::from_library(of_library)
            .next("etcd-inspect changes {path}     the log has writes, and no state of the store")
            .into(),
        None => error,
    }
}

/// A revision with its time, on the day of `moment` without a date.
fn shown((revision, write): (i64, WriteTime), moment: Timestamp, zone: &TimeZone) -> String {
    format!(
        "rev {} (~{}, {})",
        thousands(revision.into()),
        write.text(moment, zone),
        write.source.as_str()
    )
}
