//! What the files of other copies prove to be committed, whoever has the entries; and what is taken in without such a proof.

use super::extra::NamedLog;
use super::{Lost, Salvage};
use crate::member::{Member, Wal};
use crate::recover;
use located::RaftIndex;

/// The last entry that a file proves to be committed.
#[derive(Clone, Debug)]
pub(super) struct ProvenCommit<'m> {
    index: RaftIndex,
    /// Which file says so.
    file: &'static str,
    member: &'m Member,
}

impl<'m> ProvenCommit<'m> {
    /// The newest of some copies. HardState and a `.snap` file name an entry also if it is in no log any more.
    pub(super) fn newest<'c>(
        copies: impl Iterator<Item = (&'c &'m Member, &'c Option<NamedLog<'m>>)>,
    ) -> Option<Self>
    where
        'm: 'c,
    {
        let each = copies.flat_map(|(member, log)| {
            let log = log.as_ref().and_then(|log| log.wal.log().hard_state());
            let commit = log.map_or(RaftIndex(0), |state| state.commit);
            let of = |index, file| Self {
                index,
                file,
                member: *member,
            };
            [
                of(commit, "HardState"),
                of(member.newest_snap(), "the newest .snap file"),
            ]
        });
        each.filter(|proven| proven.index > 0)
            .max_by_key(|proven| proven.index)
    }
}

impl Salvage<'_> {
    /// Lists the entries that another copy proves to be committed, and that no copy has.
    pub(super) fn note_later_commit(&mut self, proven: Option<&ProvenCommit<'_>>) {
        let applied = self.applied.0;
        let Some(proven) = proven.filter(|proven| proven.index > applied) else {
            return;
        };
        // What another history committed says nothing about this one.
        let has_forks = self.dropped.iter().any(|one| one.kind == "history");
        let reaches = |lost: &Lost| lost.indexes.is_some_and(|(_, last)| last >= proven.index);
        if has_forks || self.unrecoverable.iter().any(reaches) {
            return;
        }
        self.unrecoverable.push(Lost {
            what: format!(
                "entries {}–{} were committed, as {} of {} proves, and no copy has them: the backup ends at entry {applied}",
                applied.next(),
                proven.index,
                proven.file,
                proven.member.evidence().name()
            ),
            indexes: Some((applied.next(), proven.index)),
            ..Lost::default()
        });
    }

    /// Notes the entries that are taken in because their revisions were asked for, although nothing proves that they were committed.
    ///
    /// `committed`: the last entry that any copy proves to be committed.
    pub(super) fn note_unproven(
        &mut self,
        log_of: &Member,
        wal: Option<Wal<'_>>,
        committed: RaftIndex,
    ) {
        let Some(wal) = wal else { return };
        let applied = log_of.meta().ok().and_then(|meta| meta.consistent_index);
        let applied = applied.filter(|index| *index <= wal.log().last_index());
        let commit = recover::commit(&wal, applied.unwrap_or_default()).max(committed);
        // A member that votes alone commits every entry that it has.
        let alone = recover::voters(log_of, &wal, commit).voters.len() <= 1;
        let written = self.set.sources.iter().flat_map(|source| &source.written);
        let last = self.applied.0;
        let unproven = written
            .filter(|(main, index)| *index > commit && *index <= last && *main <= self.revision);
        let mains = || unproven.clone().map(|(main, _)| *main);
        let (Some(first), Some(last)) = (mains().min(), mains().max()) else {
            return;
        };
        if alone {
            return;
        }
        let range = match first == last {
            true => format!("revision {first} is"),
            false => format!("revisions {first}–{last} are"),
        };
        self.notes.push(format!(
            "{range} of entries after the highest proven commit (entry {commit}): they are in the backup because --rev asks for them, and may never have been acknowledged"
        ));
    }
}
