//! What screens asked for, done after they have answered.

use super::App;
use super::visits::State;
use crate::overlay::{Choose, Overlay, Popup};
use crate::screen::ScreenId;
use crate::session::Wish;
use crate::target::Target;
use crate::theme::Role;

/// Wishes that lead to wishes: more rounds than any honest chain needs.
const ROUNDS: usize = 8;

impl App {
    /// Does what was asked for outside of a key.
    pub(super) fn grant(&mut self) {
        self.grant_from(None);
    }

    /// Does what was asked for; `before` is the state to come back to, should the key have been worth it.
    pub(super) fn grant_from(&mut self, mut before: Option<State>) {
        let mut visit = false;
        for _ in 0..ROUNDS {
            let wishes = std::mem::take(&mut self.session.wishes);
            if wishes.is_empty() {
                break;
            }
            let mut refresh = false;
            for wish in wishes {
                match wish {
                    Wish::Visit => visit = true,
                    Wish::Refresh => refresh = true,
                    Wish::Popup(title, lines) => {
                        self.overlay = Overlay::Popup(Popup::new(title, lines))
                    }
                    Wish::Ask(name) => self.ask(name),
                    Wish::Find(text) => self.find = text,
                    Wish::Begin(id) => self.begin(id),
                    Wish::Order(columns) => {
                        self.overlay = Overlay::Choose(Choose::of_columns(columns));
                    }
                    Wish::Pivot(want) => {
                        // It had to wait: the key that asked for it is long done.
                        before = before.or_else(|| self.state());
                        self.pivot(want);
                    }
                    Wish::Salvage(request) => self.ask_salvage(request),
                    Wish::Go(target) => {
                        visit = true;
                        self.show(&target);
                    }
                }
            }
            if refresh {
                self.refresh();
            }
        }
        self.session.wishes.clear();
        self.remember(before, visit);
    }

    /// Lets a screen begin its work although it is not open.
    fn begin(&mut self, id: ScreenId) {
        let screen = self.screens.iter_mut().find(|screen| screen.id() == id);
        if let Some(screen) = screen {
            let said = self.session.message.take();
            screen.refresh(&mut self.session);
            // What it says is for those who look at it.
            self.session.message = said;
        }
    }

    /// Shows a target on the screen that can.
    fn show(&mut self, target: &Target) {
        let id = target.screen();
        let Some(at) = self.screens.iter().position(|screen| screen.id() == id) else {
            let why = format!("there is no {} screen for this directory", id.title());
            return self.session.say(Role::Warning, why);
        };
        if let Target::Key(key)
        | Target::History { key, .. }
        | Target::Diff { key, .. }
        | Target::Revision { key: Some(key), .. } = target
        {
            self.session.set_focus(Some(key));
        }
        if let Target::Revision { main, .. } = target {
            self.session.move_to(Some(*main));
        }
        if let Target::Screen(_) = target {
            return self.switch(at);
        }
        let Some(screen) = self.screens.get_mut(at) else {
            return;
        };
        screen.refresh(&mut self.session);
        match screen.accept(target, &mut self.session) {
            Ok(()) => self.switch(at),
            Err(why) => self.session.say(Role::Warning, why),
        }
    }
}
