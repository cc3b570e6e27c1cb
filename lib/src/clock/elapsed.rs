//! Time that passed between two revisions, without a time of day: what leases of etcd say.
//!
//! The log has the grant of a lease with its seconds to live, the checkpoints with the seconds that were left, and the revocation. A
//! lease that expired was granted at least its time to live before. A leader that was elected meanwhile, and a client that renewed the
//! lease, only make that longer: both start the time to live again (`Promote` and `Renew` in `server/lease/lessor.go`, v3.5.30).

use jiff::{SignedDuration, Timestamp};

use super::{Clock, DatedRevision, TimeSource};

/// How much a bound must move at least. Dense clocks are as exact without leases: see [`Clock::may_gain`].
const LEAST_GAIN: SignedDuration = SignedDuration::from_secs(5);

/// At least so much time passed between two writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElapsedTime {
    /// The newest revision that was written before it began.
    pub from: i64,
    /// The first revision that was written after it ended.
    pub to: i64,
    /// How long it took at least.
    pub at_least: SignedDuration,
}

impl Clock {
    /// Narrows the bounds by times that passed between revisions. One that contradicts them changes nothing.
    #[must_use]
    pub fn with_elapsed(mut self, mut elapsed: Vec<ElapsedTime>) -> Self {
        elapsed.retain(|one| one.from < one.to && one.at_least.is_positive());
        elapsed.sort_by_key(|one| one.to);
        elapsed.iter().for_each(|one| self.raise(one));
        elapsed.sort_by_key(|one| one.from);
        elapsed.iter().rev().for_each(|one| self.lower(one));
        self
    }

    /// Whether leases could move a bound of a revision. If not, its time is the same without the log. `elapsed`: what leases say, if the log
    /// was read.
    ///
    /// A bound moves only within a gap between neighbours that is as long as the least gain, or after the newest upper bound, and then for
    /// what overlaps with it.
    pub fn may_gain(&self, revision: i64, elapsed: Option<&[ElapsedTime]>) -> bool {
        let Some(write) = self.time_of(revision) else {
            return false;
        };
        let (from, to) = (write.not_before, write.not_after);
        let bounded = self.points.iter().rposition(|one| one.not_after.is_some());
        let is_open = to.is_none() && {
            let last = bounded.and_then(|at| self.points.get(at));
            let last = last.map_or(0, |point| point.revision);
            let ends = |one: &ElapsedTime| one.to > last && one.to <= revision;
            elapsed.is_none_or(|all| all.iter().any(ends))
        };
        let later = self.points.iter().skip(1).map(Some).chain([None]);
        let is_near = self.points.iter().zip(later).any(|(point, later)| {
            let end = later.and_then(|one| one.not_after).or(point.not_after);
            end.is_some_and(|end| {
                let is_wide = end.duration_since(point.not_before) >= LEAST_GAIN;
                is_wide
                    && from.is_none_or(|from| end > from)
                    && to.is_none_or(|to| point.not_before < to)
            })
        });
        is_open || is_near
    }

    /// `to` is not older than the oldest that `from` can be, and the time between.
    fn raise(&mut self, one: &ElapsedTime) {
        let Some(from) = self.time_of(one.from).and_then(|write| write.not_before) else {
            return;
        };
        let Ok(not_before) = from.checked_add(one.at_least) else {
            return;
        };
        let known = self.time_of(one.to);
        let is_older = |bound: Option<Timestamp>| {
            bound.is_none_or(|bound| not_before.duration_since(bound) >= LEAST_GAIN)
        };
        let contradicts =
            known.is_none_or(|write| write.not_after.is_some_and(|to| to < not_before));
        if contradicts || !is_older(known.and_then(|write| write.not_before)) {
            return;
        }
        let at = self.point(one.to);
        for point in self.points.iter_mut().skip(at) {
            point.not_before = point.not_before.max(not_before);
        }
    }

    /// `from` is not newer than the newest that `to` can be, less the time between.
    fn lower(&mut self, one: &ElapsedTime) {
        let Some(to) = self.time_of(one.to).and_then(|write| write.not_after) else {
            return;
        };
        let Ok(not_after) = to.checked_sub(one.at_least) else {
            return;
        };
        let known = self.time_of(one.from);
        let is_newer = |bound: Option<Timestamp>| {
            bound.is_none_or(|bound| bound.duration_since(not_after) >= LEAST_GAIN)
        };
        // Before the first lower bound there is no point to which an upper one belongs.
        let contradicts =
            known.is_none_or(|write| write.not_before.is_none_or(|from| from > not_after));
        if contradicts || !is_newer(known.and_then(|write| write.not_after)) {
            return;
        }
        let at = self.point(one.from);
        for point in self.points.iter_mut().take(at.saturating_add(1)) {
            let bound = point
                .not_after
                .map_or(not_after, |bound| bound.min(not_after));
            point.not_after = Some(bound);
        }
    }

    /// The position of the point of a revision; makes one with the bounds that the revision has.
    fn point(&mut self, revision: i64) -> usize {
        let at = self
            .points
            .partition_point(|point| point.revision < revision);
        let own = self
            .points
            .get(at)
            .filter(|point| point.revision == revision);
        if own.is_none()
            && let Some(write) = self.time_of(revision)
        {
            let point = DatedRevision {
                revision,
                not_before: write.not_before.unwrap_or(write.time),
                not_after: write.not_after,
                taken: None,
                source: TimeSource::Grant,
            };
            self.points.insert(at, point);
        }
        at
    }
}
