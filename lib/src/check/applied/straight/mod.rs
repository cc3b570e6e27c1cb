//! The straight road: where every entry made exactly the records that the store has under its revision.
//!
//! Nearly every log and store are so, and then nothing has to be kept of what entries write: the store itself is what they
//! made. First the revision of each entry is counted back from the end ([`back`]), then stretches of entries are held
//! against the store on all cores ([`verify`]), each on top of the store as it is before it. What lies on the road up to
//! the first entry that does not is proven by induction; from there on [`walk`](super::walk) goes the long way, which keeps
//! what entries write and can say what is wrong.

mod back;
mod group;
mod leases;
mod verify;

use rayon::prelude::*;

use super::anchor::Anchor;
use super::{Entry, Reach};
use crate::mvcc::Keyspace;
use crate::recover::State;
use located::progress::Progress;

use self::leases::{Revoked, Timeline};
use self::verify::{Stretch, Verified};

/// Writes that must lie on a road that ends before the log does: as many as are tried of any other place to begin with.
const FEWEST: usize = 64;
/// Writes that must lie on a whole road that begins in the middle.
const FEWEST_OF_ALL: usize = 4;
/// Entries of one stretch.
const STRETCH: usize = 512;

/// What lies on the straight road.
pub(super) struct Straight {
    /// Whether it begins with the empty store.
    pub(super) from_the_beginning: bool,
    /// The first entry on it.
    pub(super) from: usize,
    /// The first entry behind it.
    pub(super) to: usize,
    /// The revision of the store before that entry.
    pub(super) revision: i64,
    /// How far that is.
    pub(super) reach: Reach,
    /// Whether it goes on to consistent_index, and the store ends there too.
    pub(super) whole: bool,
}

impl Straight {
    /// Where it begins.
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
    pub(super) fn state(&self, entries: &[Entry<'_>]) -> State {
        let rest = entries.get(self.from..).unwrap_or_default();
        let on_it = rest.get(..self.to.saturating_sub(self.from));
        leases::state(rest, on_it.unwrap_or_default(), self.from_the_beginning)
    }
}

/// Goes along the straight road as far as it leads; `None` where no beginning of it is found.
pub(super) fn straight(
    keyspace: &Keyspace<'_>,
    entries: &[Entry<'_>],
    consistent_index: u64,
    progress: &dyn Progress,
) -> Option<Straight> {
    let end = entries.partition_point(|entry| entry.entry.index <= consistent_index);
    let applied = entries.get(..end)?;
    let newest = keyspace.newest_revision()?.main;
    let floor = keyspace.compact_revision().unwrap_or(1).max(1);
    if applied.last()?.entry.index != consistent_index || newest <= floor {
        return None;
    }
    let course = back::back(keyspace, applied, newest, floor)?;
    let from_the_beginning = entries.first()?.entry.index == 1;
    if from_the_beginning && (course.position, course.revision) != (0, 1) {
        return None;
    }
    let on_course = applied.get(course.position..)?;
    let timeline = Timeline::of(on_course, from_the_beginning);
    let stretch_of = |&(from, to, revision): &(usize, usize, i64)| Stretch { from, to, revision };
    let stretches: Vec<Stretch> = course.marks.iter().map(stretch_of).collect();
    let verify = |stretch: &Stretch| {
        if progress.cancelled() {
            return Verified::nothing(stretch.from, stretch.revision);
        }
        verify::stretch(keyspace, on_course, *stretch, &timeline)
    };
    let done: Vec<Verified> = stretches.par_iter().map(verify).collect();
    let start = Verified::nothing(0, course.revision);
    let mut road = start;
    for (stretch, done) in stretches.iter().zip(done) {
        if road.to != stretch.from {
            break;
        }
        let revision = road.revision;
        road = road.then(if revision == stretch.revision {
            done
        } else {
            // Between two entries of which only one wrote, the count back may have taken the wrong one.
            verify(&Stretch {
                revision,
                ..*stretch
            })
        });
    }
    if let Some(at) = Revoked::first_that_differs(&road.revoked, keyspace) {
        road = verify(&Stretch {
            from: 0,
            to: at,
            revision: course.revision,
        });
    }
    let whole = road.to == on_course.len() && road.revision == newest;
    let enough = match whole {
        true if from_the_beginning => true,
        true => road.writes >= FEWEST_OF_ALL,
        false => road.writes >= FEWEST,
    };
    let first = on_course.first()?.entry.index;
    let last = on_course.get(road.to.checked_sub(1)?)?.entry.index;
    enough.then(|| Straight {
        from_the_beginning,
        from: course.position,
        to: course.position.saturating_add(road.to),
        revision: road.revision,
        reach: Reach {
            indexes: Some((first, last)),
            from_revision: course.revision,
            records: road.records,
        },
        whole,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::applied::runs;
    use crate::member::Member;

    fn road(name: &str) -> Option<(Straight, usize)> {
        let member = Member::open(testkit::data_dir(name)).unwrap();
        let (keyspace, wal) = (member.keyspace().unwrap(), member.wal().unwrap());
        let applied = member.meta().unwrap().consistent_index.unwrap();
        let entries = runs(&wal).pop().unwrap();
        straight(&keyspace, &entries, applied, &located::progress::Silent)
            .map(|road| (road, entries.len()))
    }

    #[test]
    fn a_log_that_begins_in_the_middle_lies_on_it_to_the_end() {
        for name in ["k8s-1.20-cluster3/m1", "k8s-1.20-etcd35"] {
            let (road, _) = road(name).unwrap();
            assert!(road.whole && road.reach.records > 50, "{name}");
        }
    }

    #[test]
    fn a_log_from_the_first_entry_lies_on_it_from_the_empty_store() {
        let mut roads = 0;
        for name in testkit::fixtures() {
            let data = testkit::fixture(&name).join("data");
            if !data.join("member/wal").is_dir() {
                continue;
            }
            let Some((road, entries)) = road(&name) else {
                continue;
            };
            roads += 1;
            assert!(road.to <= entries && road.from <= road.to, "{name}");
            if road.from_the_beginning {
                assert_eq!((road.from, road.reach.from_revision), (0, 1), "{name}");
            }
        }
        assert!(roads >= 3, "{roads} fixtures lie on the straight road");
    }
}
