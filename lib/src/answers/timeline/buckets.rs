//! How much happened when: counts of rows in equal spans of time.

use jiff::{SignedDuration, Timestamp};

use super::row::{EventKind, TimelineRow};

/// Maximum number of spans: a screen is not wider.
const MAX_BUCKETS: i64 = 500;

/// The levels of a bar, lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_BARS: [char; 8] = ['.', '.', ':', ':', '+', '+', '#', '#'];

/// Counts of rows by span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeBuckets {
    /// When the first span begins.
    pub start: Timestamp,
    /// How long each is.
    pub width: SignedDuration,
    /// Writes in each.
    pub writes: Vec<u64>,
    /// Deletes in each.
    pub deletes: Vec<u64>,
    /// Everything else in each.
    pub others: Vec<u64>,
}

impl TimeBuckets {
    /// Counts rows; `None` if none has a time. Spans are `width` long, or so that `columns` of them cover all.
    pub fn new(
        rows: &[TimelineRow],
        width: Option<SignedDuration>,
        columns: usize,
    ) -> Option<Self> {
        let times = || {
            rows.iter()
                .filter_map(|row| row.time)
                .map(|time| time.position)
        };
        let (start, end) = (times().min()?, times().max()?);
        let whole = end.duration_since(start);
        let columns = i64::try_from(columns)
            .unwrap_or(MAX_BUCKETS)
            .clamp(1, MAX_BUCKETS);
        let millis =
            |duration: SignedDuration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let smallest = millis(whole)
            .checked_div(columns)
            .unwrap_or(0)
            .saturating_add(1);
        // More spans than a screen has columns are no picture.
        let width = width.map_or(smallest, |width| {
            millis(width).max(millis(whole) / MAX_BUCKETS).max(1)
        });
        let number = |time: Timestamp| {
            let at = millis(time.duration_since(start))
                .checked_div(width)
                .unwrap_or(0);
            usize::try_from(at).unwrap_or(0)
        };
        let empty = vec![0; number(end).saturating_add(1)];
        let mut buckets = Self {
            start,
            width: SignedDuration::from_millis(width),
            writes: empty.clone(),
            deletes: empty.clone(),
            others: empty,
        };
        for row in rows {
            let Some(time) = row.time else { continue };
            let counts = match row.kind {
                EventKind::Put => &mut buckets.writes,
                EventKind::Delete => &mut buckets.deletes,
                _ => &mut buckets.others,
            };
            if let Some(count) = counts.get_mut(number(time.position)) {
                *count = count.saturating_add(row.count);
            }
        }
        Some(buckets)
    }
}

/// Counts as a line of bars, each as high as its part of the largest.
pub fn sparkline(counts: &[u64], ascii: bool) -> String {
    let largest = counts.iter().copied().max().unwrap_or(0);
    let bars = if ascii { ASCII_BARS } else { BARS };
    let bar = |count: &u64| {
        let level = count
            .saturating_mul(8)
            .saturating_sub(1)
            .checked_div(largest)?;
        bars.get(usize::try_from(level).ok()?).copied()
    };
    counts
        .iter()
        .map(|count| {
            if *count == 0 {
                ' '
            } else {
                bar(count).unwrap_or(' ')
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::sparkline;

    #[test]
    fn bars_are_as_high_as_their_part_of_the_largest() {
        assert_eq!(sparkline(&[0, 1, 4, 8], false), " ▁▄█");
        assert_eq!(sparkline(&[0, 8], true), " #");
        assert_eq!(sparkline(&[], false), "");
    }
}
