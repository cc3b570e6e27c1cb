//! One clock of revisions: when each write happened, and how exactly that is known.
//!
//! etcd stores no times. But some values contain a time that was written as it was taken: a renewed Lease, an object that the API
//! server created or whose managed fields it changed. The revisions of such writes are known moments, and every other write is
//! between two of them: no write is older than the one before it. So each revision has two bounds, and its time is their middle.
//!
//! ```text
//!  revision   3,040          3,041 … 3,045         3,046
//!  written    lease 36:58.2  nothing of its own    event 36:59
//!  bounds     58.2 – 59.2    58.2 – 60.0           59.0 – 60.0        time 36:59.1 ±0.9 s, `between`
//! ```
//!
//! Clocks of clients may be wrong: of all times only the longest series counts that does not go back as revisions go on. Times that may
//! be as old as the object raise the lower bound, and count only within the bounds.

mod elapsed;
mod series;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use located::text::time;
use series::longest;

pub use elapsed::ElapsedTime;

/// Where the time of a write is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TimeSource {
    /// The write renewed a Lease.
    Lease,
    /// The write stored an Event.
    Event,
    /// The API server's time in the object that was written.
    Object,
    /// The `iat` of a token in the Secret that was written.
    Token,
    /// A request in an audit log.
    Audit,
    /// A line of etcd's log.
    EtcdLog,
    /// The time to live of an etcd lease that was granted before, or that ended after.
    Grant,
    /// Only the times of writes before and after it are known.
    Between,
}

impl TimeSource {
    /// As JSON spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Event => "event",
            Self::Object => "object",
            Self::Token => "token",
            Self::Audit => "audit",
            Self::EtcdLog => "etcd-log",
            Self::Grant => "grant",
            Self::Between => "between",
        }
    }
}

/// A time that belongs to a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// The main revision of the write.
    pub revision: i64,
    /// The moment, cut to its precision.
    pub time: Timestamp,
    /// How much later than `time` the moment may be.
    pub precision: SignedDuration,
    /// How long after the moment the write may have happened; `None`: any time later.
    pub delay: Option<SignedDuration>,
    /// Where it is from.
    pub source: TimeSource,
}

impl Measurement {
    /// The usual time between the moment at which a time is taken and the write. Requests that take longer are seen: their time is
    /// older than one of an earlier revision.
    pub const USUAL_DELAY: SignedDuration = SignedDuration::from_secs(1);

    fn latest(&self) -> Option<Timestamp> {
        let later = self.precision.saturating_add(self.delay?);
        self.time.checked_add(later).ok()
    }
}

/// How far beyond the one bound that is known a write is looked for.
const OPEN_END: SignedDuration = SignedDuration::from_mins(10);

/// When a write happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteTime {
    /// The middle of its bounds; the one that is known if there is only one.
    pub time: Timestamp,
    /// By which a moment means a revision: as `time`, but it never goes back as revisions go on, which a bound alone may.
    pub position: Timestamp,
    /// How far the true time may be from it, to either side; `None` if one of the bounds is not known.
    pub uncertainty: Option<SignedDuration>,
    /// Where it is from.
    pub source: TimeSource,
    /// It did not happen before this.
    pub not_before: Option<Timestamp>,
    /// It did not happen after this.
    pub not_after: Option<Timestamp>,
}

/// A time of which only one bound is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBound {
    /// It was then or later: no newer write has a time.
    NotBefore,
    /// It was then or earlier: no older write has a time.
    NotAfter,
}

impl TimeBound {
    /// As JSON spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotBefore => "not_before",
            Self::NotAfter => "not_after",
        }
    }
}

impl WriteTime {
    /// Which bound the time is, if only one is known.
    pub fn bound(&self) -> Option<TimeBound> {
        match (self.uncertainty, self.not_before) {
            (Some(_), _) => None,
            (None, Some(_)) => Some(TimeBound::NotBefore),
            (None, None) => Some(TimeBound::NotAfter),
        }
    }

    /// Whether it may have happened in a span of time, whose ends belong to it as [`time::is_by`] says. A write of which one bound is known
    /// is looked for up to ten minutes beyond it: it is in no span that is years later.
    pub fn may_be_within(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> bool {
        let (no_earlier, no_later) = match self.bound() {
            None => (Some(self.time), Some(self.time)),
            Some(TimeBound::NotBefore) => (
                Some(self.time),
                self.time.max(self.position).checked_add(OPEN_END).ok(),
            ),
            Some(TimeBound::NotAfter) => (
                self.time.min(self.position).checked_sub(OPEN_END).ok(),
                Some(self.time),
            ),
        };
        let ends_before =
            |since| no_later.is_some_and(|latest| latest < time::whole_millisecond(since));
        let begins_after = |until| no_earlier.is_some_and(|earliest| !time::is_by(earliest, until));
        !since.is_some_and(ends_before) && !until.is_some_and(begins_after)
    }

    /// As people read it: `03:12:04Z ±2s`, or `03:12:04Z or later`; without its date if it is the day of `newest`.
    pub fn text(&self, newest: Timestamp, zone: &TimeZone) -> String {
        let text = time::approximate(self.time, self.uncertainty, newest, zone);
        match self.bound() {
            None => text,
            Some(TimeBound::NotBefore) => format!("{text} or later"),
            Some(TimeBound::NotAfter) => format!("{text} or earlier"),
        }
    }

    /// The uncertainty in seconds, rounded up to a tenth; `None` if it is not known.
    pub fn uncertainty_s(&self) -> Option<f64> {
        self.uncertainty.map(uncertainty_s)
    }
}

/// An uncertainty in seconds, rounded up to a tenth; what the milliseconds of its time cut off is in it.
pub fn uncertainty_s(uncertainty: SignedDuration) -> f64 {
    let tenths = uncertainty.as_millis().saturating_add(100) / 100;
    f64::from(i32::try_from(tenths).unwrap_or(i32::MAX)) / 10.0
}

/// The bounds of a revision that has a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DatedRevision {
    revision: i64,
    not_before: Timestamp,
    not_after: Option<Timestamp>,
    /// When its own time was taken at the latest. That is before `not_before` if the request took long.
    taken: Option<Timestamp>,
    source: TimeSource,
}

/// When each revision was written, as far as the data says.
///
/// ```
/// use etcd_inspect::clock::{Clock, Measurement, TimeSource};
/// let at = |revision, second| Measurement {
///     revision,
///     time: jiff::Timestamp::from_second(second).unwrap(),
///     precision: jiff::SignedDuration::from_secs(1),
///     delay: Some(Measurement::USUAL_DELAY),
///     source: TimeSource::Lease,
/// };
/// let clock = Clock::new([at(10, 100), at(20, 110)]);
/// let between = clock.time_of(15).unwrap();
/// assert_eq!(between.time.as_second(), 106);
/// assert_eq!((between.uncertainty_s(), between.source), (Some(6.1), TimeSource::Between));
/// assert_eq!(clock.time_of(20).unwrap().source, TimeSource::Lease);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    points: Vec<DatedRevision>,
}

/// The state of the store at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionAtTime {
    /// The newest revision whose time is not later.
    pub revision: i64,
    /// When it was written.
    pub written: WriteTime,
    /// The revision after it, and when it was written; `None` if the data ends before.
    pub next: Option<(i64, WriteTime)>,
}

/// How far a time may be outside of the bounds that the longest series gives it: requests are answered out of order.
const DISORDER: SignedDuration = SignedDuration::from_secs(2);

impl Clock {
    /// Makes a clock of measurements, in any order. Those that contradict the most are left out.
    pub fn new(measurements: impl IntoIterator<Item = Measurement>) -> Self {
        Self::with_left_out(measurements).0
    }

    /// The same, with the revisions of times that are left out though they were written as they were taken.
    pub fn with_left_out(measurements: impl IntoIterator<Item = Measurement>) -> (Self, Vec<i64>) {
        let mut all: Vec<Measurement> = measurements.into_iter().collect();
        all.sort_by_key(|one| (one.revision, one.time));
        let fresh: Vec<Measurement> = all
            .iter()
            .filter(|one| one.delay.is_some())
            .copied()
            .collect();
        // Without a time that was written as it was taken, lower bounds are all there is.
        let series = longest(if fresh.is_empty() { &all } else { &fresh });
        let mut bounds = Bounds::new(&series);
        let mut left_out = Vec::new();
        all.retain(|one| {
            let is_admitted = bounds.admits(one, fresh.is_empty());
            if !is_admitted && one.delay.is_some() {
                left_out.push(one.revision);
            }
            is_admitted
        });
        let points = points(&all);
        (Self { points }, left_out)
    }

    /// Whether nothing is known of any revision.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Whether a revision has a time of its own from another source.
    pub fn has_other_than(&self, source: TimeSource) -> bool {
        let others = [source, TimeSource::Between];
        let mut points = self.points.iter();
        points.any(|point| !others.contains(&point.source))
    }

    /// The first and the last revision with a time of its own, each with when it was written.
    pub fn ends(&self) -> Option<((i64, WriteTime), (i64, WriteTime))> {
        let (first, last) = (self.points.first()?.revision, self.points.last()?.revision);
        Some(((first, self.time_of(first)?), (last, self.time_of(last)?)))
    }

    /// When a revision was written; `None` if the clock is empty.
    pub fn time_of(&self, revision: i64) -> Option<WriteTime> {
        let after = self
            .points
            .partition_point(|point| point.revision <= revision);
        let before = after.checked_sub(1).and_then(|at| self.points.get(at));
        let own = before.filter(|point| point.revision == revision);
        let next = own.or_else(|| self.points.get(after));
        let not_before = before.map(|point| point.not_before);
        let not_after = next.and_then(|point| point.not_after);
        let position = match (not_before, not_after) {
            (Some(from), Some(to)) => middle(from, to),
            // Never earlier than the last revision whose both bounds are known.
            (Some(from), None) => self
                .points
                .iter()
                .rev()
                .find_map(|point| {
                    let to = point.not_after?;
                    Some(middle(point.not_before, to).max(from))
                })
                .unwrap_or(from),
            // Without an upper bound of any, nothing is known of those before the first.
            (None, to) => {
                let first = self.points.first()?;
                middle(first.not_before, to?)
            }
        };
        let time = match (not_before, not_after) {
            (Some(bound), None) | (None, Some(bound)) => bound,
            _ => position,
        };
        let uncertainty = not_before.zip(not_after).map(|(from, to)| {
            let taken = own.and_then(|point| point.taken).unwrap_or(time);
            let (early, late) = (
                time.duration_since(from.min(taken)),
                to.duration_since(time),
            );
            early.max(late)
        });
        Some(WriteTime {
            time,
            position,
            uncertainty,
            source: own.map_or(TimeSource::Between, |point| point.source),
            not_before,
            not_after,
        })
    }

    /// The newest time in the data, as of a revision: what ages and times such as `-2h` and `03:10` are relative to. The write of that
    /// revision did not happen before it. `None` if the clock is empty.
    pub fn newest_time(&self, revision: i64) -> Option<Timestamp> {
        let write = self.time_of(revision)?;
        Some(write.not_before.unwrap_or(write.time))
    }

    /// Returns the state at a time; `None` if every write is later. A time without a fraction means all of its second, as
    /// [`time::is_by`] says. `newest`: the newest revision of all.
    pub fn at(&self, time: Timestamp, newest: i64) -> Option<RevisionAtTime> {
        let is_past = |revision: i64| {
            self.time_of(revision)
                .is_some_and(|write| time::is_by(write.position, time))
        };
        let split = self.points.partition_point(|point| is_past(point.revision));
        let before = self.points.get(split.checked_sub(1)?)?.revision;
        let after = self.points.get(split).map(|point| point.revision);
        // All revisions between two points have one time.
        let between = before.saturating_add(1);
        let end = after.map_or(newest, |after| after.saturating_sub(1));
        let revision = match between <= end && is_past(between) {
            true => end,
            false => before,
        };
        let next = revision.checked_add(1).filter(|next| *next <= newest);
        Some(RevisionAtTime {
            revision,
            written: self.time_of(revision)?,
            next: next.and_then(|next| Some((next, self.time_of(next)?))),
        })
    }
}

fn middle(from: Timestamp, to: Timestamp) -> Timestamp {
    let half = i64::try_from(to.duration_since(from).as_nanos() / 2).unwrap_or(0);
    from.checked_add(SignedDuration::from_nanos(half))
        .unwrap_or(from)
}

/// The bounds that a series gives to every revision, asked for in the order of the revisions.
struct Bounds<'s> {
    series: &'s [Measurement],
    /// The first of the series that is not before the revision that was asked for last.
    at: usize,
}

impl<'s> Bounds<'s> {
    fn new(series: &'s [Measurement]) -> Self {
        Self { series, at: 0 }
    }

    /// The position of the first of the series, from another one on, that is at a revision or after it.
    fn first_from(&self, from: usize, is_before: impl Fn(i64) -> bool) -> usize {
        let rest = self.series.get(from..).unwrap_or_default().iter();
        from + rest.take_while(|known| is_before(known.revision)).count()
    }

    /// Whether a measurement fits the series.
    fn admits(&mut self, one: &Measurement, only_lower: bool) -> bool {
        let at = self.first_from(self.at, |revision| revision < one.revision);
        let after = self.first_from(at, |revision| revision <= one.revision);
        self.at = at;
        let before = after.checked_sub(1).and_then(|at| self.series.get(at));
        let is_member = self.series.get(at..after).unwrap_or_default().contains(one);
        if is_member {
            return true;
        }
        let early = before.is_some_and(|before| {
            before.time.duration_since(one.time) > DISORDER.saturating_add(one.precision)
        });
        let late = match self.series.get(at) {
            Some(next) => {
                let later = one.time.duration_since(next.time);
                later
                    > next.precision.saturating_add(if one.delay.is_some() {
                        DISORDER
                    } else {
                        SignedDuration::ZERO
                    })
            }
            // Nothing contradicts a time that is newer than all others, and nothing confirms it.
            None => true,
        };
        !late && !only_lower && (one.delay.is_none() || !early)
    }
}

/// One point for every revision with a measurement, given by revision; bounds never go back.
fn points(all: &[Measurement]) -> Vec<DatedRevision> {
    let mut points: Vec<DatedRevision> = Vec::new();
    let mut lower: Option<Timestamp> = None;
    for one in all {
        let raised = lower.is_none_or(|lower| lower < one.time);
        let not_before = lower.map_or(one.time, |lower| lower.max(one.time));
        lower = Some(not_before);
        // A request that took longer than usual was written after what is known to be older.
        let latest = one.latest().map(|latest| {
            let slow = not_before
                .checked_add(Measurement::USUAL_DELAY)
                .unwrap_or(not_before);
            if one.time < not_before {
                latest.max(slow)
            } else {
                latest
            }
        });
        if latest.is_none() && !raised {
            continue;
        }
        // Another time of an object may be as old as the object; a token was not stored before it was issued.
        let source = match (one.delay, one.source) {
            (Some(_), _) | (None, TimeSource::Token) => one.source,
            (None, _) => TimeSource::Between,
        };
        let known = points.last();
        if known.is_none_or(|known| known.revision != one.revision) {
            points.push(DatedRevision {
                revision: one.revision,
                not_before,
                not_after: None,
                taken: None,
                source,
            });
        }
        let Some(point) = points.last_mut() else {
            continue;
        };
        if one.delay.is_some() {
            let taken = one.time.checked_add(one.precision).unwrap_or(one.time);
            point.taken = Some(point.taken.map_or(taken, |known| known.min(taken)));
        }
        point.not_before = point.not_before.max(not_before);
        point.source = point.source.min(source);
        point.not_after = match (point.not_after, latest) {
            (Some(a), Some(b)) => Some(a.min(b).max(point.not_before)),
            (a, b) => a.or(b).map(|bound| bound.max(point.not_before)),
        };
    }
    let mut upper: Option<Timestamp> = None;
    for point in points.iter_mut().rev() {
        upper = match (upper, point.not_after) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        point.not_after = upper;
    }
    points
}
