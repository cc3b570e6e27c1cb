//! Moments: RFC 3339 for programs, short for people.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// In which time zone moments are shown: UTC unless `--local`.
pub fn zone(local: bool) -> TimeZone {
    if local {
        TimeZone::system()
    } else {
        TimeZone::UTC
    }
}

/// `2026-11-21T03:12:04Z`: for JSON, always UTC.
pub fn rfc3339(moment: Timestamp) -> String {
    // Cut off, not rounded, as the other forms do: the same moment must not look like two.
    let seconds = jiff::TimestampRound::new()
        .smallest(jiff::Unit::Second)
        .mode(jiff::RoundMode::Trunc);
    moment.round(seconds).unwrap_or(moment).to_string()
}

/// `2026-11-21T03:12:04.250Z`: for JSON, of a moment that is known within bounds.
pub fn rfc3339_millis(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `03:12:04Z ±2s`: as [`short`], of a moment that is known within bounds. The bounds include the fraction that is cut off; none if
/// `within` is `None`. Cut off as in all other forms: one moment looks the same everywhere, and "or later" stays true.
pub fn approximate(
    moment: Timestamp,
    within: Option<SignedDuration>,
    newest: Timestamp,
    zone: &TimeZone,
) -> String {
    let text = short(moment, newest, zone);
    let Some(within) = within else {
        return text;
    };
    let far = within.saturating_add(fraction(moment));
    let seconds = far
        .as_secs()
        .saturating_add(i64::from(far.subsec_nanos() > 0));
    match seconds {
        0..120 => format!("{text} ±{seconds}s"),
        120..7200 => format!("{text} ±{}m", seconds.saturating_add(59) / 60),
        _ => format!("{text} ±{}h", seconds.saturating_add(3599) / 3600),
    }
}

/// What is cut off when a moment is shown.
fn fraction(moment: Timestamp) -> SignedDuration {
    // Before 1970 the fraction is negative, and is cut off to the earlier second all the same.
    SignedDuration::from_nanos(i64::from(moment.subsec_nanosecond()).rem_euclid(1_000_000_000))
}

/// Whether a moment is not later than a time that a person gave. A time without a fraction means all of its second, because times are
/// shown without their fractions: what is shown at 03:12:04Z is there at 03:12:04. One with a fraction means all of its millisecond,
/// as times are in JSON; [`of_text`] keeps `03:12:04.000` apart from `03:12:04`.
pub fn is_by(moment: Timestamp, given: Timestamp) -> bool {
    let unit = match fraction(given).is_zero() {
        true => SignedDuration::from_secs(1),
        false => SignedDuration::from_millis(1),
    };
    moment.duration_since(whole_millisecond(given)) < unit
}

/// The start of the millisecond of a moment.
pub fn whole_millisecond(moment: Timestamp) -> Timestamp {
    let rest = fraction(moment).as_nanos() % 1_000_000;
    let rest = i64::try_from(rest).map_or(SignedDuration::ZERO, SignedDuration::from_nanos);
    moment.checked_sub(rest).unwrap_or(moment)
}

/// A moment as it was written in `text`. One that is written with a fraction of zero is a nanosecond later: only a time without a
/// fraction means all of its second.
pub fn of_text(moment: Timestamp, text: &str) -> Timestamp {
    let is_written = fraction(moment).is_zero() && text.contains(['.', ',']);
    let later = moment.checked_add(SignedDuration::from_nanos(i64::from(is_written)));
    later.unwrap_or(moment)
}

/// `2026-11-21 03:12:04Z`, or with the offset of the zone.
pub fn full(moment: Timestamp, zone: &TimeZone) -> String {
    let zoned = moment.to_zoned(zone.clone());
    if zoned.offset().is_zero() {
        zoned.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
    } else {
        zoned.strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
    }
}

/// `03:12:04Z` on the day of `newest`, else with the date.
pub fn short(moment: Timestamp, newest: Timestamp, zone: &TimeZone) -> String {
    let zoned = moment.to_zoned(zone.clone());
    if zoned.date() != newest.to_zoned(zone.clone()).date() {
        return full(moment, zone);
    }
    if zoned.offset().is_zero() {
        zoned.strftime("%H:%M:%SZ").to_string()
    } else {
        zoned.strftime("%H:%M:%S%:z").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_the_same_day_are_short() {
        let newest: Timestamp = "2026-11-21T03:12:04Z".parse().unwrap();
        let earlier: Timestamp = "2026-11-21T02:58:10.4Z".parse().unwrap();
        let before: Timestamp = "2026-11-20T23:59:59Z".parse().unwrap();
        let utc = zone(false);
        assert_eq!(short(earlier, newest, &utc), "02:58:10Z");
        assert_eq!(short(before, newest, &utc), "2026-11-20 23:59:59Z");
        assert_eq!(rfc3339(earlier), "2026-11-21T02:58:10Z");
    }

    #[test]
    fn one_moment_is_the_same_second_in_every_form_and_a_person_means_all_of_it() {
        let utc = zone(false);
        let at: Timestamp = "2026-11-21T02:58:10.879Z".parse().unwrap();
        let half = SignedDuration::from_millis(500);
        assert_eq!(approximate(at, None, at, &utc), "02:58:10Z");
        assert_eq!(approximate(at, Some(half), at, &utc), "02:58:10Z ±2s");
        assert_eq!(short(at, at, &utc), "02:58:10Z");
        assert!(rfc3339_millis(at).starts_with("2026-11-21T02:58:10."));
        let given = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(is_by(at, given("2026-11-21T02:58:10Z")));
        assert!(!is_by(at, given("2026-11-21T02:58:09Z")));
        assert!(!is_by(at, given("2026-11-21T02:58:10.5Z")));
        assert!(is_by(at, given("2026-11-21T02:58:10.879Z")));
        let zero = of_text(given("2026-11-21T02:58:10Z"), "02:58:10.000");
        assert!(!is_by(at, zero) && is_by(given("2026-11-21T02:58:10.0004Z"), zero));
    }
}
