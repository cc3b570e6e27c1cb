//! Identity and health, tabs, ruler, crumbs.

use etcd_inspect::Severity;
use etcd_inspect::check::Report;
use etcd_inspect::text::number;
use ratatui::layout::Rect;

use super::{Hits, Rows, ruler};
use crate::act::Act;
use crate::paint::{Line, Pen};
use crate::screen::ScreenId;
use crate::session::{Part, Session};
use crate::theme::Role;

pub(crate) fn top(
    rows: &Rows,
    pen: &mut Pen<'_>,
    session: &Session,
    open: ScreenId,
    crumbs: &[String],
    mouse: bool,
    hits: &mut Hits,
) {
    identity(rows.identity, pen, session, mouse);
    tabs(rows.tabs, pen, session, open, hits);
    ruler::draw(rows.ruler, pen, session, hits);
    if rows.crumbs.height > 0 {
        let mut x = 1;
        for (at, crumb) in crumbs.iter().enumerate() {
            if at > 0 {
                x = pen.put(rows.crumbs, x, 0, " › ", Role::Dim);
            }
            let end = pen.put(rows.crumbs, x, 0, crumb, Role::Plain);
            let levels = u8::try_from(crumbs.len() - 1 - at).unwrap_or(u8::MAX);
            // On these each crumb is a level that one can leave.
            if levels > 0 && matches!(open, ScreenId::Browse | ScreenId::Space) {
                let place = Rect {
                    x: rows.crumbs.x.saturating_add(x),
                    width: end.saturating_sub(x),
                    ..rows.crumbs
                };
                hits.act(place, Act::Outward(levels));
            }
            x = end;
        }
        pen.right(rows.crumbs, 0, &noted(session));
    } else if let Some(last) = crumbs.last() {
        // The ruler's row has both: the crumb that says most takes the place of the time.
        let room = rows.ruler.width / 3;
        let right = Rect {
            x: rows.ruler.x.saturating_add(rows.ruler.width - room),
            width: room,
            ..rows.ruler
        };
        if rows.ruler.width < 60 {
            pen.right(right, 0, &Line::piece(Role::Name, format!(" {last}")));
        }
    }
}

/// How much was marked and noted.
fn noted(session: &Session) -> Line {
    let Some(slot) = session.slot() else {
        return Line::new();
    };
    let (marks, notes) = (slot.notes.marks().len(), slot.notes.notes().count());
    let mut parts = Vec::new();
    let here = session
        .focus()
        .and_then(|key| Some((key, session.written_at(key)?)));
    if marks > 0 && here.is_some_and(|(key, main)| slot.notes.is_marked(key, main)) {
        parts.push("M this version".to_owned());
    }
    if marks > 0 {
        parts.push(format!("{marks} marked"));
    }
    match notes {
        0 => {}
        1 => parts.push("1 note".to_owned()),
        notes => parts.push(format!("{notes} notes")),
    }
    if parts.is_empty() {
        return Line::new();
    }
    Line::piece(Role::Warning, format!(" {} ", parts.join(" · ")))
}

fn identity(area: Rect, pen: &mut Pen<'_>, session: &Session, mouse: bool) {
    let wide = area.width >= 110;
    let right = how_it_is(session, wide, mouse);
    let room = usize::from(area.width).saturating_sub(right.width());
    pen.line(area, 0, &what_is_open(session, wide, room), 0);
    pen.right(area, 0, &right);
}

/// The directory, and the member that wrote it, in so many cells: a path that is too long loses its middle.
fn what_is_open(session: &Session, wide: bool, room: usize) -> Line {
    let mut line = Line::new();
    if let Some(slot) = session.slot() {
        if let Some(identity) = slot.identity.as_ref().filter(|_| wide) {
            let own = identity
                .own()
                .map(|member| member.name.clone())
                .unwrap_or_default();
            let id = identity
                .member_id
                .map(|id| id.to_string())
                .unwrap_or_default();
            let id = id.get(..8).unwrap_or(&id);
            let of = match (wide, identity.members.len()) {
                (false, _) | (_, 0) => String::new(),
                (true, 1) => " single member".to_owned(),
                (true, members) => format!(" of {members} members"),
            };
            line = line.text(format!(" {own} {id}{of} "));
        }
        if session.slots.len() > 1 {
            line = line.with(
                Role::Dim,
                format!(
                    " directory {} of {} ",
                    session.current + 1,
                    session.slots.len()
                ),
            );
        }
    }
    let head = Line::piece(Role::Heading, " etcd-inspect ");
    let Some(slot) = session.slot() else {
        return head;
    };
    let path = Line::piece(Role::Name, slot.path.display().to_string());
    let left = room.saturating_sub(head.width().saturating_add(2));
    // Who wrote it goes before too little of the path is left.
    let line = match left.saturating_sub(line.width()) < path.width().min(LEAST_PATH) {
        true => Line::new(),
        false => line,
    };
    let path = path.without_middle(left.saturating_sub(line.width()));
    let mut all = head.text(" ");
    all.0.extend(path.0);
    all = all.text(" ");
    all.0.extend(line.0);
    all
}

/// Cells of a path that tell which one it is.
const LEAST_PATH: usize = 24;

/// What is known of it: the check, the index, and how times are shown.
fn how_it_is(session: &Session, wide: bool, mouse: bool) -> Line {
    let mut right = Line::piece(Role::Good, " READ-ONLY ");
    // Until a whole check was judged, only files, ends and order were looked at.
    let is_whole = session.slot().is_some_and(|slot| slot.verdict.is_some());
    right = match session.slot().and_then(|slot| slot.report.as_ref()) {
        Some(report) => findings(right, report, is_whole),
        None => right,
    };
    let index = match session.slot().map(|slot| &slot.data) {
        Some(Part::Ready(_)) if session.is_replayed() && session.data().is_none() => {
            " replaying… ".to_owned()
        }
        Some(Part::Ready(data)) if data.rebuilt().is_some() => " db lost: rebuilt ".to_owned(),
        Some(Part::Ready(_)) => " index 100% ".to_owned(),
        Some(Part::Failed(_)) => " no index ".to_owned(),
        _ => match session.indexed() {
            Some((done, total)) => format!(" index {} ", number::percent(done, total)),
            None => " indexing… ".to_owned(),
        },
    };
    right = right.with(Role::Dim, index);
    if wide {
        let zone = session.options.zone.iana_name().unwrap_or("local");
        let mouse = if mouse { "" } else { " mouse off " };
        right = right.with(Role::Dim, format!("{mouse} times {zone} "));
    }
    right
}

/// Appends how many errors and warnings a check found, or has found so far.
fn findings(line: Line, report: &Report, is_whole: bool) -> Line {
    let (errors, warnings) = (
        report.count(Severity::Error),
        report.count(Severity::Warning),
    );
    let role = match (errors, warnings) {
        (0, 0) => Role::Good,
        (0, _) => Role::Warning,
        _ => Role::Error,
    };
    if !is_whole && errors == 0 && warnings == 0 {
        return line.with(Role::Dim, " no finding so far ");
    }
    let more = if is_whole { "" } else { "so far " };
    let plural =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    line.with(
        role,
        format!(
            " {} {} {more}",
            plural(errors, "error"),
            plural(warnings, "warning")
        ),
    )
}

fn tabs(area: Rect, pen: &mut Pen<'_>, session: &Session, open: ScreenId, hits: &mut Hits) {
    let short = area.width < 110;
    let mut x = 1;
    for (number, id) in (0u8..).zip(&session.tabs) {
        // It has no digit, and its name only while it is open.
        if *id == ScreenId::Lists && *id != open {
            continue;
        }
        let report = session.slot().and_then(|slot| slot.report.as_ref());
        let found = report
            .filter(|_| *id == ScreenId::Check)
            .map_or(0, |report| {
                report.count(Severity::Error) + report.count(Severity::Warning)
            });
        let found = if found > 0 {
            format!("!{found}")
        } else {
            String::new()
        };
        let name = match (*id == open, short) {
            (true, _) if *id == ScreenId::Lists => format!("[{}]", id.title()),
            (true, _) => format!("[{number} {}{found}]", id.title()),
            (false, true) => format!("{number}{}{found}", id.short()),
            (false, false) => format!(" {number} {}{found} ", id.title()),
        };
        let role = if *id == open { Role::Tab } else { Role::Plain };
        let end = pen.put(area, x, 0, &name, role);
        hits.act(
            Rect {
                x: area.x.saturating_add(x),
                width: end.saturating_sub(x),
                ..area
            },
            Act::Tab(number),
        );
        x = end.saturating_add(1);
    }
    banner(area, pen, session, open, x);
}

/// Which moment and side are shown, beside the tabs and never over them.
fn banner(area: Rect, pen: &mut Pen<'_>, session: &Session, open: ScreenId, x: u16) {
    // The longest that leaves the tabs alone.
    let is_stored = session.is_replayed() && !open.follows_replay();
    let texts: &[&str] = match (session.is_replayed(), session.ruler.is_past()) {
        _ if is_stored => &[
            " THIS SCREEN SHOWS THE FILES AS THEY ARE, NOT THE REPLAY ",
            " AS STORED HERE ",
            " STORED",
        ],
        (false, false) => return,
        (false, true) => &[
            " IN THE PAST · T latest ",
            " PAST · T latest ",
            " PAST · T ",
            " PAST",
        ],
        (true, false) => &[
            " AS AFTER A START · S db ",
            " REPLAYED · S db ",
            " REPLAYED",
        ],
        (true, true) => &[
            " AS AFTER A START, IN THE PAST · T latest ",
            " REPLAYED, PAST · T latest ",
            " REPLAYED, PAST · T ",
            " REPL PAST",
        ],
    };
    let room = usize::from(area.width.saturating_sub(x));
    let fits = |text: &&&str| Line::from(**text).width() <= room;
    let text = texts
        .iter()
        .find(fits)
        .or(texts.last())
        .copied()
        .unwrap_or_default();
    pen.right(area, 0, &Line::piece(Role::Warning, text));
}
