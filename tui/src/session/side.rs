//! The two sides of the evidence: the db as it is, and the db as etcd would have it after a start, when the entries of the
//! log after it are applied.

use std::sync::Arc;

use etcd_inspect::Command;
use etcd_inspect::dataset::{Dataset, Side};
use etcd_inspect::progress::Progress as _;
use etcd_inspect::recover::ReplayedRange;
use etcd_inspect::text::number;

use super::source::SlotNews;
use super::{Data, Part, Session};
use crate::job::Monitor;
use crate::paint::Line;
use crate::theme::Role;

/// The other side of a member.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Its index.
    pub data: Arc<Data>,
    /// How far the replay went, and why not further.
    pub reach: ReplayedRange,
}

/// Verbs of the command line that can answer for the other side.
const ABLE: [&str; 9] = [
    "get", "keys", "history", "search", "status", "certs", "leases", "hashkv", "meta",
];

impl Session {
    /// Whether the screens show the state after a start.
    pub fn is_replayed(&self) -> bool {
        self.replay
    }

    /// The index of the db as it is, whichever side is shown.
    pub fn stored(&self) -> Option<&Arc<Data>> {
        self.slot()?.data.ready()
    }

    /// The other side, as far as it is there.
    pub(super) fn replayed(&self) -> Option<&Part<Replayed>> {
        self.slot()?.replayed.as_ref()
    }

    /// How far the replay that is shown went.
    pub fn reach(&self) -> Option<&ReplayedRange> {
        let replayed = self.replayed().filter(|_| self.replay)?;
        replayed.ready().map(|replayed| &replayed.reach)
    }

    /// Shows one side.
    pub(crate) fn turn(&mut self, replay: bool) {
        if self.replay != replay {
            self.replay = replay;
            self.arrive();
        }
    }

    /// Begins the replay where it is wanted and can be done.
    pub(super) fn want_side(&mut self) {
        let (number, Some(dataset), true) = (self.current, self.dataset().cloned(), self.replay)
        else {
            return;
        };
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        // First the index of the db: the replay needs it too.
        if slot.replayed.is_some() || slot.data.ready().is_none() {
            return;
        }
        slot.replayed = Some(Part::Waiting);
        let label = slot.path.display().to_string();
        let work = move |monitor: &Monitor| (number, replayed(&dataset, monitor));
        let job = self.jobs.start(crate::job::Owner::Session, label, work);
        self.effects.push(crate::event::Effect::Spawn(job));
    }

    /// Says how far the replay went, and why not further.
    pub(crate) fn say_side(&mut self) {
        if !self.replay {
            return self.say(Role::Dim, "the db as it is");
        }
        let Some(reach) = self.reach().cloned() else {
            return self.say(Role::Dim, "replaying the log…");
        };
        let applied = format!(
            "as after a start: {} entries after index {} applied",
            number::thousands(reach.entries.into()),
            number::thousands(reach.from.into())
        );
        let mut lines = vec![Line::from(applied.as_str())];
        if reach.to < reach.last {
            lines.push(Line::piece(
                Role::Warning,
                format!(
                    "entries {} to {} are in the log but not known to be committed: not applied",
                    number::thousands(reach.to.saturating_add(1).into()),
                    number::thousands(reach.last.into())
                ),
            ));
        }
        if let Some((index, why)) = &reach.stops {
            lines.push(Line::piece(
                Role::Error,
                format!("etcd stops at entry {index}: {why}; nothing after it was applied"),
            ));
        }
        if lines.len() > 1 {
            self.popup("after a start", lines);
        }
        self.say(Role::Warning, applied);
    }

    /// A command that answers for the side that is shown.
    pub(super) fn with_side(&self, command: Command) -> Command {
        let words = command.words();
        let able = words.get(1).is_some_and(|verb| ABLE.contains(&&**verb));
        let is_rebuilt = self.data().is_some_and(|data| data.rebuilt().is_some());
        let carves = words
            .get(1)
            .is_some_and(|verb| ["get", "history"].contains(&&**verb));
        if is_rebuilt && carves && !words.iter().any(|word| word == "--carved") {
            return command.arg("--carved");
        }
        match self.replay && able && !words.iter().any(|word| word == "--replay") {
            true => command.arg("--replay"),
            false => command,
        }
    }
}

fn replayed(dataset: &Dataset, monitor: &Monitor) -> SlotNews {
    monitor.begin("replaying the log of", 0);
    // What a replay gives is kept by the dataset: it must be whole.
    let (side, whole) = (dataset.on(Side::Replayed), monitor.whole());
    let read = || -> Result<Option<Replayed>, etcd_inspect::Error> {
        let Some(indexed) = side.indexed(&whole)? else {
            return Ok(None);
        };
        let reach = side.load(&whole)?.cloned();
        let data = Arc::new(Data::new(indexed, true));
        data.count();
        Ok(reach.map(|reach| Replayed { data, reach }))
    };
    SlotNews::Replayed(match read() {
        Ok(Some(replayed)) => Ok(replayed),
        Ok(None) => Err("the replay was stopped".to_owned()),
        Err(error) => Err(error.to_string()),
    })
}
