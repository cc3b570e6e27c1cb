//! WAL: files, entries with their requests, terms, and where the log is torn.

mod detail;
mod draw;
mod rows;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use etcd_inspect::wal::LogEntry;
use ratatui::layout::{Position, Rect};

use super::needle::Needle;
use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::paint::{Line, Pen};
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::Session;
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{List, Pager, Panes, Split};
use rows::{Loaded, Row};

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Wal {
    loaded: Option<Arc<Loaded>>,
    job: Option<JobId>,
    list: List,
    split: Split,
    pager: Pager,
    hex: bool,
    filter: String,
    /// Rows that match the filter.
    found: Option<Rc<Vec<u32>>>,
    filtering: Option<JobId>,
    /// An index to go to as soon as the log is read.
    awaited: Option<u64>,
    /// Lines of the detail, for the row and the look they were made for.
    detail: Option<((usize, bool), Vec<Line>)>,
    moved: bool,
    panes: Panes,
    body: Rect,
}

/// For the back stack.
struct Before {
    list: List,
    split: Split,
    hex: bool,
}

/// What a filter found.
struct Found(Vec<u32>);

impl Screen for Wal {
    fn id(&self) -> ScreenId {
        ScreenId::Wal
    }

    fn refresh(&mut self, session: &mut Session) {
        let Some(member) = session.member() else {
            self.loaded = None;
            return;
        };
        let is_loaded = |loaded: &Arc<Loaded>| std::ptr::eq(loaded.member, member);
        if self.loaded.as_ref().is_some_and(is_loaded) || self.job.is_some() {
            return;
        }
        (self.loaded, self.detail, self.list) = (None, None, List::default());
        let work = move |monitor: &Monitor| rows::load(member, monitor);
        self.job = Some(session.spawn(ScreenId::Wal, "the log", work));
    }

    fn again(&mut self, session: &mut Session) -> bool {
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        self.loaded = None;
        self.refresh(session);
        true
    }

    fn settle(&mut self, session: &mut Session) {
        let stamp = (self.row_number(), self.hex);
        let known = self.detail.as_ref().is_some_and(|(of, _)| *of == stamp);
        if !known && self.loaded.is_some() {
            self.detail = Some((stamp, self.describe(session)));
            self.pager = Pager::default();
        }
        if std::mem::take(&mut self.moved)
            && let Some(key) = self.key()
        {
            session.set_focus(Some(&key));
        }
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        let len = self.len();
        if self.split.detail {
            let lines = self.detail.as_ref().map_or(0, |(_, lines)| lines.len());
            if act != Act::Open && self.pager.act(act, lines) {
                return true;
            }
        }
        if self.split.act(act) {
            return true;
        }
        match act {
            Act::Open if self.split.detail => match self.emit(Want::Key, session) {
                Some(Ok(target)) => session.go(target),
                Some(Err(why)) => session.say(Role::Dim, why),
                None => return false,
            },
            Act::Open | Act::Right => {
                session.visit();
                self.split.detail = true;
            }
            Act::Left => self.split.detail = false,
            Act::Hex => self.hex = !self.hex,
            Act::NextMark | Act::PrevMark => self.landmark(act == Act::NextMark, session),
            Act::NextHit | Act::PrevHit => {
                if self.filter.is_empty() {
                    session.say(Role::Dim, "no filter is set: / begins one");
                } else {
                    let step = if act == Act::NextHit {
                        Act::Down
                    } else {
                        Act::Up
                    };
                    self.list.act(step, len);
                    self.moved = true;
                }
            }
            act if self.list.act(act, len) => self.moved = true,
            _ => return false,
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.draw_all(area, pen, session);
    }

    fn crumbs(&self, _session: &Session) -> Vec<String> {
        let Some(loaded) = &self.loaded else {
            return Vec::new();
        };
        let mut crumbs = vec!["WAL".to_owned()];
        match self.row() {
            Some(Row::Entry(_)) => {
                if let Some(entry) = self.entry() {
                    crumbs.push(format!("term {}", entry.term));
                    crumbs.push(format!("index {}", entry.index));
                }
            }
            Some(Row::Segment(at) | Row::End(at)) => crumbs.push(detail::file_name(loaded, at)),
            Some(Row::Damage(_)) => crumbs.push("damage".to_owned()),
            Some(Row::Other(_)) | None => {}
        }
        crumbs
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let Target::Wal(index) = target else {
            return Err("WAL shows entries of the log".to_owned());
        };
        let Some(loaded) = self.loaded.clone() else {
            if session.member().is_none() {
                return Err(session.why_no_data().plain());
            }
            self.awaited = Some(*index);
            return Ok(());
        };
        let row = loaded.row_of(*index)?;
        self.clear_filter(session);
        self.list.select(row);
        Ok(())
    }

    fn emit(&self, want: Want, session: &Session) -> Option<Result<Target, String>> {
        let loaded = self.loaded.as_ref()?;
        let nothing = || Err("this row is no entry of the log".to_owned());
        Some(match want {
            Want::Key => match (self.entry(), self.key()) {
                (None, _) => nothing(),
                (_, Some(key)) => Ok(Target::Key(key)),
                (Some(_), None) => Err("this entry names no key".to_owned()),
            },
            Want::Wal => match self.entry() {
                Some(entry) => Ok(Target::Wal(entry.index)),
                None => nothing(),
            },
            Want::Revision | Want::Page | Want::Time | Want::Space => {
                let Some(entry) = self.entry() else {
                    return Some(nothing());
                };
                match detail::written(loaded, entry, session) {
                    Err(why) => Err(why),
                    Ok(version) => match (want, version.offset) {
                        (Want::Revision, _) => Ok(Target::Revision {
                            main: version.revision.main,
                            key: Some(version.key.to_vec()),
                        }),
                        (Want::Time, _) => Ok(Target::Time(version.revision.main)),
                        (Want::Space, _) => Ok(Target::Space(version.key.to_vec())),
                        (_, None) => Err("what it wrote is not in the db file".to_owned()),
                        (_, Some(offset)) => match loaded.member.db() {
                            Ok(db) => Ok(Target::Page {
                                id: offset.checked_div(db.page_size()).unwrap_or(0),
                                offset: Some(offset),
                            }),
                            Err(error) => Err(error.to_string()),
                        },
                    },
                }
            }
            Want::Finding => self.finding(loaded, session),
        })
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(Before {
            list: self.list,
            split: self.split,
            hex: self.hex,
        })
    }

    fn restore(&mut self, snapshot: &dyn Any, _session: &mut Session) {
        if let Some(before) = snapshot.downcast_ref::<Before>() {
            (self.list, self.split, self.hex) = (before.list, before.split, before.hex);
        }
    }

    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        _last: bool,
        session: &mut Session,
    ) {
        let value = match value.downcast::<Found>() {
            Ok(found) => {
                if self.filtering == Some(job) {
                    self.filtering = None;
                    self.found = Some(Rc::new(found.0));
                    self.list.select(0);
                    self.detail = None;
                }
                return;
            }
            Err(value) => value,
        };
        if let Ok(loaded) = value.downcast::<Loaded>()
            && self.job == Some(job)
        {
            self.job = None;
            let is_shown = session
                .member()
                .is_some_and(|member| std::ptr::eq(member, loaded.member));
            if !is_shown {
                return self.refresh(session);
            }
            // The newest entry: what happened last is what one comes for.
            let last = loaded
                .rows
                .iter()
                .rposition(|row| matches!(row, Row::Entry(_)));
            self.list.select(last.unwrap_or(0));
            if let Some(index) = self.awaited.take() {
                match loaded.row_of(index) {
                    Ok(row) => self.list.select(row),
                    Err(why) => session.say(Role::Warning, why),
                }
            }
            self.loaded = Some(Arc::from(loaded));
        }
    }

    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        if text == self.filter {
            return true;
        }
        let at = self.row_number();
        text.clone_into(&mut self.filter);
        if let Some(job) = self.filtering.take() {
            session.cancel(job);
        }
        self.detail = None;
        let Some((needle, loaded)) = Needle::new(text).zip(self.loaded.clone()) else {
            // The row that the filter led to stays under the cursor.
            if self.found.take().is_some() {
                self.list.select(at);
            }
            return true;
        };
        let work = move |monitor: &Monitor| Found(loaded.filtered(&needle, monitor));
        self.filtering = Some(session.spawn(ScreenId::Wal, "filter", work));
        true
    }

    fn close(&mut self, _session: &mut Session) -> bool {
        self.split.close()
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let loaded = self.loaded.as_ref()?;
        match what {
            Copied::Command => Some(Ok(session.command(&self.command()))),
            Copied::Place => Some(match self.row() {
                Some(row) => detail::place(loaded, row).ok_or_else(|| "no place".to_owned()),
                None => Err("no row is selected".to_owned()),
            }),
            Copied::Key => Some(match self.key() {
                Some(key) => {
                    Ok(etcd_inspect::text::escape::bytes(&key, session.charset()).into_owned())
                }
                None => Err("this entry names no key".to_owned()),
            }),
            Copied::Json => self.entry().map(|entry| {
                let wal = loaded.wal.as_ref().ok_or("there is no log")?;
                let json = wal.payload(entry).to_json(Default::default());
                serde_json::to_string_pretty(&json).map_err(|error| error.to_string())
            }),
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        let at = Position::new(event.column, event.row);
        if !matches!(event.kind, MouseEventKind::Down(MouseButton::Left)) {
            return false;
        }
        self.split.detail = self.panes.detail.contains(at);
        let len = self.len();
        if self.list.click(at, self.body, len) {
            return self.act(Act::Open, session);
        }
        self.moved |= self.body.contains(at);
        true
    }
}

impl Wal {
    /// How many rows are shown.
    fn len(&self) -> usize {
        match (&self.found, &self.loaded) {
            (Some(found), _) => found.len(),
            (None, Some(loaded)) => loaded.rows.len(),
            (None, None) => 0,
        }
    }

    /// The row shown at a position, as its number among all rows.
    fn number_at(&self, at: usize) -> usize {
        match &self.found {
            Some(found) => found.get(at).map_or(0, |row| *row as usize),
            None => at,
        }
    }

    fn row_number(&self) -> usize {
        self.number_at(self.list.cursor())
    }

    /// The row under the cursor.
    fn row(&self) -> Option<Row> {
        if self.len() == 0 {
            return None;
        }
        self.loaded.as_ref()?.rows.get(self.row_number()).copied()
    }

    /// The entry under the cursor.
    fn entry(&self) -> Option<&LogEntry> {
        let Some(Row::Entry(position)) = self.row() else {
            return None;
        };
        let wal = self.loaded.as_ref()?.wal.as_ref()?;
        wal.log().entries.get(position as usize)
    }

    /// The first key that the entry under the cursor names.
    fn key(&self) -> Option<Vec<u8>> {
        let wal = self.loaded.as_ref()?.wal.as_ref()?;
        let payload = wal.payload(self.entry()?);
        payload.user_keys().first().map(|key| key.to_vec())
    }

    /// The lines of the detail.
    fn describe(&self, session: &Session) -> Vec<Line> {
        match (&self.loaded, self.row()) {
            (Some(loaded), Some(row)) => detail::lines(loaded, row, self.hex, session),
            _ => Vec::new(),
        }
    }

    fn clear_filter(&mut self, session: &mut Session) {
        if let Some(job) = self.filtering.take() {
            session.cancel(job);
        }
        self.filter.clear();
        self.found = None;
    }

    /// To the next term change or damage.
    fn landmark(&mut self, forward: bool, session: &mut Session) {
        let Some(loaded) = &self.loaded else { return };
        if self.found.is_some() {
            return session.say(
                Role::Dim,
                "landmarks are of the whole log: Esc ends the filter",
            );
        }
        let at = self.list.cursor();
        let next = if forward {
            loaded.landmarks.iter().find(|mark| **mark > at)
        } else {
            loaded.landmarks.iter().rev().find(|mark| **mark < at)
        };
        match next {
            Some(row) => {
                self.list.select(*row);
                self.moved = true;
            }
            None => session.say(
                Role::Dim,
                "no further change of term, overwritten entry or damage",
            ),
        }
    }

    /// The finding that names the entry, or lies where the row is.
    fn finding(&self, loaded: &Loaded, session: &Session) -> Result<Target, String> {
        let report = session
            .slot()
            .and_then(|slot| slot.report.as_ref())
            .ok_or("the check has not run yet")?;
        let index = self.entry().map(|entry| entry.index);
        let place = self.row().and_then(|row| detail::bytes_of(loaded, row));
        let touches = |finding: &etcd_inspect::Finding| {
            let within = |(file, from, to): &(String, u64, u64)| {
                finding.place.file.as_str() == file
                    && finding
                        .place
                        .offset
                        .is_some_and(|offset| (*from..*to).contains(&offset))
            };
            (index.is_some() && finding.place.index == index) || place.as_ref().is_some_and(within)
        };
        let found = report.findings.iter().position(touches);
        found.map(Target::Finding).ok_or_else(|| {
            format!(
                "none of {} findings touches this; 7 runs the whole check",
                report.findings.len()
            )
        })
    }

    /// The command line that shows the same.
    fn command(&self) -> String {
        match self.row() {
            Some(Row::Entry(_)) => {
                let Some(entry) = self.entry() else {
                    return "wal {path}".to_owned();
                };
                let all = if entry.survives { "" } else { "--all " };
                format!("wal --index {} {all}{{path}}", entry.index)
            }
            Some(Row::Damage(_)) => "wal --raw {path}".to_owned(),
            Some(_) => "wal --segments {path}".to_owned(),
            None => "wal {path}".to_owned(),
        }
    }
}
