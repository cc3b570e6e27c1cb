use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etcd_inspect::answers::Damage;
use etcd_inspect::dataset::{self, Dataset};
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::member::Member;
use etcd_inspect::{Finding, Place, codes};
use etcd_inspect_tables::sql::{Bounds, Query, Session};
use etcd_inspect_tables::{Source, Stop, TableError, Value, Values};

use crate::at::At;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::LayoutArgs;
use crate::output::{Cell, Column, Rows, Tail, number};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::{View, or_log, or_log_said, say_unapplied};

/// Ask the evidence in SQL
///
/// SQLite reads the files through virtual tables: nothing is imported or written. `etcd-inspect tables` lists tables and
/// columns. Without QUERY, queries are read from standard input, each ended by a semicolon.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect sql \"SELECT resource, count(*) AS n FROM keys GROUP BY 1 ORDER BY n DESC\" -d /copy/m1
  etcd-inspect sql \"SELECT name, json_extract(json, '$.spec.nodeName') AS node FROM objects WHERE resource = 'pods'\" -d /copy/m1
  etcd-inspect sql \"SELECT time, op, key FROM versions WHERE op = 'delete' ORDER BY revision DESC LIMIT 20\" -d /copy/m1
  etcd-inspect sql \"SELECT value, count(*) FROM fields WHERE path LIKE '%.image' GROUP BY 1\" -o csv -d /copy/m1
  etcd-inspect sql -d /copy/m1")]
pub(crate) struct SqlArgs {
    /// One query
    query: Option<String>,
    /// Data directory, db or snapshot; also -d
    path: Option<PathBuf>,
    /// Ends a query that takes longer
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Memory for sorting and grouping
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = etcd_inspect::answers::parse_size)]
    max_memory: u64,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    at: At,
}

pub(crate) fn run(args: &SqlArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    // `sql PATH` without a query: the only word is a path, not SQL.
    let (query, path) = match (&args.query, &args.path) {
        (Some(word), None) if std::path::Path::new(word).exists() => {
            (None, Some(PathBuf::from(word)))
        }
        (query, path) => (query.clone(), path.clone()),
    };
    let mask = args.showing.mask(false, ui)?;
    let values = mask.map_or(Values::Revealed, |mask| Values::Masked(Box::new(mask)));
    let member = ui.member(path.as_deref())?;
    let asked = SourceArgs {
        layout: args.layout.layout(),
        keys: &args.keys,
        at: &args.at,
    };
    let source = asked.source(asked.dataset(member, ui)?, values, ui)?;
    let mut bounds = Bounds::default();
    bounds.time = Duration::from_secs(args.timeout);
    bounds.memory = args.max_memory;
    bounds.stop = ui.interrupt.flag();
    let session = Session::open(&source, bounds).map_err(|error| failed(error, args, ui))?;
    match query {
        Some(query) => match session.query(&query) {
            Ok(query) => answer(query, &source, args, ui),
            Err(error) => Err(failed(error, args, ui).into()),
        },
        None => prompt(&session, &source, args, ui),
    }
}

/// What tables are asked of.
pub(super) struct SourceArgs<'a> {
    pub(super) layout: Option<Layout>,
    pub(super) keys: &'a KeyFiles,
    pub(super) at: &'a At,
}

impl SourceArgs<'_> {
    /// The evidence, before or after a start; the log alone if the db cannot be read.
    pub(super) fn dataset(&self, member: Member, ui: &mut Ui) -> anyhow::Result<Dataset> {
        let builder = Dataset::builder()
            .keyring(self.keys.keyring()?)
            .layout(self.layout.clone());
        let stored = builder.member(member);
        match self.at.side.replay {
            true => Ok(stored.on(dataset::Side::Replayed)),
            false if self.is_of_past() => Ok(or_log(stored, ui).0),
            false => or_log_said(stored, ui),
        }
    }

    /// The evidence as a source of tables, at the moment that is asked for.
    pub(super) fn source(
        &self,
        dataset: Dataset,
        values: Values,
        ui: &mut Ui,
    ) -> anyhow::Result<Arc<Source>> {
        // Without a moment nothing of the store is needed yet: log and pages can be asked where there is none.
        let revision = match self.is_of_past() || self.at.side.replay {
            true => {
                let (_, [revision]) = View::open_at(dataset.member(), [self.at], false, ui)?;
                revision
            }
            false => None,
        };
        Ok(Source::new(dataset, revision, values))
    }

    fn is_of_past(&self) -> bool {
        self.at.rev.is_some() || self.at.at.is_some()
    }
}

/// Prints the rows of one query.
fn answer(
    mut query: Query<'_>,
    source: &Source,
    args: &SqlArgs,
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
    let mut known: Vec<String> = Vec::new();
    for name in query.columns() {
        // Two columns of one name would be one field of JSON.
        let again = known
            .iter()
            .filter(|one| *one == name || one.starts_with(&format!("{name}:")))
            .count();
        known.push(match again {
            0 => name.clone(),
            again => format!("{name}:{again}"),
        });
    }
    let columns: Vec<Column> = known
        .iter()
        .map(|name| Column::headed_field(name))
        .collect();
    let mut rows = Rows::begin(ui, "sql", &columns)?;
    let mut any = false;
    let ended = query.each::<anyhow::Error>(&mut |row| {
        any = true;
        Ok(rows.push(row.into_iter().map(cell).collect())?)
    });
    let error = match ended.map_err(anyhow::Error::downcast::<TableError>) {
        Ok(()) => None,
        Err(Ok(error)) => Some(error),
        Err(Err(error)) => return Err(error),
    };
    // Rows that were given are an answer: it ends as one, and as a part.
    if any || error.is_none() {
        let mut damage = source.damage();
        damage.cancelled |= error.is_some();
        damage.extend(without_log(source));
        rows.partial(damage);
        rows.finish(Tail::default())?;
    }
    match error {
        None => {}
        // The end of the run says what stopped it.
        Some(TableError::Stopped(Stop::Interrupted)) if any => {}
        Some(error) => {
            let failure = failed(error, args, ui);
            let exit = if any { Exit::Partial } else { failure.exit };
            return Err(Failure { exit, ..failure }.into());
        }
    }
    lacking(source, ui)?;
    Ok(Exit::Ok)
}

/// That tables of the log are empty because there is none: it says nothing about its writes.
fn without_log(source: &Source) -> Damage {
    let place = Place::file(source.dataset().member().evidence().name());
    let finding = source.lacks_log().then(|| {
        let message = "there is no WAL with this evidence: that tables of the log are empty says nothing about its writes";
        Finding::new(&codes::dir::WAL_MISSING, place, message)
    });
    Damage::new(finding.into_iter().collect(), 0)
}

/// Says what the tables lack: writes that only the log has, and values that are encrypted.
pub(super) fn lacking(source: &Source, ui: &mut Ui) -> anyhow::Result<()> {
    if source.has_read_newest_of_db() {
        say_unapplied(source.dataset().member(), ui)?;
    }
    if !source.has_closed_values() {
        return Ok(());
    }
    let command = ui.with_flag("--encryption-config").choice("FILE");
    ui.note(format!(
        "encrypted values have no JSON, column `problem` tells why: {command}"
    ))?;
    Ok(())
}

fn cell(value: Value) -> Cell {
    match value {
        // A column that was asked for is there, also if it holds nothing.
        Value::Null => Cell::shown("", serde_json::Value::Null),
        Value::Integer(integer) => Cell::plain(integer),
        // JSON has no number for it, and null would be unknown.
        Value::Real(real) if real.is_infinite() => {
            Cell::text(if real > 0.0 { "Infinity" } else { "-Infinity" })
        }
        Value::Real(real) => Cell::shown(real.to_string(), real),
        Value::Text(text) => Cell::text(text),
    }
}

/// A limit is raised to so many times as much.
const RAISED: u64 = 8;

fn failed(error: TableError, args: &SqlArgs, ui: &Ui) -> Failure {
    let limit = |message: String, flag: String| {
        let mut failure = Failure::usage(message).next(ui.with_flag(&flag));
        failure.code = etcd_inspect::codes::error::LIMIT.id;
        failure
    };
    match error {
        TableError::Stopped(stop @ Stop::Time) => limit(
            format!("{stop} of {} s (--timeout)", args.timeout),
            format!("--timeout={}", args.timeout.max(1).saturating_mul(RAISED)),
        ),
        TableError::Stopped(stop @ Stop::Memory) => limit(
            format!("{stop} of {} (--max-memory)", number::size(args.max_memory)),
            format!(
                "--max-memory={}MiB",
                (args.max_memory >> 20).max(8).saturating_mul(RAISED)
            ),
        ),
        TableError::Sql(message) if message.starts_with("no such table: ") => {
            super::tables::no_table(message.trim_start_matches("no such table: "))
        }
        TableError::Sql(message) if message.starts_with("no such column: ") => {
            super::tables::no_column(&message, args.query.as_deref().unwrap_or_default())
        }
        TableError::Evidence(error) => Failure::from_library(&error),
        error => Failure::usage(error.to_string()).next(etcd_inspect::Command::inspect("tables")),
    }
}

/// What the prompt says when it begins, and if it is asked.
const PROMPT_HELP: &str = "SQL over the evidence, each query ended by a semicolon; .tables lists the tables, .help prints this, .quit or Ctrl-D ends\n";

/// What the prompt knows beside SQL.
enum PromptWord {
    Quit,
    Help,
    Tables,
}

fn prompt_word(line: &str) -> Option<PromptWord> {
    match line.trim().trim_end_matches(';').trim() {
        ".quit" | ".exit" | "quit" | "exit" | "\\q" => Some(PromptWord::Quit),
        ".help" | "help" | "?" | "\\?" => Some(PromptWord::Help),
        ".tables" | "\\d" | "\\dt" => Some(PromptWord::Tables),
        _ => None,
    }
}

/// Reads queries until standard input ends; an error ends only its query.
fn prompt(session: &Session, source: &Source, args: &SqlArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let asks = io::stdin().is_terminal();
    if asks {
        ui.prompt(PROMPT_HELP)?;
    }
    let mut pending = String::new();
    let mut exit = Exit::Ok;
    loop {
        if asks {
            ui.prompt(if pending.is_empty() { "sql> " } else { "  -> " })?;
        }
        let mut line = String::new();
        let is_first = pending.is_empty();
        let is_end = io::stdin().lock().read_line(&mut line)? == 0;
        if asks && ui.interrupt.is_set() {
            // Ctrl-C ended a query, or threw away what was typed of one: the next begins as the first.
            ui.interrupt.is_the_end();
            pending.clear();
        }
        match asks
            .then(|| prompt_word(&line))
            .flatten()
            .filter(|_| is_first)
        {
            Some(PromptWord::Quit) => return Ok(exit),
            Some(PromptWord::Help) => {
                ui.prompt(PROMPT_HELP)?;
                continue;
            }
            Some(PromptWord::Tables) => {
                for table in etcd_inspect_tables::TABLES.iter() {
                    ui.prompt(&format!("{:16} {}\n", table.name, table.about))?;
                }
                continue;
            }
            None => {}
        }
        pending.push_str(&line);
        let is_whole = pending.trim_end().ends_with(';') || is_end;
        if is_whole && !pending.trim().is_empty() {
            let sql = std::mem::take(&mut pending);
            for query in session.queries(&sql) {
                let answered = match query {
                    Ok(query) => answer(query, source, args, ui),
                    Err(error) => Err(failed(error, args, ui).into()),
                };
                match (answered, asks) {
                    (Ok(answered), _) => exit = answered,
                    (Err(error), true) => ui.warn(error.to_string())?,
                    (Err(error), false) => return Err(error),
                }
            }
        }
        if is_end {
            return Ok(exit);
        }
    }
}
