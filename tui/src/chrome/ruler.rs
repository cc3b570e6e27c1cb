//! The revision ruler.

use etcd_inspect::text::{number, time};
use ratatui::layout::Rect;

use super::Hits;
use crate::paint::{Line, Pen, cells};
use crate::session::Session;
use crate::theme::Role;

pub(super) fn draw(area: Rect, pen: &mut Pen<'_>, session: &Session, hits: &mut Hits) {
    let ruler = &session.ruler;
    if session.data().is_none() {
        pen.line(
            area,
            0,
            &Line::piece(Role::Dim, " ").with(Role::Dim, session.why_no_data().plain()),
            0,
        );
        return;
    }
    let here = format!(" @{} ", number::thousands(ruler.revision().into()));
    let end = format!(" {} ", number::thousands(ruler.last.into()));
    let role = if ruler.is_past() {
        Role::Warning
    } else {
        Role::Number
    };
    let x = pen.put(area, 0, 0, &here, role);
    let wide = area.width >= 60;
    let tail = cells(end.len()).saturating_add(if wide { 24 } else { 0 });
    let width = area
        .width
        .saturating_sub(x)
        .saturating_sub(tail)
        .saturating_sub(2);
    if width < 4 {
        return;
    }
    let start = x.saturating_add(1);
    draw_line(area, pen, session, (x, width), role);
    let x = pen.put(area, start.saturating_add(width), 0, "┫", Role::Dim);
    pen.put(area, x, 0, &end, Role::Dim);
    if wide {
        pen.right(area, 0, &Line::piece(Role::Plain, moment(session)));
    }
    hits.ruler(Rect {
        x: area.x.saturating_add(start),
        width,
        ..area
    });
}

/// The time of the revision, if it is known.
fn moment(session: &Session) -> String {
    let ruler = &session.ruler;
    let known = ruler
        .time
        .filter(|(revision, _)| *revision == ruler.revision());
    let newest = session.data().and_then(|data| data.newest_time);
    match known.and_then(|(_, time)| time) {
        Some(at) => format!(
            "~{} ",
            time::short(at, newest.unwrap_or(at), &session.options.zone)
        ),
        None => String::new(),
    }
}

/// The line itself: what a replay added, the marks, the revision.
fn draw_line(area: Rect, pen: &mut Pen<'_>, session: &Session, (x, width): (u16, u16), role: Role) {
    let (ruler, start) = (&session.ruler, x.saturating_add(1));
    pen.put(area, x, 0, "┣", Role::Dim);
    pen.put(
        area,
        x.saturating_add(1),
        0,
        &"━".repeat(usize::from(width)),
        Role::Dim,
    );
    if session.is_replayed()
        && let Some(stored) = session.stored()
    {
        // After it everything is from the log.
        let end = ruler.cell(stored.keyspace().revision(), width);
        let rest = usize::from(width.saturating_sub(end));
        let x = start.saturating_add(end);
        pen.put(area, x, 0, &"═".repeat(rest), Role::Warning);
        pen.put(area, x, 0, "┃", Role::Warning);
    }
    for (revision, deleted) in ruler.marks.iter().rev().take(1000).rev() {
        let (mark, role) = if *deleted {
            ("✕", Role::Error)
        } else {
            ("·", Role::Plain)
        };
        pen.put(
            area,
            start.saturating_add(ruler.cell(*revision, width)),
            0,
            mark,
            role,
        );
    }
    pen.put(
        area,
        start.saturating_add(ruler.cell(ruler.revision(), width)),
        0,
        "●",
        role,
    );
}
