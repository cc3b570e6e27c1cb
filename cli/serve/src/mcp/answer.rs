//! What a verb answered, as a tool hands it out.

use std::process::Output;

use serde_json::{Map, Value, json};

use super::next::{self, Sources};
use super::page::{Cursor, part};

/// Maximum number of notes that are handed out.
const MAX_NOTES: usize = 20;

/// Maximum number of characters of a note.
const MAX_NOTE: usize = 600;

/// The answer of a verb.
#[derive(Clone, Debug)]
pub struct Answered {
    answer: Value,
    exit: Option<i32>,
    notes: Vec<String>,
    next: Vec<Value>,
}

impl Answered {
    /// Reads what the process wrote: JSON on standard output, or the JSON of its error, with notes, on standard error.
    pub fn read(output: &Output, sources: &Sources) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let stderr = text(&output.stderr);
        let (errors, notes): (Vec<&str>, Vec<&str>) =
            stderr.lines().partition(|line| error(line).is_some());
        let answer: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        let answer = answer.or_else(|| errors.first().and_then(|line| error(line)));
        let mut answer = match answer {
            Some(Value::Array(rows)) => json!({ "rows": rows }),
            Some(answer) => answer,
            None => json!({ "text": text(&output.stdout) }),
        };
        // Objects of the evidence have fields of the same names.
        let is_ours = answer.get("schema").is_some() || answer.get("error").is_some();
        if is_ours {
            next::replace(&mut answer, sources);
        }
        let (mut notes, next) = next::notes(&notes.join("\n"), sources);
        let more = notes.len().saturating_sub(MAX_NOTES);
        notes.truncate(MAX_NOTES);
        for note in &mut notes {
            if let Some((at, _)) = note.char_indices().nth(MAX_NOTE) {
                note.truncate(at);
                note.push('…');
            }
        }
        if more > 0 {
            notes.push(format!("{more} more notes are left out"));
        }
        Self {
            answer,
            exit: output.status.code(),
            notes,
            next,
        }
    }

    /// Whether the question was answered, if only in part or with no.
    pub fn is_answer(&self) -> bool {
        matches!(self.exit, Some(0 | 1 | 3))
    }

    /// The part that begins at a position, with what is to be known of every part; `None`: the answer ends before.
    pub fn part(&self, from: Cursor) -> Option<Value> {
        let part = part(&self.answer, from)?;
        let mut fields = Map::new();
        fields.insert("answer".to_owned(), part.answer);
        fields.insert("exit".to_owned(), json!(self.exit));
        fields.insert("partial".to_owned(), json!(self.is_partial()));
        if self.is_partial() {
            fields.insert("damage".to_owned(), json!(self.damage()));
        }
        if !self.next.is_empty() {
            fields.insert("next".to_owned(), json!(self.next));
        }
        if !self.notes.is_empty() {
            fields.insert("notes".to_owned(), json!(self.notes));
        }
        if !part.begins.is_empty() {
            fields.insert("begins".to_owned(), json!(part.begins));
        }
        if let Some(next) = part.next {
            fields.insert("nextCursor".to_owned(), json!(next.text()));
        }
        Some(Value::Object(fields))
    }

    /// Whether something of the evidence could not be read.
    fn is_partial(&self) -> bool {
        self.exit == Some(3)
            || self
                .answer
                .get("partial")
                .is_some_and(|partial| !partial.is_null())
    }

    /// What could not be read, in one sentence.
    fn damage(&self) -> String {
        let known = self
            .notes
            .iter()
            .find_map(|note| note.strip_prefix("warning: "));
        known.map_or_else(
            || {
                "parts of the evidence could not be read: the answer may lack what they had"
                    .to_owned()
            },
            str::to_owned,
        )
    }
}

fn error(line: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(line).ok()?;
    value.get("error").is_some().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        use std::os::unix::process::ExitStatusExt;
        Output {
            status: std::process::ExitStatus::from_raw(code << 8),
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    #[test]
    fn every_part_of_a_partial_answer_says_so() {
        let rows: Vec<Value> = (0..3000)
            .map(|n| json!({ "key": format!("/registry/pods/shop/web-{n}") }))
            .collect();
        let stdout = json!({ "schema": "etcd-inspect/keys/v1", "rows": rows }).to_string();
        let answered = Answered::read(
            &output(
                3,
                &stdout,
                "warning: the answer is partial: 1 record was skipped\n",
            ),
            &[],
        );
        let first = answered.part(Cursor::default()).unwrap();
        let next = Cursor::parse(first["nextCursor"].as_str().unwrap()).unwrap();
        for part in [first, answered.part(next).unwrap()] {
            assert_eq!(part["partial"], true);
            assert_eq!(
                part["damage"],
                "the answer is partial: 1 record was skipped"
            );
        }
    }

    #[test]
    fn an_error_is_the_answer_with_calls_as_its_next_steps() {
        let stderr = "{\"error\":{\"code\":\"E0006\",\"message\":\"not found\",\"next\":[\"etcd-inspect get nodes -A -d /copy/m1\"]}}\n";
        let sources = [("m1".to_owned(), std::path::PathBuf::from("/copy/m1"))];
        let answered = Answered::read(&output(1, "", stderr), &sources);
        let part = answered.part(Cursor::default()).unwrap();
        let call =
            json!({ "tool": "get", "arguments": { "what": "nodes", "all_namespaces": true } });
        assert_eq!(part["answer"]["error"]["next"], json!([call]));
        assert_eq!(
            (&part["partial"], answered.is_answer()),
            (&json!(false), true)
        );
    }

    #[test]
    fn fields_of_stored_objects_are_no_steps() {
        let stdout =
            json!({ "kind": "Pod", "spec": { "command": ["etcd-inspect check /copy/m1"] } })
                .to_string();
        let part = Answered::read(&output(0, &stdout, ""), &[])
            .part(Cursor::default())
            .unwrap();
        assert_eq!(
            part["answer"]["spec"]["command"][0],
            "etcd-inspect check /copy/m1"
        );
    }
}
