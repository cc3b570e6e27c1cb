//! The copies that are salvaged together: which log continues which db, and what each log gets from the others.

use std::sync::OnceLock;

use super::corrected::corrected;
use super::extra::{Extra, NamedLog, held_by_majority};
use super::member_records::{Input, MemberRecords, member_records};
use super::one_cluster::of_one_cluster;
use super::proven_commit::ProvenCommit;
use super::{Point, Salvage, SalvageOptions, best_copy};
use crate::Error;
use crate::backend::Cluster;
use crate::evidence::Role;
use crate::member::Member;
use crate::progress::Progress;
use crate::recover;
use located::{RaftIndex, reported_by};

/// Evidence that is read once for all that is asked about it.
#[derive(Debug)]
pub struct Sources<'m> {
    members: Vec<&'m Member>,
    copies: Vec<Copy<'m>>,
    notes: Vec<String>,
    /// The same with proven bytes corrected; `None` in it if nothing is proven to be wrong.
    corrected: OnceLock<Option<Box<Sources<'m>>>>,
}

/// One member's copy.
#[derive(Debug)]
struct Copy<'m> {
    member: &'m Member,
    log_of: &'m Member,
    extra: Extra<'m>,
    /// The last entry that any copy of the same history proves to be committed; 0 if there is only one copy.
    committed: RaftIndex,
    /// The last entry that a file of another copy proves to be committed, whoever has it.
    proven: Option<ProvenCommit<'m>>,
}

impl<'m> Sources<'m> {
    /// Reads the logs of one member's copy, or of several members of one cluster.
    ///
    /// ```
    /// use etcd_inspect::member::Member;
    /// use etcd_inspect::progress::Silent;
    /// use etcd_inspect::salvage::{SalvageOptions, Sources};
    /// let member = Member::open("../fixtures/etcd-3.5.30.tar.zst")?;
    /// let sources = Sources::read([&member], &Silent);
    /// let salvage = sources.salvage(&SalvageOptions::default(), &Silent)?;
    /// println!("{} keys at revision {}", salvage.keys, salvage.revision);
    /// # Ok::<(), etcd_inspect::Error>(())
    /// ```
    pub fn read(members: impl IntoIterator<Item = &'m Member>, progress: &dyn Progress) -> Self {
        let all: Vec<&Member> = members.into_iter().collect();
        let mut notes = Vec::new();
        let members = of_one_cluster(&all, progress, &mut notes);
        let logs: Vec<Option<NamedLog<'m>>> = members
            .iter()
            .map(|member| named_log(member, progress))
            .collect();
        let known: Vec<&NamedLog<'m>> = logs.iter().flatten().collect();
        let mut copies = Vec::new();
        for (at, member) in members.iter().enumerate() {
            let own = logs.get(at).and_then(Option::as_ref);
            let Some(own) = own else {
                let mut copy = without_log(member, &members, &known, &mut notes);
                let others = members.iter().zip(&logs);
                copy.proven = ProvenCommit::newest(
                    others.filter(|(other, _)| !std::ptr::eq(**other, *member)),
                );
                copies.push(copy);
                continue;
            };
            let others: Vec<&NamedLog<'m>> = logs
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .filter_map(|(_, log)| log.as_ref())
                .collect();
            let mut extra = Extra::repaired(&own.wal);
            extra.complete_from(own, &others);
            copies.push(Copy {
                member,
                log_of: member,
                extra,
                committed: match members.len() {
                    1 => RaftIndex(0),
                    _ => committed_in_history(own, &logs, &members),
                },
                proven: ProvenCommit::newest(members.iter().zip(&logs).filter(|(other, log)| {
                    let is_of_other = (*log).as_ref().is_some_and(|log| own.contradicts(log));
                    !std::ptr::eq(**other, *member) && !is_of_other
                })),
            });
        }
        Self {
            members: all,
            copies,
            notes,
            corrected: OnceLock::new(),
        }
    }

    /// Joins what the sources have, up to the point that is asked for.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is neither a readable db nor a log that says which revisions it made;
    /// [`Error::Future`] if the point is newer than all that there is.
    pub fn salvage(
        &self,
        options: &SalvageOptions,
        progress: &dyn Progress,
    ) -> Result<Salvage<'_>, Error> {
        let plain = self.salvaged(options, progress);
        if plain.as_ref().is_ok_and(Salvage::is_whole) {
            return plain;
        }
        let corrected = self.corrected(progress);
        let corrected = corrected.map(|sources| sources.salvaged(options, progress));
        match (plain, corrected) {
            (Ok(plain), Some(Ok(corrected))) if !corrected.gives_more_than(&plain) => Ok(plain),
            (_, Some(Ok(corrected))) => Ok(corrected),
            (plain, _) => plain,
        }
    }

    /// What the sources have as they are.
    fn salvaged(
        &self,
        options: &SalvageOptions,
        progress: &dyn Progress,
    ) -> Result<Salvage<'_>, Error> {
        let mut salvage = self.joined_with(options, progress)?;
        let mut loose = Vec::new();
        if options.carved || !salvage.missing().is_empty() {
            for copy in &self.copies {
                loose.append(&mut salvage.add_remnants(copy.member, progress));
            }
        }
        if options.carved && options.point == Point::Acknowledged {
            salvage.continue_with(&loose);
            salvage.reach_carved(&loose);
        }
        salvage.finish(options, loose);
        if options.carved && salvage.set.records.is_empty() && !salvage.unrecoverable.is_empty() {
            return Err(best_copy::nothing(self.members.first().copied()));
        }
        Ok(salvage)
    }

    /// The same members with every byte corrected that they prove to be wrong.
    fn corrected(&self, progress: &dyn Progress) -> Option<&Self> {
        let read = || {
            let mut notes = Vec::new();
            let mut members = Vec::new();
            for member in &self.members {
                match corrected(member, progress) {
                    Some((right, why)) => {
                        notes.extend(why.iter().cloned());
                        members.push(right);
                    }
                    None => members.push(*member),
                }
            }
            if notes.is_empty() {
                return None;
            }
            let mut sources = Self::read(members, progress);
            sources.notes.splice(0..0, notes);
            Some(Box::new(sources))
        };
        self.corrected.get_or_init(read).as_deref()
    }

    /// Everything up to a point, nothing compacted or left out yet.
    pub(super) fn joined(
        &self,
        point: Point,
        progress: &dyn Progress,
    ) -> Result<Salvage<'_>, Error> {
        let options = SalvageOptions {
            point,
            ..SalvageOptions::default()
        };
        self.joined_with(&options, progress)
    }

    fn joined_with(
        &self,
        options: &SalvageOptions,
        progress: &dyn Progress,
    ) -> Result<Salvage<'_>, Error> {
        let point = options.point;
        let mut parts: Vec<MemberRecords<'_>> = Vec::new();
        for (number, copy) in (0u16..).zip(&self.copies) {
            let input = Input {
                member: copy.member,
                log_of: copy.log_of,
                extra: &copy.extra,
                number,
                committed: copy.committed,
            };
            parts.push(member_records(&input, point, progress));
        }
        let mut salvage = best_copy::join(parts, options)?;
        salvage.notes.splice(0..0, self.notes.iter().cloned());
        let is_used = |copy: &&Copy<'_>| std::ptr::eq(copy.member, salvage.member);
        if let Some(copy) = self.copies.iter().find(is_used) {
            match point {
                Point::Acknowledged => salvage.note_later_commit(copy.proven.as_ref()),
                Point::Revision(_) => {
                    let wal = copy.log_of.wal_with(progress);
                    salvage.note_unproven(copy.log_of, wal, copy.committed);
                }
            }
        }
        Ok(salvage)
    }
}

/// The dbs that a leader sent to a member and that did not replace its db (`.snap.db`), each as a copy of its own: a base for
/// the log if the db is lost. Those inside an archive are not opened.
pub fn received_snapshots(member: &Member) -> Vec<Member> {
    if member.evidence().is_archived() {
        return Vec::new();
    }
    let files = member.evidence().with_role(Role::SnapDb).iter();
    files
        .filter_map(|file| {
            let path = member.evidence().path().join(file.relative());
            let mut options = member.options().clone();
            options.evidence.wal_dir = None;
            Member::open_with(path, options).ok()
        })
        .collect()
}

fn named_log<'m>(member: &'m Member, progress: &dyn Progress) -> Option<NamedLog<'m>> {
    let wal = member.wal_with(progress)?;
    let applied = member.meta().ok().and_then(|meta| meta.consistent_index);
    // consistent_index of a db of another history proves nothing about this log.
    let applied = applied.filter(|index| *index <= wal.log().last_index());
    let has_base = applied.is_some_and(|applied| {
        let first = wal.log().first();
        first.is_some_and(|first| first.index <= applied.saturating_add(1))
    });
    Some(NamedLog {
        name: member.evidence().name().as_str().to_owned(),
        commit: recover::commit(&wal, applied.unwrap_or_default()),
        wal,
        has_base,
    })
}

/// The last entry that is committed by the logs which do not contradict this one: another history says nothing about it.
fn committed_in_history(
    own: &NamedLog<'_>,
    logs: &[Option<NamedLog<'_>>],
    members: &[&Member],
) -> RaftIndex {
    let all = members.iter().copied().zip(logs);
    let all = all.filter_map(|(member, log)| Some((member, log.as_ref()?)));
    let (members, logs): (Vec<&Member>, Vec<&NamedLog<'_>>) =
        all.filter(|(_, log)| !own.contradicts(log)).unzip();
    committed(&members, &logs)
}

/// What one member knows to be committed is committed for all of them, and so is what a majority has.
fn committed(members: &[&Member], logs: &[&NamedLog<'_>]) -> RaftIndex {
    let known = logs.iter().map(|log| log.commit).max().unwrap_or_default();
    let all: Vec<&crate::wal::Log> = logs.iter().map(|log| log.wal.log()).collect();
    let voters = members.iter().zip(logs).map(|(member, log)| {
        let conf = recover::voters(member, &log.wal, known);
        conf.voters.len()
    });
    let voters = voters.max().unwrap_or(0);
    known.max(held_by_majority(&all, voters))
}

/// A copy without a log, with the log of another one that is of its cluster.
fn without_log<'m>(
    member: &'m Member,
    members: &[&'m Member],
    logs: &[&NamedLog<'m>],
    notes: &mut Vec<String>,
) -> Copy<'m> {
    let in_all = match members.len() {
        1 => RaftIndex(0),
        _ => committed(members, logs),
    };
    let alone = Copy {
        member,
        log_of: member,
        extra: Extra::default(),
        committed: in_all,
        proven: None,
    };
    let Ok(db) = member.db() else {
        return alone;
    };
    let cluster = Cluster::read(&db, &mut reported_by("backend::check"));
    let lends = |log: &&&NamedLog<'m>| {
        let own = log.wal.log().metadata.first();
        own.is_some_and(|own| cluster.member(own.node_id).is_some())
    };
    let lender = logs
        .iter()
        .filter(lends)
        .max_by_key(|log| log.wal.log().last_index());
    let owner = lender.and_then(|lender| {
        let named = |other: &&&Member| other.evidence().name().as_str() == lender.name;
        members.iter().find(named).copied()
    });
    let (Some(lender), Some(owner)) = (lender, owner) else {
        return alone;
    };
    notes.push(format!(
        "{} has no log of its own: that of {} continues it",
        member.evidence().name(),
        lender.name
    ));
    let mut extra = Extra::repaired(&lender.wal);
    let others: Vec<&NamedLog<'m>> = logs
        .iter()
        .copied()
        .filter(|other| other.name != lender.name)
        .collect();
    extra.complete_from(lender, &others);
    extra.notes.clear();
    Copy {
        member,
        log_of: owner,
        extra,
        committed: in_all,
        proven: None,
    }
}
