//! The best copy of several, and what others have of its gaps.

use std::collections::{BTreeMap, BTreeSet};

use super::contradicted::NamedRecords;
use super::forked;
use super::label::Provenance;
use super::member_records::MemberRecords;
use super::record::{KeyRecord, RecordSet, RecordSource, within};
use super::{Dropped, Gave, Lost, Point, Restore, Salvage, SalvageOptions};
use crate::Error;
use crate::member::Member;
use crate::wal::boot::Release;
use located::MainRevision;

/// Page size of the backup if the db does not say its own.
const PAGE_BYTES: u32 = 4096;

/// Joins the parts: the best copy, and what others have of its gaps.
pub(super) fn join<'a>(
    mut parts: Vec<MemberRecords<'a>>,
    options: &SalvageOptions,
) -> Result<Salvage<'a>, Error> {
    let mut set = RecordSet::default();
    for part in &mut parts {
        let empty = RecordSource::new(&[], part.source.file.clone());
        set.sources.push(std::mem::replace(&mut part.source, empty));
    }
    // The same copies give the same backup in whatever order they are named.
    parts.sort_by(|one, other| name(one).cmp(name(other)));
    let of_majority = forked::of_majority(&parts, &set);
    let Some(best) = best(&parts, &of_majority) else {
        return Err(nothing(None));
    };
    let is_of_majority = of_majority.contains(&best);
    let main = parts.swap_remove(best);
    can_be_used(&main, options)?;
    let member = main.member;
    let of_best = (member.evidence().name().as_str(), member.fails_sha256());
    let (others, forks) = of_one_history(parts, &main, &set);
    let mut salvage = Salvage::of_best(main, set, options.point);
    if !forks.is_empty() {
        salvage.notes.push(forked::taken(member, is_of_majority));
    }
    salvage.dropped.extend(forks);
    salvage.note_point();
    salvage.settle_contradictions(of_best, &others);
    salvage.note_failed_sha256(of_best, &others);
    salvage.fill_from(&others);
    salvage.limit_compaction();
    salvage.restore = Restore::from_salvage(member, &salvage);
    Ok(salvage)
}

/// The records of the other parts that go on as the best one does, and what is left out of those that do not: they are of another
/// history from some revision on, and fill no gap after it.
fn of_one_history(
    others: Vec<MemberRecords<'_>>,
    best: &MemberRecords<'_>,
    set: &RecordSet<'_>,
) -> (Vec<NamedRecords>, Vec<Dropped>) {
    let (mut records, mut left_out) = (Vec::new(), Vec::new());
    // The revisions of a tail may be guessed.
    for mut other in others.into_iter().filter(|other| !other.is_tail) {
        let mut own = std::mem::take(&mut other.records);
        if let Some(first) = forked::forks_at(set, &best.records, &own) {
            let (theirs, ours) = (name(&other), name(best));
            left_out.push(forked::left_out(theirs, other.revision, ours, first));
            own.retain(|record| record.revision.main < first);
        }
        records.push(NamedRecords {
            name: name(&other).to_owned(),
            fails_sha256: other.member.fails_sha256(),
            records: own,
        });
    }
    (records, left_out)
}

/// What a copy is called.
fn name<'a>(part: &MemberRecords<'a>) -> &'a str {
    part.member.evidence().name().as_str()
}

/// Nothing says which records there were.
pub(super) fn nothing(member: Option<&Member>) -> Error {
    let named = member.map(|member| member.evidence().name().clone());
    Error::Missing {
        file: named.unwrap_or(crate::FileName::new("salvage without a path")),
        what: "readable db, and no log that says which revisions it wrote",
    }
}

/// Refuses a part that has nothing, and a point that is newer than all of it.
fn can_be_used(main: &MemberRecords<'_>, options: &SalvageOptions) -> Result<(), Error> {
    // Records that no tree reaches may still be there.
    let is_certain = |lost: &Lost| !lost.possibly;
    let has_nothing = main.records.is_empty() && main.lost.iter().any(is_certain);
    if has_nothing && options.carved {
        return Ok(());
    }
    if has_nothing {
        return Err(nothing(Some(main.member)));
    }
    match options.point {
        Point::Revision(asked) if asked > main.revision => Err(Error::Future {
            revision: MainRevision(asked),
            current: MainRevision(main.revision),
        }),
        _ => Ok(()),
    }
}

/// Whether there were, or may have been, writes after the last that the part has.
fn goes_back(part: &MemberRecords<'_>, point: Point) -> bool {
    let later = |lost: &Lost| lost.indexes.is_some_and(|(_, last)| last > part.applied.0);
    point != Point::Acknowledged || part.possible > 0 || part.lost.iter().any(later)
}

/// The part that reaches furthest, of those that begin with a store if there is one, and of those that a majority agrees with if there is one; of two that reach equally far the one that does not fail its SHA-256, and has lost less.
fn best(parts: &[MemberRecords<'_>], of_majority: &BTreeSet<usize>) -> Option<usize> {
    (0..parts.len()).max_by_key(|number| {
        parts.get(*number).map(|part| {
            let lost = std::cmp::Reverse(part.lost.len());
            let agreed = of_majority.contains(number);
            (
                !part.is_tail,
                agreed,
                part.revision,
                !part.member.fails_sha256(),
                part.whole,
                lost,
                std::cmp::Reverse(*number),
            )
        })
    })
}

/// Page size of the db.
fn page_size(member: &Member) -> u32 {
    let db = member.db().ok();
    let size = db.and_then(|db| u32::try_from(db.page_size()).ok());
    size.filter(|size| (512..=65_536).contains(size))
        .unwrap_or(PAGE_BYTES)
}

/// The storage version of the db, if it says one.
fn storage_version(member: &Member) -> Option<String> {
    let version = member.meta().ok().and_then(|meta| meta.storage_version);
    version.map(|version| version.to_string())
}

impl<'a> Salvage<'a> {
    /// All that the best part has.
    fn of_best(mut main: MemberRecords<'a>, mut set: RecordSet<'a>, point: Point) -> Self {
        let member = main.member;
        let release = Release::new(5, u32::MAX);
        super::locked_out::unlock(&mut main);
        let (dropped, goes_back) = (super::dropped::dropped(&main), goes_back(&main, point));
        set.records = main.records;
        Self {
            member,
            below: main.below,
            dropped,
            page_size: page_size(member),
            storage_version: storage_version(member),
            restore: Restore::new(member, &main.state, release, main.revision),
            goes_back,
            set,
            state: main.state,
            state_is_newer: main.state_is_newer,
            applied: main.applied,
            damaged_writes: main.damaged_writes,
            revision: main.revision,
            compact_revision: (main.compacted >= 0).then_some(main.compacted),
            keys: 0,
            gave: Gave {
                records: BTreeMap::new(),
                keys: BTreeMap::new(),
            },
            stale: Vec::new(),
            traced: BTreeSet::new(),
            lost_ranges: main.lost_ranges,
            uncounted_from: main.uncounted_from,
            lost_pages: main.lost_pages,
            unlogged_pages: main.unlogged_pages,
            maybe_deleted: Vec::new(),
            uncertain_numbers: Vec::new(),
            unrecoverable: main.lost,
            notes: main.notes,
            left_out: 0,
            part_of: None,
            sha256_failed: Vec::new(),
            possibly_acknowledged: main.possible,
        }
    }

    /// Notes what the point does not say, and what it leaves out.
    fn note_point(&mut self) {
        if self.state_is_newer {
            self.notes.push(
                "leases, users and members are those of the end of the db: nothing says what they were at that revision".to_owned(),
            );
        }
        let entries = match self.possibly_acknowledged {
            0 => return,
            1 => "entry",
            _ => "entries",
        };
        self.notes.push(format!(
            "{} {entries} of the log after the highest proven commit may have been acknowledged and are left out; --rev N takes them in up to revision N",
            self.possibly_acknowledged
        ));
    }

    /// Revisions that the best copy does not have and another one has.
    fn fill_from(&mut self, others: &[NamedRecords]) {
        for other in others {
            let missing = self.missing();
            let fits = |record: &&KeyRecord| within(&missing, record.revision.main);
            let filled: Vec<KeyRecord> = other
                .records
                .iter()
                .filter(fits)
                .map(|record| KeyRecord {
                    label: Provenance::Peer,
                    ..*record
                })
                .collect();
            if filled.is_empty() {
                continue;
            }
            let has = |range: Option<(i64, i64)>| {
                range.is_some_and(|(first, last)| {
                    super::member_records::has_all(&filled, (first, last))
                })
            };
            self.unrecoverable.retain(|lost| !has(lost.revisions));
            if other.fails_sha256 {
                self.unrecoverable.push(Lost {
                    what: format!(
                        "{} fails its SHA-256: it is not what was saved, and the records of the backup that only it has may be wrong",
                        other.name
                    ),
                    possibly: true,
                    ..Lost::default()
                });
            }
            self.set.records.extend(filled);
            self.set.records.sort_by_key(|record| record.revision);
        }
    }

    /// A compaction that is newer than the store cannot be in force.
    fn limit_compaction(&mut self) {
        if let Some(compacted) = self.compact_revision.filter(|at| *at > self.revision) {
            self.notes.push(format!(
                "the compaction revision {compacted} is newer than the store: nothing is compacted above revision {}",
                self.revision
            ));
            self.compact_revision = Some(self.revision);
        }
    }
}
