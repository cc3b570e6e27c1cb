//! Search: keys, decoded values and their older versions, beside the loop, with hits as they are found.

use std::any::Any;
use std::rc::Rc;

use etcd_inspect::member::{Hit, Places};
use etcd_inspect::mvcc::KeyRange;
use etcd_inspect::text::{escape, number};
use ratatui::layout::Rect;
use regex::bytes::{Regex, RegexBuilder};

use crate::act::{Act, Copied};
use crate::job::{JobId, Monitor};
use crate::paint::{Line, Pen};
use crate::screen::{Screen, ScreenId, Snapshot};
use crate::session::Session;
use crate::target::{Target, Want};
use crate::theme::Role;
use crate::widgets::{Column, List, Table};

/// Hits after which a search ends: who finds more must ask more precisely.
const MOST: usize = 20_000;
/// Hits between two parts of an answer.
const PART: usize = 64;

/// The screen.
#[derive(Debug, Default)]
pub(crate) struct Search {
    text: String,
    hits: Rc<Vec<Hit>>,
    list: List,
    job: Option<JobId>,
    end: Option<End>,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    Stopped,
    Full,
}

/// For the back stack.
struct Before {
    text: String,
    hits: Rc<Vec<Hit>>,
    list: List,
    end: Option<End>,
}

const COLUMNS: [Column; 5] = [
    Column::left("WHERE", 8),
    Column::right("REV", 11),
    Column::left("KEY", 0),
    Column::left("FIELD", 30).from(100),
    Column::left("MATCH", 0),
];

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
    }

    fn act(&mut self, act: Act, session: &mut Session) -> bool {
        match act {
            Act::Open => match self.hits.get(self.list.cursor()) {
                Some(hit) if hit.live => session.go(Target::Key(hit.key.clone())),
                Some(hit) => session.go(Target::History {
                    key: hit.key.clone(),
                    main: Some(hit.revision),
                }),
                None => session.ask("search"),
            },
            Act::Filter => session.ask("search"),
            Act::NextHit => return self.act(Act::Down, session),
            Act::PrevHit => return self.act(Act::Up, session),
            act if self.list.act(act, self.hits.len()) => {
                let key = self.hits.get(self.list.cursor()).map(|hit| hit.key.clone());
                session.set_focus(key.as_deref());
            }
            _ => return false,
        }
        true
    }

    fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let inner = pen.frame(area, &self.title(), true);
        if self.hits.is_empty() {
            let text = match (self.text.is_empty(), self.job) {
                (true, _) => {
                    "⏎ asks what to search for in keys, values and history; matches in secrets stay hidden"
                }
                (false, Some(_)) => "searching…",
                (false, None) => "nothing found",
            };
            pen.put(inner, 1, 0, text, Role::Dim);
            return;
        }
        let hits = Rc::clone(&self.hits);
        let charset = session.charset();
        let parse = |key| session.data().and_then(|data| data.objects.parse(key));
        let named = |key| match parse(key) {
            Some(parsed) => parsed.to_string(),
            None => escape::bytes(key, charset).into_owned(),
        };
        let table = Table {
            columns: &COLUMNS,
            focused: true,
        };
        table.draw(inner, pen, &mut self.list, hits.len(), |row| {
            let Some(hit) = hits.get(row) else {
                return Vec::new();
            };
            let place = match (&hit.field, hit.live) {
                (None, true) => "key",
                (None, false) => "deleted",
                (Some(_), true) => "live",
                (Some(_), false) => "history",
            };
            vec![
                Line::of(Role::Dim, place),
                Line::of(Role::Number, number::thousands(hit.revision.into())),
                Line::of(Role::Name, named(&hit.key)),
                Line::from(hit.field.clone().unwrap_or_default()),
                Line::of(Role::Match, hit.text.clone()),
            ]
        });
    }

    fn crumbs(&self, session: &Session) -> Vec<String> {
        let mut crumbs = vec![format!("search {}", self.text)];
        crumbs.extend(
            self.hits
                .get(self.list.cursor())
                .map(|hit| escape::bytes(&hit.key, session.charset()).into_owned()),
        );
        crumbs
    }

    fn accept(&mut self, target: &Target, session: &mut Session) -> Result<(), String> {
        let Target::Search(text) = target else {
            return Err("Search looks for text".to_owned());
        };
        let pattern = pattern(text)?;
        let data = session
            .data()
            .cloned()
            .ok_or_else(|| session.why_no_data().plain())?;
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        text.clone_into(&mut self.text);
        (self.hits, self.list, self.end) = (Rc::default(), List::default(), None);
        let mask = session.options.mask.clone();
        let work = move |monitor: &Monitor| {
            let places = Places {
                keys: true,
                values: true,
                history: true,
                until: None,
            };
            let (mut count, mut part) = (0, Vec::new());
            data.objects.search(
                &pattern,
                &KeyRange::all(),
                places,
                Some(&mask),
                &mut |hit| {
                    part.push(hit);
                    count += 1;
                    // The first hits are shown at once.
                    if part.len() >= PART.min(count) {
                        monitor.send(std::mem::take(&mut part));
                    }
                    count < MOST && !monitor.is_cancelled()
                },
            );
            monitor.send(part);
            if monitor.is_cancelled() {
                End::Stopped
            } else if count >= MOST {
                End::Full
            } else {
                End::Whole
            }
        };
        self.job = Some(session.spawn(ScreenId::Search, format!("search for {text}"), work));
        Ok(())
    }

    fn emit(&self, want: Want, _session: &Session) -> Option<Result<Target, String>> {
        let hit = self.hits.get(self.list.cursor())?;
        match want {
            Want::Revision => Some(Ok(Target::Revision {
                main: hit.revision,
                key: Some(hit.key.clone()),
            })),
            _ => None,
        }
    }

    fn snapshot(&self) -> Snapshot {
        Rc::new(Before {
            text: self.text.clone(),
            hits: Rc::clone(&self.hits),
            list: self.list,
            end: self.end,
        })
    }

    fn restore(&mut self, snapshot: &dyn Any, _session: &mut Session) {
        if let Some(before) = snapshot
            .downcast_ref::<Before>()
            .filter(|before| before.text != self.text || self.job.is_none())
        {
            self.text.clone_from(&before.text);
            (self.hits, self.end) = (Rc::clone(&before.hits), before.end);
            self.list = before.list;
        }
    }

    fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        _last: bool,
        _session: &mut Session,
    ) {
        if self.job != Some(job) {
            return;
        }
        match value.downcast::<Vec<Hit>>() {
            Ok(part) => Rc::make_mut(&mut self.hits).extend(*part),
            Err(value) => {
                if let Ok(end) = value.downcast::<End>() {
                    (self.job, self.end) = (None, Some(*end));
                }
            }
        }
    }

    fn copy(&self, what: Copied, session: &Session) -> Option<Result<String, String>> {
        let word = etcd_inspect::text::shell::word(&self.text);
        match what {
            Copied::Command => Some(Ok(session.command(&format!("search {word} {{path}}")))),
            _ => None,
        }
    }
}

impl Search {
    fn title(&self) -> Line {
        if self.text.is_empty() {
            return Line::from("search");
        }
        let end = match (self.end, self.job) {
            (Some(End::Whole), _) => "done",
            (Some(End::Full), _) => "stopped at this many",
            (Some(End::Stopped), _) | (None, None) => "stopped",
            (None, Some(_)) => "searching…",
        };
        let more = if self.end == Some(End::Whole) {
            ""
        } else {
            "≥"
        };
        let hits = number::thousands(self.hits.len() as i128);
        Line::from("/")
            .with(Role::Match, self.text.clone())
            .text(format!(" · kept versions · {more}{hits} hits · {end}"))
    }
}

/// Text or regex; letters match in either case unless one of them is a capital.
fn pattern(text: &str) -> Result<Regex, String> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .case_insensitive(!text.chars().any(char::is_uppercase))
            .size_limit(1 << 20)
            .build()
    };
    build(text)
        .or_else(|_| build(&regex::escape(text)))
        .map_err(|error| error.to_string())
}
