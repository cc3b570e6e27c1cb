//! A list beside what is under its cursor: two panes, one over the other, or one at a time, by the width of the terminal.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use crate::act::Act;

/// Which of the two panes has the focus, and whether it has the whole screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Whether the second pane has the focus.
    pub detail: bool,
    /// Whether the focused pane has the whole screen.
    pub full: bool,
    /// Percent of the list where the splitter was dragged.
    share: Option<u16>,
    dragging: bool,
}

/// Columns from which on two panes are side by side: each is as wide then as the whole of a usual terminal.
const SIDE_BY_SIDE: u16 = 160;

/// Least percent that the splitter leaves to a pane.
const LEAST: u16 = 10;

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

    /// The splitter between two panes that were drawn so is dragged; `false`: another event.
    pub fn drag(&mut self, event: MouseEvent, panes: &Panes) -> bool {
        let (list, detail) = (panes.list, panes.detail);
        if list.width == 0 || detail.width == 0 {
            return false;
        }
        let beside = detail.x > list.x;
        // The first cells of the second pane are its border.
        let (from, to, at, edge) = match beside {
            true => (list.x, detail.right(), event.column, detail.x),
            false => (list.y, detail.bottom(), event.row, detail.y),
        };
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                self.dragging = at == edge || (beside && at.saturating_add(1) == edge);
            }
            MouseEventKind::Drag(MouseButton::Left) if self.dragging => {
                let whole = u32::from(to.saturating_sub(from)).max(1);
                let part = u32::from(at.saturating_sub(from));
                let percent = u16::try_from(part * 100 / whole).unwrap_or(100);
                self.share = Some(percent.clamp(LEAST, 100 - LEAST));
            }
            MouseEventKind::Up(_) if self.dragging => self.dragging = false,
            _ => return false,
        }
        self.dragging || matches!(event.kind, MouseEventKind::Up(_))
    }

    /// 160 columns and more: two panes side by side, the list with `list_percent` of them. 80 and more: list over detail. Less: one.
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
        if area.width >= SIDE_BY_SIDE {
            let percent = self.share.unwrap_or(list_percent);
            let list = part(area.width, percent);
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
        let list = match self.share {
            Some(percent) => part(area.height, percent).clamp(3, area.height - 3),
            None => area.height.div_ceil(2),
        };
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

fn part(of: u16, percent: u16) -> u16 {
    let part = u32::from(of) * u32::from(percent.min(100 - LEAST)) / 100;
    u16::try_from(part).unwrap_or(of)
}
