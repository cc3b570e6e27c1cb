//! A list beside what is under its cursor: two panes, one over the other, or one at a time, by the width of the terminal.

use ratatui::layout::Rect;

use crate::act::Act;

/// Which of the two panes has the focus, and whether it has the whole screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Whether the second pane has the focus.
    pub detail: bool,
    /// Whether the focused pane has the whole screen.
    pub full: bool,
}

/// Where the panes are; a pane that is not shown is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Panes {
    /// The list.
    pub list: Rect,
    /// What is under its cursor.
    pub detail: Rect,
}

impl Split {
    /// Tab, S-Tab and `f`; `false`: another key.
    pub fn act(&mut self, act: Act) -> bool {
        match act {
            Act::NextPane | Act::PrevPane => self.detail = !self.detail,
            Act::FullScreen => self.full = !self.full,
            _ => return false,
        }
        true
    }

    /// Leaves full screen, then the second pane; `false`: there was nothing to leave.
    pub fn close(&mut self) -> bool {
        let open = self.full || self.detail;
        if self.full {
            self.full = false;
        } else {
            self.detail = false;
        }
        open
    }

    /// 110 columns and more: two panes, the list with `list_percent` of them. 80 and more: list over detail. Less: one.
    pub fn panes(&self, area: Rect, list_percent: u16) -> Panes {
        let nothing = Rect {
            width: 0,
            height: 0,
            ..area
        };
        if self.full || area.width < 80 || area.height < 8 {
            return if self.detail {
                Panes {
                    list: nothing,
                    detail: area,
                }
            } else {
                Panes {
                    list: area,
                    detail: nothing,
                }
            };
        }
        if area.width >= 110 {
            let list = area.width.saturating_mul(list_percent.min(90)) / 100;
            return Panes {
                list: Rect {
                    width: list,
                    ..area
                },
                detail: Rect {
                    x: area.x.saturating_add(list),
                    width: area.width - list,
                    ..area
                },
            };
        }
        let list = area.height.div_ceil(2);
        Panes {
            list: Rect {
                height: list,
                ..area
            },
            detail: Rect {
                y: area.y.saturating_add(list),
                height: area.height - list,
                ..area
            },
        }
    }
}
