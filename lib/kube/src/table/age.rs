//! Ages as kubectl prints them.

use jiff::Timestamp;

/// kubectl's `HumanDuration`: two units at most, coarser the older it gets.
///
/// ```
/// use etcd_inspect_kube::table::human_duration;
/// assert_eq!(human_duration(119), "119s");
/// assert_eq!(human_duration(125), "2m5s");
/// assert_eq!(human_duration(5 * 3600 + 60), "5h1m");
/// assert_eq!(human_duration(3 * 86400 + 7200), "3d2h");
/// assert_eq!(human_duration(800 * 86400), "2y70d");
/// ```
/// `HumanDuration` in apimachinery `pkg/util/duration/duration.go`, v0.34.0.
pub fn human_duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let days = hours / 24;
    let two = |big: i64, unit: &str, small: i64, smaller: &str| match small {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit}{small}{smaller}"),
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// How long before `now` an RFC 3339 time was; `<unknown>` if there is none.
pub(crate) fn since(time: Option<&str>, now: Timestamp) -> String {
    match time {
        None | Some("") => "<unknown>".to_owned(),
        Some(text) => text
            .parse::<Timestamp>()
            .map_or("<invalid>".to_owned(), |time| between(time, now)),
    }
}

/// The whole seconds from one time to another.
pub(super) fn between(from: Timestamp, to: Timestamp) -> String {
    // Go truncates towards zero.
    human_duration(to.duration_since(from).as_secs())
}
