//! What surrounds every screen: identity, tabs, ruler and crumbs above; message and keys below.

mod bottom;
mod hits;
mod ruler;
mod top;

use ratatui::layout::Rect;

pub(crate) use bottom::{chord, hints, keys, message};
pub(crate) use hits::{Hit, Hits};
pub(crate) use top::top;

/// The rows of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rows {
    identity: Rect,
    tabs: Rect,
    ruler: Rect,
    /// Empty below 20 rows: the ruler's row has both.
    crumbs: Rect,
    pub(crate) body: Rect,
    pub(crate) message: Rect,
    pub(crate) keys: Rect,
}

/// Fewer rows than these have no row of their own for the crumbs.
const LOW: u16 = 20;

pub(crate) fn rows(area: Rect) -> Rows {
    let row = |y: u16| {
        Rect {
            y: area.y.saturating_add(y),
            height: 1,
            ..area
        }
        .intersection(area)
    };
    let above = if area.height < LOW { 3 } else { 4 };
    let body = area.height.saturating_sub(above + 2);
    Rows {
        identity: row(0),
        tabs: row(1),
        ruler: row(2),
        crumbs: if above == 4 { row(3) } else { Rect::default() },
        body: Rect {
            y: area.y.saturating_add(above),
            height: body,
            ..area
        },
        message: row(above + body),
        keys: row(above + body + 1),
    }
}
