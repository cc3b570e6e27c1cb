//! `--rev`, `--at` and `--replay`: at which moment of the evidence a question is asked.

use std::fmt;
use std::io;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(crate) use etcd_inspect::text::when::When;

use crate::output::time;
use crate::ui::Ui;

/// The flag of every verb over the store: before or after a start.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(crate) struct Side {
    /// As etcd would have it after a start: newer WAL entries applied
    #[arg(long)]
    pub(crate) replay: bool,
}

/// Flags of the verbs that can answer for the past.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct At {
    /// As of this revision; -N: N before the newest
    #[arg(long, value_name = "N|-N|latest", allow_hyphen_values = true)]
    pub(crate) rev: Option<Rev>,
    /// As of this time: RFC 3339, 03:10 on the last day, or -2h before the newest time in the data
    ///
    /// etcd stores no times, but objects contain those of their clients: leases, events, managed fields. The revision that
    /// was chosen, and the two writes around the time, are reported on stderr.
    #[arg(
        long,
        value_name = "TIME|-2h",
        allow_hyphen_values = true,
        conflicts_with = "rev"
    )]
    pub(crate) at: Option<When>,
    #[command(flatten)]
    pub(crate) side: Side,
}

/// `--rev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rev {
    /// The newest.
    Latest,
    /// So many before the newest.
    Back(i64),
    /// This one.
    Exact(i64),
}

impl FromStr for Rev {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text
            .strip_prefix("rev:")
            .unwrap_or(text)
            .replace([',', '_'], "");
        match digits.as_str() {
            "latest" | "" => Ok(Self::Latest),
            digits => match digits.parse::<i64>() {
                Ok(0) => Ok(Self::Latest),
                Ok(back) if back < 0 => Ok(Self::Back(back.saturating_neg())),
                Ok(revision) => Ok(Self::Exact(revision)),
                Err(_) => Err(format!(
                    "not a revision: {text:?} (examples: 1202270, -100, latest; a time: --at)"
                )),
            },
        }
    }
}

/// As it is written: parsing it again gives the same.
impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Back(back) => write!(f, "-{back}"),
            Self::Exact(revision) => write!(f, "{revision}"),
        }
    }
}

impl Rev {
    /// The revision that is meant if `newest` is the newest one; `None` if that is asked for.
    pub(crate) fn revision(self, newest: i64) -> Option<i64> {
        match self {
            Self::Latest => None,
            Self::Back(back) => Some(newest.saturating_sub(back).max(0)),
            Self::Exact(revision) => Some(revision),
        }
    }
}

/// The moment that was asked for; a note says so if a time of day is of the day before, because the data end earlier on their last.
pub(crate) fn moment(when: When, newest: Timestamp, ui: &mut Ui) -> io::Result<Timestamp> {
    let zone = time::zone(ui.global.local);
    let moment = when.moment(newest, &zone);
    if let Some(text) = day_before(when, (moment, newest), &zone) {
        ui.note(text)?;
    }
    Ok(moment)
}

/// Says so if a time of day is of the day before the newest time.
pub(crate) fn day_before(
    when: When,
    (moment, newest): (Timestamp, Timestamp),
    zone: &TimeZone,
) -> Option<String> {
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    let is_before = matches!(when, When::OfDay(_)) && day(moment) < day(newest);
    is_before.then(|| {
        format!(
            "{when} is taken as {}: the data end at {}",
            time::full(moment, zone),
            time::full(newest, zone)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_exact_relative_or_latest() {
        let rev = |text: &str| text.parse::<Rev>().unwrap();
        assert_eq!(rev("1,202,270").revision(9), Some(1_202_270));
        assert_eq!(rev("-3").revision(10), Some(7));
        assert_eq!(rev("latest").revision(10), None);
        assert!("x".parse::<Rev>().is_err());
    }

    #[test]
    fn times_are_exact_relative_to_the_newest_or_of_its_day() {
        let newest: Timestamp = "2026-11-21T03:12:04Z".parse().unwrap();
        let at = |text: &str| {
            let when: When = text.parse().unwrap();
            when.moment(newest, &TimeZone::UTC).to_string()
        };
        assert_eq!(at("2026-11-21T04:00:00+01:00"), "2026-11-21T03:00:00Z");
        assert_eq!(at("2026-11-21 03:00:00"), "2026-11-21T03:00:00Z");
        assert_eq!(at("-2h"), "2026-11-21T01:12:04Z");
        assert_eq!(at("-1d"), "2026-11-20T03:12:04Z");
        assert_eq!(at("-5m30s"), "2026-11-21T03:06:34Z");
        assert_eq!(at("03:10"), "2026-11-21T03:10:00Z");
        assert_eq!(at("23:00:00Z"), "2026-11-20T23:00:00Z");
        // The end of the data is known within bounds: what is soon after it is of the same day.
        assert_eq!(at("03:12:05"), "2026-11-21T03:12:05Z");
        for text in ["2026-11-21T03:00:00Z", "-2h", "-1d", "-5m30s", "03:10"] {
            let when: When = text.parse().unwrap();
            assert_eq!(when.to_string().parse(), Ok(when), "{when}");
        }
        assert!("soon".parse::<When>().is_err());
        assert!("-soon".parse::<When>().is_err());
    }
}
