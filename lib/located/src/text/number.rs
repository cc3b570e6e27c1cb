//! Numbers for people.

/// `1,204,902`.
pub fn thousands(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        out.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `312 B`, `1.1 kB`, `168 kB`, `18.9 MB`, `2.1 GB`: decimal units, as the disk's vendor and etcd's quota metrics count.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (1_000_000_000_000_000, "PB"),
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    let bytes = u128::from(bytes);
    for (unit, name) in UNITS {
        let unit = u128::from(unit);
        // Rounds before it chooses the unit: 999,960 bytes are 1.0 MB, not 1,000 kB.
        if bytes < 1000 || bytes + unit / 2000 < unit {
            continue;
        }
        let tenths = (bytes * 10 + unit / 2) / unit;
        return if name == "kB" && tenths >= 100 {
            format!("{} kB", (bytes + unit / 2) / unit)
        } else {
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        };
    }
    format!("{bytes} B")
}

/// `20.8%` of `part` in `whole`.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let tenths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole);
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// `9m40s`, `2h03m`, `4d7h`, from seconds.
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_in_the_samples() {
        for (bytes, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_100, "1.1 kB"),
            (6_900, "6.9 kB"),
            (61_234, "61 kB"),
            (168_000, "168 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (18_900_000, "18.9 MB"),
            (176_193_536, "176.2 MB"),
            (2_147_483_648, "2.1 GB"),
            (u64::MAX, "18446.7 PB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn thousands_are_parted() {
        assert_eq!(thousands(1_204_902), "1,204,902");
        assert_eq!(thousands(-999), "-999");
        assert_eq!(thousands(-1000), "-1,000");
        assert_eq!(
            thousands(i128::from(u64::MAX)),
            "18,446,744,073,709,551,615"
        );
    }

    #[test]
    fn durations_keep_two_units() {
        assert_eq!(duration(580), "9m40s");
        assert_eq!(duration(7_380), "2h03m");
        assert_eq!(duration(370_800), "4d7h");
    }
}
