//! The keyspace that a question is asked of: the db's, or what it becomes when the WAL entries after it are replayed.

use std::cell::Cell;
use std::ops::Deref;

use etcd_inspect::Advice;
use etcd_inspect::Command;
use etcd_inspect::answers::log_alone::log_reach;
use etcd_inspect::clock::WriteTime;
use etcd_inspect::member::Member;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::at::{At, Side, When};
use crate::exit::Exit;
use crate::failure::Failure;
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
    format!("{}{offset}", zoned.strftime("%Y-%m-%d %H:%M:%S%.f"))
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
        view.say_side(ui)?;
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
        let error = match Self::open_with(member, side, carved, ui) {
            Err(error) if !carved && !side.replay => error,
            view => return view,
        };
        let state = etcd_inspect::answers::view::View::of_log(member, &*ui.progress());
        let Some(state) = state else {
            return Err(error);
        };
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
            true => ui.warn(format!("{error}: {text}"))?,
            false => ui.note(format!("{error}: {text}"))?,
        }
        Ok(view)
    }

    /// The exit status of an answer: 3 if the log alone answered and writes may be missing.
    pub(crate) fn exit(&self, exit: Exit) -> Exit {
        match self.is_partial {
            true => Exit::Partial,
            false => exit,
        }
    }

    /// The same with every version that log and carved records still have, if that is asked for.
    pub(crate) fn with_carved(mut self, wanted: bool, ui: &mut Ui) -> anyhow::Result<Self> {
        if !wanted {
            return Ok(self);
        }
        self.state = self.state.with_past(&*ui.progress());
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

    /// Says how far a replay went and why not further.
    fn say_side(&self, ui: &mut Ui) -> anyhow::Result<()> {
        let Some(reach) = self.replayed().map(|replayed| &replayed.reach) else {
            return Ok(());
        };
        ui.note(format!(
            "after replay of {} WAL entries after index {}: as etcd would have it after a start",
            reach.entries, reach.from
        ))?;
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

    /// The revision that `--rev` or `--at` means, `None` for the newest; an answer about the past is reported as one.
    pub(crate) fn revision(&self, at: &At, ui: &mut Ui) -> anyhow::Result<Option<i64>> {
        let newest = self.keyspace().revision();
        if let Some(when) = at.at {
            return self.at(when, ui).map(Some);
        }
        let revision = at.rev.and_then(|rev| rev.revision(newest));
        if let Some(revision) = revision.filter(|revision| *revision != newest) {
            self.keyspace().at(Some(revision))?;
            ui.note(format!("as of rev {revision}"))?;
        }
        Ok(revision)
    }

    /// The time that `--at` asked for, once [`revision`](Self::revision) has looked.
    pub(crate) fn asked_time(&self) -> Option<Timestamp> {
        self.asked.get()
    }

    /// The revision at a time, reported with the two writes around it.
    fn at(&self, when: When, ui: &mut Ui) -> anyhow::Result<i64> {
        let clock = self.objects()?.clock();
        let zone = time::zone(ui.global.local);
        let newest = self.keyspace().revision();
        let Some((first, _)) = clock.ends() else {
            return Err(Failure::not_found(
                "no value here has a time: --at cannot be answered, because etcd itself stores none",
            )
            .next(
                "etcd-inspect get WHAT --rev -100 -d {path}     (100 revisions before the newest)",
            )
            .into());
        };
        let last = clock
            .time_of(newest)
            .map_or(first.1.time, |write| write.time);
        let moment = when.moment(last, &zone);
        self.asked.set(Some(moment));
        let Some(found) = clock.at(moment, newest) else {
            return Err(Failure::not_found(format!(
                "{} is before the first write with a time: {}",
                time::full(moment, &zone),
                shown(first, moment, &zone)
            ))
            .next(
                Advice::from("etcd-inspect get WHAT --rev REV -d {path}")
                    .fill("REV", first.0.to_string()),
            )
            .into());
        };
        let next = match found.next {
            Some(next) => format!("; the next is {}", shown(next, moment, &zone)),
            None => "; no write is known to be later".to_owned(),
        };
        ui.note(format!(
            "as of rev {}: at {} the newest write was {}{next}",
            thousands(found.revision.into()),
            exact(moment, &zone),
            shown((found.revision, found.written), moment, &zone),
        ))?;
        Ok(found.revision)
    }
}

/// A revision with its time, on the day of `moment` without a date.
fn shown((revision, write): (i64, WriteTime), moment: Timestamp, zone: &TimeZone) -> String {
    format!(
        "rev {} (~{}, {})",
        thousands(revision.into()),
        time::approximate(write.time, write.uncertainty, moment, zone),
        write.source.as_str()
    )
}
