//! kubectl's table of a resource, with version, size, history, last write and writer; also the largest values of all keys.

mod cells;
mod draw;
mod letters;

use std::any::Any;
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use etcd_inspect::answers::clocks::Dating;
use etcd_inspect::answers::find::Asked;
use etcd_inspect::answers::objects::{
    ObjectRow, ObjectState, ObjectsAnswer, ObjectsQuery, largest, objects,
};
use etcd_inspect::answers::returned::ReturnedKeys;

use crate::act::Act;
use crate::asked::AskedObjects;
use crate::job::{JobId, Monitor};
use crate::screen::ScreenId;
use crate::session::{Data, Session};
use crate::widgets::{GridColumn, List, Needle};
use cells::ColumnOf;

/// Keys that the table of the largest values lists.
const MOST: usize = 10_000;

/// What is listed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TableAsk {
    /// Objects of a resource.
    Objects(AskedObjects),
    /// The keys with the largest values.
    Largest,
}

/// The table, open or not.
#[derive(Debug, Default)]
pub(super) struct ObjectTable {
    ask: Option<Arc<TableAsk>>,
    loaded: Option<Rc<LoadedTable>>,
    failed: Option<String>,
    order: Vec<usize>,
    text: String,
    sort: Option<TableSort>,
    /// The cursor, among the rows that are shown.
    pub(super) list: List,
    /// Headings of columns that had no room when it was drawn.
    hidden: Vec<String>,
    job: Option<JobId>,
    of: Option<(usize, i64, bool, bool)>,
    /// The key that the cursor goes to when the rows are there.
    awaited: Option<Vec<u8>>,
}

/// By which column, and whether the largest come first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TableSort {
    heading: String,
    down: bool,
}

/// Rows with their columns.
#[derive(Debug)]
struct LoadedTable {
    answer: ObjectsAnswer,
    columns: Vec<GridColumn>,
    of: Vec<ColumnOf>,
}

/// For the back stack.
#[derive(Clone, Debug)]
pub(super) struct TableBefore {
    ask: Option<Arc<TableAsk>>,
    sort: Option<TableSort>,
    key: Option<Vec<u8>>,
}

/// The end of the job.
struct TableRead(Result<ObjectsAnswer, String>);

impl ObjectTable {
    /// Whether it is shown in place of the tree.
    pub(super) fn is_open(&self) -> bool {
        self.ask.is_some()
    }

    /// Lists something.
    pub(super) fn open(&mut self, ask: TableAsk) {
        let ask = Arc::new(ask);
        if self.ask.as_ref() != Some(&ask) {
            *self = Self {
                sort: (*ask == TableAsk::Largest).then(|| TableSort {
                    heading: "SIZE".to_owned(),
                    down: true,
                }),
                ask: Some(ask),
                ..Self::default()
            };
        }
    }

    /// Back to the tree; `false`: it was there.
    pub(super) fn close(&mut self, session: &mut Session) -> bool {
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        let open = self.is_open();
        *self = Self::default();
        open
    }

    /// Reads the rows if they are of something else.
    pub(super) fn read(&mut self, data: &Arc<Data>, deleted: bool, session: &mut Session) {
        let Some(ask) = self.ask.clone() else { return };
        let has_log = data.lacks_records && session.log_if_read().is_some();
        let of = (
            Arc::as_ptr(data).addr(),
            session.ruler.revision(),
            deleted,
            has_log,
        );
        if self.of == Some(of) {
            return;
        }
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        self.of = Some(of);
        self.awaited = self.key().or(self.awaited.take());
        let (data, at, mask) = (
            Arc::clone(data),
            session.ruler.at(),
            session.options.mask.clone(),
        );
        // What the log deleted is no live row of a db that lost records.
        let logged = match data.lacks_records {
            true => session.logged().ready().cloned().flatten(),
            false => session.log_if_read(),
        };
        let work = move |_: &Monitor| {
            let of = data.objects();
            let dating = Dating::new(data.dataset().member(), logged.as_deref());
            let marked = |mut answer| {
                if let Some(logged) = logged.as_deref().filter(|_| data.lacks_records) {
                    ReturnedKeys::find(&data.keyspace(), logged).mark(&mut answer);
                }
                answer
            };
            TableRead(match &*ask {
                TableAsk::Largest => largest(&of, at, MOST, dating).map(marked),
                TableAsk::Objects(asked) => {
                    let query = ObjectsQuery {
                        asked: Asked {
                            targets: asked.targets.clone(),
                            name: asked.name.clone(),
                        },
                        scope: asked.scope(),
                        revision: at,
                        deleted,
                    };
                    objects(&of, &query, Some(&mask), dating).map(marked)
                }
            })
        };
        self.job = Some(session.spawn(ScreenId::Browse, "reading objects", work));
    }

    /// Takes the answer of its own job; gives back another's.
    pub(super) fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
        session: &Session,
    ) -> Option<Box<dyn Any + Send>> {
        let read = match value.downcast::<TableRead>() {
            Ok(read) => read,
            Err(value) => return Some(value),
        };
        if self.job != Some(job) {
            return None;
        }
        self.job = None;
        match read.0 {
            Ok(answer) => {
                self.loaded = Some(Rc::new(LoadedTable::new(answer, session)));
                self.failed = None;
                self.arrange(session);
            }
            Err(why) => self.failed = Some(why),
        }
        None
    }

    /// The row under the cursor.
    pub(super) fn row(&self) -> Option<&ObjectRow> {
        let at = self.order.get(self.list.cursor())?;
        self.loaded.as_ref()?.answer.rows.get(*at)
    }

    /// Its key.
    pub(super) fn key(&self) -> Option<Vec<u8>> {
        Some(self.row()?.key.clone())
    }

    /// How many rows are shown.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The text of the filter.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Leaves the rows that have a text.
    pub(super) fn filter(&mut self, text: &str, session: &Session) {
        text.clone_into(&mut self.text);
        self.awaited = self.key().or(self.awaited.take());
        self.arrange(session);
    }

    /// Headings that rows can be ordered by, each with whether the column is shown.
    pub(super) fn headings(&self) -> Vec<(String, bool)> {
        let columns = self.loaded.iter().flat_map(|loaded| &loaded.columns);
        let headings = columns.map(|column| &column.heading);
        headings
            .map(|heading| (heading.clone(), !self.hidden.contains(heading)))
            .collect()
    }

    /// Orders the rows by the column whose heading shows a letter; `false`: none does.
    pub(super) fn sort_by_letter(&mut self, letter: char, session: &Session) -> bool {
        let mut columns = self.loaded.iter().flat_map(|loaded| &loaded.columns);
        let column = columns.find(|column| column.letter == Some(letter));
        let Some(heading) = column.map(|column| column.heading.clone()) else {
            return false;
        };
        self.sort_by(&heading, session);
        true
    }

    /// Orders the rows by a column; by the same again: the other way round.
    pub(super) fn sort_by(&mut self, heading: &str, session: &Session) {
        let down = match &self.sort {
            Some(sort) if sort.heading == heading => !sort.down,
            // Of these the largest are wanted.
            _ => matches!(
                heading,
                "SIZE" | "HISTORY" | "VER" | "LAST-WRITE~" | "RESTARTS"
            ),
        };
        self.sort = Some(TableSort {
            heading: heading.to_owned(),
            down,
        });
        self.awaited = None;
        self.list.select(0);
        self.arrange(session);
    }

    /// Puts the rows in order and the cursor on the key that it was on.
    fn arrange(&mut self, session: &Session) {
        let Some(loaded) = self.loaded.clone() else {
            return;
        };
        let mut needle = Needle::new(&self.text);
        let mut keeps = |row: &ObjectRow| {
            needle.as_mut().is_none_or(|needle| {
                let line: Vec<String> = loaded.of.iter().map(|of| of.text(row, session)).collect();
                needle.keeps(line.join(" ").as_bytes())
            })
        };
        let rows = &loaded.answer.rows;
        let mut order: Vec<usize> = (0..rows.len())
            .filter(|at| rows.get(*at).is_some_and(&mut keeps))
            .collect();
        if let Some(sort) = &self.sort
            && let Some(at) = loaded
                .columns
                .iter()
                .position(|column| column.heading == sort.heading)
            && let Some(of) = loaded.of.get(at)
        {
            order.sort_by(|a, b| match (rows.get(*a), rows.get(*b)) {
                (Some(a), Some(b)) => of.compare(a, b, sort.down),
                _ => Ordering::Equal,
            });
        }
        self.order = order;
        let awaited = self.awaited.take();
        let place = awaited.as_ref().and_then(|key| {
            let mut shown = self.order.iter();
            shown.position(|at| rows.get(*at).is_some_and(|row| row.key == *key))
        });
        // A filter without hits does not forget where the cursor was.
        self.awaited = awaited.filter(|_| self.order.is_empty());
        let last = self.order.len().saturating_sub(1);
        self.list
            .select(place.unwrap_or(self.list.cursor().min(last)));
    }

    /// To the next row of something that was deleted; `false`: there is none.
    pub(super) fn go_to_deleted(&mut self, act: Act) -> bool {
        let Some(loaded) = self.loaded.clone() else {
            return false;
        };
        let is_deleted = |place: &usize| {
            let row = self
                .order
                .get(*place)
                .and_then(|at| loaded.answer.rows.get(*at));
            row.is_some_and(|row| {
                matches!(
                    row.state,
                    ObjectState::Deleted { .. } | ObjectState::DeletedInLog { .. }
                )
            })
        };
        let cursor = self.list.cursor();
        let found = match act {
            Act::NextMark => {
                let first = usize::from(cursor > 0 || is_deleted(&0));
                (cursor.saturating_add(first)..self.order.len()).find(is_deleted)
            }
            _ => (0..cursor).rev().find(is_deleted),
        };
        found.is_some_and(|place| {
            self.list.select(place);
            true
        })
    }

    /// For the back stack.
    pub(super) fn before(&self) -> TableBefore {
        TableBefore {
            ask: self.ask.clone(),
            sort: self.sort.clone(),
            key: self.key(),
        }
    }

    /// As it was; the rows are read again.
    pub(super) fn restore(&mut self, before: &TableBefore, session: &Session) {
        if self.ask == before.ask && self.loaded.is_some() {
            self.sort.clone_from(&before.sort);
            self.awaited.clone_from(&before.key);
            return self.arrange(session);
        }
        *self = Self {
            ask: before.ask.clone(),
            sort: before.sort.clone(),
            awaited: before.key.clone(),
            ..Self::default()
        };
    }
}
