//! The order of fields in kubectl's YAML: letters after other characters, numbers by their value.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// Fields in the order in which kubectl writes them as YAML: by name, where `f2` is before `f10`, and letters are after digits and signs.
///
/// Source: `sorter.go` of goyaml.v2, which `sigs.k8s.io/yaml` uses.
///
/// ```
/// use serde_json::json;
/// let sorted = etcd_inspect_kube::yaml::sorted(json!({"f10": 1, "f2": {"b": 1, "a": 2}}));
/// assert_eq!(sorted.to_string(), r#"{"f2":{"a":2,"b":1},"f10":1}"#);
/// ```
#[must_use]
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(fields) => {
            let fields = in_order(fields.into_iter().collect()).into_iter();
            Value::Object(
                fields
                    .map(|(name, value)| (name, sorted(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        other => other,
    }
}

/// Merges halves: the standard library's sort may panic over an order with circles, and this one has them (`2`, `10`, `1a`).
fn in_order(mut fields: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let is_after = |one: &(String, Value), other: &(String, Value)| {
        compare(&one.0, &other.0) == Ordering::Greater
    };
    if fields.is_sorted_by(|one, other| !is_after(one, other)) {
        return fields;
    }
    let second = in_order(fields.split_off(fields.len() / 2));
    let mut first = in_order(fields).into_iter().peekable();
    let mut merged = Vec::new();
    for field in second {
        while let Some(before) = first.next_if(|before| !is_after(before, &field)) {
            merged.push(before);
        }
        merged.push(field);
    }
    merged.extend(first);
    merged
}

fn compare(one: &str, other: &str) -> Ordering {
    let mut ones = one.char_indices();
    let mut others = other.char_indices();
    loop {
        let (a, b) = match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => (a, b),
        };
        if a.1 == b.1 {
            continue;
        }
        return match (a.1.is_alphabetic(), b.1.is_alphabetic()) {
            (true, true) => a.1.cmp(&b.1),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let before = one.get(..a.0).unwrap_or_default();
                let [ones, others] = [(one, a), (other, b)].map(|(text, (at, first))| {
                    digits_of(text.get(at..).unwrap_or_default(), first)
                });
                // A zero that goes on a number does not begin one: `10` and `11` differ in their last digit.
                let goes_on = (a.1 == '0' || b.1 == '0') && ends_in_number(before);
                let lead = u128::from(goes_on);
                let value = |(digits, length): (u128, u32)| {
                    lead.saturating_mul(10_u128.saturating_pow(length))
                        .saturating_add(digits)
                };
                value(ones)
                    .cmp(&value(others))
                    .then(ones.1.cmp(&others.1))
                    .then(a.1.cmp(&b.1))
            }
        };
    }
}

/// The number that a text begins with, and how many digits it has.
fn digits_of(text: &str, first: char) -> (u128, u32) {
    if !first.is_ascii_digit() {
        return (0, 0);
    }
    let digits = text.chars().map_while(|c| c.to_digit(10));
    digits.fold((0, 0), |(value, length), digit| {
        let value = value
            .saturating_mul(10_u128)
            .saturating_add(u128::from(digit));
        (value, u32::saturating_add(length, 1))
    })
}

/// Whether the digits at the end of a text have one that is not zero.
fn ends_in_number(text: &str) -> bool {
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit);
    digits.into_iter().any(|digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_with_circles_ends() {
        let names =
            (0..200_u32).map(|at| (format!("{:x}", at.wrapping_mul(2_654_435_761)), Value::Null));
        assert_eq!(in_order(names.collect()).len(), 200);
    }

    #[test]
    fn numbers_are_compared_by_value_and_letters_are_last() {
        let mut names = [
            "f:b", "f:a", "f10", "f2", "f100", "a.b", "a-b", "a/b", "ab", "a1", "a01", "B", "b",
            ".", "x10", "x11", "x9",
        ];
        names.sort_by(|one, other| compare(one, other));
        assert_eq!(
            names,
            [
                ".", "B", "a-b", "a.b", "a/b", "a1", "a01", "ab", "b", "f:a", "f:b", "f2", "f10",
                "f100", "x9", "x10", "x11"
            ]
        );
    }
}
