//! Sizes as people write them.

/// Bytes of a size: `2147483648`, `8GiB`, `8Gi`, `2GB`, `100M`, `1.5 GiB`. Letters in either case; without an `i` a unit is
/// a power of 1000.
///
/// # Errors
/// A sentence that says what is wrong with `text`.
///
/// ```
/// use etcd_inspect::answers::parse_size;
/// assert_eq!(parse_size("8Gi"), Ok(8 << 30));
/// assert_eq!(parse_size("8GiB"), Ok(8 << 30));
/// assert_eq!(parse_size("2GB"), Ok(2_000_000_000));
/// assert!(parse_size("8XB").is_err());
/// ```
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size (examples: 8GiB, 8Gi, 500MB, 2147483648)");
    let trimmed = text.trim();
    let number = trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = trimmed.get(number.len()..).unwrap_or_default();
    let unit = unit.to_ascii_lowercase();
    let (letter, base) = match unit.strip_suffix('b').unwrap_or(&unit) {
        "" => ("", 1u64),
        prefix => match prefix.strip_suffix('i') {
            Some(letter) if !letter.is_empty() => (letter, 1024),
            _ => (prefix, 1000),
        },
    };
    let power = match letter {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(wrong()),
    };
    let unit = base.checked_pow(power).ok_or_else(wrong)?;
    let number = number.trim().replace(['_', ','], "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(wrong());
    }
    let too_large = || format!("{text} is more than 16 EiB");
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let whole = whole.checked_mul(unit).ok_or_else(too_large)?;
    let part: u64 = if fraction.is_empty() {
        0
    } else {
        let places = u32::try_from(fraction.len()).map_err(|_| wrong())?;
        let part: u64 = fraction.parse().map_err(|_| wrong())?;
        let part = u128::from(part).saturating_mul(u128::from(unit)) / 10u128.pow(places);
        u64::try_from(part).map_err(|_| too_large())?
    };
    whole.checked_add(part).ok_or_else(too_large)
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn every_spelling_of_a_size_is_read() {
        for (text, bytes) in [
            ("123", 123),
            ("1_000", 1_000),
            ("0", 0),
            ("8gb", 8_000_000_000),
            ("8G", 8_000_000_000),
            ("8Gi", 8 << 30),
            ("8GIB", 8 << 30),
            ("1.5 MiB", 3 << 19),
            ("2kib", 2048),
            ("7B", 7),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "GiB",
            "8XB",
            "-1",
            "1.2.3",
            "8 G i",
            "i",
            "1e9",
            "99999999999TB",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
