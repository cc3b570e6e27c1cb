//! When a version was written, in a few cells.

use etcd_inspect::clock::{TimeBound, WriteTime};
use etcd_inspect::text::time;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `03:10:12Z`, with its uncertainty if that is more than a second, or as the bound that it is. `newest`: the day that needs no date.
pub(crate) fn when_text(when: WriteTime, newest: Option<Timestamp>, zone: &TimeZone) -> String {
    let newest = newest.unwrap_or(when.time);
    match (when.bound(), when.uncertainty) {
        (Some(TimeBound::NotBefore), _) => format!("≥{}", time::short(when.time, newest, zone)),
        (Some(TimeBound::NotAfter), _) => format!("≤{}", time::short(when.time, newest, zone)),
        (None, _) => {
            let text = time::approximate(when.time, when.uncertainty, newest, zone);
            let exact = [" ±0s", " ±1s"].iter();
            let mut exact = exact.filter_map(|within| text.strip_suffix(within));
            exact.next().unwrap_or(&text).to_owned()
        }
    }
}
