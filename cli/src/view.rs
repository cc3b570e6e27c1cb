//! The keyspace that a question is asked of: the db's, or what it becomes when the WAL behind it is replayed.

use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::member::{Member, Space};
use etcd_inspect::mvcc::Keyspace;

use crate::at::At;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ui::Ui;

/// Records that are looked at to find the prefixes of Kubernetes: those of a cluster's first minutes are among the oldest.
const SAMPLE: usize = 50_000;

/// An open keyspace with the member it comes from.
pub(crate) struct View<'m> {
    member: &'m Member,
    keyspace: Keyspace<'m>,
}

impl<'m> View<'m> {
    /// Reads the keyspace.
    pub(crate) fn open(member: &'m Member, at: &At, _ui: &mut Ui) -> anyhow::Result<Self> {
        if at.replay {
            return Err(Failure::usage("--replay does not exist yet").into());
        }
        Ok(Self {
            member,
            keyspace: member.keyspace()?,
        })
    }

    /// The keyspace.
    pub(crate) fn keyspace(&self) -> Keyspace<'_> {
        self.keyspace
    }

    /// Where the bytes of the db are.
    pub(crate) fn space(&self) -> Result<Space, etcd_inspect::Error> {
        self.member.space(&self.member.keyspace()?.counts())
    }

    /// Where Kubernetes keeps its keys here.
    pub(crate) fn layout(&self) -> Layout {
        Layout::detect(
            self.keyspace
                .between(0..=i64::MAX)
                .take(SAMPLE)
                .map(|version| version.key),
        )
    }

    /// Says that an answer is one about the past.
    pub(crate) fn say_revision(&self, revision: Option<i64>, ui: &mut Ui) -> std::io::Result<()> {
        match revision {
            Some(revision) if revision != self.keyspace.revision() => {
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
