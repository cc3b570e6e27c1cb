//! Revisions and times: etcd stores no times, but objects contain the times at which they were written.

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;

use super::objects::{Objects, Reading};
use crate::kubernetes::written::{TimeSource, newest_time};
use crate::mvcc::Version;
use located::progress::{Progress, Silent};

/// Maximum number of writes up to a revision whose times are compared.
const MAX_TIMES_COMPARED: usize = 16;

/// Maximum number of writes before a revision that are searched for a time: most have none or are encrypted.
const ASKED: usize = 1000;

/// How far a time may be ahead of the others to be believed.
const FAR: SignedDuration = SignedDuration::from_hours(24);

/// Maximum number of writes at the end that may all be wrong.
const MAX_LONELY: usize = 2;

/// A revision whose write has a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The revision.
    pub revision: i64,
    /// The newest time in what was written. The write happened then or later.
    pub time: Timestamp,
    /// Where that time stood.
    pub source: TimeSource,
}

/// What the data says of when its revisions were written.
///
/// Clocks of clients may be wrong, and an object may be written again without a new time. So of all times only the longest
/// series counts that never goes back as revisions go on: a clock that ran ahead, or an object rewritten as it was, is not
/// part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    marks: Vec<Mark>,
}

/// The state of the store at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionAtTime {
    /// The newest revision that is not known to be later. Revisions after `before` have no time of their own.
    pub revision: i64,
    /// The last write with a time up to the requested one.
    pub before: Mark,
    /// The first write with a later time; `None` if the data ends before.
    pub after: Option<Mark>,
}

impl Clock {
    /// From the times of the writes, in the order of their revisions.
    pub fn new(carried: impl IntoIterator<Item = Mark>) -> Self {
        // The longest series that never goes back, by patience sorting: `ends` holds, for every length, the mark with the
        // smallest time that ends a series of it.
        let carried: Vec<Mark> = carried.into_iter().collect();
        let mut ends: Vec<(Timestamp, usize)> = Vec::new();
        let mut before: Vec<Option<usize>> = Vec::with_capacity(carried.len());
        for (at, mark) in carried.iter().enumerate() {
            let length = ends.partition_point(|(time, _)| *time <= mark.time);
            let shorter = length.checked_sub(1).and_then(|last| ends.get(last));
            before.push(shorter.map(|(_, at)| *at));
            match ends.get_mut(length) {
                Some(end) => *end = (mark.time, at),
                None => ends.push((mark.time, at)),
            }
        }
        let mut marks = Vec::with_capacity(ends.len());
        let mut next = ends.last().map(|(_, at)| *at);
        while let Some(at) = next {
            marks.extend(carried.get(at).copied());
            next = before.get(at).copied().flatten();
        }
        marks.reverse();
        Self { marks }
    }

    /// Every write that counts, by revision.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Returns the state at a time; `None` if every write with a time is later. `newest`: the newest revision of all.
    pub fn at(&self, time: Timestamp, newest: i64) -> Option<RevisionAtTime> {
        let split = self.marks.partition_point(|mark| mark.time <= time);
        let before = self.marks.get(split.checked_sub(1)?).copied()?;
        let after = self.marks.get(split).copied();
        let revision = after.map_or(newest, |after| {
            after.revision.saturating_sub(1).max(before.revision)
        });
        Some(RevisionAtTime {
            revision,
            before,
            after,
        })
    }
}

/// The newest of the times of some writes, in the order of their revisions, that may be believed: a clock that is far ahead, or an
/// object with a time in the future, would make everything else look old.
pub(super) fn newest(marks: &[Mark]) -> Option<Timestamp> {
    let clock = Clock::new(marks.iter().copied());
    let mut series = clock.marks();
    // What ends the series is confirmed by no later write. A cluster that was idle for a day goes on with more than two writes.
    for lonely in 1..=MAX_LONELY {
        let split = series.len().saturating_sub(lonely);
        let (before, after) = series.split_at(split);
        if let (Some(last), Some(next)) = (before.last(), after.first())
            && before.len() > MAX_LONELY
            && next.time.duration_since(last.time) > FAR
        {
            series = before;
            break;
        }
    }
    let end = series.last()?.time;
    let believed = marks.iter().map(|mark| mark.time);
    let believed = believed.filter(|time| time.duration_since(end) <= FAR);
    believed.max()
}

impl Objects<'_> {
    /// What all retained writes say of when they happened; decodes every value once, in parallel.
    pub fn clock(&self) -> Clock {
        self.clock_with(&Silent)
    }

    /// The same, telling how much has been decoded; where it is cancelled, what was decoded until then.
    pub fn clock_with(&self, progress: &dyn Progress) -> Clock {
        let versions: Vec<Version<'_>> = self.keyspace().between(0..=i64::MAX).collect();
        let bytes = versions.iter().map(|version| version.stored_bytes).sum();
        progress.begin("reading the times of writes", bytes);
        let carried: Vec<Mark> = versions
            .par_iter()
            .filter(|_| !progress.cancelled())
            .filter_map(|version| {
                let mark = self.mark(version);
                progress.advance(version.stored_bytes);
                mark
            })
            .collect();
        Clock::new(carried)
    }

    /// When a revision was written, from its own values, or if they have no fresh time as for
    /// [`time_near`](Self::time_near).
    pub fn time_of(&self, revision: i64) -> Option<Mark> {
        let own = self.keyspace().between(revision..=revision);
        own.filter_map(|version| self.mark(&version))
            .filter(|mark| mark.source != TimeSource::Metadata)
            .max_by_key(|mark| mark.time)
            .or_else(|| self.time_near(revision))
    }

    /// Not before which time a revision was written: the newest one in it and the few writes before it.
    pub fn time_near(&self, revision: i64) -> Option<Mark> {
        let near = self.keyspace().between(0..=revision).rev().take(ASKED);
        near.filter_map(|version| self.mark(&version))
            .take(MAX_TIMES_COMPARED)
            .max_by_key(|mark| mark.time)
    }

    fn mark(&self, version: &Version<'_>) -> Option<Mark> {
        self.layout().resource(version.key)?;
        let object = self.json(version, Reading::default()).ok()?;
        let (time, source) = newest_time(&object)?;
        Some(Mark {
            revision: version.revision.main,
            time,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(revision: i64, second: i64) -> Mark {
        Mark {
            revision,
            time: Timestamp::from_second(second).unwrap(),
            source: TimeSource::Lease,
        }
    }

    #[test]
    fn a_clock_ahead_and_objects_rewritten_as_they_were_do_not_count() {
        let carried = [
            (2, 100),
            (3, 9_999),
            (4, 101),
            (5, 7),
            (6, 101),
            (8, 105),
            (9, 3),
        ];
        let clock = Clock::new(carried.map(|(revision, second)| mark(revision, second)));
        let kept: Vec<i64> = clock.marks().iter().map(|mark| mark.revision).collect();
        assert_eq!(kept, [2, 4, 6, 8]);
    }

    #[test]
    fn one_or_two_times_in_the_future_do_not_move_the_newest() {
        let day = 86_400;
        let of = |seconds: &[i64]| {
            let marks: Vec<Mark> = (2..)
                .zip(seconds)
                .map(|(at, second)| mark(at, *second))
                .collect();
            newest(&marks).map(Timestamp::as_second)
        };
        let future = 400 * day;
        assert_eq!(of(&[100, 101, 102, 103, future]), Some(103));
        assert_eq!(of(&[100, 101, 102, 103, future, future + 5]), Some(103));
        assert_eq!(of(&[100, future, 101, 102, 103]), Some(103));
        // Disorder within a series is none of it, and neither is a cluster that goes on after a week.
        assert_eq!(of(&[100, 104, 103, 102]), Some(104));
        let later = [100, 101, 102, 8 * day, 8 * day + 1, 8 * day + 2];
        assert_eq!(of(&later), Some(8 * day + 2));
        assert_eq!((of(&[100, future]), of(&[])), (Some(future), None));
    }

    #[test]
    fn a_time_becomes_the_newest_revision_that_is_not_known_to_be_later() {
        let clock = Clock::new([(2, 100), (4, 110), (9, 120)].map(|(r, s)| mark(r, s)));
        let at = |second| clock.at(Timestamp::from_second(second).unwrap(), 12);
        assert_eq!(at(99), None);
        assert_eq!(at(100).map(|moment| moment.revision), Some(3));
        assert_eq!(at(115).map(|moment| moment.revision), Some(8));
        assert_eq!(
            at(115).map(|moment| (moment.before.revision, moment.after.map(|m| m.revision))),
            Some((4, Some(9)))
        );
        assert_eq!(
            at(500).map(|moment| (moment.revision, moment.after)),
            Some((12, None))
        );
    }
}
