//! RFC 3339 as Go prints a `time.Time` in UTC.

/// Seconds from 1970 to Go's zero time, 0001-01-01T00:00:00Z.
pub(crate) const GO_ZERO: i64 = -62_135_596_800;

/// The longest text: sign, a twelve-digit year, the rest.
const ROOM: usize = 48;

/// A formatted time on the stack.
pub(crate) struct Stamp {
    text: [u8; ROOM],
    len: usize,
}

impl Stamp {
    /// `2026-11-21T01:14:44Z`.
    /// `MarshalJSON` in apimachinery `pkg/apis/meta/v1/time.go`, v0.34.0.
    pub(crate) fn seconds(seconds: i64) -> Self {
        Self::new(seconds, None)
    }

    /// `2026-11-21T01:14:44.000001Z`: always six digits.
    /// `RFC3339Micro` in apimachinery `pkg/apis/meta/v1/micro_time.go`, v0.34.0.
    pub(crate) fn micros(seconds: i64, nanos: i32) -> Self {
        let carried = seconds.saturating_add(i64::from(nanos.div_euclid(1_000_000_000)));
        Self::new(
            carried,
            Some(nanos.rem_euclid(1_000_000_000).unsigned_abs() / 1000),
        )
    }

    fn new(seconds: i64, micros: Option<u32>) -> Self {
        let mut stamp = Self {
            text: [0; ROOM],
            len: 0,
        };
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        let second = seconds.rem_euclid(86_400).unsigned_abs();
        if year < 0 {
            stamp.push(b'-');
        }
        stamp.digits(year.unsigned_abs(), 4);
        for (mark, number) in [
            (b'-', month),
            (b'-', day),
            (b'T', second / 3600),
            (b':', second / 60 % 60),
            (b':', second % 60),
        ] {
            stamp.push(mark);
            stamp.digits(number, 2);
        }
        if let Some(micros) = micros {
            stamp.push(b'.');
            stamp.digits(u64::from(micros), 6);
        }
        stamp.push(b'Z');
        stamp
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.text.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    /// At least `width` digits, zeros before.
    fn digits(&mut self, number: u64, width: u32) {
        let width = number.checked_ilog10().map_or(1, |log| log + 1).max(width);
        for place in (0..width).rev() {
            let digit = number / 10_u64.saturating_pow(place) % 10;
            self.push(b'0' + u8::try_from(digit).unwrap_or(0));
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        let text = self.text.get(..self.len).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

/// Year, month and day of a day counted from 1970-01-01: eras of 400 years that begin on the first of March.
fn civil(day: i64) -> (i64, u64, u64) {
    let shifted = day.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097).unsigned_abs();
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = i64::try_from(year_of_era).unwrap_or(0) + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_as_go_prints_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_223_684, "2026-11-21T01:14:44Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "10000-01-01T00:00:00Z"),
            (GO_ZERO, "0001-01-01T00:00:00Z"),
            (GO_ZERO - 31_622_400, "0000-01-01T00:00:00Z"),
            (GO_ZERO - 31_622_401, "-0001-12-31T23:59:59Z"),
        ] {
            assert_eq!(Stamp::seconds(seconds).as_str(), text);
        }
        assert_eq!(
            Stamp::micros(0, 1_999).as_str(),
            "1970-01-01T00:00:00.000001Z"
        );
        assert_eq!(Stamp::micros(0, -1).as_str(), "1969-12-31T23:59:59.999999Z");
        for extreme in [i64::MIN, i64::MAX] {
            assert!(Stamp::seconds(extreme).as_str().ends_with('Z'));
        }
    }
}
