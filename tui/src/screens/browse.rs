//! Browse: resources, namespaces, names; the object under the cursor beside them.

use std::any::Any;
use std::rc::Rc;

use etcd_inspect::text::{escape, number};
use ratatui::layout::Rect;

use crate::act::Act;
use crate::paint::{Line, Pen};
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::Session;
use crate::target::Target;
use crate::theme::Role;
use crate::widgets::{Column, List, Table};

/// The screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browse {
    list: List,
    rows: Rc<Vec<u32>>,
}

const COLUMNS: [Column; 3] = [
    Column::left("KEY", 0),
    Column::right("VER", 7),
    Column::right("SIZE", 9),
];

impl Screen for Browse {
    fn id(&self) -> ScreenId {
        ScreenId::Browse
    }

    fn refresh(&mut self, session: &mut Session) {
        let Some(data) = session.data().cloned() else {
            return;
        };
        self.rows = Rc::new(
            data.directory
                .live(0..data.directory.len(), session.ruler.revision()),
        );
        let wanted = session
            .focus()
            .and_then(|key| data.directory.position(key))
            .and_then(|at| u32::try_from(at).ok());
        if let Some(row) = wanted.and_then(|at| self.rows.binary_search(&at).ok()) {
            self.list.anchor(row);
        }
        self.focus(session);
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        let moved = self.list.act(act, self.rows.len());
        if moved {
            self.focus(session);
        }
        moved
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let inner = pen.frame(area, &Line::from("keys at this revision"), true);
        let Some(data) = session.data() else {
            pen.line(inner, 0, &session.why_no_data(), 0);
            return;
        };
        let (rows, at) = (Rc::clone(&self.rows), session.ruler.revision());
        let table = Table {
            columns: &COLUMNS,
            focused: true,
        };
        table.draw(inner, pen, &mut self.list, rows.len(), |row| {
            let Some(version) = rows
                .get(row)
                .and_then(|position| data.directory.at(*position as usize, at))
            else {
                return Vec::new();
            };
            let value = version.key_value().ok();
            vec![
                Line::of(
                    Role::Name,
                    escape::bytes(version.key, pen_charset(session)).into_owned(),
                ),
                Line::from(
                    value
                        .map(|kv| format!("v{}", kv.version))
                        .unwrap_or_default(),
                ),
                Line::from(number::size(version.stored_bytes)),
            ]
        });
    }

    fn crumbs(&self, session: &Session) -> Vec<String> {
        let key = session
            .focus()
            .map(|key| escape::bytes(key, pen_charset(session)).into_owned());
        key.into_iter().collect()
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let _ = (target, session);
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(self.clone())
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        if let Some(before) = snapshot.downcast_ref::<Self>() {
            self.clone_from(before);
        }
        self.refresh(session);
    }
}

impl Browse {
    fn focus(&self, session: &mut Session) {
        let Some(data) = session.data().cloned() else {
            return;
        };
        if let Some(position) = self.rows.get(self.list.cursor()) {
            session.set_focus(Some(data.directory.key(*position as usize)));
        }
    }
}

fn pen_charset(session: &Session) -> escape::Charset {
    escape::Charset {
        ascii: session.options.ascii,
    }
}
