//! Notes and marks of the user, kept for the data they are about: in the state directory, a line of JSON each.
//!
//! Lines are only ever added, so that two browsers on the same data lose nothing of each other; a mark that is taken back is
//! a line too. The file has the name of the data's identity, not of its path: a second copy of a member has the same notes.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use etcd_inspect::text::escape::{self, Charset};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::export::refuse_evidence;

/// Most of a file of notes that is read.
const MOST_BYTES: u64 = 16 << 20;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoteKind {
    /// A text.
    Note,
    /// This version is evidence.
    Mark,
    /// It is not.
    Unmark,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) kind: NoteKind,
    pub(crate) written: Timestamp,
    /// The key that had the focus.
    pub(crate) key: Option<Vec<u8>>,
    /// Where the ruler stood.
    pub(crate) revision: i64,
    /// Screen and crumbs.
    pub(crate) place: String,
    pub(crate) text: String,
}

/// All that is known of one directory.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    file: Option<PathBuf>,
    lines: Vec<Note>,
    /// How many of them are in the file.
    kept: usize,
    /// Why they are not kept.
    pub(crate) lost: Option<String>,
}

impl Notes {
    /// Takes up what was noted of the data before, and keeps what was noted meanwhile.
    pub(crate) fn open(&mut self, state: Option<&Path>, identity: &str, evidence: &[PathBuf]) {
        let Some(state) = state else { return };
        let dir = state.join("notes");
        let file = dir.join(format!("{identity}.jsonl"));
        if let Err(why) = prepare(&dir, evidence) {
            self.lost = Some(why);
            return;
        }
        let mut known = read(&file);
        self.kept = known.len();
        known.append(&mut self.lines);
        self.lines = known;
        self.file = Some(file);
        self.keep();
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, note: Note) {
        self.lines.push(note);
        self.keep();
    }

    fn keep(&mut self) {
        let Some(file) = &self.file else { return };
        let fresh = self.lines.get(self.kept..).unwrap_or_default();
        let text: String = fresh
            .iter()
            .map(|note| format!("{}\n", note.to_json()))
            .collect();
        if text.is_empty() {
            return;
        }
        let opened = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(file);
        match opened.and_then(|mut out| out.write_all(text.as_bytes())) {
            Ok(()) => self.kept = self.lines.len(),
            Err(error) => self.lost = Some(format!("{}: {error}", file.display())),
        }
    }

    /// All lines, as they are kept.
    pub(crate) fn to_lines(&self) -> String {
        let lines = self.lines.iter();
        lines.map(|note| format!("{}\n", note.to_json())).collect()
    }

    /// Where they are kept.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The texts, oldest first.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &Note> {
        self.lines.iter().filter(|note| note.kind == NoteKind::Note)
    }

    /// The versions that are marked, in the order in which that was done.
    pub(crate) fn marks(&self) -> Vec<&Note> {
        let mut marks: Vec<&Note> = Vec::new();
        for line in self.lines.iter().filter(|line| line.kind != NoteKind::Note) {
            marks.retain(|mark| (&mark.key, mark.revision) != (&line.key, line.revision));
            if line.kind == NoteKind::Mark {
                marks.push(line);
            }
        }
        marks
    }

    /// Whether a version is marked.
    pub(crate) fn is_marked(&self, key: &[u8], revision: i64) -> bool {
        let same = |line: &&Note| line.key.as_deref() == Some(key) && line.revision == revision;
        let last = self
            .lines
            .iter()
            .filter(|line| line.kind != NoteKind::Note)
            .rfind(same);
        last.is_some_and(|line| line.kind == NoteKind::Mark)
    }
}

impl Note {
    fn to_json(&self) -> Value {
        let shown = |key: &Vec<u8>| escape::bytes(key, Charset::default()).into_owned();
        json!({
            "kind": match self.kind {
                NoteKind::Note => "note",
                NoteKind::Mark => "mark",
                NoteKind::Unmark => "unmark",
            },
            "written": self.written.to_string(),
            "key": self.key.as_ref().map(shown),
            "revision": self.revision,
            "place": self.place,
            "text": self.text,
        })
    }

    fn of_json(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name| value.get(name).and_then(Value::as_str);
        Some(Self {
            kind: match text("kind")? {
                "note" => NoteKind::Note,
                "mark" => NoteKind::Mark,
                "unmark" => NoteKind::Unmark,
                _ => return None,
            },
            written: text("written")?.parse().ok()?,
            key: text("key").map(|key| escape::undo(key.as_bytes())),
            revision: value.get("revision")?.as_i64()?,
            place: text("place").unwrap_or_default().to_owned(),
            text: text("text").unwrap_or_default().to_owned(),
        })
    }
}

/// Makes the directory, unless that were in the evidence.
fn prepare(dir: &Path, evidence: &[PathBuf]) -> Result<(), String> {
    let above = dir.ancestors().find_map(|above| above.canonicalize().ok());
    refuse_evidence(&above.unwrap_or_default(), evidence)?;
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir);
    made.map_err(|error| format!("{}: {error}", dir.display()))
}

/// What a file holds; lines that are none of ours are left alone.
fn read(file: &Path) -> Vec<Note> {
    let small = fs::metadata(file).is_ok_and(|meta| meta.len() <= MOST_BYTES);
    let text = if small {
        fs::read(file).unwrap_or_default()
    } else {
        Vec::new()
    };
    let text = String::from_utf8_lossy(&text);
    text.lines().filter_map(Note::of_json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(kind: NoteKind, key: &[u8], revision: i64) -> Note {
        Note {
            kind,
            written: Timestamp::UNIX_EPOCH,
            key: Some(key.to_vec()),
            revision,
            place: "Browse".to_owned(),
            text: "by hand?".to_owned(),
        }
    }

    #[test]
    fn notes_are_found_again_and_a_mark_can_be_taken_back() {
        let state = tempfile::tempdir().unwrap();
        let mut notes = Notes::default();
        notes.add(note(NoteKind::Note, b"/a\xff\n", 7));
        notes.open(Some(state.path()), "c-m", &[]);
        notes.add(note(NoteKind::Mark, b"/a", 7));
        notes.add(note(NoteKind::Mark, b"/b", 7));
        notes.add(note(NoteKind::Unmark, b"/a", 7));
        let file = notes.file().unwrap().to_path_buf();
        fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .unwrap()
            .write_all(b"{\"kind\": 7}\nrubbish\xff\n")
            .unwrap();
        let mut again = Notes::default();
        again.open(Some(state.path()), "c-m", &[]);
        assert_eq!(
            again.notes().cloned().collect::<Vec<_>>(),
            [note(NoteKind::Note, b"/a\xff\n", 7)]
        );
        assert_eq!(again.marks(), [&note(NoteKind::Mark, b"/b", 7)]);
        assert!(again.is_marked(b"/b", 7) && !again.is_marked(b"/a", 7));
        let mut other = Notes::default();
        other.open(Some(state.path()), "c-other", &[]);
        assert!(other.marks().is_empty());
    }

    #[test]
    fn a_state_directory_within_the_evidence_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let evidence = [dir.path().to_path_buf()];
        let mut notes = Notes::default();
        notes.open(Some(&dir.path().join("state")), "c-m", &evidence);
        notes.add(note(NoteKind::Note, b"/a", 7));
        assert!(
            notes
                .lost
                .as_ref()
                .is_some_and(|why| why.contains("holds evidence"))
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
