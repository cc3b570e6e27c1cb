//! The keyspace that a question is asked of: the db's, or what it becomes when the WAL entries after it are replayed.

use std::cell::Cell;

use etcd_inspect::check::logged;
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::member::{Buckets, Mark, Member, Objects, Space};
use etcd_inspect::mvcc::{Counts, Keyspace};
use etcd_inspect::recover::Replayed;
use etcd_inspect::salvage::carve::{Past, carve};
use etcd_inspect::start::state_after_start;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::at::{At, Side, When};
use crate::failure::Failure;
use crate::output::{number::thousands, time};
use crate::ui::Ui;

/// Records that are looked at to tell whether Kubernetes wrote here.
const OLDEST: usize = 1000;

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

/// An open keyspace with the member it comes from.
pub(crate) struct View<'m> {
    member: &'m Member,
    keyspace: Keyspace<'m>,
    replayed: Option<Replayed<'m>>,
    past: Option<Past<'m>>,
    /// The time of `--at`.
    asked: Cell<Option<Timestamp>>,
}

impl<'m> View<'m> {
    /// Reads the keyspace.
    pub(crate) fn open(member: &'m Member, side: Side, ui: &mut Ui) -> anyhow::Result<Self> {
        let keyspace = ui.take(member.keyspace()?);
        let replayed = match side.replay {
            true => Some(state_after_start(member, None, &*ui.progress())?),
            false => None,
        };
        let view = Self {
            member,
            keyspace,
            replayed,
            past: None,
            asked: Cell::new(None),
        };
        view.say_side(ui)?;
        Ok(view)
    }

    /// The same with every version that log and carved records still have, if that is asked for.
    pub(crate) fn with_carved(mut self, wanted: bool, ui: &mut Ui) -> anyhow::Result<Self> {
        if !wanted {
            return Ok(self);
        }
        let logged = logged(self.member, &*ui.progress())?;
        let carvings = carve(self.member, &*ui.progress());
        let past = Past::new(&self.keyspace, logged.as_ref(), &carvings);
        if past.unplaced > 0 {
            ui.note(ui.filled(&format!(
                "{} carved writes of unknown revision are left out: etcd-inspect carve {{path}}",
                thousands(i128::try_from(past.unplaced).unwrap_or_default())
            )))?;
        }
        self.past = Some(past);
        Ok(self)
    }

    /// Every version of every source, where that was asked for.
    pub(crate) fn past(&self) -> Option<&Past<'m>> {
        self.past.as_ref()
    }

    /// What the replay did, where one was asked for.
    pub(crate) fn replayed(&self) -> Option<&Replayed<'m>> {
        self.replayed.as_ref()
    }

    /// Says how far a replay went and why not further.
    fn say_side(&self, ui: &mut Ui) -> anyhow::Result<()> {
        let Some(reach) = self.replayed.as_ref().map(|replayed| &replayed.reach) else {
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

    /// The keyspace.
    pub(crate) fn keyspace(&self) -> Keyspace<'_> {
        match (&self.past, &self.replayed) {
            (Some(past), _) => past.keyspace(),
            (None, Some(replayed)) => replayed.keyspace(),
            (None, None) => self.keyspace,
        }
    }

    /// Where the bytes of the db are.
    pub(crate) fn space(&self) -> Result<Space, etcd_inspect::Error> {
        self.member
            .space(&self.member.readable_keyspace()?.counts())
    }

    /// As [`View::space`], where all records of the view were counted already.
    pub(crate) fn space_of(&self, all: &Counts) -> Result<Space, etcd_inspect::Error> {
        match &self.replayed {
            Some(_) => self.space(),
            None => self.member.space(all),
        }
    }

    /// Members, leases, alarms, users and roles, on the side that was asked for.
    pub(crate) fn buckets(&self) -> Result<Buckets, etcd_inspect::Error> {
        match &self.replayed {
            Some(replayed) => Ok(replayed.buckets()),
            None => self.member.buckets(),
        }
    }

    /// The keyspace as Kubernetes sees it; `None` if no key among the oldest is one of its.
    pub(crate) fn objects(&self) -> Result<Option<Objects<'_>>, etcd_inspect::Error> {
        let objects = self.all_objects()?;
        let mut oldest = self.keyspace().between(0..=i64::MAX).take(OLDEST);
        let any = oldest.any(|version| {
            let key = objects.parse(version.key);
            key.is_some_and(|key| key.builtin.is_some())
        });
        Ok(any.then_some(objects))
    }

    fn all_objects(&self) -> Result<Objects<'_>, etcd_inspect::Error> {
        let name = self.member.db_file()?.name();
        Ok(Objects::new(
            self.keyspace(),
            name,
            None,
            Keyring::default(),
            &self.member.options().evidence.limits,
        ))
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
        let clock = self.all_objects()?.clock();
        let zone = time::zone(ui.global.local);
        let (Some(first), Some(last)) = (clock.marks().first(), clock.marks().last()) else {
            return Err(Failure::not_found(
                "no value here has a time: --at cannot be answered, because etcd itself stores none",
            )
            .next(
                "etcd-inspect get WHAT --rev -100 -d {path}     (100 revisions before the newest)",
            )
            .into());
        };
        let moment = when.moment(last.time, &zone);
        self.asked.set(Some(moment));
        let newest = self.keyspace().revision();
        let Some(found) = clock.at(moment, newest) else {
            return Err(Failure::not_found(format!(
                "{} is before the first write with a time: rev {}, {}",
                time::full(moment, &zone),
                first.revision,
                time::full(first.time, &zone)
            ))
            .next(format!(
                "etcd-inspect get WHAT --rev {} -d {{path}}",
                first.revision
            ))
            .into());
        };
        let shown = |mark: &Mark| {
            format!(
                "rev {} (~{}, {})",
                thousands(mark.revision.into()),
                exact(mark.time, &zone),
                mark.source.as_str().replace('_', " ")
            )
        };
        let between = found.revision.saturating_sub(found.before.revision);
        let silent = match between {
            0 => String::new(),
            1 => "; the revision after it has none".to_owned(),
            between => format!(
                "; the {} revisions after it have none",
                thousands(between.into())
            ),
        };
        let next = match &found.after {
            Some(after) => format!("; the next with one, {}, is later", shown(after)),
            None => "; no write is known to be later".to_owned(),
        };
        ui.note(format!(
            "as of rev {}: at {} the newest write with a time was {}{silent}{next}",
            thousands(found.revision.into()),
            exact(moment, &zone),
            shown(&found.before),
        ))?;
        Ok(found.revision)
    }
}
