//! Lists: certificates, members and versions, etcd's leases, users and roles. Each is an answer of the library as a table.

mod read;

use std::any::Any;
use std::rc::Rc;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use etcd_inspect::Command;
use etcd_inspect::dataset::Dataset;
use ratatui::layout::{Position, Rect};

use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::paint::{Line, Pen};
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::Session;
use crate::target::{Listing, Target};
use crate::theme::Role;
use crate::widgets::{Grid, List, Sieve};
use read::ReadList;

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    shown: Listing,
    list: List,
    sieve: Sieve,
    listed: Option<Rc<ReadList>>,
    job: Option<JobId>,
    of: Option<ReadFrom>,
    body: Rect,
}

/// What the rows were read of: the evidence, its side, its revision.
#[derive(Clone, Debug)]
struct ReadFrom {
    dataset: Dataset,
    listing: Listing,
    replayed: bool,
    indexed: bool,
    revision: Option<i64>,
}

impl ReadFrom {
    fn is(&self, other: &Self) -> bool {
        let key = |of: &Self| (of.listing, of.replayed, of.indexed, of.revision);
        self.dataset.is_same(&other.dataset) && key(self) == key(other)
    }
}

/// For the back stack.
struct ListsBefore(Listing, List);

/// The command line that answers the same.
pub(super) fn command(listing: Listing) -> Command {
    let verb = match listing {
        Listing::Certificates => "certs",
        Listing::Members | Listing::Auth => "meta",
        Listing::Leases => "leases",
    };
    Command::inspect(verb).evidence()
}

impl Screen for Lists {
    fn id(&self) -> ScreenId {
        ScreenId::Lists
    }

    fn refresh(&mut self, session: &mut Session) {
        let Some(dataset) = session.dataset().cloned() else {
            return;
        };
        let data = session.data().cloned();
        let of = ReadFrom {
            dataset,
            listing: self.shown,
            replayed: session.is_replayed(),
            indexed: data.is_some(),
            revision: session
                .ruler
                .at()
                .filter(|_| self.shown == Listing::Certificates),
        };
        if self.of.as_ref().is_some_and(|known| known.is(&of)) {
            return;
        }
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        self.sieve.clear(session);
        self.listed = None;
        self.of = Some(of.clone());
        let zone = session.options.zone.clone();
        let charset = session.charset();
        let work = move |_: &Monitor| {
            let style = etcd_inspect::answers::Style { charset, zone };
            read::read(
                &of.dataset,
                data.as_deref(),
                (of.listing, of.replayed),
                of.revision,
                &style,
            )
        };
        let label = self.shown.title();
        self.job = Some(session.spawn(ScreenId::Lists, label, work));
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        match act {
            Act::NextPane | Act::Right => self.turn(1, session),
            Act::PrevPane | Act::Left => self.turn(Listing::ALL.len() - 1, session),
            Act::Open => {
                let key = self.row().and_then(|row| row.key.clone());
                match key {
                    Some(key) => session.go(Target::Key(key)),
                    None => session.say(Role::Dim, "this line leads to no key"),
                }
            }
            Act::NextHit => return self.list.act(Act::Down, self.len()),
            Act::PrevHit => return self.list.act(Act::Up, self.len()),
            act => return self.list.act(act, self.len()),
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let mut title = Line::new();
        for listing in Listing::ALL {
            let role = match listing == self.shown {
                true => Role::Tab,
                false => Role::Dim,
            };
            title = title.with(role, listing.title()).text("  ");
        }
        let inner = pen.frame(area, &title, true);
        let Some(listed) = self.listed.clone() else {
            let why = match session.dataset() {
                Some(_) => Line::piece(Role::Dim, "reading…"),
                None => session.why_no_data(),
            };
            return pen.line(inner, 0, &why, 0);
        };
        let notes = u16::try_from(listed.notes.len())
            .unwrap_or(0)
            .min(inner.height / 2);
        for (y, (role, note)) in (0..notes).zip(&listed.notes) {
            pen.put(inner, 1, y, note, *role);
        }
        let body = Rect {
            y: inner.y.saturating_add(notes),
            height: inner.height.saturating_sub(notes),
            ..inner
        };
        self.body = Rect {
            y: body.y.saturating_add(1),
            height: body.height.saturating_sub(1),
            ..body
        };
        let grid = Grid {
            columns: &listed.columns,
            sorted: None,
            focused: true,
        };
        let len = self.sieve.len(listed.rows.len());
        let sieve = &self.sieve;
        grid.draw(body, pen, &mut self.list, len, |place| {
            let row = sieve.row(place).and_then(|row| listed.rows.get(row));
            row.map(|row| row.cells.clone()).unwrap_or_default()
        });
    }

    fn crumbs(&self, _session: &Session) -> Vec<String> {
        let rows = self.listed.as_ref().map_or(0, |listed| listed.rows.len());
        vec![self.shown.title().to_owned(), format!("{rows} rows")]
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let Target::Listing(listing) = target else {
            return Err("Lists shows certificates, members, leases, users".to_owned());
        };
        if self.shown != *listing {
            self.shown = *listing;
            self.list = List::default();
        }
        self.refresh(session);
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(ListsBefore(self.shown, self.list))
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        if let Some(ListsBefore(shown, list)) = snapshot.downcast_ref() {
            self.shown = *shown;
            self.refresh(session);
            self.list = *list;
        }
    }

    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        last: bool,
        _session: &mut Session,
    ) {
        if self.sieve.answer(job, &*value, last) || self.job != Some(job) {
            return;
        }
        if let Ok(listed) = value.downcast::<ReadList>() {
            self.listed = Some(Rc::new(*listed));
            self.job = None;
        }
    }

    fn is_without_row(&self) -> bool {
        self.sieve.is_without_row()
    }

    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        let Some(listed) = self.listed.clone() else {
            return text.is_empty();
        };
        let lines: Vec<String> = listed.rows.iter().map(|row| row.line()).collect();
        let rows = lines.len();
        let line = move |row: usize| lines.get(row).cloned().unwrap_or_default();
        self.sieve.set(text, rows, line, ScreenId::Lists, session);
        self.list.select(0);
        true
    }

    fn again(&mut self, session: &mut Session) -> bool {
        self.of = None;
        self.refresh(session);
        true
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        match what {
            Copied::Command => Some(Ok(session.command(command(self.shown)))),
            Copied::Key | Copied::Yaml | Copied::Json | Copied::Neat => None,
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        let at = Position::new(event.column, event.row);
        if event.kind != MouseEventKind::Down(MouseButton::Left) || !self.body.contains(at) {
            return false;
        }
        let len = self.len();
        match self.list.click(at, self.body, len) {
            true => self.act(Act::Open, session),
            false => true,
        }
    }
}

impl Lists {
    fn len(&self) -> usize {
        let rows = self.listed.as_ref().map_or(0, |listed| listed.rows.len());
        self.sieve.len(rows)
    }

    fn row(&self) -> Option<&read::ReadRow> {
        let at = self.sieve.row(self.list.cursor())?;
        self.listed.as_ref()?.rows.get(at)
    }

    /// To the list so many titles further on.
    fn turn(&mut self, by: usize, session: &mut Session) {
        let at = Listing::ALL
            .iter()
            .position(|listing| *listing == self.shown);
        let next = (at.unwrap_or(0) + by) % Listing::ALL.len();
        self.shown = Listing::ALL.get(next).copied().unwrap_or_default();
        self.list = List::default();
        self.refresh(session);
    }
}
