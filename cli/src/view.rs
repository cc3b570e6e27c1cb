//! The keyspace that a question is asked of: the db's, or what it becomes when the WAL behind it is replayed.

use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::member::{Buckets, Member, Objects, Space};
use etcd_inspect::mvcc::Keyspace;
use etcd_inspect::recover::{Replayed, replay};

use crate::at::At;
use crate::exit::Exit;
use crate::ui::Ui;

/// Records that are looked at to tell whether Kubernetes wrote here.
const OLDEST: usize = 1000;

/// An open keyspace with the member it comes from.
pub(crate) struct View<'m> {
    member: &'m Member,
    keyspace: Keyspace<'m>,
    replayed: Option<Replayed<'m>>,
}

impl<'m> View<'m> {
    /// Reads the keyspace.
    pub(crate) fn open(member: &'m Member, at: &At, ui: &mut Ui) -> anyhow::Result<Self> {
        let keyspace = member.keyspace()?;
        let replayed = match at.replay {
            true => Some(replay(member, &*ui.progress())?),
            false => None,
        };
        let view = Self {
            member,
            keyspace,
            replayed,
        };
        view.say_side(ui)?;
        Ok(view)
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
            "after replay of {} WAL entries behind index {}: as etcd would have it after a start",
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
                "etcd stops at entry {index}: {why}; nothing behind it was applied"
            ))?;
        }
        Ok(())
    }

    /// The keyspace.
    pub(crate) fn keyspace(&self) -> Keyspace<'_> {
        match &self.replayed {
            Some(replayed) => replayed.keyspace(),
            None => self.keyspace,
        }
    }

    /// Where the bytes of the db are.
    pub(crate) fn space(&self) -> Result<Space, etcd_inspect::Error> {
        self.member.space(&self.member.keyspace()?.counts())
    }

    /// Members, leases, alarms, users and roles, on the side that was asked for.
    pub(crate) fn buckets(&self) -> Result<Buckets, etcd_inspect::Error> {
        match &self.replayed {
            Some(replayed) => Ok(replayed.buckets()),
            None => self.member.buckets(),
        }
    }

    /// Where Kubernetes keeps its keys here, and which custom resources it has.
    pub(crate) fn layout(&self) -> Result<Layout, etcd_inspect::Error> {
        Ok(self.all_objects()?.layout().clone())
    }

    /// The keyspace as Kubernetes sees it; none where no key among the oldest is one of its.
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
        ))
    }

    /// Says that an answer is one about the past.
    pub(crate) fn say_revision(&self, revision: Option<i64>, ui: &mut Ui) -> std::io::Result<()> {
        match revision {
            Some(revision) if revision != self.keyspace().revision() => {
                ui.note(format!("as of rev {revision}"))
            }
            _ => Ok(()),
        }
    }

    /// Says what damage kept back; the exit code of an answer that is complete but for that.
    pub(crate) fn finish(&self, ui: &mut Ui) -> anyhow::Result<Exit> {
        let damage = self.member.keyspace_damage();
        let skipped = self.keyspace.index().skipped();
        if damage.is_empty() && skipped == 0 {
            return Ok(Exit::Ok);
        }
        ui.warn(format!(
            "the answer is partial: {} kinds of damage in the db, {skipped} records skipped",
            damage.len()
        ))?;
        for finding in damage.iter().take(5) {
            ui.warn(format!(
                "{} {}: {}",
                finding.code.id, finding.place, finding.message
            ))?;
        }
        ui.warn(ui.filled("what is damaged, and what to do: etcd-inspect check {path}"))?;
        Ok(Exit::Partial)
    }
}
