//! Search: keys, decoded values, their older versions and what only the log has, beside the loop, with hits as they are found.

mod draw;
mod look;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::MouseEvent;
use etcd_inspect::Command;
use etcd_inspect::text::escape;
use ratatui::layout::Rect;

use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::object::Object;
use crate::overlay::counted;
use crate::paint::Pen;
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::{Data, Part, Session};
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{Click, Seen, View};
use look::{LocatedHit, Origin, SearchEnd};

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Search {
    text: String,
    hits: Rc<Vec<LocatedHit>>,
    view: View,
    /// The keyspace that is searched.
    data: Option<Arc<Data>>,
    job: Option<JobId>,
    /// Whether the text is searched for as soon as there is an index.
    awaits_index: bool,
    end: Option<SearchEnd>,
    log: Log,
    /// The hits of one key in clear text, while its secrets are shown.
    clear: Vec<LocatedHit>,
    revealing: Option<JobId>,
}

/// How far the search of the log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Log {
    /// Nothing has been searched.
    #[default]
    Idle,
    /// The log is being read.
    Awaited,
    Running(JobId),
    Ended(SearchEnd),
    /// Why it is not searched.
    None(String),
}

/// For the back stack.
struct SearchBefore {
    text: String,
    hits: Rc<Vec<LocatedHit>>,
    seen: Seen,
    end: Option<SearchEnd>,
    log: Log,
}

impl Screen for Search {
    fn id(&self) -> ScreenId {
        ScreenId::Search
    }

    fn refresh(&mut self, session: &mut Session) {
        if self.text.is_empty() && session.data().is_some() {
            session.say(
                Role::Dim,
                "⏎ or / asks what to search for: text or regex, smart case",
            );
        }
        if self.awaits_index {
            let begun = session
                .data()
                .cloned()
                .map(|data| self.begin(data, session));
            if let Some(Err(why)) = begun {
                session.say(Role::Error, why);
            }
        } else if self.log == Log::Awaited {
            self.search_log(session);
        }
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        match act {
            Act::Open => match self.hit() {
                Some(found) => self.open(&found.clone(), session),
                // What was asked for is still looked for: ⏎ meant its first hit.
                None if self.is_running() => session.say(Role::Dim, "no hit yet: searching…"),
                None => session.ask("search"),
            },
            Act::Ask => session.ask("search"),
            // Without hits there is nothing to filter: then something is to be searched for.
            Act::Filter if self.hits.is_empty() => session.ask("search"),
            Act::NextMark | Act::PrevMark => self.landmark(act == Act::NextMark, session),
            Act::Reveal => return self.reveal(session),
            act => {
                let taken = self.view.act(act, self.hits.len(), 0, session);
                if taken && let Some(key) = self.hit().map(|found| found.hit.key.clone()) {
                    session.set_focus(Some(&key));
                }
                return taken;
            }
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.draw_all(area, pen, session);
    }

    fn crumbs(&self, session: &Session) -> Vec<String> {
        let mut crumbs = vec![format!("search {}", self.text)];
        crumbs.extend(
            self.hit()
                .map(|found| escape::bytes(&found.hit.key, session.charset()).into_owned()),
        );
        crumbs
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let Target::Search(text) = target else {
            return Err("Search looks for text".to_owned());
        };
        look::pattern(text)?;
        let data = session.data().cloned();
        let is_coming = session
            .slot()
            .is_some_and(|slot| matches!(slot.data, Part::Waiting | Part::Ready(_)));
        if data.is_none() && !is_coming {
            return Err(session.why_no_data().plain());
        }
        self.stop(session);
        text.clone_into(&mut self.text);
        (self.hits, self.end, self.log) = (Rc::default(), None, Log::Idle);
        self.view.reset(session);
        match data {
            Some(data) => self.begin(data, session),
            None => {
                self.awaits_index = true;
                session.say(
                    Role::Dim,
                    format!("{text} is searched as soon as the index is there"),
                );
                Ok(())
            }
        }
    }

    fn emit(&self, want: Want, _session: &Session) -> Option<Result<Target, String>> {
        let found = self.hit()?;
        let key = || found.hit.key.clone();
        let main = found.hit.revision;
        match (want, found.of) {
            (Want::Wal, Origin::Log(Some(index)) | Origin::Unplaced(index)) => {
                Some(Ok(Target::Wal(index)))
            }
            (Want::Revision, Origin::Db) => Some(Ok(Target::Revision {
                main,
                key: Some(key()),
            })),
            (Want::Time, Origin::Db) => Some(Ok(Target::Time(main))),
            (Want::Revision | Want::Time | Want::Page, Origin::Log(_) | Origin::Unplaced(_)) => {
                Some(Err(
                    "only the log has this write; gw shows its entry".to_owned()
                ))
            }
            _ => None,
        }
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(SearchBefore {
            text: self.text.clone(),
            hits: Rc::clone(&self.hits),
            seen: self.view.seen(),
            end: self.end,
            log: self.log.clone(),
        })
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        let Some(before) = snapshot.downcast_ref::<SearchBefore>() else {
            return;
        };
        // The same search goes on, with what it has found meanwhile.
        if before.text != self.text {
            self.stop(session);
            self.text.clone_from(&before.text);
            (self.hits, self.end) = (Rc::clone(&before.hits), before.end);
            self.log = match &before.log {
                Log::Running(_) | Log::Awaited => Log::Ended(SearchEnd::Stopped),
                log => log.clone(),
            };
        }
        self.view.restore(before.seen, session);
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
        if self.revealing == Some(job) {
            if let Ok(part) = value.downcast::<Vec<LocatedHit>>() {
                self.clear.extend(*part);
            }
            return;
        }
        let of_log = self.log == Log::Running(job);
        if self.job != Some(job) && !of_log {
            return;
        }
        match value.downcast::<Vec<LocatedHit>>() {
            Ok(part) => {
                Rc::make_mut(&mut self.hits).extend(*part);
                let text = self.view.sieve.text().to_owned();
                if !text.is_empty() {
                    // New hits pass the filter too; the cursor stays on its own.
                    let row = self.view.row(self.hits.len());
                    self.view.sieve.clear(session);
                    self.filter(&text, session);
                    if let Some(place) = row.and_then(|row| self.view.sieve.place(row)) {
                        self.view.list.select(place);
                    }
                }
            }
            Err(value) => {
                if let Ok(end) = value.downcast::<SearchEnd>() {
                    match of_log {
                        true => self.log = Log::Ended(*end),
                        false => (self.job, self.end) = (None, Some(*end)),
                    }
                }
            }
        }
    }

    fn is_without_row(&self) -> bool {
        self.view.sieve.is_without_row()
    }

    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        let hits = Rc::clone(&self.hits);
        let lines: Vec<String> = hits
            .iter()
            .map(|found| {
                let key = String::from_utf8_lossy(&found.hit.key);
                let field = found.hit.field.as_deref().unwrap_or_default();
                format!("{} {key} {field} {}", draw::place(found), found.hit.text)
            })
            .collect();
        let line = move |row: usize| lines.get(row).cloned().unwrap_or_default();
        let (id, rows) = (self.id(), hits.len());
        self.view.filter(text, rows, line, id, session);
        true
    }

    fn facets(&self) -> Vec<(String, usize)> {
        let layout = self.data.as_ref().map(|data| data.layout());
        let of = |found: &LocatedHit| {
            let path = layout.and_then(|layout| layout.resource(&found.hit.key));
            path.map(|path| format!("/{}/", String::from_utf8_lossy(path)))
        };
        let mut values = counted(self.hits.iter().map(|found| draw::place(found).to_owned()));
        values.extend(counted(self.hits.iter().filter_map(of)));
        values
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let found = self.hit();
        match (what, found) {
            (Copied::Command, _) => {
                // Letters match as they did here.
                let search = match self.text.chars().any(char::is_uppercase) {
                    true => Command::inspect("search"),
                    false => Command::inspect("search").arg("-i"),
                };
                let search = search.operand(&self.text);
                let search = search.args(["--in", "keys,values,history,wal", "-d"]);
                Some(Ok(session.command(search.evidence())))
            }
            (Copied::Revision, Some(found)) => Some(match found.of {
                Origin::Unplaced(_) => Err("of this write only the raft index is known".to_owned()),
                _ => Ok(found.hit.revision.to_string()),
            }),
            (Copied::Key, Some(found)) => {
                Some(Ok(
                    escape::bytes(&found.hit.key, session.charset()).into_owned()
                ))
            }
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        match self.view.mouse(event, self.hits.len()) {
            Click::Open => self.act(Act::Open, session),
            click => click == Click::Moved,
        }
    }
}

impl Search {
    /// Whether hits may still come.
    fn is_running(&self) -> bool {
        let of_log = matches!(self.log, Log::Awaited | Log::Running(_));
        self.job.is_some() || self.awaits_index || of_log
    }

    /// Begins to search for the text.
    fn begin(&mut self, data: Arc<Data>, session: &mut Session) -> Result<(), String> {
        let pattern = look::pattern(&self.text)?;
        self.awaits_index = false;
        // What was asked has been answered.
        session.message = None;
        self.data = Some(Arc::clone(&data));
        let mask = session.options.mask.clone();
        let work = move |monitor: &Monitor| look::in_store(&data, &pattern, &mask, monitor);
        let label = format!("search for {}", self.text);
        self.job = Some(session.spawn(ScreenId::Search, label, work));
        self.log = Log::Awaited;
        self.search_log(session);
        Ok(())
    }

    /// The hit under the cursor.
    fn hit(&self) -> Option<&LocatedHit> {
        self.hits.get(self.view.row(self.hits.len())?)
    }

    /// To the key, the version or the entry.
    fn open(&self, found: &LocatedHit, session: &mut Session) {
        let hit = &found.hit;
        match found.of {
            Origin::Db if hit.live => {
                session.seek(&self.text);
                session.go(Target::Key(hit.key.clone()));
            }
            // The version itself, at its revision, with the cursor on the line.
            Origin::Db if session.ruler.first <= hit.revision => {
                session.seek(&self.text);
                session.go(Target::Revision {
                    main: hit.revision,
                    key: Some(hit.key.clone()),
                });
            }
            Origin::Db => session.go(Target::History {
                key: hit.key.clone(),
                main: Some(hit.revision),
            }),
            Origin::Log(Some(index)) | Origin::Unplaced(index) => session.go(Target::Wal(index)),
            Origin::Log(None) => {
                session.say(Role::Warning, "the entry of this write is not known");
            }
        }
    }

    /// The text of a hit: in clear while its key is revealed.
    fn text_of(&self, found: &LocatedHit, session: &Session) -> String {
        let same = |clear: &&LocatedHit| {
            let (clear, hit) = (&clear.hit, &found.hit);
            clear.field == hit.field && clear.key == hit.key && clear.revision == hit.revision
        };
        let clear = match session.is_revealed(&found.hit.key) {
            true => self.clear.iter().find(same),
            false => None,
        };
        clear.unwrap_or(found).hit.text.clone()
    }

    /// Whether a mask hides something of the version of a hit. Of versions that only the log has it is not known.
    fn is_masked(&self, found: &LocatedHit, session: &Session) -> bool {
        let Some(data) = &self.data else { return true };
        let version = data.version(&found.hit.key, found.hit.revision);
        match version.filter(|_| matches!(found.of, Origin::Db)) {
            Some(version) => Object::read(version, data, session).is_masked(session),
            None => true,
        }
    }

    /// Looks for the pattern once more in the one key, without the mask.
    fn reveal(&mut self, session: &mut Session) -> bool {
        let (Some(found), Some(data)) = (self.hit().cloned(), self.data.clone()) else {
            return false;
        };
        let Ok(pattern) = look::pattern(&self.text) else {
            return false;
        };
        let is_hidden = self.is_masked(&found, session);
        session.reveal_hidden(&found.hit.key, is_hidden);
        if !session.is_revealed(&found.hit.key) {
            return true;
        }
        self.clear.clear();
        let logged = match (found.of, session.logged()) {
            (Origin::Log(_) | Origin::Unplaced(_), Part::Ready(logged)) => logged,
            _ => None,
        };
        let work = move |monitor: &Monitor| {
            look::in_key(&data, logged.as_deref(), &pattern, &found.hit.key, monitor);
        };
        self.revealing = Some(session.spawn(ScreenId::Search, "", work));
        true
    }

    /// To the next hit of another key.
    fn landmark(&mut self, forward: bool, session: &mut Session) {
        let key = |place: usize| {
            let row = self.view.sieve.row(place)?;
            self.hits.get(row).map(|found| found.hit.key.as_slice())
        };
        let at = self.view.list.cursor();
        let other = |place: &usize| key(*place) != key(at);
        let next = match forward {
            true => (at.saturating_add(1)..self.view.sieve.len(self.hits.len())).find(other),
            false => (0..at).rev().find(other),
        };
        match next {
            Some(place) => self.view.list.select(place),
            None => session.say(Role::Dim, "no further key has a hit"),
        }
    }

    fn stop(&mut self, session: &mut Session) {
        self.awaits_index = false;
        let log = match self.log {
            Log::Running(job) => Some(job),
            _ => None,
        };
        for job in self.job.take().into_iter().chain(log) {
            session.cancel(job);
        }
    }

    /// Searches the log as soon as it has been read.
    fn search_log(&mut self, session: &mut Session) {
        let (Some(data), Ok(pattern)) = (self.data.clone(), look::pattern(&self.text)) else {
            return;
        };
        self.log = match session.logged() {
            Part::Waiting => Log::Awaited,
            Part::Failed(why) => Log::None(why),
            Part::Ready(None) => Log::None("there is no log".to_owned()),
            Part::Ready(Some(logged)) => {
                let mask = session.options.mask.clone();
                let work =
                    move |monitor: &Monitor| look::in_log(&data, &logged, &pattern, &mask, monitor);
                let label = format!("search the log for {}", self.text);
                Log::Running(session.spawn(ScreenId::Search, label, work))
            }
        };
    }
}
