//! The fast path, for logs whose every entry made exactly the records that the store has at its revision.
//!
//! Nearly every log and store are so, and then nothing has to be kept of what entries write: the store itself is what they
//! made. First the revision of each entry is counted back from the end ([`back`]), then ranges of entries are compared with
//! the store on all cores ([`verify`]), each on top of the store as it is before it. Everything before the first entry that
//! differs is proven by induction; from there on the [`walk`](super::walk) takes the careful path, which keeps what entries
//! write and can report what is wrong.

mod back;
mod group;
mod leases;
mod verify;

use rayon::prelude::*;

use super::anchor::Anchor;
use super::{ComparedRange, RunEntry};
use crate::mvcc::Keyspace;
use crate::recover::State;
use located::{RaftIndex, progress::Progress};

use self::back::Course;
use self::leases::{Revoked, Timeline};
use self::verify::{EntryRange, Verified};

/// Minimum number of writes that must match if the path ends before the log: as many as are tried of any other anchor.
const MIN_WRITES: usize = 64;
/// Minimum number of writes that must match if the path begins in the middle of the log and goes on to its end.
const MIN_WRITES_OF_ALL: usize = 4;
/// Number of entries that one task verifies.
const ENTRIES_PER_TASK: usize = 512;

/// The entries whose records match, as far as they do without a gap.
pub(super) struct FastPath {
    /// Whether it begins with the empty store.
    pub(super) from_the_beginning: bool,
    /// The position of the first entry.
    pub(super) from: usize,
    /// The position of the first entry after it.
    pub(super) to: usize,
    /// The revision of the store before that entry.
    pub(super) revision: i64,
    /// What was compared.
    pub(super) reach: ComparedRange,
    /// Whether it goes on to consistent_index and the store ends there too.
    pub(super) whole: bool,
}

impl FastPath {
    /// Its first entry, and the revision before it.
    pub(super) fn anchor(&self) -> Anchor {
        if self.from_the_beginning {
            return Anchor::Beginning;
        }
        Anchor::At {
            position: self.from,
            revision: self.reach.from_revision,
        }
    }

    /// Everything beside keys before [`Self::to`].
    pub(super) fn state(&self, entries: &[RunEntry<'_>]) -> State {
        let rest = entries.get(self.from..).unwrap_or_default();
        let on_it = rest.get(..self.to.saturating_sub(self.from));
        leases::state(rest, on_it.unwrap_or_default(), self.from_the_beginning)
    }
}

/// Compares entries with the store up to the first difference; `None` if no revision to begin with is found.
pub(super) fn fast_path(
    keyspace: &Keyspace<'_>,
    entries: &[RunEntry<'_>],
    consistent_index: RaftIndex,
    progress: &dyn Progress,
) -> Option<FastPath> {
    path_on(keyspace, entries, consistent_index, &|_| true, progress)
}

/// The anchor before the first of all entries, if the path goes from there to consistent_index and to the end of the store.
pub(super) fn anchor_of_all(
    keyspace: &Keyspace<'_>,
    entries: &[RunEntry<'_>],
    consistent_index: RaftIndex,
    progress: &dyn Progress,
) -> Option<Anchor> {
    let is_of_all = |course: &Course| course.position == 0;
    let path = path_on(keyspace, entries, consistent_index, &is_of_all, progress)?;
    path.whole.then(|| path.anchor())
}

fn path_on(
    keyspace: &Keyspace<'_>,
    entries: &[RunEntry<'_>],
    consistent_index: RaftIndex,
    is_wanted: &dyn Fn(&Course) -> bool,
    progress: &dyn Progress,
) -> Option<FastPath> {
    let end = entries.partition_point(|entry| entry.entry.index <= consistent_index);
    let applied = entries.get(..end)?;
    let newest = keyspace.newest_revision()?.main;
    let floor = keyspace.compact_revision().unwrap_or(1).max(1);
    if applied.last()?.entry.index != consistent_index || newest <= floor {
        return None;
    }
    let course = back::back(keyspace, applied, newest, floor).filter(is_wanted)?;
    let from_the_beginning = entries.first()?.entry.index == 1;
    if from_the_beginning && (course.position, course.revision) != (0, 1) {
        return None;
    }
    let on_course = applied.get(course.position..)?;
    let timeline = Timeline::new(on_course, from_the_beginning);
    let ranges = course.ranges();
    let verify = |range: &EntryRange| {
        if progress.cancelled() {
            return Verified::nothing(range.from, range.revision);
        }
        verify::range(keyspace, on_course, *range, &timeline)
    };
    let done: Vec<Verified> = ranges.par_iter().map(verify).collect();
    let mut path = joined(course.revision, &ranges, done, verify);
    if let Some(at) = Revoked::first_that_differs(&path.revoked, keyspace) {
        path = verify(&EntryRange {
            from: 0,
            to: at,
            revision: course.revision,
        });
    }
    let whole = path.to == on_course.len() && path.revision == newest;
    let enough = match whole {
        true if from_the_beginning => true,
        true => path.writes >= MIN_WRITES_OF_ALL,
        false => path.writes >= MIN_WRITES,
    };
    let first = on_course.first()?.entry.index;
    let last = on_course.get(path.to.checked_sub(1)?)?.entry.index;
    enough.then(|| FastPath {
        from_the_beginning,
        from: course.position,
        to: course.position.saturating_add(path.to),
        revision: path.revision,
        reach: ComparedRange {
            indexes: Some((first, last)),
            from_revision: course.revision,
            records: path.records,
            to_revision: path.revision,
            stopped_at: None,
        },
        whole,
    })
}

impl Course {
    fn ranges(&self) -> Vec<EntryRange> {
        let range_of =
            |&(from, to, revision): &(usize, usize, i64)| EntryRange { from, to, revision };
        self.marks.iter().map(range_of).collect()
    }
}

/// Joins what the ranges gave, up to the first that does not continue the one before.
fn joined(
    revision: i64,
    ranges: &[EntryRange],
    done: Vec<Verified>,
    verify: impl Fn(&EntryRange) -> Verified,
) -> Verified {
    let mut path = Verified::nothing(0, revision);
    for (range, done) in ranges.iter().zip(done) {
        if path.to != range.from {
            break;
        }
        let revision = path.revision;
        path = path.then(if revision == range.revision {
            done
        } else {
            // Between two entries of which only one wrote, the count back may have taken the wrong one.
            verify(&EntryRange { revision, ..*range })
        });
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::applied::runs;
    use crate::member::Member;

    fn path(name: &str) -> Option<(FastPath, usize)> {
        let member = Member::open(testkit::data_dir(name)).unwrap();
        let (keyspace, wal) = (member.readable_keyspace().unwrap(), member.wal().unwrap());
        let applied = member.meta().unwrap().consistent_index.unwrap();
        let entries = runs(&wal).pop().unwrap();
        fast_path(&keyspace, &entries, applied, &located::progress::Silent)
            .map(|path| (path, entries.len()))
    }

    #[test]
    fn a_log_that_begins_in_the_middle_matches_to_the_end() {
        for name in ["k8s-1.20-cluster3/m1", "k8s-1.20-etcd35"] {
            let (path, _) = path(name).unwrap();
            assert!(path.whole && path.reach.records > 50, "{name}");
        }
    }

    #[test]
    fn a_log_from_the_first_entry_matches_from_the_empty_store() {
        let mut paths = 0;
        for name in testkit::fixtures() {
            let data = testkit::fixture(&name).join("data");
            if !data.join("member/wal").is_dir() {
                continue;
            }
            let Some((path, entries)) = path(&name) else {
                continue;
            };
            paths += 1;
            assert!(path.to <= entries && path.from <= path.to, "{name}");
            if path.from_the_beginning {
                assert_eq!((path.from, path.reach.from_revision), (0, 1), "{name}");
            }
        }
        assert!(paths >= 3, "the fast path fits {paths} fixtures");
    }

    #[test]
    fn the_anchor_of_all_entries_is_the_one_that_is_found_by_applying_them() {
        let mut proven = 0;
        for name in testkit::fixtures() {
            let data = testkit::fixture(&name).join("data");
            let Ok(member) = Member::open(&data) else {
                continue;
            };
            let (Ok(keyspace), Some(wal)) = (member.readable_keyspace(), member.wal()) else {
                continue;
            };
            let applied = member.meta().unwrap().consistent_index.unwrap_or_default();
            for entries in runs(&wal) {
                let silent = &located::progress::Silent;
                let anchor = anchor_of_all(&keyspace, &entries, applied, silent);
                if anchor.is_some() {
                    proven += 1;
                    let found = Anchor::find(&keyspace, &entries, applied, true, silent);
                    assert_eq!(anchor, found, "{name}");
                }
            }
        }
        assert!(proven >= 3, "{proven} fixtures");
    }
}
