//! Pages: the db file as a picture, its pages as a list or as trees, one page as fields beside its bytes.

mod content;
mod draw;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use etcd_inspect::Command;
use etcd_inspect::dataset::Dataset;
use etcd_inspect::dataset::pages::{PageEntry, PageList, PageValue, PageView};
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::text::escape;
use ratatui::layout::{Position, Rect};

use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::overlay::counted;
use crate::paint::Pen;
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::{Part, Session};
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{Click, List, Seen, View};

/// Pages whose kinds are counted.
const FACETED: usize = 200_000;

/// Bytes of a row of hex.
const WIDTH: u64 = 16;

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    loaded: Option<Arc<Result<PageList, String>>>,
    /// Whose pages are loaded.
    of: Option<Dataset>,
    job: Option<JobId>,
    view: View,
    look: PagesLook,
    fields: List,
    content: Option<Result<PageView, String>>,
    /// A page and byte to go to as soon as it can be read.
    awaited: Option<(u64, Option<u64>)>,
    /// The byte to go to as soon as its page is read.
    byte: Option<u64>,
    /// The picture of the file: cells, pages a cell.
    picture: Option<(usize, Vec<char>, u64)>,
    moved: bool,
    map: Rect,
}

/// How the pages are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PagesLook {
    /// The trees instead of the order of the file.
    tree: bool,
    /// The cursor walks over bytes instead of fields.
    hex: bool,
    /// The byte under the cursor: offset in the file.
    at: u64,
}

/// The pages of a dataset, or why they cannot be read.
struct LoadedPages(Dataset, Result<PageList, String>);

fn rows_of(loaded: &PageList, tree: bool) -> &[PageEntry] {
    match tree {
        true => &loaded.tree,
        false => &loaded.file,
    }
}

/// For the back stack.
struct PagesBefore {
    seen: Seen,
    look: PagesLook,
    page: Option<u64>,
}

impl Screen for Pages {
    fn id(&self) -> ScreenId {
        ScreenId::Pages
    }

    fn refresh(&mut self, session: &mut Session) {
        let Some(dataset) = session.dataset().cloned() else {
            self.loaded = None;
            return;
        };
        let is_of = self.of.as_ref().is_some_and(|of| of.is_same(&dataset));
        if (self.loaded.is_some() && is_of) || self.job.is_some() {
            return;
        }
        (self.loaded, self.content, self.picture) = (None, None, None);
        let data = match session.slot().map(|slot| &slot.data) {
            // The index tells which pages hold what is current.
            Some(Part::Waiting) => return,
            Some(Part::Ready(data)) => Some(Arc::clone(data)),
            _ => None,
        };
        let work = move |monitor: &Monitor| {
            let indexed = data.as_deref().map(|data| data.indexed());
            let pages = dataset.pages(indexed, monitor);
            LoadedPages(dataset, pages.map_err(|error| error.to_string()))
        };
        self.job = Some(session.spawn(ScreenId::Pages, "pages", work));
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
        let Some(Ok(loaded)) = self.loaded.as_deref() else {
            return;
        };
        let Some(id) = self.page() else {
            self.content = None;
            return;
        };
        let known = matches!(&self.content, Some(Ok(content)) if content.id == id);
        if !known {
            let default = Layout::default();
            let layout = session.data().map_or(&default, |data| data.layout());
            let view = loaded.view(id, layout).map_err(|error| error.to_string());
            self.content = Some(view);
            self.fields = List::default();
            if let Some(Ok(content)) = &self.content {
                self.look.at = content.offset;
            }
        }
        if let (Some(byte), Some(Ok(content))) = (self.byte.take(), &self.content) {
            self.look.at = byte;
            self.fields.select(content.field_at(byte));
        }
        if std::mem::take(&mut self.moved)
            && let Some((key, _)) = self.record()
        {
            session.set_focus(Some(&key));
        }
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        if self.view.split.detail && self.act_in_page(act, session) {
            return true;
        }
        let rows = self.rows().len();
        match act {
            Act::Open | Act::Right => {
                session.visit();
                self.view.split.detail = true;
            }
            Act::Left => self.view.split.detail = false,
            Act::Hex => {
                self.look.hex = !self.look.hex;
                let what = if self.look.hex { "bytes" } else { "fields" };
                session.say(Role::Dim, format!("the cursor walks over {what}"));
            }
            Act::Sort => {
                let page = self.page();
                self.view.sieve.clear(session);
                self.look.tree = !self.look.tree;
                self.select_page(page, session);
                let what = if self.look.tree {
                    "trees of all buckets; free pages are in none"
                } else {
                    "pages in the order of the file"
                };
                session.say(Role::Dim, what);
            }
            Act::NextMark | Act::PrevMark => self.landmark(act == Act::NextMark, session),
            act => return self.view.act(act, rows, 0, session),
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.draw_all(area, pen, session);
    }

    fn crumbs(&self, session: &Session) -> Vec<String> {
        let mut crumbs = vec!["db".to_owned()];
        if let Some(Ok(content)) = &self.content {
            if let Some(bucket) = &content.bucket {
                crumbs.push(escape::bytes(bucket, session.charset()).into_owned());
            }
            crumbs.push(format!("page {}", content.id));
            if let Some(field) = content.fields.get(self.fields.cursor()) {
                crumbs.push(field.name.clone());
            }
        }
        crumbs
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let Target::Page { id, offset } = target else {
            return Err("Pages shows pages of the db".to_owned());
        };
        let Some(loaded) = self.loaded.clone() else {
            if session.member().is_none() {
                return Err(session.why_no_data().plain());
            }
            self.awaited = Some((*id, *offset));
            return Ok(());
        };
        self.show(&loaded, *id, *offset, session)
    }

    fn emit(&self, want: Want, session: &Session) -> Option<Result<Target, String>> {
        let loaded = self.list()?;
        let record = || {
            self.record().ok_or_else(|| {
                "no record of a key is under the cursor: Tab, then j to an element".to_owned()
            })
        };
        Some(match want {
            Want::Key => record().map(|(key, _)| Target::Key(key)),
            Want::Space => record().map(|(key, _)| Target::Space(key)),
            Want::Time => record().map(|(_, main)| Target::Time(main)),
            Want::Revision => record().map(|(key, main)| Target::Revision {
                main,
                key: Some(key),
            }),
            Want::Page => match self.page() {
                Some(id) => Ok(Target::Page {
                    id,
                    offset: Some(self.look.at),
                }),
                None => Err("no page is selected".to_owned()),
            },
            Want::Finding => {
                let Some(report) = session.slot().and_then(|slot| slot.report.as_ref()) else {
                    return Some(Err("the check has not run yet".to_owned()));
                };
                let page = self.page();
                let found = report.findings.iter().position(|finding| {
                    let place = finding.place.page.map(|page| loaded.head_of(page));
                    place.is_some() && place == page
                });
                found.map(Target::Finding).ok_or_else(|| {
                    format!(
                        "none of {} findings is about this page; 7 runs the whole check",
                        report.findings.len()
                    )
                })
            }
            Want::Wal => return None,
        })
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(PagesBefore {
            seen: self.view.seen(),
            look: self.look,
            page: self.page(),
        })
    }

    fn restore(&mut self, snapshot: &dyn Any, session: &mut Session) {
        if let Some(before) = snapshot.downcast_ref::<PagesBefore>() {
            self.view.restore(before.seen, session);
            self.look = before.look;
            self.byte = before.page.map(|_| before.look.at);
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
        let Ok(loaded) = value.downcast::<LoadedPages>() else {
            return;
        };
        if self.job != Some(job) {
            return;
        }
        self.job = None;
        let LoadedPages(dataset, pages) = *loaded;
        if !session.is_shown(&dataset) {
            return self.refresh(session);
        }
        let loaded = Arc::new(pages);
        self.of = Some(dataset);
        self.loaded = Some(Arc::clone(&loaded));
        self.view.reset(session);
        if let Some((id, offset)) = self.awaited.take()
            && let Err(why) = self.show(&loaded, id, offset, session)
        {
            session.say(Role::Warning, why);
        }
    }

    fn is_without_row(&self) -> bool {
        self.view.sieve.is_without_row()
    }

    fn filter(&mut self, text: &str, session: &mut Session) -> bool {
        let Some(loaded) = self.loaded.clone() else {
            return text.is_empty();
        };
        let (id, rows, tree) = (self.id(), self.rows().len(), self.look.tree);
        let line = move |row: usize| match &*loaded {
            Ok(loaded) => loaded.line(rows_of(loaded, tree).get(row)),
            Err(_) => String::new(),
        };
        self.view.filter(text, rows, line, id, session);
        true
    }

    fn facets(&self) -> Vec<(String, usize)> {
        let Some(loaded) = self.list() else {
            return Vec::new();
        };
        // All but the number of the page.
        let kinds = self.rows().iter().take(FACETED).filter_map(|row| {
            let line = loaded.line(Some(row));
            line.split_once(' ').map(|(_, kind)| kind.trim().to_owned())
        });
        counted(kinds)
    }

    fn close(&mut self, _session: &mut Session) -> bool {
        self.view.split.close()
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let loaded = self.list()?;
        match what {
            Copied::Command => {
                let page = Command::inspect("page");
                let page = match self.page() {
                    Some(id) if self.look.hex => page.arg(id.to_string()).arg("--hex"),
                    Some(id) => page.arg(id.to_string()),
                    None => page.arg("--tree"),
                };
                Some(Ok(session.command(page.evidence())))
            }
            Copied::Place => Some(match loaded.dataset.member().db_file() {
                Ok(file) => Ok(format!("{}@{:#x}", file.name(), self.look.at)),
                Err(error) => Err(error.to_string()),
            }),
            Copied::Key => Some(match self.record() {
                Some((key, _)) => Ok(escape::bytes(&key, session.charset()).into_owned()),
                None => Err("no record of a key is under the cursor".to_owned()),
            }),
            _ => None,
        }
    }

    fn mouse(&mut self, event: MouseEvent, session: &mut Session) -> bool {
        let at = Position::new(event.column, event.row);
        let pressed = matches!(
            event.kind,
            MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left)
        );
        if pressed && self.map.contains(at) {
            let cell = usize::from(at.y - self.map.y) * usize::from(self.map.width)
                + usize::from(at.x - self.map.x);
            let each = self.picture.as_ref().map_or(1, |(_, _, each)| *each);
            if let Some(loaded) = self.loaded.clone() {
                let id = (cell as u64).saturating_mul(each);
                if let Err(why) = self.show(&loaded, id, None, session) {
                    session.say(Role::Dim, why);
                }
                self.view.split.detail = false;
            }
            return true;
        }
        match self.view.mouse(event, self.rows().len()) {
            Click::Open => self.act(Act::Open, session),
            click => click == Click::Moved,
        }
    }
}

impl Pages {
    /// The pages, if they could be read.
    fn list(&self) -> Option<&PageList> {
        self.loaded.as_deref()?.as_ref().ok()
    }

    fn rows(&self) -> &[PageEntry] {
        self.list()
            .map_or(&[][..], |loaded| rows_of(loaded, self.look.tree))
    }

    /// The page under the cursor of the list.
    fn page(&self) -> Option<u64> {
        let rows = self.rows();
        match rows.get(self.view.row(rows.len())?)? {
            PageEntry::Page { id, .. } => Some(*id),
            PageEntry::Bucket(_) => None,
        }
    }

    /// The key and main revision of the record under the cursor of the fields.
    fn record(&self) -> Option<(Vec<u8>, i64)> {
        let Some(Ok(content)) = &self.content else {
            return None;
        };
        let record = content.record_of(self.fields.cursor())?;
        Some((record.key.clone()?, record.revision.0))
    }

    /// Puts the cursor on a page, or where its row would be.
    fn select_page(&mut self, page: Option<u64>, session: &mut Session) {
        let row = page.and_then(|page| {
            self.rows()
                .iter()
                .position(|row| matches!(row, PageEntry::Page { id, .. } if *id == page))
        });
        self.view.select(row.unwrap_or(0), session);
    }

    /// Shows a page, and a byte of it.
    fn show(
        &mut self,
        loaded: &Result<PageList, String>,
        id: u64,
        offset: Option<u64>,
        session: &mut Session,
    ) -> Result<(), String> {
        let loaded = loaded.as_ref().map_err(Clone::clone)?;
        if id >= loaded.file_pages {
            return Err(format!(
                "page {id} is not in the file: it has {} pages",
                loaded.file_pages
            ));
        }
        let head = loaded.head_of(id);
        let is_it = |row: &PageEntry| matches!(row, PageEntry::Page { id, .. } if *id == head);
        if !self.rows().iter().any(is_it) {
            self.look.tree = false;
            self.view.sieve.clear(session);
        }
        if !self.rows().iter().any(is_it) {
            return Err(format!(
                "page {id} is not below the high-water mark: it was never used"
            ));
        }
        self.select_page(Some(head), session);
        self.byte = offset;
        self.view.split.detail = offset.is_some();
        Ok(())
    }

    /// Keys while the page has the focus; `false`: not one of them.
    fn act_in_page(&mut self, act: Act, session: &mut Session) -> bool {
        let Some(Ok(content)) = &self.content else {
            return false;
        };
        let (first, len) = (content.offset, content.bytes.len() as u64);
        let last = first.saturating_add(len.saturating_sub(1));
        if act == Act::Open {
            self.follow(session);
            return true;
        }
        if matches!(act, Act::NextMark | Act::PrevMark) {
            // From one record of the page to the next.
            let at = self.fields.cursor();
            let is_key = |at: &usize| {
                let field = content.fields.get(*at);
                field.is_some_and(|field| matches!(field.value, PageValue::Key { .. }))
            };
            let next = match act {
                Act::NextMark => (at.saturating_add(1)..content.fields.len()).find(is_key),
                _ => (0..at).rev().find(is_key),
            };
            if let Some((at, field)) = next.and_then(|at| Some((at, content.fields.get(at)?))) {
                self.look.at = field.offset.min(last);
                self.fields.select(at);
                self.moved = true;
            } else {
                session.say(Role::Dim, "no further element on this page");
            }
            return true;
        }
        if !self.look.hex {
            let moved = self.fields.act(act, content.fields.len());
            if moved && let Some(field) = content.fields.get(self.fields.cursor()) {
                self.look.at = field.offset.min(last);
                self.moved = true;
            }
            return moved;
        }
        let page = WIDTH * 8;
        let at = self.look.at;
        self.look.at = match act {
            Act::Down => at.saturating_add(WIDTH),
            Act::Up => at.saturating_sub(WIDTH),
            Act::Right => at.saturating_add(1),
            Act::Left => at.saturating_sub(1),
            Act::HalfDown | Act::PageDown => at.saturating_add(page),
            Act::HalfUp | Act::PageUp => at.saturating_sub(page),
            Act::Top => first,
            Act::Bottom => last,
            _ => return false,
        }
        .clamp(first, last);
        self.fields.select(content.field_at(self.look.at));
        self.moved = true;
        true
    }

    /// To the page or the record that the field under the cursor names.
    fn follow(&mut self, session: &mut Session) {
        let Some(Ok(content)) = &self.content else {
            return;
        };
        let at = self.fields.cursor();
        if let Some(id) = content.points_to(at) {
            return session.go(Target::Page { id, offset: None });
        }
        let of_record = content.fields.get(at).is_some_and(|field| {
            matches!(field.value, PageValue::Key { .. } | PageValue::Value(_))
        });
        match self.record().filter(|_| of_record) {
            Some((key, main)) => session.go(Target::Revision {
                main,
                key: Some(key),
            }),
            None => session.say(
                Role::Dim,
                "this field leads nowhere: a key, a value or a page id does",
            ),
        }
    }

    /// To the next page that a finding is about.
    fn landmark(&mut self, forward: bool, session: &mut Session) {
        let (Some(loaded), Some(report)) = (
            self.loaded.clone(),
            session.slot().and_then(|slot| slot.report.clone()),
        ) else {
            return session.say(Role::Dim, "the check has not run yet");
        };
        let at = self.page().unwrap_or(0);
        let Ok(list) = &*loaded else {
            return;
        };
        let pages = report
            .findings
            .iter()
            .filter_map(|finding| finding.place.page)
            .map(|page| list.head_of(page));
        let next = if forward {
            pages.filter(|page| *page > at).min()
        } else {
            pages.filter(|page| *page < at).max()
        };
        match next {
            Some(page) => {
                if let Err(why) = self.show(&loaded, page, None, session) {
                    session.say(Role::Dim, why);
                }
            }
            None => session.say(
                Role::Dim,
                "no finding is about a page further on; 7 runs the whole check",
            ),
        }
    }
}
