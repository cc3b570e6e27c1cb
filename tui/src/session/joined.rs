//! Db and log as one history: what the timeline shows, and what the ruler reaches below the compaction.

use std::sync::Arc;

use etcd_inspect::check::Logged;
use etcd_inspect::dataset::Dataset;
use etcd_inspect::progress::Progress as _;
use etcd_inspect::text::number;

use super::source::SlotNews;
use super::{Data, Part, Session};
use crate::event::Effect;
use crate::job::{Monitor, Owner};
use crate::theme::Role;

impl Session {
    /// The db of the directory that is shown, with every version that the log has; `None` if the log adds nothing. Where that has not
    /// been looked for yet, it begins here, and screens are refreshed when it is there.
    pub(crate) fn join(&mut self) -> Part<Option<Arc<Data>>> {
        let is_db = self.stored().is_some_and(|data| data.rebuilt().is_none());
        if self.replay || !is_db {
            return Part::Ready(None);
        }
        let logged = match self.logged() {
            Part::Ready(Some(logged)) => logged,
            Part::Ready(None) => return Part::Ready(None),
            Part::Failed(why) => return Part::Failed(why),
            Part::Waiting => return Part::Waiting,
        };
        let (number, dataset) = (self.current, self.dataset().cloned());
        let slot = self.slots.get_mut(number);
        let (Some(slot), Some(dataset)) = (slot, dataset) else {
            return Part::Waiting;
        };
        if slot.joined.is_none() {
            slot.joined = Some(Part::Waiting);
            let label = slot.path.display().to_string();
            let work = move |monitor: &Monitor| (number, joined(&dataset, &logged, monitor));
            let job = self.jobs.start(Owner::Session, label, work);
            self.effects.push(Effect::Spawn(job));
        }
        let slot = self.slots.get(number);
        slot.and_then(|slot| slot.joined.clone())
            .unwrap_or(Part::Waiting)
    }

    /// Db and log together, once they are joined and if the log adds anything.
    pub(crate) fn history(&self) -> Option<&Arc<Data>> {
        let joined = self.slot()?.joined.as_ref().filter(|_| !self.replay)?;
        joined.ready()?.as_ref()
    }

    /// The same, if the ruler is where the db alone has no state any more.
    pub(super) fn below_compaction(&self) -> Option<&Arc<Data>> {
        let (at, first) = (self.ruler.at()?, self.retained()?);
        self.history().filter(|_| at < first)
    }

    /// The first revision of which the db alone has the state.
    fn retained(&self) -> Option<i64> {
        self.stored()?.keyspace().compact_revision()
    }

    /// The first revision that can be asked about.
    pub(super) fn oldest(&self) -> Option<i64> {
        let joined = self.history().and_then(|data| data.joined());
        Some(match (joined, self.retained()) {
            (Some(joined), _) if joined.is_whole => 1,
            (Some(joined), Some(retained)) => retained.min(joined.first),
            (Some(_), None) => 1,
            (None, _) => return None,
        })
    }

    /// Whether the log is asked for a revision that the ruler does not reach: if so, it goes there as soon as that is known.
    pub(crate) fn reaches_back(&mut self, revision: i64) -> bool {
        if revision >= self.ruler.first || revision < 0 {
            return false;
        }
        if matches!(self.join(), Part::Waiting) {
            self.returning = Some(revision);
            let text = format!(
                "looking for revision {} in the log…",
                number::thousands(revision.into())
            );
            self.say(Role::Dim, text);
            return true;
        }
        false
    }

    /// Goes where the ruler could not go before db and log were joined.
    pub(super) fn go_on_back(&mut self) {
        let Some(revision) = self.returning else {
            return;
        };
        if matches!(self.join(), Part::Waiting) {
            return;
        }
        self.returning = None;
        if revision < self.ruler.first {
            let text = self.not_retained(revision);
            return self.say(Role::Error, text);
        }
        self.visit();
        self.move_to(Some(revision));
        let joined = self.below_compaction().and_then(|data| data.joined());
        let text = match joined.map(|joined| (joined.is_whole, joined.first)) {
            None => return,
            Some((true, _)) => {
                "from db and log: the log has every write up to the compaction".to_owned()
            }
            Some((false, first)) => format!(
                "from db and log, which has no write before rev {}: keys that were written before, and again or deleted before the \
                 compaction, are missing",
                number::thousands(first.into())
            ),
        };
        self.say(Role::Warning, text);
    }

    /// Why the ruler does not go to a revision.
    pub(crate) fn not_retained(&self, revision: i64) -> String {
        let of = |revision: i64| number::thousands(revision.into());
        let (first, last, at) = (self.ruler.first, self.ruler.last, self.ruler.revision());
        format!(
            "revision {revision} is not retained: db and log have {} to {}; this is {}. H shows what carved records have of a key",
            of(first),
            of(last),
            of(at)
        )
    }
}

fn joined(dataset: &Dataset, logged: &Logged, monitor: &Monitor) -> SlotNews {
    monitor.begin("joining db and log of", 0);
    let joined = dataset.joined(logged);
    let data = joined.map(|joined| joined.map(|joined| Arc::new(Data::new(joined, true))));
    SlotNews::Joined(data.map_err(|error| error.to_string()))
}
