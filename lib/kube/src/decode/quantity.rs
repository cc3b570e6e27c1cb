//! The canonical form of a quantity, as Kubernetes prints it after parsing.
//!
//! The rule (`CanonicalizeBytes` in apimachinery `pkg/api/resource/quantity.go`, v0.34.0): the mantissa is a whole number with as few zeros as possible, the exponent
//! a multiple of three (or of ten bits), the suffix family that of the text. Texts that are canonical already, nearly all,
//! are returned unchanged.

use std::borrow::Cow;

/// Digits of the mantissa that apimachinery handles in an int64 without looking twice.
const FAST_DIGITS: usize = 18;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    /// `n u m "" k M G T P E`.
    Decimal,
    /// `Ki Mi Gi Ti Pi Ei`.
    Binary,
    /// `e3`, `E3`.
    Exponent,
}

/// A text taken apart.
struct Parts<'a> {
    negative: bool,
    /// Before and after the point, without leading zeros before it.
    whole: &'a str,
    fraction: &'a str,
    family: Family,
    /// Power of ten, or of two for [`Family::Binary`].
    exponent: i32,
}

/// The canonical form of `text`; `text` itself if Kubernetes cannot parse it, or if it is too large.
pub(crate) fn canonical(text: &str) -> Cow<'_, str> {
    if text == "0" {
        return Cow::Borrowed(text);
    }
    if text.is_empty() {
        return Cow::Borrowed("0");
    }
    let Some(parts) = Parts::parse(text) else {
        return Cow::Borrowed(text);
    };
    if parts.is_kept() {
        return Cow::Borrowed(text);
    }
    match parts.print() {
        Some(printed) => Cow::Owned(printed),
        None => Cow::Borrowed(text),
    }
}

impl<'a> Parts<'a> {
    /// `parseQuantityString` in apimachinery `pkg/api/resource/quantity.go`, v0.34.0.
    fn parse(text: &'a str) -> Option<Self> {
        let negative = text.starts_with('-');
        let body = text.strip_prefix(['-', '+']).unwrap_or(text);
        let body = body.trim_start_matches('0');
        let (whole, rest) = digits(body);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
        let (family, exponent) = suffix_meaning(suffix)?;
        Some(Self {
            negative,
            whole: if whole.is_empty() { "0" } else { whole },
            fraction,
            family,
            exponent,
        })
    }

    /// Whether apimachinery keeps the text unchanged: cheap tests that hold for most canonical texts (and few others).
    /// `ParseQuantity` in apimachinery `pkg/api/resource/quantity.go`, v0.34.0, keeps the text if it is canonical already.
    fn is_kept(&self) -> bool {
        let Some(value) = self.fast_value() else {
            return false;
        };
        match self.family {
            Family::Binary => self.exponent % 10 == 0 && value & 7 != 0,
            _ => {
                let scale = self.scale();
                let zeros = if self.fraction.len() >= 3 {
                    self.fraction.ends_with("000")
                } else {
                    value % 1000 == 0
                };
                scale % 3 == 0 && !zeros && !self.whole.starts_with('0')
            }
        }
    }

    /// The digits as a number, where apimachinery takes its int64 path.
    fn fast_value(&self) -> Option<i64> {
        let count = self.whole.len() + self.fraction.len();
        let fits = match self.family {
            // 15 digits, less one and those that the suffix adds: three for every ten bits.
            Family::Binary => {
                let added = usize::try_from(self.exponent * 3 / 10).ok()?;
                self.fraction.is_empty() && count + added < 15
            }
            _ => count <= FAST_DIGITS && self.scale() >= -9,
        };
        let digits = self.whole.bytes().chain(self.fraction.bytes());
        fits.then(|| digits.fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
    }

    fn scale(&self) -> i32 {
        self.exponent
            .saturating_sub(i32::try_from(self.fraction.len()).unwrap_or(i32::MAX))
    }

    fn print(&self) -> Option<String> {
        if self.family == Family::Binary {
            return self.print_binary();
        }
        let mut digits = [self.whole, self.fraction].concat();
        let mut scale = self.scale();
        if digits.bytes().all(|digit| digit == b'0') {
            return Some("0".to_owned());
        }
        round_up(&mut digits, &mut scale)?;
        self.print_decimal(digits, scale, self.family)
    }

    /// `digits × 10^scale` with as few digits as possible and a scale that is a multiple of three.
    fn print_decimal(&self, digits: String, mut scale: i32, family: Family) -> Option<String> {
        let mut digits = digits.trim_start_matches('0').to_owned();
        while digits.len() > 1 && digits.ends_with('0') {
            digits.pop();
            scale = scale.checked_add(1)?;
        }
        while scale % 3 != 0 {
            digits.push('0');
            scale = scale.checked_sub(1)?;
        }
        let suffix = match family {
            Family::Exponent if scale == 0 => String::new(),
            Family::Exponent => format!("e{scale}"),
            _ => decimal_suffix(scale)?.to_owned(),
        };
        let sign = if self.negative { "-" } else { "" };
        Some(format!("{sign}{digits}{suffix}"))
    }

    /// A binary quantity below 1024 or with a fraction is printed as a decimal one.
    fn print_binary(&self) -> Option<String> {
        const MOST: u128 = i64::MAX.unsigned_abs() as u128;
        let unscaled: u128 = [self.whole, self.fraction].concat().parse().ok()?;
        let shift = u32::try_from(self.exponent).ok()?;
        let divisor = 10_u128.checked_pow(u32::try_from(self.fraction.len()).ok()?)?;
        let scaled = unscaled.checked_mul(1_u128.checked_shl(shift)?)?;
        if scaled == 0 {
            return Some("0".to_owned());
        }
        let whole = scaled / divisor;
        if whole >= MOST {
            return self.print_base_1024(MOST);
        }
        if scaled % divisor == 0 && whole >= 1024 {
            return self.print_base_1024(whole);
        }
        let mut digits = scaled.to_string();
        let mut scale = -i32::try_from(self.fraction.len()).ok()?;
        round_up(&mut digits, &mut scale)?;
        self.print_decimal(digits, scale, Family::Decimal)
    }

    fn print_base_1024(&self, mut whole: u128) -> Option<String> {
        let mut suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter();
        let mut suffix = suffixes.next()?;
        while whole >= 1024 && whole.is_multiple_of(1024) {
            whole /= 1024;
            suffix = suffixes.next()?;
        }
        let sign = if self.negative { "-" } else { "" };
        Some(format!("{sign}{whole}{suffix}"))
    }
}

/// Nothing finer than a billionth is kept; what is cut off rounds away from zero.
fn round_up(digits: &mut String, scale: &mut i32) -> Option<()> {
    let surplus = usize::try_from((-9_i32).checked_sub(*scale)?).unwrap_or(0);
    if surplus == 0 {
        return Some(());
    }
    let keep = digits.len().saturating_sub(surplus);
    let cut = digits.split_off(keep);
    *scale = -9;
    if cut.bytes().any(|digit| digit != b'0') {
        let mut bytes = std::mem::take(digits).into_bytes();
        let nines = bytes
            .iter()
            .rev()
            .take_while(|&&digit| digit == b'9')
            .count();
        let kept = bytes.len() - nines;
        match bytes.get_mut(..kept).and_then(<[u8]>::last_mut) {
            Some(digit) => *digit += 1,
            None => digits.push('1'),
        }
        let rest = bytes.iter().enumerate();
        digits.extend(rest.map(|(at, &digit)| if at < kept { char::from(digit) } else { '0' }));
    }
    Some(())
}

/// The leading digits and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// `suffixer` in apimachinery `pkg/api/resource/suffix.go`, v0.34.0.
fn suffix_meaning(suffix: &str) -> Option<(Family, i32)> {
    let decimal = |exponent| Some((Family::Decimal, exponent));
    let binary = |exponent| Some((Family::Binary, exponent));
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            Some((Family::Exponent, exponent.parse().ok()?))
        }
    }
}

fn decimal_suffix(exponent: i32) -> Option<&'static str> {
    Some(match exponent {
        -9 => "n",
        -6 => "u",
        -3 => "m",
        0 => "",
        3 => "k",
        6 => "M",
        9 => "G",
        12 => "T",
        15 => "P",
        18 => "E",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn quantities_come_out_in_canonical_form() {
        for (text, want) in [
            ("0", "0"),
            ("", "0"),
            ("0.5", "500m"),
            ("1024", "1024"),
            ("100m", "100m"),
            ("1.5", "1500m"),
            ("2Gi", "2Gi"),
            ("1024Mi", "1Gi"),
            ("1025Mi", "1025Mi"),
            ("512Ki", "512Ki"),
            ("1.5Gi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("0.5Ki", "512"),
            ("0.001Ki", "1024m"),
            ("1e3", "1e3"),
            ("1E4", "10e3"),
            ("1000", "1k"),
            ("1000000", "1M"),
            ("1000m", "1"),
            ("-1500m", "-1500m"),
            ("-0.5", "-500m"),
            ("0.0000000001", "1n"),
            ("1.0000000001", "1000000001n"),
            ("0.9999999999", "1"),
            ("0.1999999999", "200m"),
            ("00012", "00012"),
            ("0Ki", "0"),
            ("8Ei", "9223372036854775807"),
            ("7Ei", "7Ei"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("hello", "hello"),
            ("1e99999999999", "1e99999999999"),
        ] {
            assert_eq!(canonical(text), want, "{text}");
        }
    }
}
