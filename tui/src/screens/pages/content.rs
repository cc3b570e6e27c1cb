//! A field of a page as one line: offset, name, value, what it means.

use etcd_inspect::dataset::pages::{PageField, PageRecord, PageValue, PageView};
use etcd_inspect::text::{escape, number};

use crate::paint::Line;
use crate::session::Session;
use crate::theme::Role;

/// `1,202,270` or `1,202,270.3`.
pub(super) fn revision((main, sub): (i64, i64)) -> String {
    let main = number::thousands(main.into());
    match sub {
        0 => main,
        sub => format!("{main}.{sub}"),
    }
}

/// A field as one line.
pub(super) fn line(content: &PageView, at: usize, session: &Session) -> Line {
    let Some(field) = content.fields.get(at) else {
        return Line::new();
    };
    let name = match field.element {
        Some(_) => format!("  {}", field.name),
        None => field.name.clone(),
    };
    let line = Line::piece(Role::Dim, format!("{:08X} ", field.offset))
        .with(Role::Name, format!("{name:<22} "));
    let charset = session.charset();
    match &field.value {
        PageValue::Number(value) => {
            let line = line.with(Role::Number, number::thousands((*value).into()));
            match content.points_to(at) {
                Some(_) => line.with(Role::Dim, "  ⏎ goes there"),
                None => line,
            }
        }
        PageValue::Hex(bits) => {
            let line = line.with(Role::Number, format!("{bits:#x}"));
            match (field.name.as_str(), content.kind) {
                ("header.flags", Some(kind)) => line.text(format!("  {kind}")),
                ("header.flags", None) => line.with(Role::Error, "  ✕ no type has these"),
                _ => line,
            }
        }
        PageValue::Key {
            text,
            revision: stored,
        } => match (content.record_of(at), stored) {
            (Some(record), _) => of_record(line, record),
            (None, Some(stored)) => {
                line.with(Role::Number, format!("revision {}", revision(*stored)))
            }
            (None, None) => line.text(escape::bytes(text, charset)),
        },
        PageValue::Value(len) => of_value(line, content, (at, field, *len), session),
        PageValue::Gap {
            size_bytes,
            is_zero,
        } => {
            let what = if *is_zero {
                "of zeros"
            } else {
                "that no field owns"
            };
            line.with(Role::Dim, format!("{} {what}", number::size(*size_bytes)))
        }
        PageValue::Unreadable(why) => line.with(Role::Error, format!("✕ {why}")),
    }
}

fn of_record(line: Line, record: &PageRecord) -> Line {
    let (role, op) = match record.tombstone {
        true => (Role::Error, "  ✕ deletion"),
        false => (Role::Dim, "  put"),
    };
    line.with(
        Role::Number,
        format!("revision {}", revision(record.revision)),
    )
    .with(role, op)
}

fn of_value(
    line: Line,
    content: &PageView,
    (at, field, len): (usize, &PageField, u64),
    session: &Session,
) -> Line {
    let charset = session.charset();
    let key = content
        .record_of(at)
        .and_then(|record| record.key.as_deref());
    match key {
        Some(key) => line
            .text(format!("KeyValue {}  ", number::size(len)))
            .with(Role::Name, escape::bytes(key, charset)),
        None => line
            .text(format!("{len} B  "))
            .with(Role::Dim, escape::bytes(content.shown(field), charset)),
    }
}
