//! The clock of a keyspace: its measurements are read from the values, of all writes or of those near some revisions.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use jiff::SignedDuration;
use rayon::prelude::*;

use super::objects::Objects;
use crate::clock::{Clock, Measurement, TimeSource, WriteTime};
use crate::kubernetes::measured::{Measured, MeasuredBy, Times};
use crate::mvcc::Version;
use located::progress::{Progress, Silent};

/// Number of records to each side of a revision whose times are read if not all are: the nearest few decide.
const MAX_NEAR_RECORDS: u32 = 2_000;

/// Number of places, spread over all revisions, whose times are read too: of times that contradict each other those near a revision may
/// be the wrong ones.
const SPREAD_PLACES: i64 = 256;
/// Number of records that are read at each.
const RECORDS_AT_PLACE: usize = 8;

/// How long after `deletionTimestamp` less the grace period the deletion may be stored: seconds of both are cut off.
const DELETION_DELAY: SignedDuration = SignedDuration::from_secs(2);

impl Measurement {
    /// A time in the value of a revision.
    pub fn of_value(revision: i64, measured: &Measured) -> Self {
        let (source, delay) = match measured.by {
            MeasuredBy::Lease => (TimeSource::Lease, Self::USUAL_DELAY),
            MeasuredBy::Event => (TimeSource::Event, Self::USUAL_DELAY),
            MeasuredBy::Object => (TimeSource::Object, Self::USUAL_DELAY),
            MeasuredBy::Deletion => (TimeSource::Object, DELETION_DELAY),
            MeasuredBy::Token => (TimeSource::Token, Self::USUAL_DELAY),
        };
        Self {
            revision,
            time: measured.time,
            precision: measured.precision,
            delay: measured.is_fresh.then_some(delay),
            source,
        }
    }
}

/// Ranges in ascending order, those that overlap as one.
fn joined(mut ranges: Vec<RangeInclusive<i64>>) -> Vec<RangeInclusive<i64>> {
    ranges.sort_by_key(|range| *range.start());
    let mut joined: Vec<RangeInclusive<i64>> = Vec::new();
    for range in ranges {
        match joined.last_mut().filter(|last| range.start() <= last.end()) {
            Some(last) => *last = *last.start()..=*last.end().max(range.end()),
            None => joined.push(range),
        }
    }
    joined
}

impl Objects<'_> {
    /// The clock of all retained writes.
    pub fn clock(&self) -> Clock {
        self.clock_with(&Silent)
    }

    /// The same, and reports how much was read; if it is cancelled, the clock of what was read until then.
    pub fn clock_with(&self, progress: &dyn Progress) -> Clock {
        Clock::new(self.measurements(std::slice::from_ref(&(0..=i64::MAX)), progress))
    }

    /// The clock of the writes near some revisions: enough to know when those were written. It is that of all writes if times contradict
    /// each other, because only all of them say which are wrong.
    pub fn clock_near(&self, revisions: impl IntoIterator<Item = i64>) -> Clock {
        match Clock::with_left_out(self.measurements_near(revisions)) {
            (near, left_out) if left_out.is_empty() => near,
            _ => self.clock(),
        }
    }

    /// When a revision was written; `None` if no write near it has a time.
    pub fn time_of(&self, revision: i64) -> Option<WriteTime> {
        self.clock_near([revision]).time_of(revision)
    }

    /// The measurements that [`clock_near`](Self::clock_near) uses, to be joined with those of other sources: of the writes near some
    /// revisions, and of some writes spread over all.
    pub fn measurements_near(&self, revisions: impl IntoIterator<Item = i64>) -> Vec<Measurement> {
        let keyspace = self.keyspace();
        let mut wanted: Vec<i64> = revisions.into_iter().collect();
        wanted.sort_unstable();
        let mut near: Vec<RangeInclusive<i64>> = Vec::new();
        let all = keyspace.numbers_between(0..=i64::MAX);
        let main = |number: u32| keyspace.record(number).map(|record| record.revision.main);
        for revision in wanted {
            let end = keyspace.numbers_between(0..=revision).end;
            let first = end.saturating_sub(MAX_NEAR_RECORDS).max(all.start);
            let last = end
                .saturating_add(MAX_NEAR_RECORDS)
                .min(all.end)
                .saturating_sub(1);
            let first = main(first).map_or(revision, |first| first.min(revision));
            let last = main(last).map_or(revision, |last| last.max(revision));
            near.push(first..=last);
        }
        if !near.is_empty() {
            near.extend(self.spread());
        }
        self.measurements(&joined(near), &Silent)
    }

    /// Some records at places spread over all revisions.
    fn spread(&self) -> Vec<RangeInclusive<i64>> {
        let keyspace = self.keyspace();
        let end = |version: Option<Version<'_>>| version.map(|version| version.revision.main);
        let first = end(keyspace.between(0..=i64::MAX).next());
        let last = end(keyspace.between(0..=i64::MAX).next_back());
        let (Some(first), Some(last)) = (first, last) else {
            return Vec::new();
        };
        let step = last.saturating_sub(first) / SPREAD_PLACES;
        let places =
            (0..SPREAD_PLACES).map(|place| first.saturating_add(place.saturating_mul(step)));
        let ranges = places.filter_map(|from| {
            let records = keyspace.between(from..=i64::MAX).take(RECORDS_AT_PLACE);
            Some(from..=end(records.last())?)
        });
        ranges.collect()
    }

    /// The times in the values of some revisions.
    pub fn measurements(
        &self,
        revisions: &[RangeInclusive<i64>],
        progress: &dyn Progress,
    ) -> Vec<Measurement> {
        if let [all] = revisions
            && all.contains(&0)
            && *all.end() == i64::MAX
        {
            return self.all_measurements(progress);
        }
        let mut of_keys: HashMap<&[u8], Vec<Version<'_>>> = HashMap::new();
        let mut bytes = 0u64;
        for range in revisions {
            for version in self.keyspace().between(range.clone()) {
                if self.layout().resource(version.key).is_some() {
                    bytes = bytes.saturating_add(version.stored_bytes);
                    of_keys.entry(version.key).or_default().push(version);
                }
            }
        }
        progress.begin("reading the times of writes", bytes);
        of_keys
            .into_par_iter()
            .filter(|_| !progress.cancelled())
            .flat_map_iter(|(key, versions)| {
                let found = self.measured(key, &versions);
                let read = versions.iter().map(|version| version.stored_bytes).sum();
                progress.advance(read);
                found
            })
            .collect()
    }

    /// The times in all values: the index has the versions of each key, which need not be brought together.
    fn all_measurements(&self, progress: &dyn Progress) -> Vec<Measurement> {
        let keyspace = self.keyspace();
        let records = keyspace.numbers_between(0..=i64::MAX);
        let records = records.filter_map(|number| keyspace.index().record(number));
        let bytes = records.map(|record| record.stored_bytes());
        progress.begin(
            "reading the times of writes",
            bytes.fold(0, u64::saturating_add),
        );
        let of_key = |newest: &u32| {
            let mut versions: Vec<Version<'_>> = keyspace.versions_back_from(*newest).collect();
            versions.reverse();
            let read = versions.iter().map(|version| version.stored_bytes).sum();
            let key = versions.first().map_or(&b""[..], |version| version.key);
            let found = match self.layout().resource(key).is_some() && !progress.cancelled() {
                true => self.measured(key, &versions),
                false => Vec::new(),
            };
            progress.advance(read);
            found
        };
        let newest = keyspace.index().newest_in_order();
        newest.par_iter().flat_map_iter(of_key).collect()
    }

    /// The times in versions of one key, oldest first.
    fn measured(&self, key: &[u8], versions: &[Version<'_>]) -> Vec<Measurement> {
        let mut found = Vec::new();
        let mut before: Option<((i64, i64), Times)> = None;
        for version in versions {
            let read = |version: &Version<'_>| {
                let kv = version.key_value().ok().filter(|_| !version.tombstone)?;
                Some(((kv.create_revision, kv.version), self.times(key, kv.value)?))
            };
            let Some(((created, count), times)) = read(version) else {
                before = None;
                continue;
            };
            // A time that is new since an older version may be that of a write between the two.
            let is_before =
                |(of, _): &((i64, i64), Times)| *of == (created, count.saturating_sub(1));
            let mut known = before.take().filter(is_before);
            if known.is_none() && count > 1 {
                let records = self.keyspace().records_of(key);
                let older = records
                    .iter()
                    .rfind(|older| older.revision < version.revision);
                known = older.and_then(|older| read(&older)).filter(is_before);
            }
            let known = known.map(|(_, times)| times);
            let measured = times.measured(known.as_ref(), count == 1);
            found.extend(
                measured
                    .iter()
                    .map(|one| Measurement::of_value(version.revision.main, one)),
            );
            before = Some(((created, count), times));
        }
        found
    }

    fn times(&self, key: &[u8], value: &[u8]) -> Option<Times> {
        match self.open(key, value).ok()? {
            Some(opened) => Times::read(&opened.plain),
            None => Times::read(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::encryption::Keyring;
    use crate::member::Member;

    fn sorted(mut measurements: Vec<Measurement>) -> Vec<String> {
        measurements.sort_by_key(|one| (one.revision, one.time));
        let mut all: Vec<String> = measurements.iter().map(|one| format!("{one:?}")).collect();
        all.sort();
        all
    }

    #[test]
    fn the_times_of_all_writes_are_those_of_their_parts() {
        let mut measured = 0;
        for name in testkit::fixtures() {
            let Ok(member) = Member::open(testkit::fixture(&name).join("data")) else {
                continue;
            };
            let Ok(keyspace) = member.readable_keyspace() else {
                continue;
            };
            let file = member.evidence().name();
            let limits = &member.options().evidence.limits;
            let objects = Objects::new(keyspace, file, None, Keyring::default(), limits);
            let middle = keyspace.revision() / 2;
            let parts = [0..=middle, middle + 1..=i64::MAX];
            let all = sorted(objects.measurements(&[0..=i64::MAX], &Silent));
            assert_eq!(all, sorted(objects.measurements(&parts, &Silent)), "{name}");
            measured += all.len();
        }
        assert!(measured > 1000, "{measured} times in the fixtures");
    }
}
