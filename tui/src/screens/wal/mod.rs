//! WAL: files, entries with their requests, terms, and where the log is torn.

mod detail;
mod draw;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::MouseEvent;
use etcd_inspect::Command;
use etcd_inspect::RaftIndex;
use etcd_inspect::answers::WrittenVersion;
use etcd_inspect::dataset::log::{LogEntryRow, LogRow, LogRows};
use etcd_inspect::kubernetes::key::Layout;
use ratatui::layout::Rect;

use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::object::Object;
use crate::overlay::counted;
use crate::paint::{Line, Pen};
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::Session;
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{Click, Seen, View};

/// Rows whose kinds are counted.
const FACETED: usize = 200_000;

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Wal {
    loaded: Option<Arc<LogRows>>,
    job: Option<JobId>,
    view: View,
    form: EntryForm,
    /// An index to go to as soon as the log is read.
    awaited: Option<RaftIndex>,
    /// Lines of the detail, for the row and the look they were made for.
    detail: Option<((usize, EntryForm), Vec<Line>)>,
    stale: bool,
    moved: bool,
}

/// For the back stack.
struct WalBefore(Seen, EntryForm);

/// What is shown of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EntryForm {
    /// What it is and asks for.
    #[default]
    Decoded,
    /// The objects that it wrote.
    Objects,
    /// Its bytes.
    Hex,
}

impl EntryForm {
    /// Another form, or the decoded one if it is that already.
    fn toggled(self, form: Self) -> Self {
        match self == form {
            true => Self::Decoded,
            false => form,
        }
    }
}

impl Screen for Wal {
    fn id(&self) -> ScreenId {
        ScreenId::Wal
    }

    fn refresh(&mut self, session: &mut Session) {
        // What an entry wrote is known only when the index is there, and another on the other side.
        self.stale = true;
        let Some(dataset) = session.dataset().cloned() else {
            self.loaded = None;
            return;
        };
        let is_loaded = |loaded: &Arc<LogRows>| loaded.dataset.is_same(&dataset);
        if self.loaded.as_ref().is_some_and(is_loaded) || self.job.is_some() {
            return;
        }
        (self.loaded, self.detail) = (None, None);
        self.view.reset(session);
        let work = move |monitor: &Monitor| dataset.log_rows(monitor);
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
        let stamp = (self.row_number(), self.form);
        let known = self.detail.as_ref().is_some_and(|(of, _)| *of == stamp);
        if (!known || self.stale) && self.loaded.is_some() {
            self.detail = Some((stamp, self.describe(session)));
            self.stale = false;
            if !known {
                self.view.pager.rewind();
            }
        }
        if std::mem::take(&mut self.moved)
            && let Some(key) = self.key()
        {
            session.set_focus(Some(&key));
        }
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        let (rows, lines) = (self.rows(), self.detail.as_ref());
        let lines = lines.map_or(0, |(_, lines)| lines.len());
        match act {
            Act::Open if self.view.split.detail => match self.emit(Want::Key, session) {
                Some(Ok(target)) => session.go(target),
                Some(Err(why)) => session.say(Role::Dim, why),
                None => return false,
            },
            Act::Open => {
                session.visit();
                self.view.split.detail = true;
            }
            Act::Hex => self.form = self.form.toggled(EntryForm::Hex),
            Act::Yaml => self.form = self.form.toggled(EntryForm::Objects),
            Act::Reveal => match self.key() {
                Some(key) => {
                    let is_hidden = self.is_masked(session);
                    session.reveal_hidden(&key, is_hidden);
                }
                None => session.say(Role::Dim, "this entry names no key"),
            },
            Act::NextMark | Act::PrevMark => self.landmark(act == Act::NextMark, session),
            act => {
                let taken = self.view.act(act, rows, lines, session);
                self.moved |= taken;
                return taken;
            }
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
            Some(LogRow::Entry(_)) => {
                if let Some(entry) = self.entry() {
                    crumbs.push(format!("term {}", entry.term));
                    crumbs.push(format!("index {}", entry.index));
                }
            }
            Some(LogRow::Segment(at) | LogRow::End(at)) => crumbs.push(loaded.file_name(at)),
            Some(LogRow::Damage(_)) => crumbs.push("damage".to_owned()),
            Some(LogRow::Other(_)) | None => {}
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
        self.view.select(row, session);
        Ok(())
    }

    fn emit(&self, want: Want, session: &Session) -> Option<Result<Target, String>> {
        let loaded = self.loaded.as_ref()?;
        let nothing = || Err("this row is no entry of the log".to_owned());
        Some(match want {
            Want::Key => match (self.entry(), self.key()) {
                (None, _) => nothing(),
                // At the revision that it wrote: the key may have other versions since.
                (Some(entry), Some(key)) => {
                    Ok(match detail::written(loaded, entry.position, session) {
                        Ok(version)
                            if *version.key == *key
                                && version.revision.main >= session.ruler.first =>
                        {
                            Target::Revision {
                                main: version.revision.main,
                                key: Some(key),
                            }
                        }
                        _ => Target::Key(key),
                    })
                }
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
                match detail::written(loaded, entry.position, session) {
                    Err(why) => Err(why),
                    Ok(version) => match (want, version.offset) {
                        (Want::Revision, _) => Ok(Target::Revision {
                            main: version.revision.main,
                            key: Some(version.key.to_vec()),
                        }),
                        (Want::Time, _) => Ok(Target::Time(version.revision.main)),
                        (Want::Space, _) => Ok(Target::Space(version.key.to_vec())),
                        (_, None) => Err("what it wrote is not in the db file".to_owned()),
                        (_, Some(offset)) => match loaded.dataset.member().db() {
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
        Rc::new(WalBefore(self.view.seen(), self.form))
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        if let Some(WalBefore(seen, form)) = snapshot.downcast_ref() {
            self.view.restore(*seen, session);
            self.form = *form;
        }
    }

    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        last: bool,
        session: &mut Session,
    ) {
        if self.view.answer(job, &*value, last) {
            return;
        }
        if let Ok(loaded) = value.downcast::<LogRows>()
            && self.job == Some(job)
        {
            self.job = None;
            if !session.is_shown(&loaded.dataset) {
                return self.refresh(session);
            }
            // The newest entry: what happened last is what one comes for.
            let last = loaded
                .rows
                .iter()
                .rposition(|row| matches!(row, LogRow::Entry(_)));
            self.view.list.select(last.unwrap_or(0));
            if let Some(index) = self.awaited.take() {
                match loaded.row_of(index) {
                    Ok(row) => self.view.select(row, session),
                    Err(why) => session.say(Role::Warning, why),
                }
            }
            self.loaded = Some(Arc::from(loaded));
        }
    }

    fn is_text(&self) -> bool {
        self.view.split.detail
    }

    fn find(&mut self, text: &str) {
        self.view.look_for(text);
    }

    fn is_without_row(&self) -> bool {
        self.view.sieve.is_without_row()
    }

    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        let Some(loaded) = self.loaded.clone() else {
            return text.is_empty();
        };
        let (id, rows) = (self.id(), loaded.rows.len());
        self.view
            .filter(text, rows, move |row| loaded.line(row), id, session);
        self.moved = true;
        true
    }

    fn facets(&self) -> Vec<(String, usize)> {
        let Some(loaded) = &self.loaded else {
            return Vec::new();
        };
        let Some(wal) = loaded.wal() else {
            return Vec::new();
        };
        let kinds = loaded.rows.iter().take(FACETED).map(|row| match row {
            LogRow::Entry(at) => {
                let entry = wal.log().entries.get(*at as usize);
                entry.map_or("", |entry| wal.payload(entry).type_name())
            }
            LogRow::Damage(_) => "damage",
            LogRow::Segment(_) | LogRow::End(_) | LogRow::Other(_) => "",
        });
        counted(kinds.map(str::to_owned))
    }

    fn close(&mut self, _session: &mut Session) -> bool {
        self.view.split.close()
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let loaded = self.loaded.as_ref()?;
        match what {
            Copied::Command => Some(Ok(session.command(self.command()))),
            Copied::Place => Some(match self.row() {
                Some(row) => loaded.place(row).ok_or_else(|| "no place".to_owned()),
                None => Err("no row is selected".to_owned()),
            }),
            Copied::Key => Some(match self.key() {
                Some(key) => {
                    Ok(etcd_inspect::text::escape::bytes(&key, session.charset()).into_owned())
                }
                None => Err("this entry names no key".to_owned()),
            }),
            Copied::Json => self.position().map(|position| {
                let json = loaded.json(position).ok_or("there is no log")?;
                serde_json::to_string_pretty(&json).map_err(|error| error.to_string())
            }),
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        let click = self.view.mouse(event, self.rows());
        self.moved |= click != Click::None;
        match click {
            Click::Open => self.act(Act::Open, session),
            click => click == Click::Moved,
        }
    }
}

impl Wal {
    /// How many rows there are.
    fn rows(&self) -> usize {
        self.loaded.as_ref().map_or(0, |loaded| loaded.rows.len())
    }

    /// The number of the row under the cursor.
    fn row_number(&self) -> usize {
        self.view.row(self.rows()).unwrap_or(usize::MAX)
    }

    /// The row under the cursor.
    fn row(&self) -> Option<LogRow> {
        self.loaded.as_ref()?.rows.get(self.row_number()).copied()
    }

    /// The position in the log of the entry under the cursor.
    fn position(&self) -> Option<u32> {
        match self.row()? {
            LogRow::Entry(position) => Some(position),
            _ => None,
        }
    }

    /// The entry under the cursor.
    fn entry(&self) -> Option<LogEntryRow> {
        self.loaded.as_ref()?.entry(self.position()?)
    }

    /// The first key that the entry under the cursor names.
    fn key(&self) -> Option<Vec<u8>> {
        self.loaded.as_ref()?.first_key(self.position()?)
    }

    /// Whether the entry under the cursor has secrets.
    fn is_masked(&self, session: &Session) -> bool {
        let (Some(loaded), Some(position)) = (&self.loaded, self.position()) else {
            return false;
        };
        let default = Layout::default();
        let layout = session.data().map_or(&default, |data| data.layout());
        let entry = loaded.entry_bytes(position, layout, &|_| false);
        let puts = loaded.puts(position);
        let is_hidden = |put: WrittenVersion| {
            let data = session.data();
            data.is_some_and(|data| Object::read(put, data, session).is_masked(session))
        };
        entry.is_some_and(|entry| entry.hidden > 0) || puts.into_iter().any(is_hidden)
    }

    /// The lines of the detail.
    fn describe(&self, session: &Session) -> Vec<Line> {
        match (&self.loaded, self.row()) {
            (Some(loaded), Some(row)) => detail::lines(loaded, row, self.form, session),
            _ => Vec::new(),
        }
    }

    /// To the next term change or damage.
    fn landmark(&mut self, forward: bool, session: &mut Session) {
        let Some(loaded) = &self.loaded else { return };
        let at = self.row_number();
        let mut shown = loaded
            .landmarks
            .iter()
            .filter(|mark| self.view.sieve.place(**mark).is_some());
        let next = if forward {
            shown.find(|mark| **mark > at)
        } else {
            shown.rfind(|mark| **mark < at)
        };
        match next.copied() {
            Some(row) => {
                self.view.select(row, session);
                self.moved = true;
            }
            None => session.say(
                Role::Dim,
                "no further change of term, overwritten entry or damage",
            ),
        }
    }

    /// The finding that names the entry, or has the place of the row.
    fn finding(&self, loaded: &LogRows, session: &Session) -> Result<Target, String> {
        let report = session
            .slot()
            .and_then(|slot| slot.report.as_ref())
            .ok_or("the check has not run yet")?;
        let index = self.entry().map(|entry| entry.index);
        let place = self.row().and_then(|row| loaded.bytes_of(row));
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
    fn command(&self) -> Command {
        let wal = Command::inspect("wal");
        let wal = match (self.row(), self.entry()) {
            (Some(LogRow::Entry(_)), Some(entry)) => {
                let index = wal.arg("--index").arg(entry.index.to_string());
                match entry.survives {
                    true => index,
                    false => index.arg("--all"),
                }
            }
            (Some(LogRow::Entry(_)) | None, _) => wal,
            (Some(LogRow::Damage(_)), _) => wal.arg("--raw"),
            (Some(_), _) => wal.arg("--segments"),
        };
        wal.evidence()
    }
}
