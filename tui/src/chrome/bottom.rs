//! The message row, the row of keys, and what a begun chord can become.

use etcd_inspect::text::escape;
use ratatui::layout::Rect;

use super::Hits;
use crate::act::Act;
use crate::keys;
use crate::paint::{Line, Pen, cells};
use crate::screen::ScreenId;
use crate::session::Session;
use crate::theme::Role;

/// The last message, or what of the open screen was stopped; and the oldest task that runs. Returns the end of a message that is
/// longer than the row.
pub(crate) fn message(
    area: Rect,
    pen: &mut Pen<'_>,
    session: &Session,
    open: ScreenId,
) -> Option<Line> {
    let mut said = 0;
    if let Some((role, text)) = &session.message {
        let (text, rest) = in_two(text, usize::from(area.width.saturating_sub(1)));
        said = pen.put(area, 1, 0, text, *role);
        if !rest.is_empty() {
            return Some(Line::piece(*role, format!(" {rest}")));
        }
    } else if let Some((label, phase)) = session.jobs.stopped(open) {
        let at = if phase.is_empty() {
            String::new()
        } else {
            format!(" while {phase}")
        };
        let text = format!("stopped{at}: {label} is not complete; R reads it again");
        said = pen.put(area, 1, 0, &text, Role::Warning);
    }
    let job = session.jobs.shown().next()?;
    let phase = if job.phase.is_empty() {
        "working"
    } else {
        job.phase
    };
    let done = match job.done() {
        done if done.is_empty() => done,
        done => format!(" · {done}"),
    };
    // The longest that fits beside it, or none; the folder of a path says least.
    let base = job.label.rsplit('/').next().unwrap_or_default();
    let stops = " · Ctrl-C stops ";
    let texts = [
        format!(" {phase} {}{done}{stops}", job.label),
        format!(" {phase} {base}{done}{stops}"),
        format!(" {phase}{done}{stops}"),
        format!(" {phase}{done} "),
    ];
    let lines = texts.map(|text| Line::piece(Role::Dim, text));
    let room = usize::from(area.width.saturating_sub(said));
    if let Some(line) = lines.iter().find(|line| line.width() <= room) {
        pen.right(area, 0, line);
    }
    None
}

/// A text that is longer than a row, parted at a space.
fn in_two(text: &str, room: usize) -> (&str, &str) {
    if escape::width(text) <= room {
        return (text, "");
    }
    let fits = |at: &usize| {
        text.get(..*at)
            .is_some_and(|head| escape::width(head) <= room)
    };
    let mut spaces = text.rmatch_indices(' ').map(|(at, _)| at);
    match spaces.find(fits).filter(|at| *at > 0) {
        Some(at) => {
            let (head, rest) = text.split_at(at);
            (head, rest.trim_start())
        }
        None => (text, ""),
    }
}

/// Keys of what is typed: the table means nothing meanwhile.
pub(crate) fn hints(area: Rect, pen: &mut Pen<'_>, hints: &[(&str, &str)]) {
    let mut x = 1u16;
    for (key, word) in hints {
        let end = pen.put(area, x, 0, key, Role::Key);
        let end = pen.put(area, end.saturating_add(1), 0, word, Role::Plain);
        x = end.saturating_add(2);
    }
}

/// The keys one needs most, from the one table.
pub(crate) fn keys(
    area: Rect,
    pen: &mut Pen<'_>,
    session: &Session,
    (open, on_step, is_text): (ScreenId, bool, bool),
    hits: &mut Hits,
) {
    let hinted = |binding: &&&keys::Binding| {
        !binding.hint.is_empty()
            && binding.is_for(open, &session.tabs)
            && (on_step || !binding.on_step)
    };
    let all: Vec<&keys::Binding> = keys::TABLE
        .iter()
        .filter(|binding| hinted(&binding))
        .collect();
    let key = |binding: &keys::Binding| binding.keys.first().map(|keys| keys::shown(keys));
    let width = |binding: &keys::Binding| {
        let key = key(binding).unwrap_or_default();
        cells(key.chars().count() + 1 + binding.hint.len() + 2)
    };
    // These must not have to be guessed; then what only this screen has, then the others, as many as there is room for.
    let first = |binding: &&&keys::Binding| {
        matches!(
            binding.act,
            Act::Help | Act::Command | Act::Filter | Act::Open | Act::Leave | Act::Copy(_)
        )
    };
    let mut left = area.width.saturating_add(1);
    let mut shown: Vec<Act> = Vec::new();
    let own = |binding: &&&keys::Binding| !binding.on.is_empty() && open != ScreenId::Browse;
    let of_screen = all.iter().filter(|binding| !first(binding) && own(binding));
    let others = all
        .iter()
        .filter(|binding| !first(binding) && !own(binding));
    for binding in all.iter().filter(first).chain(of_screen).chain(others) {
        if let Some(rest) = left.checked_sub(width(binding)) {
            left = rest;
            shown.push(binding.act);
        }
    }
    let mut x = 1u16;
    for binding in all.iter().filter(|binding| shown.contains(&binding.act)) {
        let end = pen.put(area, x, 0, &key(binding).unwrap_or_default(), Role::Key);
        let hint = match binding.act {
            Act::Filter if is_text => "search",
            _ => binding.hint,
        };
        let end = pen.put(area, end.saturating_add(1), 0, hint, Role::Plain);
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
    let rows: Vec<(&str, &str)> = keys::bindings(open, &session.tabs)
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
        &Line::piece(Role::Heading, format!("{}…", keys::shown(begun.trim()))),
        true,
    );
    for (y, (keys, help)) in (0..inner.height).zip(rows) {
        let x = pen.put(inner, 1, y, &keys::shown(keys), Role::Key);
        pen.put(inner, x.max(5).saturating_add(1), y, help, Role::Plain);
    }
}
