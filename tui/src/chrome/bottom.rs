//! The message row, the row of keys, and what a begun chord can become.

use ratatui::layout::Rect;

use super::Hits;
use crate::keys;
use crate::paint::{Line, Pen, cells};
use crate::screen::ScreenId;
use crate::session::Session;
use crate::theme::Role;

/// The last message, or what of the open screen was stopped; and the oldest task that runs.
pub(crate) fn message(area: Rect, pen: &mut Pen<'_>, session: &Session, open: ScreenId) {
    if let Some((role, text)) = &session.message {
        pen.put(area, 1, 0, text, *role);
    } else if let Some((label, phase)) = session.jobs.stopped(open) {
        let at = if phase.is_empty() {
            String::new()
        } else {
            format!(" while {phase}")
        };
        let text = format!("stopped{at}: {label} is not complete; R reads it again");
        pen.put(area, 1, 0, &text, Role::Warning);
    }
    let Some(job) = session.jobs.shown().next() else {
        return;
    };
    let done = match job.done() {
        done if done.is_empty() => done,
        done => format!(" · {done}"),
    };
    let phase = if job.phase.is_empty() {
        "working"
    } else {
        job.phase
    };
    let text = format!(" {phase} {}{done} · Ctrl-C stops ", job.label);
    pen.right(area, 0, &Line::of(Role::Dim, text));
}

/// The keys one needs most, from the one table.
pub(crate) fn keys(
    area: Rect,
    pen: &mut Pen<'_>,
    session: &Session,
    open: ScreenId,
    hits: &mut Hits,
) {
    let mut x = 1u16;
    let hinted =
        |binding: &&keys::Binding| !binding.hint.is_empty() && binding.is_for(open, &session.tabs);
    let hinted: Vec<_> = keys::TABLE.iter().filter(hinted).collect();
    // How to leave is said whatever else has no room.
    let last = hinted.last().and_then(|last| {
        let key = keys::shown(last.keys.first()?);
        Some(cells(key.chars().count() + 3 + last.hint.len()))
    });
    let end_of_others = area.width.saturating_sub(last.unwrap_or(0));
    for (number, binding) in hinted.iter().enumerate() {
        let room = match number + 1 == hinted.len() {
            true => area.width,
            false => end_of_others,
        };
        let Some(first) = binding.keys.first() else {
            continue;
        };
        let key = keys::shown(first);
        let width = cells(key.chars().count() + 1 + binding.hint.len());
        if x.saturating_add(width) > room {
            continue;
        }
        let end = pen.put(area, x, 0, &key, Role::Key);
        let end = pen.put(area, end.saturating_add(1), 0, binding.hint, Role::Plain);
        hits.act(
            Rect {
                x: area.x.saturating_add(x),
                width: end.saturating_sub(x),
                ..area
            },
            binding.act,
        );
        x = end.saturating_add(2);
    }
}

/// What a begun chord can become.
pub(crate) fn chord(
    body: Rect,
    pen: &mut Pen<'_>,
    session: &Session,
    open: ScreenId,
    pressed: &[String],
) {
    let begun = format!("{} ", pressed.join(" "));
    let rows: Vec<(&str, &str)> = keys::of(open, &session.tabs)
        .flat_map(|binding| binding.keys.iter().map(|keys| (*keys, binding.help)))
        .filter(|(keys, _)| keys.starts_with(&begun))
        .collect();
    let height = cells(rows.len()).saturating_add(2).min(body.height);
    let width = body.width.min(60);
    let area = Rect {
        x: body.x.saturating_add(body.width - width),
        y: body.y.saturating_add(body.height - height),
        width,
        height,
    };
    pen.clear(area);
    let inner = pen.frame(
        area,
        &Line::of(Role::Heading, format!("{}…", keys::shown(begun.trim()))),
        true,
    );
    for (y, (keys, help)) in (0..inner.height).zip(rows) {
        let x = pen.put(inner, 1, y, &keys::shown(keys), Role::Key);
        pen.put(inner, x.max(5).saturating_add(1), y, help, Role::Plain);
    }
}
