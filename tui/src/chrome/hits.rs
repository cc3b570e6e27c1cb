//! What the mouse can hit around a screen.

use ratatui::layout::{Position, Rect};

use crate::act::Act;

/// Something that can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    /// The same as a key.
    Act(Act),
    /// A cell of the ruler.
    Ruler { cell: u16, width: u16 },
}

/// Where things were drawn last.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    acts: Vec<(Rect, Act)>,
    ruler: Rect,
    /// The area of the screen.
    pub(crate) body: Rect,
}

impl Hits {
    pub(crate) fn act(&mut self, area: Rect, act: Act) {
        self.acts.push((area, act));
    }

    pub(crate) fn ruler(&mut self, area: Rect) {
        self.ruler = area;
    }

    pub(crate) fn at(&self, at: Position) -> Option<Hit> {
        if self.ruler.contains(at) {
            return Some(Hit::Ruler {
                cell: at.x.saturating_sub(self.ruler.x),
                width: self.ruler.width,
            });
        }
        self.acts
            .iter()
            .find(|(area, _)| area.contains(at))
            .map(|(_, act)| Hit::Act(*act))
    }
}
