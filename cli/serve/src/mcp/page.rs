//! Answers of bounded size: a long list is handed out in parts.

use serde_json::{Value, json};

/// Maximum number of bytes of one answer, but for a single row that is longer.
const MAX_BYTES: usize = 48 << 10;

/// A part of an answer, and where the next begins.
#[derive(Debug, PartialEq)]
pub struct Part {
    /// The answer with some of its rows.
    pub answer: Value,
    /// The position of the first row that is not in it; `None`: all others are.
    pub next: Option<usize>,
}

/// The part of an answer that begins with row `from`.
pub fn part(mut answer: Value, from: usize) -> Part {
    let whole = answer.to_string().len();
    let longest = answer.as_object().and_then(|fields| {
        let lists = fields.iter().filter(|(_, value)| value.is_array());
        let (name, _) = lists.max_by_key(|(_, value)| value.to_string().len())?;
        Some(name.clone())
    });
    let list = longest.as_ref().and_then(|name| answer.get_mut(name));
    let Some(Value::Array(rows)) = list.filter(|_| whole > MAX_BYTES || from > 0) else {
        return Part {
            answer: bounded(answer),
            next: None,
        };
    };
    let total = rows.len();
    let mut bytes = 0usize;
    let mut kept = Vec::new();
    for row in std::mem::take(rows).into_iter().skip(from) {
        // With the comma after it.
        let len = row.to_string().len().saturating_add(1);
        if !kept.is_empty() && bytes.saturating_add(len) > MAX_BYTES {
            break;
        }
        bytes = bytes.saturating_add(len);
        kept.push(bounded(row));
    }
    let end = from.saturating_add(kept.len());
    *rows = kept;
    Part {
        answer,
        next: (end < total).then_some(end),
    }
}

/// A value that is far longer than an answer may be is named, not sent.
fn bounded(value: Value) -> Value {
    let len = value.to_string().len();
    if len <= MAX_BYTES.saturating_mul(4) {
        return value;
    }
    json!({ "left_out": "longer than an answer may be: ask the command line", "bytes": len })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_bounded_and_together_the_whole() {
        let rows: Vec<Value> = (0..3000)
            .map(|n| json!({ "key": format!("/registry/pods/shop/web-{n}"), "n": n }))
            .collect();
        let answer = json!({ "schema": "s", "rows": rows.clone(), "other": [] });
        let (mut all, mut from) = (Vec::new(), Some(0));
        while let Some(at) = from {
            let part = part(answer.clone(), at);
            assert!(part.answer.to_string().len() < MAX_BYTES + 1000);
            all.extend(part.answer["rows"].as_array().unwrap().clone());
            from = part.next;
        }
        assert_eq!(all, rows);
        assert_eq!(
            part(json!({ "rows": [1] }), 0),
            Part {
                answer: json!({ "rows": [1] }),
                next: None
            }
        );
    }
}
