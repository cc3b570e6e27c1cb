//! Answers of bounded size: a long one is handed out in parts, which together are the whole.
//!
//! A part has the form of the answer, with fewer values: rows are not broken as long as one fits into a part, a text that is longer
//! than a part is.

use serde_json::{Map, Value};

/// Maximum number of bytes of the values of one part.
const MAX_BYTES: usize = 48 << 10;

/// Maximum number of bytes of a scalar at the top of the answer, such as its schema, that each part has.
const MAX_REPEATED: usize = 200;

/// A position in an answer: so many values without values in them come before it, and so many bytes of the text there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    leaf: usize,
    byte: usize,
}

impl Cursor {
    /// Reads what [`Cursor::text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (leaf, byte) = text.split_once('.').unwrap_or((text, "0"));
        Some(Self {
            leaf: leaf.parse().ok()?,
            byte: byte.parse().ok()?,
        })
    }

    /// As a client sends it back.
    pub fn text(self) -> String {
        match self.byte {
            0 => self.leaf.to_string(),
            byte => format!("{}.{byte}", self.leaf),
        }
    }
}

/// A part of an answer, and where the next begins.
#[derive(Debug, PartialEq)]
pub struct Part {
    /// The answer with some of its values.
    pub answer: Value,
    /// Where the part begins in the whole, as a JSON pointer; empty for the first.
    pub begins: String,
    /// The position of the first value that is not in it; `None`: it is the last part.
    pub next: Option<Cursor>,
}

/// The part of an answer that begins at a position; `None`: the answer ends before.
pub fn part(answer: &Value, from: Cursor) -> Option<Part> {
    let mut walk = Walk {
        at: 0,
        from,
        left: MAX_BYTES,
        next: None,
        begins: None,
        path: Vec::new(),
    };
    let mut kept = walk.take(answer);
    if from != Cursor::default() && kept.is_none() {
        return None;
    }
    if let (Some(Value::Object(kept)), Value::Object(all)) = (&mut kept, answer) {
        let scalars = all.iter().filter(|(_, value)| {
            !value.is_array() && !value.is_object() && len_within(value, MAX_REPEATED).is_some()
        });
        for (name, value) in scalars {
            kept.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    Some(Part {
        answer: kept.unwrap_or(Value::Null),
        begins: walk.begins.unwrap_or_default(),
        next: walk.next,
    })
}

/// A walk through the values of an answer, in their order.
struct Walk {
    /// Number of leaves before here.
    at: usize,
    from: Cursor,
    /// Bytes that still fit.
    left: usize,
    /// Where the part ended.
    next: Option<Cursor>,
    begins: Option<String>,
    path: Vec<String>,
}

impl Walk {
    /// What of a value belongs to the part.
    fn take(&mut self, value: &Value) -> Option<Value> {
        if self.next.is_some() {
            return None;
        }
        let count = leaves(value);
        if self.at.saturating_add(count) <= self.from.leaf {
            self.at = self.at.saturating_add(count);
            return None;
        }
        let is_whole = self.at > self.from.leaf || (self.at, 0) == (self.from.leaf, self.from.byte);
        let len = len_within(value, MAX_BYTES);
        if let Some(len) = len.filter(|_| is_whole) {
            if len <= self.left {
                self.begin();
                self.at = self.at.saturating_add(count);
                self.left = self.left.saturating_sub(len);
                return Some(value.clone());
            }
            if self.begins.is_some() {
                self.next = Some(Cursor {
                    leaf: self.at,
                    byte: 0,
                });
                return None;
            }
        }
        match value {
            Value::Array(items) if !items.is_empty() => self.items(items),
            Value::Object(fields) if !fields.is_empty() => self.fields(fields),
            Value::String(text) => self.text(text),
            _ => None,
        }
    }

    fn begin(&mut self) {
        if self.begins.is_none() {
            let names = self
                .path
                .iter()
                .map(|name| name.replace('~', "~0").replace('/', "~1"));
            self.begins = Some(names.map(|name| format!("/{name}")).collect());
        }
    }

    fn items(&mut self, items: &[Value]) -> Option<Value> {
        let mut kept = Vec::new();
        for (number, item) in items.iter().enumerate() {
            self.path.push(number.to_string());
            kept.extend(self.take(item));
            self.path.pop();
        }
        (!kept.is_empty()).then_some(Value::Array(kept))
    }

    fn fields(&mut self, fields: &Map<String, Value>) -> Option<Value> {
        let mut kept = Map::new();
        for (name, field) in fields {
            self.path.push(name.clone());
            let taken = self.take(field);
            self.path.pop();
            if let Some(taken) = taken {
                self.left = self.left.saturating_sub(name.len().saturating_add(3));
                kept.insert(name.clone(), taken);
            }
        }
        (!kept.is_empty()).then_some(Value::Object(kept))
    }

    /// A piece of a text that is longer than a part.
    fn text(&mut self, text: &str) -> Option<Value> {
        self.begin();
        let from = match self.at == self.from.leaf {
            true => self.from.byte,
            false => 0,
        };
        let rest = text.get(from..)?;
        let mut left = self.left.max(MAX_BYTES / 48);
        let end = rest.char_indices().find(|(_, letter)| {
            let len = json_len(*letter);
            let is_full = len > left;
            left = left.saturating_sub(len);
            is_full
        });
        let end = end.map_or(rest.len(), |(at, _)| at);
        let piece = rest.get(..end)?;
        if end < rest.len() {
            let byte = from.saturating_add(end);
            self.next = Some(Cursor {
                leaf: self.at,
                byte,
            });
        }
        self.at = self.at.saturating_add(1);
        self.left = self.left.saturating_sub(piece.len());
        Some(Value::from(piece))
    }
}

/// Number of bytes of a character in a text of JSON.
fn json_len(letter: char) -> usize {
    match letter {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        letter if letter < ' ' => 6,
        letter => letter.len_utf8(),
    }
}

/// Number of bytes of a value as JSON, with the comma after it; `None`: more than `most`.
fn len_within(value: &Value, most: usize) -> Option<usize> {
    struct Counted {
        left: usize,
    }
    impl std::io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let left = self.left.checked_sub(bytes.len());
            self.left = left.ok_or(std::io::ErrorKind::FileTooLarge)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted {
        left: most.checked_sub(1)?,
    };
    serde_json::to_writer(&mut counted, value).ok()?;
    Some(most.saturating_sub(counted.left))
}

/// Number of values without values in them.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) if !items.is_empty() => items.iter().map(leaves).sum(),
        Value::Object(fields) if !fields.is_empty() => fields.values().map(leaves).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// All parts, each bounded.
    fn parts(answer: &Value) -> Vec<Part> {
        let (mut all, mut from) = (Vec::new(), Some(Cursor::default()));
        while let Some(at) = from {
            assert_eq!(Cursor::parse(&at.text()), Some(at));
            let part = part(answer, at).unwrap();
            assert!(part.answer.to_string().len() < MAX_BYTES + 2000, "{at:?}");
            assert!(part.next.is_none_or(|next| next > at), "{at:?}");
            from = part.next;
            all.push(part);
        }
        all
    }

    /// Adds a part to those before it: lists and texts go on.
    fn join(whole: &mut Value, part: Value, begins: &str) {
        match (whole, part) {
            (Value::Object(whole), Value::Object(part)) => {
                for (name, value) in part {
                    let below = begins.strip_prefix(&format!("/{name}"));
                    match whole.get_mut(&name) {
                        Some(known) => join(known, value, below.unwrap_or("-")),
                        None => drop(whole.insert(name, value)),
                    }
                }
            }
            (Value::Array(whole), Value::Array(mut part)) => {
                let (first, below) = begins
                    .trim_start_matches('/')
                    .split_once('/')
                    .unwrap_or((begins.trim_start_matches('/'), ""));
                let first: usize = first.parse().unwrap();
                if first < whole.len() {
                    join(&mut whole[first], part.remove(0), &format!("/{below}"));
                }
                whole.append(&mut part);
            }
            (Value::String(whole), Value::String(part)) if begins != "-" => whole.push_str(&part),
            // A scalar of the top, which each part has.
            (whole, part) => assert_eq!(*whole, part),
        }
    }

    #[test]
    fn parts_are_bounded_and_together_the_whole_whatever_is_long() {
        let rows = |count: usize| -> Vec<Value> {
            (0..count)
                .map(|n| json!({ "key": format!("/registry/pods/shop/web-{n}"), "n": n }))
                .collect()
        };
        let text = "a\u{1F600}\n".repeat(60_000);
        for answer in [
            json!({ "schema": "s", "rows": rows(3000), "other": [] }),
            json!({ "schema": "s", "findings": rows(2000), "plan": rows(2500), "notes": {} }),
            json!({ "schema": "s", "object": { "spec": { "data": text, "a/b": rows(900) }, "status": null } }),
            json!({ "rows": [{ "lines": rows(1500) }, { "lines": rows(3) }, { "lines": rows(1500) }] }),
            json!({ "rows": [1] }),
            json!({}),
        ] {
            let mut all = parts(&answer).into_iter();
            let mut whole = all.next().unwrap().answer;
            for part in all {
                join(&mut whole, part.answer, &part.begins);
            }
            assert_eq!(whole.to_string().len(), answer.to_string().len());
            assert_eq!(whole, answer);
        }
    }

    #[test]
    fn a_row_that_fits_into_a_part_is_in_one() {
        let row = json!({ "text": "x".repeat(MAX_BYTES / 3), "number": 7 });
        let answer = json!({ "rows": [row, row, row, row, row] });
        let all = parts(&answer);
        let counts: Vec<usize> = all
            .iter()
            .map(|part| part.answer["rows"].as_array().unwrap().len())
            .collect();
        assert_eq!(counts, [2, 2, 1]);
        assert_eq!(all[1].begins, "/rows/2");
        let cursor = Cursor::parse("9999").unwrap();
        assert_eq!(part(&answer, cursor), None);
    }
}
