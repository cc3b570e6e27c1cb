//! A connection that can only ask, within bounds of time and memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection, Statement};

use super::module::register;
use crate::catalogue::TABLES;
use crate::source::{Source, Stop, TableError};
use crate::value::{Row, Value};

/// Steps of SQLite's machine between two looks at the bounds: some microseconds.
const STEPS: i32 = 10_000;

/// How much a query may take.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Bounds {
    /// The time of one query.
    pub time: Duration,
    /// Memory of SQLite for sorting and grouping, in bytes.
    pub memory: u64,
    /// Set from elsewhere to end the query.
    pub stop: Arc<AtomicBool>,
}

impl Default for Bounds {
    /// Ten minutes and 1 GiB.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(600),
            memory: 1 << 30,
            stop: Arc::default(),
        }
    }
}

/// The tables of a source, ready for queries.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    started: Arc<std::sync::Mutex<Instant>>,
    bounds: Bounds,
    source: Arc<Source>,
}

impl Session {
    /// Makes all tables known; nothing is read yet.
    ///
    /// # Errors
    /// If SQLite refuses.
    pub fn open(source: &Arc<Source>, bounds: Bounds) -> Result<Self, TableError> {
        let open = || -> rusqlite::Result<(Connection, Arc<std::sync::Mutex<Instant>>)> {
            let mut connection = Connection::open_in_memory()?;
            for table in TABLES {
                register(&connection, table, source)?;
            }
            connection.execute_batch(&format!(
                "PRAGMA temp_store = memory; PRAGMA trusted_schema = off; PRAGMA hard_heap_limit = {}",
                bounds.memory
            ))?;
            connection.authorizer(Some(only_questions))?;
            let started = Arc::new(std::sync::Mutex::new(Instant::now()));
            let (clock, stop, time) = (Arc::clone(&started), Arc::clone(&bounds.stop), bounds.time);
            connection.progress_handler(STEPS, Some(move || is_over(&clock, &stop, time)))?;
            Ok((connection, started))
        };
        let (connection, started) = open().map_err(|error| failed(&error, &bounds, source))?;
        Ok(Self {
            connection,
            started,
            bounds,
            source: Arc::clone(source),
        })
    }

    /// Prepares one query.
    ///
    /// # Errors
    /// [`TableError::Sql`] if it is not one statement that SQLite can answer, or if it would write.
    pub fn query(&self, sql: &str) -> Result<Query<'_>, TableError> {
        let mut queries = self.queries(sql);
        let first = queries
            .next()
            .unwrap_or_else(|| Err(TableError::Sql("the query is empty".to_owned())))?;
        match queries.next() {
            None => Ok(first),
            Some(_) => Err(TableError::Sql(
                "more than one statement: give one query at a time".to_owned(),
            )),
        }
    }

    /// Prepares the queries of a text, which end in semicolons, one after the other.
    pub fn queries<'c, 's>(
        &'c self,
        sql: &'s str,
    ) -> impl Iterator<Item = Result<Query<'c>, TableError>> + use<'c, 's> {
        let mut batch = Batch::new(&self.connection, sql);
        let mut is_over = false;
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            if let Ok(mut started) = self.started.lock() {
                *started = Instant::now();
            }
            let next = batch.next().transpose()?;
            is_over = next.is_err();
            Some(
                next.map_err(|error| failed(&error, &self.bounds, &self.source))
                    .map(|statement| {
                        let columns = statement.column_names().map(str::to_owned).collect();
                        Query {
                            statement,
                            columns,
                            session: self,
                        }
                    }),
            )
        })
    }
}

/// Whether a query has to end.
fn is_over(started: &std::sync::Mutex<Instant>, stop: &AtomicBool, time: Duration) -> bool {
    stop.load(Ordering::Relaxed) || started.lock().is_ok_and(|started| started.elapsed() > time)
}

/// Allows reading, and nothing else: no file is opened, nothing is written, no extension is loaded.
fn only_questions(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => {
            Authorization::Allow
        }
        AuthAction::Function { function_name }
            if !function_name.eq_ignore_ascii_case("load_extension") =>
        {
            Authorization::Allow
        }
        AuthAction::Pragma { pragma_name, .. }
            if [
                "table_info",
                "table_xinfo",
                "table_list",
                "function_list",
                "module_list",
            ]
            .contains(&pragma_name) =>
        {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

/// Why SQLite ended: at a bound, because a table cannot be read, or by its own rules.
fn failed(error: &rusqlite::Error, bounds: &Bounds, source: &Source) -> TableError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) if bounds.stop.load(Ordering::Relaxed) => {
            Stop::Interrupted.into()
        }
        Some(rusqlite::ErrorCode::OperationInterrupted) => Stop::Time.into(),
        Some(rusqlite::ErrorCode::OutOfMemory) => Stop::Memory.into(),
        _ => match source.take_refusal() {
            Some(refusal) => TableError::Evidence(refusal),
            None => TableError::Sql(plain(error)),
        },
    }
}

/// The words of SQLite, without those of the wrapper.
fn plain(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => match message.as_str() {
            "not authorized" => {
                "only queries are allowed: nothing can be written, attached or loaded".to_owned()
            }
            message => message.to_owned(),
        },
        rusqlite::Error::SqlInputError { msg, .. }
            if msg == "not authorized" || msg.ends_with("may not be modified") =>
        {
            "only queries are allowed: nothing can be written, attached or loaded".to_owned()
        }
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// One query, prepared.
#[derive(Debug)]
pub struct Query<'s> {
    statement: Statement<'s>,
    columns: Vec<String>,
    session: &'s Session,
}

impl Query<'_> {
    /// The names of its columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Gives every row to `each`, until that fails.
    ///
    /// # Errors
    /// [`TableError::Stopped`] at the bounds, [`TableError::Evidence`] if a table cannot be read, [`TableError::Sql`] if SQLite
    /// fails, and the error of `each`.
    pub fn each<E: From<TableError>>(
        &mut self,
        each: &mut dyn FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let count = self.columns.len();
        let session = self.session;
        let failed = |error: rusqlite::Error| failed(&error, &session.bounds, &session.source);
        let mut rows = self.statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let value = |at| row.get_ref(at).map_or(Value::Null, of_sqlite);
            each((0..count).map(value).collect())?;
        }
        Ok(())
    }
}

fn of_sqlite(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        // What a query makes of hex() and the like; no table has bytes.
        ValueRef::Blob(bytes) => {
            Value::Text(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
    }
}
