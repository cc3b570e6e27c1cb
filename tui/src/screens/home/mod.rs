//! Home: what this is, whether etcd starts on it, how far back it reaches, what happened lately, what next.

mod bars;
mod draw;
mod facts;
mod rows;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use etcd_inspect::Command;
use etcd_inspect::dataset::Dataset;
use ratatui::layout::{Position, Rect};

use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::paint::Pen;
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::{Data, Part, Session};
use crate::target::Target;
use crate::theme::Role;
use crate::widgets::List;
use facts::{Facts, HomePart};
use rows::HomeRow;

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Home {
    facts: Facts,
    /// The evidence that the facts are of, and whether its index was there.
    of: Option<(Dataset, bool)>,
    job: Option<JobId>,
    /// What needs the log; it begins when the session has read it, once for all screens.
    of_log: LogPart,
    rows: Vec<HomeRow>,
    list: List,
    /// Where the rows were drawn, and which row each line belongs to.
    body: Rect,
    height: u16,
    lines: Vec<usize>,
}

/// How far what needs the log is.
#[derive(Debug, Default)]
enum LogPart {
    /// Nothing of it is needed, or everything is there.
    #[default]
    Done,
    /// The log is not read yet.
    Waiting(Dataset, Arc<Data>),
    /// A job gathers it.
    Gathering(JobId),
}

impl Screen for Home {
    fn id(&self) -> ScreenId {
        ScreenId::Home
    }

    fn refresh(&mut self, session: &mut Session) {
        let Some(slot) = session.slot() else { return };
        let Some(dataset) = slot.dataset.ready().cloned() else {
            return;
        };
        if slot.report.is_some() && slot.verdict.is_none() {
            session.begin(ScreenId::Check);
        }
        let Some(slot) = session.slot() else { return };
        let data = match &slot.data {
            Part::Waiting => return,
            Part::Ready(data) => Some(data.clone()),
            Part::Failed(_) => None,
        };
        let known = self
            .of
            .as_ref()
            .is_some_and(|(of, indexed)| of.is_same(&dataset) && *indexed == data.is_some());
        if known {
            return self.go_on(session);
        }
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        if let LogPart::Gathering(job) = std::mem::take(&mut self.of_log) {
            session.cancel(job);
        }
        self.facts = Facts::default();
        if let Some(data) = &data {
            self.of_log = LogPart::Waiting(dataset.clone(), data.clone());
        }
        self.of = Some((dataset.clone(), data.is_some()));
        let mask = session.options.mask.clone();
        let work =
            move |monitor: &Monitor| facts::gather(&dataset, data.as_deref(), &mask, monitor);
        self.job = Some(session.spawn(ScreenId::Home, "what this is", work));
        self.go_on(session);
    }

    fn settle(&mut self, session: &mut Session) {
        self.rows = rows::rows(
            &self.facts,
            self.is_gathering(),
            self.most_lately(),
            session,
        );
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        match act {
            Act::Open | Act::Right => {
                let row = self.rows.get(self.list.cursor());
                match row.and_then(|row| row.target.clone()) {
                    Some(target) => session.go(target),
                    None => session.say(Role::Dim, "this line leads nowhere"),
                }
            }
            Act::NextMark => return self.list.act(Act::Down, self.rows.len()),
            Act::PrevMark => return self.list.act(Act::Up, self.rows.len()),
            act => return self.list.act(act, self.rows.len()),
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.draw_all(area, pen, session);
    }

    fn crumbs(&self, _session: &Session) -> Vec<String> {
        let row = self.rows.get(self.list.cursor());
        let label = row.map(|row| row.label.to_owned());
        std::iter::once("home".to_owned()).chain(label).collect()
    }

    fn has_filter(&self) -> bool {
        false
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(self.list)
    }

    fn restore(&mut self, snapshot: &dyn Any, _session: &mut Session) {
        if let Some(list) = snapshot.downcast_ref::<List>() {
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
        let is_of_log = matches!(self.of_log, LogPart::Gathering(own) if own == job);
        if self.job != Some(job) && !is_of_log {
            return;
        }
        if let Ok(part) = value.downcast::<HomePart>() {
            self.facts.take(*part);
        }
        match (last, is_of_log) {
            (true, true) => self.of_log = LogPart::Done,
            (true, false) => self.job = None,
            (false, _) => {}
        }
    }

    fn again(&mut self, session: &mut Session) -> bool {
        self.of = None;
        self.refresh(session);
        true
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let row = self.rows.get(self.list.cursor());
        match (what, row.and_then(|row| row.target.as_ref())) {
            (Copied::Command, Some(Target::Listing(listing))) => {
                let command = super::lists::command(*listing);
                Some(Ok(session.command(command)))
            }
            (Copied::Command, _) => {
                let verb = row.map_or("status", |row| row.verb);
                Some(Ok(session.command(Command::inspect(verb).evidence())))
            }
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        let at = Position::new(event.column, event.row);
        if event.kind != MouseEventKind::Down(MouseButton::Left) || !self.body.contains(at) {
            return false;
        }
        let line = usize::from(at.y.saturating_sub(self.body.y));
        let Some(row) = self.lines.get(line).copied() else {
            return false;
        };
        let again = self.list.cursor() == row;
        self.list.select(row);
        match again {
            true => self.act(Act::Open, session),
            false => true,
        }
    }
}

/// Lines of Home beside those of what happened lately.
const OTHERS: u16 = 23;

/// Lines of what happened lately that there is always room for.
const LEAST_LATELY: u16 = 3;

impl Home {
    /// Whether more is coming.
    fn is_gathering(&self) -> bool {
        self.job.is_some() || !matches!(self.of_log, LogPart::Done)
    }

    /// Gathers what needs the log, once the session has read it.
    fn go_on(&mut self, session: &mut Session) {
        if !matches!(self.of_log, LogPart::Waiting(..)) {
            return;
        }
        let logged = match session.logged() {
            Part::Ready(logged) => logged,
            Part::Failed(_) => None,
            Part::Waiting => return,
        };
        let LogPart::Waiting(dataset, data) = std::mem::take(&mut self.of_log) else {
            return;
        };
        let mask = session.options.mask.clone();
        let work = move |monitor: &Monitor| {
            facts::gather_with_log(&dataset, &data, logged.as_deref(), &mask, monitor)
        };
        self.of_log = LogPart::Gathering(session.spawn(ScreenId::Home, "what happened", work));
    }

    /// How many lines of what happened lately are shown.
    fn most_lately(&self) -> usize {
        usize::from(self.height.saturating_sub(OTHERS).max(LEAST_LATELY))
    }
}
