//! The order of the cells of a table: ages by their length, numbers by their value, names with numbers as people count.

use std::cmp::Ordering;

/// Compares two cells of one column. Numbers and ages come before other texts, empty cells last.
///
/// ```
/// use etcd_inspect::answers::objects::compare_texts;
/// use std::cmp::Ordering::Less;
/// assert_eq!(compare_texts("36s", "5m"), Less);
/// assert_eq!(compare_texts("2 (3m ago)", "10"), Less);
/// assert_eq!(compare_texts("web-2", "web-10"), Less);
/// ```
pub fn compare_texts(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    match (rank(a), rank(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => natural(a, b),
    }
}

/// The order of `--sort-by COLUMN`: the largest number first, other texts as [`compare_texts`] has them.
pub fn compare_cells(a: &str, b: &str) -> Ordering {
    match (rank(a), rank(b)) {
        (Some(a), Some(b)) => b.cmp(&a),
        _ => compare_texts(a, b),
    }
}

/// The number that a cell means: seconds of an age, or the number that it begins with (`2 (3m ago)`, `1/1`).
fn rank(text: &str) -> Option<i128> {
    if let Some(seconds) = seconds(text) {
        return Some(seconds);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let is_whole = rest.is_empty() || rest.starts_with([' ', '/']);
    number.parse().ok().filter(|_| is_whole)
}

/// An age as kubectl writes it: `36s`, `5m30s`, `2d4h`, `3y12d`.
fn seconds(text: &str) -> Option<i128> {
    let mut total = 0i128;
    let mut number: Option<i128> = None;
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            let known = number.unwrap_or(0);
            number = Some(known.checked_mul(10)?.checked_add(digit.into())?);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'y' => 365 * 86_400,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && !text.is_empty()).then_some(total)
}

/// Texts by their parts: digits by their value, the rest by its characters.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let ((one, rest_a), (other, rest_b)) = (part(a), part(b));
        if one.is_empty() || other.is_empty() {
            return one.len().cmp(&other.len());
        }
        let order = match (one.parse::<u128>(), other.parse::<u128>()) {
            (Ok(one), Ok(other)) => one.cmp(&other),
            _ => one.cmp(other),
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// The digits that a text begins with, or what is before the next digit; and the rest.
fn part(text: &str) -> (&str, &str) {
    let is_digit = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != is_digit);
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::compare_texts;

    #[test]
    fn cells_are_ordered_as_people_read_them() {
        for column in [
            &["0", "1 (2m ago)", "3", "12", "<none>", ""][..],
            &["12s", "59s", "2m", "2m30s", "3h", "2d", "1y4d"],
            &["0/1", "1/1", "2/2"],
            &["api", "web-2", "web-10", "web-x"],
            &["10.0.0.2", "10.0.0.10"],
        ] {
            let mut sorted = column.to_vec();
            sorted.reverse();
            sorted.sort_by(|a, b| compare_texts(a, b));
            assert_eq!(sorted, column);
        }
    }
}
