//! Moments as people write them, relative to the data's own newest time.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use super::time;

/// A moment as people write it: `2026-11-21T03:10:00Z`, `03:10`, `-2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This moment.
    Exact(Timestamp),
    /// So long before the newest time in the data.
    Back(SignedDuration),
    /// This time of day, the last one before the newest time in the data. Soon after that it is of the same day: the newest time is known
    /// within bounds.
    OfDay(Time),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("not a time: {text:?} (examples: 2026-11-21T03:10:00Z, 03:10, -2h, -1h30m)");
        if let Some(back) = text.strip_prefix('-') {
            let span: Span = back.parse().map_err(|_| wrong())?;
            let duration = span
                .to_duration(SpanRelativeTo::days_are_24_hours())
                .map_err(|_| wrong())?;
            return Ok(Self::Back(duration));
        }
        if let Ok(moment) = text.parse() {
            return Ok(Self::Exact(time::of_text(moment, text)));
        }
        // A date without an offset is in UTC, as all times are that are printed here.
        if let Ok(civil) = text.parse::<jiff::civil::DateTime>()
            && let Ok(zoned) = civil.to_zoned(TimeZone::UTC)
        {
            return Ok(Self::Exact(time::of_text(zoned.timestamp(), text)));
        }
        let of_day = text.strip_suffix('Z').unwrap_or(text);
        let time: Time = of_day.parse().map_err(|_| wrong())?;
        let is_written = time.subsec_nanosecond() == 0 && text.contains(['.', ',']);
        let exact = time.checked_add(SignedDuration::from_nanos(i64::from(is_written)));
        Ok(Self::OfDay(exact.unwrap_or(time)))
    }
}

/// As it is written: parsing it again gives the same.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(moment) => write!(f, "{moment}"),
            Self::Back(back) => write!(f, "-{back}"),
            Self::OfDay(time) => write!(f, "{time}"),
        }
    }
}

/// How much later than the newest time in the data a time of day may be that is not of the day before.
const AFTER_END: SignedDuration = SignedDuration::from_mins(10);

impl When {
    /// The moment meant, where `newest` is the newest time in the data.
    pub fn moment(self, newest: Timestamp, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Exact(moment) => moment,
            Self::Back(back) => newest.checked_sub(back).unwrap_or(Timestamp::MIN),
            Self::OfDay(time) => {
                let day = newest.to_zoned(zone.clone()).date();
                let on = |day: jiff::civil::Date| {
                    let zoned = day.to_datetime(time).to_zoned(zone.clone());
                    zoned.map_or(newest, |zoned| zoned.timestamp())
                };
                let today = on(day);
                if today.duration_since(newest) <= AFTER_END {
                    today
                } else {
                    on(day.yesterday().unwrap_or(day))
                }
            }
        }
    }
}
