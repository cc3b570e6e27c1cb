//! `-o custom-columns=` and `--sort-by`.

use std::cmp::Ordering;

use serde_json::Value;

use super::gotemplate::go_text;
use super::jsonpath::{JsonPath, JsonPathError, text};

/// `NAME:.metadata.name,IMAGES:.spec.containers[*].image`.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomColumns(Vec<(String, JsonPath)>);

impl CustomColumns {
    /// Reads headings and paths; commas within brackets and quotes belong to the path.
    ///
    /// # Errors
    /// [`JsonPathError`] if a column has no colon or its path cannot be read.
    pub fn parse(spec: &str) -> Result<Self, JsonPathError> {
        let columns = split(spec).into_iter().map(|column| {
            let (heading, path) = column
                .split_once(':')
                .ok_or_else(|| JsonPathError::new(column, "a column is HEADING:.path"))?;
            Ok((heading.trim().to_owned(), JsonPath::parse(path)?))
        });
        columns.collect::<Result<_, _>>().map(Self)
    }

    /// The headings.
    pub fn headings(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(heading, _)| heading.as_str())
    }

    /// One row; several values of a cell are joined by commas, none is `<none>`.
    pub fn row(&self, object: &Value) -> Vec<String> {
        let cell = |path: &JsonPath| match path.find(object).as_slice() {
            [] | [Value::Null] => "<none>".to_owned(),
            values => values
                .iter()
                .map(|value| go_text(value))
                .collect::<Vec<_>>()
                .join(","),
        };
        self.0.iter().map(|(_, path)| cell(path)).collect()
    }
}

fn split(spec: &str) -> Vec<&str> {
    let (mut columns, mut start, mut depth, mut quote) = (Vec::new(), 0, 0usize, None);
    for (at, c) in spec.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[' | '(' | '{') => depth += 1,
            (None, ']' | ')' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                columns.extend(spec.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    columns.extend(spec.get(start..));
    columns
}

/// The order of `kubectl get --sort-by`, of what its path finds first in two objects: numbers and quantities by size, text in
/// natural order (`pod-2` before `pod-10`), objects without the field first.
pub fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (a, b) => return a.is_some().cmp(&b.is_some()),
    };
    let order = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => match (quantity(a), quantity(b)) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ => Some(natural(a, b)),
        },
        _ => Some(natural(&text(a), &text(b))),
    };
    order.unwrap_or(Ordering::Equal)
}

/// A Kubernetes quantity (`500m`, `1Gi`, `2e3`) as a number that only compares.
pub fn quantity(text: &str) -> Option<f64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024f64,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        _ => {
            return text.parse().ok().filter(|number: &f64| {
                number.is_finite() && text.starts_with(|c: char| c.is_ascii_digit())
            });
        }
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// Runs of digits compare as numbers, everything else as bytes.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (a_digits, b_digits) = (digits(left), digits(right));
        if !a_digits.is_empty() && !b_digits.is_empty() {
            let (x, y) = (
                a_digits.trim_start_matches('0'),
                b_digits.trim_start_matches('0'),
            );
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
            if order.is_ne() {
                return order;
            }
            left = left.get(a_digits.len()..).unwrap_or_default();
            right = right.get(b_digits.len()..).unwrap_or_default();
            continue;
        }
        match (left.chars().next(), right.chars().next()) {
            (Some(x), Some(y)) if x == y => {
                left = left.get(x.len_utf8()..).unwrap_or_default();
                right = right.get(y.len_utf8()..).unwrap_or_default();
            }
            (x, y) => return x.cmp(&y).then_with(|| a.cmp(b)),
        }
    }
}

fn digits(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_joins_its_values_and_says_none_where_there_are_none() {
        let columns =
            CustomColumns::parse("NAME:.metadata.name,IMG:.spec.c[?(@.k==\"a,b\")].i,X:.x")
                .unwrap();
        let object = json!({"metadata": {"name": "web"}, "spec": {"c": [{"k": "a,b", "i": 1}, {"k": "a,b", "i": 2}]}});
        assert_eq!(columns.headings().collect::<Vec<_>>(), ["NAME", "IMG", "X"]);
        assert_eq!(columns.row(&object), ["web", "1,2", "<none>"]);
        let labels = CustomColumns::parse("L:.spec").unwrap();
        assert_eq!(
            labels.row(&json!({"spec": {"b": [1, true], "a": "x"}})),
            ["map[a:x b:[1 true]]"]
        );
        assert!(CustomColumns::parse("NAME").is_err());
    }

    #[test]
    fn sorting_knows_numbers_quantities_and_natural_order() {
        let sorted = |values: Value| {
            let mut found: Vec<_> = values.as_array().unwrap().iter().map(Some).collect();
            found.push(None);
            found.sort_by(|a, b| compare(*a, *b));
            Value::Array(
                found
                    .into_iter()
                    .map(|value| value.cloned().unwrap_or_default())
                    .collect(),
            )
        };
        assert_eq!(sorted(json!([10, 9, 1])), json!([null, 1, 9, 10]));
        assert_eq!(
            sorted(json!(["1Gi", "500Mi", "2G", "100m"])),
            json!([null, "100m", "500Mi", "1Gi", "2G"])
        );
        assert_eq!(
            sorted(json!(["pod-10", "pod-2", "pod-02", "a"])),
            json!([null, "a", "pod-02", "pod-2", "pod-10"])
        );
    }
}
