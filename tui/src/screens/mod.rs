//! The screens, one file or folder each.

mod browse;
mod check;
mod compare;
mod history;
mod home;
mod lists;
mod pages;
mod search;
mod space;
mod timeline;
mod wal;

use crate::screen::Screen;
use crate::session::Session;

/// Every screen that this run has, in the order of the tabs, from 0 on. A new one is one line here.
pub(crate) fn all(session: &Session) -> Vec<Box<dyn Screen>> {
    let mut screens: Vec<Box<dyn Screen>> = vec![
        Box::new(home::Home::default()),
        Box::new(browse::Browse::default()),
        Box::new(history::History::default()),
        Box::new(timeline::Timeline::default()),
        Box::new(wal::Wal::default()),
        Box::new(pages::Pages::default()),
        Box::new(space::SpaceScreen::default()),
        Box::new(check::Check::default()),
        Box::new(search::Search::default()),
    ];
    if session.slots.len() > 1 {
        screens.push(Box::new(compare::Compare::default()));
    }
    screens.push(Box::new(lists::Lists::default()));
    screens
}
