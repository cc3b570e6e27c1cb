//! Which texts a YAML 1.1 reader takes for another type: they are quoted, so that a string stays one.
//!
//! The rules are those of the reader that kubectl uses (`sigs.k8s.io/yaml`, goyaml.v2): a text that it would read as null, a boolean, a
//! number or a timestamp, and base 60 numbers, which older readers know.

/// Whether a text without quotes would be read as something else than this text.
pub(super) fn is_other_type(text: &str) -> bool {
    match text.as_bytes() {
        [] => true,
        [b'.', ..] => is_special_float(text) || text.parse::<f64>().is_ok(),
        [b'+' | b'-' | b'0'..=b'9', ..] => {
            is_special_float(text)
                || is_timestamp(text)
                || is_number(&text.replace('_', ""))
                || is_base_60(text)
        }
        _ => is_word(text),
    }
}

fn is_word(text: &str) -> bool {
    matches!(
        text,
        "~" | "null"
            | "Null"
            | "NULL"
            | "y"
            | "Y"
            | "yes"
            | "Yes"
            | "YES"
            | "n"
            | "N"
            | "no"
            | "No"
            | "NO"
            | "true"
            | "True"
            | "TRUE"
            | "false"
            | "False"
            | "FALSE"
            | "on"
            | "On"
            | "ON"
            | "off"
            | "Off"
            | "OFF"
    )
}

fn is_special_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// Whole numbers with the prefixes of Go, and decimal numbers; underscores are gone already.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    is_whole(unsigned, text.starts_with('-')) || is_decimal(unsigned)
}

fn is_whole(unsigned: &str, is_negative: bool) -> bool {
    let lower = unsigned.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (lower.get(2..), 16),
        [b'0', b'b', ..] => (lower.get(2..), 2),
        [b'0', b'o', ..] => (lower.get(2..), 8),
        [b'0', _, ..] => (lower.get(1..), 8),
        _ => (Some(lower.as_str()), 10),
    };
    let digits = digits.filter(|digits| digits.starts_with(|c: char| c.is_ascii_alphanumeric()));
    let value = digits.and_then(|digits| u64::from_str_radix(digits, radix).ok());
    match is_negative {
        true => value.is_some_and(|value| value <= i64::MIN.unsigned_abs()),
        false => value.is_some(),
    }
}

/// `[0-9]+(\.[0-9]*)?` or `\.[0-9]+`, and an exponent.
fn is_decimal(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_exponent = exponent.is_none_or(|text| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        !digits.is_empty() && are_digits(digits)
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_mantissa =
        are_digits(whole) && are_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    has_exponent && is_mantissa
}

/// `12:30:45`: numbers of base 60, which YAML 1.2 no longer has.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut parts = whole.split(':');
    let is_first = parts.next().is_some_and(|first| {
        first.starts_with(|c: char| c.is_ascii_digit())
            && first
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'_')
    });
    let mut count = 0_usize;
    let are_sixtieths = parts.all(|part| {
        count = count.saturating_add(1);
        matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
    });
    let is_fraction = fraction
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'_');
    is_first && count > 0 && are_sixtieths && is_fraction
}

/// `2006-1-2`, with a time after a `T`, `t` or a space.
fn is_timestamp(text: &str) -> bool {
    let mut rest = text;
    let number = |digits: std::ops::RangeInclusive<usize>, rest: &mut &str| {
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let length = length.min(*digits.end());
        let (number, after) = rest.split_at_checked(length)?;
        *rest = after;
        (length >= *digits.start()).then(|| number.parse::<u32>().ok())?
    };
    let mut parse = || -> Option<()> {
        let year = number(4..=4, &mut rest)?;
        rest = rest.strip_prefix('-')?;
        let month = number(1..=2, &mut rest)?;
        rest = rest.strip_prefix('-')?;
        let day = number(1..=2, &mut rest)?;
        (1..=12).contains(&month).then_some(())?;
        (1..=days_of(year, month)).contains(&day).then_some(())?;
        if rest.is_empty() {
            return Some(());
        }
        let has_zone = rest.starts_with(['T', 't']);
        rest = rest.strip_prefix(['T', 't', ' '])?;
        let hour = number(1..=2, &mut rest)?;
        rest = rest.strip_prefix(':')?;
        let minute = number(1..=2, &mut rest)?;
        rest = rest.strip_prefix(':')?;
        let second = number(1..=2, &mut rest)?;
        (hour < 24 && minute < 60 && second < 60).then_some(())?;
        if let Some(fraction) = rest.strip_prefix(['.', ',']) {
            rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (rest.len() < fraction.len()).then_some(())?;
        }
        if has_zone && rest != "Z" {
            rest = rest.strip_prefix(['+', '-'])?;
            number(2..=2, &mut rest)?;
            rest = rest.strip_prefix(':')?;
            number(2..=2, &mut rest)?;
        } else if has_zone {
            rest = "";
        }
        rest.is_empty().then_some(())
    };
    parse().is_some()
}

fn days_of(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_takes_for_a_number_a_word_or_a_time() {
        for text in [
            "",
            "~",
            "null",
            "y",
            "No",
            "on",
            "TRUE",
            "0",
            "-1",
            "+1",
            "1_000",
            "0x1F",
            "0b1",
            "-0b1",
            "0o7",
            "017",
            "08",
            "1.",
            ".5",
            "-.5",
            "1e3",
            "1E+3",
            ".inf",
            "-.Inf",
            ".NaN",
            "1:30",
            "-1:2",
            "190:20:30.15",
            "2006-1-2",
            "2026-11-27",
            "2026-11-27T01:02:03Z",
            "2026-11-27t1:2:3.5+01:00",
            "2026-11-27 01:02:03",
            "18446744073709551615",
            "1e400",
            "0_",
            "12345678901234567890123",
        ] {
            assert!(is_other_type(text), "{text:?} is read as something else");
        }
    }

    #[test]
    fn what_stays_text() {
        for text in [
            "a",
            "yess",
            "nULL",
            "tRUE",
            "10.0.0.1",
            "1.2.3",
            "5.10.0",
            "v1",
            "1Gi",
            "100m",
            "0x",
            "0b2",
            "1e",
            "-",
            "+",
            ".",
            "..",
            "1:60",
            "1:",
            "a:30",
            "2026-13-01",
            "2026-02-30",
            "2026-11-27T01:02:03",
            "2026-11-27T24:00:00Z",
            "26-1-1",
            "_1",
            "1e3x",
            "--1",
            "<<",
            "=",
            "0x1g",
            "1 2",
        ] {
            assert!(!is_other_type(text), "{text:?} is text");
        }
    }
}
