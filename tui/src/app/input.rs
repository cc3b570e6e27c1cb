//! Keys, mouse and pasted text: who gets them.

use std::time::Duration;

use crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::Position;

use super::App;
use super::syntax;
use crate::act::Act;
use crate::chrome::Hit;
use crate::event::{Effect, Wake};
use crate::keys::{self, Lookup};
use crate::overlay::{Answered, Asked, Overlay, Prompt, Typed};
use crate::screen::ScreenId;
use crate::theme::Role;

/// How long a begun chord waits before it shows what it can become.
const CHORD: Duration = Duration::from_millis(300);

/// Things that can be open over the list of a screen, one over the other.
const LAYERS: usize = 4;

/// Why a filter has no effect.
const NOTHING_YET: &str = "there are no rows to filter yet";

impl App {
    pub(super) fn key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        if self.is_small() {
            let control_c =
                key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            if key.code == KeyCode::Char('q') || control_c {
                self.quit();
            }
            return;
        }
        self.session.message = None;
        match &mut self.overlay {
            Overlay::None => self.press(&key),
            Overlay::Prompt(_) => self.type_in(key),
            Overlay::Help(help) => {
                let id = self.screens.get(self.open).map(|screen| screen.id());
                let (act, stays) = id.map_or((None, false), |id| help.key(key, id, &self.session));
                if !stays {
                    self.overlay = Overlay::None;
                }
                if let Some(act) = act {
                    self.act(act);
                }
            }
            Overlay::Confirm(confirm) => match confirm.key(key) {
                Answered::NotYet => {}
                answered => {
                    self.overlay = Overlay::None;
                    self.write_salvage(answered == Answered::Yes);
                }
            },
            Overlay::Popup(popup) if key.code == KeyCode::Char('c') && popup.copies.is_some() => {
                if let Some((what, text)) = popup.copies.clone() {
                    self.session.copy(what, text);
                }
            }
            Overlay::Popup(popup) => {
                let act = moves(&key);
                if !act.is_some_and(|act| popup.act(act)) {
                    self.overlay = Overlay::None;
                }
            }
            Overlay::Choose(choose) => match moves(&key) {
                Some(Act::Open) => {
                    let (value, is_order) = (choose.value().map(str::to_owned), choose.is_order());
                    self.overlay = Overlay::None;
                    self.chosen(&value.unwrap_or_default(), is_order);
                }
                _ if choose.with_letter(&key).is_some() => {
                    let value = choose.with_letter(&key).unwrap_or_default();
                    self.overlay = Overlay::None;
                    self.chosen(&value, true);
                }
                act if !act.is_some_and(|act| choose.act(act)) => self.overlay = Overlay::None,
                _ => {}
            },
        }
    }

    /// A value or a column was chosen.
    fn chosen(&mut self, value: &str, is_order: bool) {
        if !is_order {
            return self.set_filter(&regex::escape(value));
        }
        if let Some(screen) = self.screens.get_mut(self.open) {
            screen.order_by(value, &mut self.session);
        }
        self.grant();
    }

    /// A press outside of overlays: a key of the table, or a part of one.
    fn press(&mut self, key: &KeyEvent) {
        let Some(token) = keys::token(key) else {
            self.pressed.clear();
            return;
        };
        if !self.pressed.is_empty() && token == "esc" {
            self.pressed.clear();
            self.chord_shown = false;
            return;
        }
        self.pressed.push(token);
        let on_step = self.is_on_step();
        match keys::find(&self.pressed, self.screen_id(), &self.session.tabs, on_step) {
            Lookup::Whole(binding) => {
                self.pressed.clear();
                self.chord_shown = false;
                self.act(binding.act);
            }
            Lookup::Begun => {
                self.chords += 1;
                self.session
                    .effects
                    .push(Effect::Wake(Wake::Chord(self.chords), CHORD));
            }
            Lookup::Nothing => {
                let keys = self.pressed.join(" ");
                self.pressed.clear();
                self.chord_shown = false;
                if self.order_by_letter(&keys) {
                    return self.grant();
                }
                self.session.say(
                    Role::Dim,
                    format!(
                        "{} means nothing here; ? shows the keys",
                        keys::shown(&keys)
                    ),
                );
            }
        }
    }

    /// A letter that means nothing else orders the rows, if a heading shows it.
    fn order_by_letter(&mut self, keys: &str) -> bool {
        let mut letters = keys.chars();
        let letter = letters.next().filter(|_| letters.next().is_none());
        let Some(letter) = letter.filter(char::is_ascii_uppercase) else {
            return false;
        };
        let screen = self.screens.get_mut(self.open);
        screen.is_some_and(|screen| screen.order_by_letter(letter, &mut self.session))
    }

    /// A press while a line of text is typed.
    fn type_in(&mut self, key: KeyEvent) {
        let Overlay::Prompt(prompt) = &mut self.overlay else {
            return;
        };
        let typed = prompt.key(key);
        let (asked, text) = (prompt.asked, prompt.text().to_owned());
        match typed {
            Typed::Changed => self.typed(asked, &text),
            Typed::Chosen => {}
            Typed::Cancelled => {
                self.overlay = Overlay::None;
                match asked {
                    Asked::Filter | Asked::All => self.set_filter(""),
                    Asked::Find => self.set_find(""),
                    Asked::Command | Asked::Argument(_) => self.salvage.forget(),
                }
            }
            Typed::Done => {
                let trouble = prompt.trouble.take();
                self.overlay = Overlay::None;
                match asked {
                    Asked::Filter | Asked::All | Asked::Find => {
                        if let Some(trouble) = trouble {
                            self.session.say(Role::Warning, trouble);
                        }
                    }
                    Asked::Command => self.run_command(&text),
                    Asked::Argument(name) => self.run_command(&format!("{name} {text}")),
                }
            }
        }
    }

    /// The text of the prompt has changed.
    fn typed(&mut self, asked: Asked, text: &str) {
        match asked {
            // `//`: not the rows of this pane, but all keys.
            Asked::Filter | Asked::Find if text == "/" => {
                match asked {
                    Asked::Find => self.set_find(""),
                    _ => self.set_filter(""),
                }
                self.begin_all();
            }
            Asked::Filter | Asked::All => {
                let trouble = syntax::trouble(text);
                let understood = if trouble.is_some() { "" } else { text };
                let trouble = match self.filter_rows(understood) {
                    true => trouble,
                    false => Some(NOTHING_YET.to_owned()),
                };
                if let Overlay::Prompt(prompt) = &mut self.overlay {
                    prompt.trouble = trouble;
                }
            }
            Asked::Find => self.set_find(text),
            Asked::Command => {
                let candidates = self.candidates(text);
                if let Overlay::Prompt(prompt) = &mut self.overlay {
                    prompt.candidates = candidates;
                }
            }
            Asked::Argument(_) => {}
        }
    }

    /// Begins a filter over all keys, on the screen that has them.
    pub(super) fn begin_all(&mut self) {
        let before = self.state();
        if self.screen_id() != ScreenId::Browse {
            self.open_screen(ScreenId::Browse);
        }
        self.leave_text();
        self.overlay = Overlay::Prompt(Prompt::new(Asked::All, "", Vec::new()));
        self.grant_from(before);
    }

    /// Closes what is open of the screen, so that its list has the focus and all rows.
    fn leave_text(&mut self) {
        if let Some(screen) = self.screens.get_mut(self.open) {
            for _ in 0..LAYERS {
                if !screen.close(&mut self.session) {
                    break;
                }
            }
        }
    }

    /// Filters all keys by a text: `//TEXT` as a whole line.
    pub(super) fn filter_all(&mut self, text: &str) -> Result<(), String> {
        if let Some(trouble) = syntax::trouble(text) {
            return Err(trouble);
        }
        self.session.visit();
        self.open_screen(ScreenId::Browse);
        self.leave_text();
        self.set_filter(text);
        Ok(())
    }

    fn set_filter(&mut self, text: &str) {
        if !self.filter_rows(text) {
            self.session.say(Role::Dim, NOTHING_YET);
        }
    }

    /// Filters the rows of the open screen; `false`: there are none yet. An open prompt stays open: what is typed next must not
    /// run as keys.
    fn filter_rows(&mut self, text: &str) -> bool {
        let taken = match self.screens.get_mut(self.open) {
            Some(screen) => screen.filter(text, &mut self.session),
            None => false,
        };
        let kept = if taken { text } else { "" };
        kept.clone_into(&mut self.filter);
        taken
    }

    /// Looks for a text in the pane that has the focus.
    pub(super) fn set_find(&mut self, text: &str) {
        text.clone_into(&mut self.find);
        if let Some(screen) = self.screens.get_mut(self.open) {
            screen.find(text);
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if !matches!(self.overlay, Overlay::Prompt(_)) {
            return;
        }
        // One line, and no more of it than anyone types.
        for c in text.lines().next().unwrap_or_default().chars().take(4096) {
            self.type_in(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
        }
    }

    pub(super) fn mouse_event(&mut self, mouse: MouseEvent) {
        if self.is_small() || !self.mouse {
            return;
        }
        if !matches!(self.overlay, Overlay::None) {
            if matches!(mouse.kind, MouseEventKind::Down(_)) {
                self.overlay = Overlay::None;
                self.salvage.forget();
            }
            return;
        }
        let at = Position::new(mouse.column, mouse.row);
        let pressed = matches!(
            mouse.kind,
            MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left)
        );
        match self.hits.at(at) {
            Some(Hit::Ruler { cell, width }) if pressed => {
                let revision = self.session.ruler.of_cell(cell, width);
                self.move_time(Some(revision), true);
            }
            Some(Hit::Act(act))
                if matches!(mouse.kind, MouseEventKind::Down(MouseButton::Left)) =>
            {
                self.act(act)
            }
            Some(_) => {}
            None if self.hits.body.contains(at) => self.mouse_in_screen(mouse),
            None => {}
        }
    }

    fn mouse_in_screen(&mut self, mouse: MouseEvent) {
        let taken = match self.screens.get_mut(self.open) {
            Some(screen) => screen.mouse(mouse, &mut self.session),
            None => false,
        };
        if taken {
            return;
        }
        // A screen without a mouse of its own is scrolled by the wheel.
        let act = match mouse.kind {
            MouseEventKind::ScrollDown => Act::Down,
            MouseEventKind::ScrollUp => Act::Up,
            _ => return,
        };
        self.act(act);
    }
}

/// What a key of one press means over a text or a choice.
fn moves(key: &KeyEvent) -> Option<Act> {
    let token = keys::token(key)?;
    match keys::find(&[token], crate::ScreenId::Browse, &[], false) {
        Lookup::Whole(binding) => Some(binding.act),
        Lookup::Begun | Lookup::Nothing => None,
    }
}
