//! Which request of the audit log made which write: matched beside the event loop, once for each directory.

use std::sync::Arc;

use etcd_inspect::answers::audit::Audited;
use etcd_inspect::answers::clocks::whole_clock;
use etcd_inspect::answers::timeline::all_versions;
use etcd_inspect::check::Logged;
use etcd_inspect::logs::audit::AuditLog;
use etcd_inspect::progress::Progress as _;
use etcd_inspect::text::number;

use super::source::SlotNews;
use super::{Data, Part, Session};
use crate::event::Effect;
use crate::job::{Monitor, Owner};
use crate::theme::Role;

impl Session {
    /// The requests of the audit log, once they are matched with the writes of the directory that is shown. That begins here; screens
    /// are refreshed when they are there. `None`: no audit log was given, or they are not there yet.
    pub(crate) fn audited(&mut self) -> Option<Arc<Audited>> {
        let log = self.options.audit_log.clone()?;
        let logged = match self.logged() {
            Part::Ready(logged) => logged,
            Part::Failed(_) => None,
            Part::Waiting => return None,
        };
        let (number, data) = (self.current, self.stored()?.clone());
        let slot = self.slots.get_mut(number)?;
        if slot.audited.is_none() {
            slot.audited = Some(Part::Waiting);
            let label = slot.path.display().to_string();
            let work = move |monitor: &Monitor| {
                let audited = matched(&log, &data, logged.as_deref(), monitor);
                (number, SlotNews::Audited(audited))
            };
            let job = self.jobs.start(Owner::Session, label, work);
            self.effects.push(Effect::Spawn(job));
        }
        self.slot()?.audited.as_ref()?.ready().cloned()
    }

    /// Takes the matches, and says how many there are.
    pub(super) fn take_audited(&mut self, number: usize, audited: Result<Arc<Audited>, String>) {
        self.message = Some(match &audited {
            Ok(audited) => {
                let count = |many: usize| number::thousands(many as i128);
                let (found, all) = (audited.matches.len(), audited.matches.covered);
                let text = format!(
                    "audit log: {} of {} writes have their request; WHO names its user",
                    count(found),
                    count(all)
                );
                (Role::Dim, text)
            }
            Err(why) => (Role::Warning, why.clone()),
        });
        if let Some(slot) = self.slots.get_mut(number) {
            slot.audited = Some(audited.map_or_else(Part::Failed, Part::Ready));
        }
    }
}

fn matched(
    log: &AuditLog,
    data: &Data,
    logged: Option<&Logged>,
    monitor: &Monitor,
) -> Result<Arc<Audited>, String> {
    monitor.begin("matching the audit log", 0);
    let objects = data.objects();
    let all = all_versions(&objects, logged);
    let clock = whole_clock(&objects, logged, &[], &monitor.whole());
    let audited = Audited::new(log.clone(), &objects, &all, &clock);
    match monitor.is_cancelled() {
        true => Err("matching the audit log was stopped".to_owned()),
        false => Ok(Arc::new(audited)),
    }
}
