//! What is carved beside the event loop: versions that neither db nor log have any more.

use std::sync::Arc;

use etcd_inspect::check::Logged;
use etcd_inspect::dataset::{CarvedVersions, Dataset};
use etcd_inspect::progress::Progress as _;

use super::source::SlotNews;
use super::{Part, Session};
use crate::event::Effect;
use crate::job::{Monitor, Owner};

/// A larger db is carved only when the user asks: all of it is read, and what is found is copied.
const MAX_UNASKED_BYTES: u64 = 256 << 20;

impl Session {
    /// What was carved of the directory that is shown. Where it has not been looked for yet, that begins here if the db is small or
    /// it is `asked` for; screens are refreshed when it is there. `None`: nothing looks.
    pub(crate) fn carved(&mut self, asked: bool) -> Option<Part<Arc<CarvedVersions>>> {
        // A keyspace that was rebuilt has them already.
        if self.data()?.rebuilt().is_some() {
            return None;
        }
        let logged = match self.logged() {
            Part::Ready(logged) => logged,
            Part::Failed(_) => None,
            Part::Waiting => return self.slot()?.carved.clone(),
        };
        let (number, dataset) = (self.current, self.dataset()?.clone());
        let slot = self.slots.get_mut(number)?;
        if slot.carved.is_none() {
            let db = dataset.member().db_file().ok();
            let is_small = db.is_some_and(|file| file.size() <= MAX_UNASKED_BYTES);
            if !is_small && !asked {
                return None;
            }
            slot.carved = Some(Part::Waiting);
            let label = slot.path.display().to_string();
            let work = move |monitor: &Monitor| {
                let carved = carved(&dataset, logged.as_deref(), monitor);
                (number, SlotNews::Carved(carved))
            };
            let job = self.jobs.start(Owner::Session, label, work);
            self.effects.push(Effect::Spawn(job));
        }
        self.slot()?.carved.clone()
    }
}

fn carved(
    dataset: &Dataset,
    logged: Option<&Logged>,
    monitor: &Monitor,
) -> Result<Arc<CarvedVersions>, String> {
    monitor.begin("carving", 0);
    let carved = dataset.carved(logged, monitor);
    match monitor.is_cancelled() {
        true => Err("carving was stopped".to_owned()),
        false => Ok(Arc::new(carved)),
    }
}
