//! Which measurements may be believed: the longest series that does not go back.

use jiff::{SignedDuration, Timestamp};

use super::Measurement;

/// How far the end of the series may be ahead of the rest to be believed.
const FAR: SignedDuration = SignedDuration::from_hours(24);

/// Maximum number of measurements at the end that may all be wrong.
const MAX_LONELY: usize = 2;

/// The longest series of measurements whose times do not go back as revisions go on. A clock that ran ahead, or an object rewritten as it
/// was, is not part of it.
pub(super) fn longest(measurements: &[Measurement]) -> Vec<Measurement> {
    // Patience sorting: `ends` holds, for every length, the measurement with the smallest time that ends a series of it. Whole seconds
    // are compared: most times have no fraction.
    let mut ends: Vec<(i64, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(measurements.len());
    for (at, one) in measurements.iter().enumerate() {
        let second = one.time.as_second();
        let length = ends.partition_point(|(time, _)| *time <= second);
        let shorter = length.checked_sub(1).and_then(|last| ends.get(last));
        before.push(shorter.map(|(_, at)| *at));
        match ends.get_mut(length) {
            Some(end) => *end = (second, at),
            None => ends.push((second, at)),
        }
    }
    let mut series = Vec::with_capacity(ends.len());
    let mut next = ends.last().map(|(_, at)| *at);
    while let Some(at) = next {
        series.extend(measurements.get(at).copied());
        next = before.get(at).copied().flatten();
    }
    series.reverse();
    without_lonely_end(&mut series);
    series
}

/// What ends the series is confirmed by no later write. A cluster that was idle for a day goes on with more than two writes.
fn without_lonely_end(series: &mut Vec<Measurement>) {
    for lonely in 1..=MAX_LONELY {
        let split = series.len().saturating_sub(lonely);
        let time = |at: usize| -> Option<Timestamp> { series.get(at).map(|one| one.time) };
        let last = split.checked_sub(1).and_then(time);
        if let (Some(last), Some(next)) = (last, time(split))
            && split > MAX_LONELY
            && next.duration_since(last) > FAR
        {
            series.truncate(split);
            return;
        }
    }
}
