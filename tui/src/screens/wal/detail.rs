//! The text about the row under the cursor.

use etcd_inspect::answers::{Label, WrittenVersion};
use etcd_inspect::dataset::log::{Beside, Fact, LogRow, LogRows};
use etcd_inspect::export::yaml;
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::text::escape;

use super::EntryForm;
use crate::object::{Hex, Neat, Object};
use crate::paint::Line;
use crate::session::{Part, Session};
use crate::theme::Role;

/// How a meaning looks.
pub(super) fn role_of(label: Label) -> Role {
    match label {
        Label::Heading => Role::Heading,
        Label::Dim | Label::Note => Role::Dim,
        Label::Name => Role::Name,
        Label::Command => Role::Key,
        Label::Good => Role::Good,
        Label::Warning => Role::Warning,
        Label::Error => Role::Error,
        _ => Role::Plain,
    }
}

fn line(fact: Fact) -> Line {
    let pieces = fact.0.into_iter();
    Line(pieces.map(|(label, text)| (role_of(label), text)).collect())
}

/// Does something with what is known beside the log.
fn with_beside<T>(session: &Session, ask: impl FnOnce(Beside<'_>) -> T) -> T {
    let logged = session.slot().and_then(|slot| slot.logged.as_ref());
    let logged = match logged {
        Some(Part::Ready(Some(logged))) => Some(&**logged),
        _ => None,
    };
    ask(Beside {
        indexed: session.data().map(|data| data.indexed()),
        logged,
    })
}

/// The stored version that an entry wrote.
///
/// # Errors
/// Why there is none, in words for the user.
pub(super) fn written(
    loaded: &LogRows,
    position: u32,
    session: &Session,
) -> Result<WrittenVersion, String> {
    if session.data().is_none() {
        return Err(session.why_no_data().plain());
    }
    with_beside(session, |beside| loaded.written(position, beside))
}

/// The lines of the detail.
pub(super) fn lines(
    loaded: &LogRows,
    row: LogRow,
    form: EntryForm,
    session: &Session,
) -> Vec<Line> {
    match (row, form) {
        (LogRow::Entry(at), EntryForm::Hex) => return bytes(loaded, at, session),
        (LogRow::Entry(at), EntryForm::Objects) => return objects(loaded, at, session),
        _ => {}
    }
    let charset = session.charset();
    let facts = with_beside(session, |beside| loaded.facts(row, beside, charset));
    let mut lines: Vec<Line> = facts.into_iter().map(line).collect();
    if matches!(row, LogRow::Damage(_)) {
        lines.push(Line::new());
        lines.push(Line::piece(
            Role::Dim,
            " gf shows the finding with its meaning and what to do next",
        ));
    }
    lines
}

/// Most objects of one entry that are shown.
const MAX_OBJECTS: usize = 50;

/// The objects that an entry wrote, or why there are none.
fn objects(loaded: &LogRows, position: u32, session: &Session) -> Vec<Line> {
    let Some(data) = session.data() else {
        return vec![session.why_no_data()];
    };
    let puts = loaded.puts(position);
    let mut lines = Vec::new();
    for put in puts.iter().take(MAX_OBJECTS) {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        let key = escape::bytes(&put.key, session.charset()).into_owned();
        lines.push(Line::piece(Role::Name, key));
        let object = Object::read(put.clone(), data, session);
        if object.masked > 0 && !session.is_revealed(&put.key) {
            let text = format!(
                "{} values hidden; X shows them for ten seconds",
                object.masked
            );
            lines.push(Line::piece(Role::Dim, text));
        }
        // It would be the raft index: which revision the write got, the API server filled in later.
        let is_kept = |line: &yaml::Line| {
            line.path.len() != 2 || !line.text.trim_start().starts_with("resourceVersion:")
        };
        let yaml = object
            .lines(Neat::Status, session)
            .into_iter()
            .filter(is_kept);
        lines.extend(yaml.map(|line| Line::from(format!("  {}", line.text))));
    }
    if puts.len() > MAX_OBJECTS {
        let more = puts.len() - MAX_OBJECTS;
        lines.push(Line::piece(Role::Dim, format!("… and {more} more objects")));
    }
    if lines.is_empty() {
        let text = "this entry puts no value; y shows what it asks for";
        lines.push(Line::piece(Role::Dim, text));
    }
    lines
}

fn bytes(loaded: &LogRows, position: u32, session: &Session) -> Vec<Line> {
    let default = Layout::default();
    let layout = session.data().map_or(&default, |data| data.layout());
    let revealed = |key: &[u8]| session.is_revealed(key);
    let Some(entry) = loaded.entry_bytes(position, layout, &revealed) else {
        return Vec::new();
    };
    let hex = Hex {
        offset: entry.offset,
        bytes: &entry.bytes,
    };
    let mut lines = Vec::new();
    if entry.hidden > 0 {
        let text = format!(
            "{} bytes of secrets are shown as *; X shows them for ten seconds",
            entry.hidden
        );
        lines.push(Line::piece(Role::Dim, text));
    }
    lines.extend((0..hex.len()).map(|row| hex.row(row)));
    if entry.bytes.is_empty() {
        let text = "no data: the first entry of a leader";
        lines.push(Line::piece(Role::Dim, text));
    }
    lines
}
