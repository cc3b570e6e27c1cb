//! The text about the row under the cursor.

use etcd_inspect::answers::{Label, WrittenVersion};
use etcd_inspect::dataset::log::{Beside, Fact, LogRow, LogRows};
use etcd_inspect::kubernetes::key::Layout;

use crate::object::Hex;
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
pub(super) fn lines(loaded: &LogRows, row: LogRow, hex: bool, session: &Session) -> Vec<Line> {
    if let (LogRow::Entry(at), true) = (row, hex) {
        return bytes(loaded, at, session);
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
