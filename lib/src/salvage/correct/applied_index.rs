//! consistent_index: the log says which entry made the newest record of the db, and which entry made the next one that is not there.
//!
//! etcd 3.5.0 to 3.5.2 could commit an index without the data of its entry (etcd#13766): the writes of that entry are then lost. An
//! index that is too low makes etcd apply entries twice.

use super::super::label::Provenance;
use super::super::{Point, Sources};
use super::Correction;
use crate::backend::Meta;
use crate::bolt::{Db, PageType, Pgid};
use crate::evidence::File;
use crate::member::{Member, Wal};
use crate::mvcc::StoredKey;
use crate::progress::Progress;
use crate::raft::{Operation, Payload, Request};
use crate::salvage::stored::StoredRecords;
use located::{RaftIndex, reported_by};

/// The right consistent_index, if the log proves one. Nothing is proven if a part of the db is lost, if the entry that is named is
/// newer than the log (its tail may be lost), if a page that no tree reaches has a later revision, or if an entry between two writes
/// changes something beside keys.
pub(super) fn of_applied_index(
    member: &Member,
    db: &Db<'_>,
    file: &File,
    progress: &dyn Progress,
) -> Option<Correction> {
    let meta = Meta::read(db, &mut reported_by("backend::check"));
    let seen = meta.consistent_index?;
    let stored = StoredRecords::read(db, 0);
    let newest = stored.records.last()?.revision.main;
    let wal = member.wal_with(progress)?;
    if !stored.lost.is_empty() || seen > wal.log().last_index() {
        return None;
    }
    let sources = Sources::read([member], progress);
    let salvage = sources.joined(Point::Acknowledged, progress).ok()?;
    let labels = || salvage.set.records.iter().map(|record| record.label);
    let is_confirmed = labels().any(|label| label == Provenance::DbLog);
    let written = &salvage.set.sources.first()?.written;
    let at = written.partition_point(|(main, _)| *main < newest);
    let (_, made_by) = written.get(at).filter(|(main, _)| *main == newest)?;
    let next = written.get(at.checked_add(1)?).map(|(_, index)| *index);
    let last = match next {
        Some(next) => next.checked_sub(1)?,
        None => wal.log().last_index(),
    };
    let is_right = (*made_by..=last).contains(&seen);
    let only_reads = made_by.next().through(last).all(|index| reads(&wal, index));
    if !is_confirmed || is_right || !only_reads || has_later_leaf(db, newest) {
        return None;
    }
    let term = wal.log().entry(last)?.term;
    if meta.term.is_some_and(|stored| stored != term) {
        return None;
    }
    let place = meta
        .places
        .iter()
        .find(|(key, _)| *key == "consistent_index");
    let what = match next {
        Some(next) => format!("entry {next} makes the next one, which the db has not"),
        None => format!("entry {last} is the last of the log"),
    };
    Some(Correction {
        file: file.relative().to_owned(),
        offset: place?.1.offset?,
        old: seen.get().to_be_bytes().to_vec(),
        new: last.get().to_be_bytes().to_vec(),
        proof: format!(
            "consistent_index: entry {made_by} of the log wrote revision {newest}, the newest of the db; {what}, and the entries between only read"
        ),
    })
}

/// Whether a leaf that no tree reaches has a later revision: then it is the tree that is damaged, and no index.
fn has_later_leaf(db: &Db<'_>, newest: i64) -> bool {
    let is_later = |pgid: Pgid| {
        let page = db.page(pgid).ok()?;
        let is_leaf = page.header.page_type() == Some(PageType::Leaf);
        let last = page
            .count()
            .checked_sub(1)
            .filter(|_| is_leaf && page.header.id == pgid)?;
        let item = page.item(last).ok()?;
        let key = StoredKey::parse(item.key)
            .ok()
            .filter(|_| !item.is_bucket())?;
        (key.revision.main > newest).then_some(())
    };
    (2..db.pages())
        .map(Pgid)
        .any(|pgid| is_later(pgid).is_some())
}

/// Whether an entry changes nothing of the db.
fn reads(wal: &Wal<'_>, index: RaftIndex) -> bool {
    let Some(entry) = wal.log().entry(index) else {
        return false;
    };
    match wal.payload(entry) {
        Payload::Request(Request::Empty) => true,
        Payload::Request(Request::Internal(request)) => match request.operation() {
            Some(Operation::Alarm(alarm)) => alarm.action == 0,
            Some(
                Operation::Range(_)
                | Operation::AuthStatus(_)
                | Operation::AuthUserGet(_)
                | Operation::AuthUserList(_)
                | Operation::AuthRoleList(_)
                | Operation::AuthRoleGet(_),
            ) => true,
            _ => false,
        },
        _ => false,
    }
}
