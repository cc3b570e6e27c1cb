//! What jobs of the session bring, and what follows from it.

use std::any::Any;
use std::sync::Arc;

use etcd_inspect::answers::clocks::clock_near;
use etcd_inspect::member::Identity;
use etcd_inspect::text::escape::{self, Charset};
use etcd_inspect::text::number;

use super::{Part, Session, SlotNews, Wish, source};
use crate::event::Effect;
use crate::job::{JobId, Monitor, Owner};
use crate::theme::Role;

impl Session {
    /// A task broke off: what it was to bring will not come.
    pub(crate) fn broke_off(&mut self, owner: Owner) {
        if owner != Owner::Session {
            return;
        }
        let why = || "reading it broke off: a bug of ours; :index tries again".to_owned();
        for slot in &mut self.slots {
            if matches!(slot.dataset, Part::Waiting) {
                slot.dataset = Part::Failed(why());
            }
            if matches!(slot.data, Part::Waiting) {
                slot.data = Part::Failed(why());
            }
            if matches!(slot.logged, Some(Part::Waiting)) {
                slot.logged = Some(Part::Failed(why()));
            }
            if matches!(slot.audited, Some(Part::Waiting)) {
                slot.audited = Some(Part::Failed(why()));
            }
            if matches!(slot.carved, Some(Part::Waiting)) {
                slot.carved = Some(Part::Failed(why()));
            }
        }
        self.wishes.push(Wish::Refresh);
    }

    /// What a job of the session tells.
    pub(crate) fn answer(&mut self, job: JobId, value: Box<dyn Any + Send>) {
        let value = match value.downcast::<Clock>() {
            Ok(clock) => {
                if self.clock == Some(job) && clock.0 == self.ruler.revision() {
                    self.ruler.time = Some((clock.0, clock.1));
                }
                return;
            }
            Err(value) => value,
        };
        let Ok(news) = value.downcast::<(usize, SlotNews)>() else {
            return;
        };
        let (number, news) = *news;
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        match news {
            SlotNews::Opened(opened) => {
                slot.dataset = opened.map_or_else(Part::Failed, Part::Ready);
            }
            SlotNews::Known(identity, first) => self.take_identity(number, identity, first),
            SlotNews::Newest(newest) => slot.newest = Some(newest),
            SlotNews::Indexed(data) => {
                slot.data = data.map_or_else(Part::Failed, Part::Ready);
                if slot.data.ready().is_some() {
                    slot.newest = None;
                }
            }
            SlotNews::Checked(report) => slot.report = Some(Arc::new(report)),
            SlotNews::Logged(logged) => {
                slot.logged = Some(logged.map_or_else(Part::Failed, Part::Ready));
                // The log may know the time better.
                self.ruler.time = None;
                if let Some(want) = self.waiting.take() {
                    self.wishes.push(Wish::Pivot(want));
                }
            }
            SlotNews::Carved(carved) => {
                slot.carved = Some(carved.map_or_else(Part::Failed, Part::Ready));
            }
            SlotNews::Joined(joined) => {
                slot.joined = Some(joined.map_or_else(Part::Failed, Part::Ready));
            }
            SlotNews::Audited(audited) => self.take_audited(number, audited),
            SlotNews::Replayed(replayed) => {
                slot.replayed = Some(replayed.map_or_else(Part::Failed, Part::Ready));
                if number == self.current && self.replay {
                    self.say_side();
                }
            }
        }
        if number == self.current {
            self.arrive();
        }
    }

    /// Whose a directory is: its notes are found by that. `first`: a hash of its first revisions.
    fn take_identity(&mut self, number: usize, identity: Identity, first: u64) {
        let evidence: Vec<_> = self.slots.iter().map(|slot| slot.path.clone()).collect();
        let state = self.options.state_dir.as_deref();
        if let Some(slot) = self.slots.get_mut(number) {
            let name = source::name_of(&identity, first, &slot.path);
            slot.identity = Some(identity);
            slot.notes.open(state, &name, &evidence);
        }
    }

    /// Takes up what is known of the directory that is shown.
    pub(crate) fn arrive(&mut self) {
        self.want_side();
        if let Some(rows) = self.rows() {
            let keyspace = rows.keyspace();
            let (first, last) = (
                keyspace.compact_revision().unwrap_or(1),
                keyspace.revision(),
            );
            // The log adds revisions at the beginning; the newest is the db's.
            let last = self
                .stored()
                .filter(|_| !self.replay)
                .map_or(last, |stored| stored.keyspace().revision());
            self.ruler.reach(self.oldest().unwrap_or(first), last);
        }
        if self.data().is_some() {
            if let Some(revision) = self.options.revision.take() {
                self.begin_at(revision);
            }
            self.refuse_absent_key();
            self.mark();
            self.read_clock();
            self.go_on_back();
        }
        self.wishes.push(Wish::Refresh);
    }

    /// To the revision that the browser was started with; what is not retained is reported.
    fn begin_at(&mut self, asked: i64) {
        let (first, last) = (self.ruler.first, self.ruler.last);
        let revision = match asked {
            back if back < 0 => last.saturating_add(back),
            revision => revision,
        };
        if self.reaches_back(revision) {
            return;
        }
        self.ruler.go(Some(revision));
        if self.ruler.revision() != revision {
            let of = |revision: i64| number::thousands(revision.into());
            let text = format!(
                "--rev {asked}: revision {} is not retained; {} to {} are, this is {}",
                of(revision),
                of(first),
                of(last),
                of(self.ruler.revision())
            );
            self.say(Role::Error, text.clone());
            self.popup("no such revision", vec![text.into()]);
        }
    }

    /// The key that the browser was started with has no record.
    fn refuse_absent_key(&mut self) {
        let (Some(key), Some(data)) = (&self.options.key, self.data()) else {
            return;
        };
        if !data.directory().below(key).is_empty() {
            return;
        }
        let shown = escape::bytes(key, Charset::default());
        let text = format!("--key {shown}: no key of this name or below it is stored");
        self.options.key = None;
        self.set_focus(None);
        self.say(Role::Error, text.clone());
        self.popup("no such key", vec![text.into()]);
    }

    /// The marks of the key that has the focus.
    pub(super) fn mark(&mut self) {
        let Some((data, key)) = self.data().zip(self.focus.as_ref()) else {
            self.ruler.marks.clear();
            return;
        };
        let records = data.keyspace().records_of(key);
        self.ruler.marks = records
            .iter()
            .map(|version| (version.revision.main, version.tombstone))
            .collect();
    }

    /// Reads the time of the ruler's revision in the background: hundreds of objects are decoded for it.
    pub(super) fn read_clock(&mut self) {
        let (Some(data), at) = (self.data().cloned(), self.ruler.at()) else {
            return;
        };
        let revision = self.ruler.revision();
        // What was asked of another revision must not replace what is known of this one.
        if let Some(job) = self.clock.take() {
            self.jobs.cancel(job);
        }
        if self.ruler.time.is_some_and(|(known, _)| known == revision) {
            return;
        }
        let logged = self.log_if_read();
        let work = move |monitor: &Monitor| {
            let time = if monitor.is_cancelled() {
                None
            } else {
                let at = at.unwrap_or(revision);
                let clock = clock_near(&data.objects(), logged.as_deref(), [at], None);
                clock.time_of(at).map(|write| write.time)
            };
            Clock(revision, time)
        };
        let job = self.jobs.start(Owner::Session, String::new(), work);
        self.clock = Some(job.id);
        self.effects.push(Effect::Spawn(job));
    }
}

/// The time at a revision.
struct Clock(i64, Option<jiff::Timestamp>);
