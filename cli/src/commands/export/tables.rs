//! `export --format sqlite|parquet|csv|jsonl --tables`: tables as files of other programs.

use std::path::Path;

use etcd_inspect::answers::Damage;
use etcd_inspect::dataset::Dataset;
use etcd_inspect::evidence::custody;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::Member;
use etcd_inspect::salvage::backup::{Out, OutError};
use etcd_inspect::{Command, FileName, Finding, Place};
use etcd_inspect_tables::files::{
    self, Origin, ParquetFiles, Sink, SqliteFile, TextFiles, TextForm,
};
use etcd_inspect_tables::{Source, TABLES, Table, TableError, Values, fingerprint_key, table};

use super::{ExportArgs, Form};
use crate::commands::sql::SourceArgs;
use crate::commands::tables::no_table;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::number::thousands;
use crate::secrets::Reveal;
use crate::ui::Ui;

/// `--values`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ValuesArg {
    /// Nothing of them.
    None,
    /// With their secrets hidden.
    Masked,
    /// As they are stored.
    Reveal,
}

/// What can go wrong between the first byte and the final name.
enum ExportError {
    Table(TableError),
    Out(OutError),
}

impl From<TableError> for ExportError {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl From<OutError> for ExportError {
    fn from(error: OutError) -> Self {
        Self::Out(error)
    }
}

pub(super) fn export(args: &ExportArgs, form: Form, ui: &mut Ui) -> anyhow::Result<Exit> {
    let tables = chosen(&args.tables)?;
    let member = ui.member(None)?;
    let out = new_out(args, form, &member)?;
    let path = member.evidence().path().to_owned();
    let limits = member.options().evidence.limits.clone();
    let asked = SourceArgs {
        layout: args.layout.layout(),
        keys: &args.keys,
        at: &args.at,
    };
    let dataset = asked.dataset(member, ui)?;
    let values = values(args, &dataset, ui)?;
    let source = asked.source(dataset, values, ui)?;
    let origin = origin(&source, &path, &limits, ui)?;
    let interrupt = ui.interrupt.clone();
    let written = write(form, &source, &tables, &out, &origin, &|| {
        interrupt.is_set()
    });
    let written = written.map_err(|error| match error {
        ExportError::Out(error) => no_output(&error, form, &path).into(),
        ExportError::Table(TableError::Evidence(error)) => Failure::from_library(&error).into(),
        ExportError::Table(TableError::Stopped(_)) => anyhow::Error::from(OutError::Cancelled),
        ExportError::Table(error) => Failure::usage(error.to_string())
            .next("etcd-inspect check {path}")
            .into(),
    })?;
    for one in &written {
        if let Ok(rows) = one.rows {
            ui.note(format!("{}: {} rows", one.table, thousands(rows.into())))?;
        }
    }
    crate::commands::sql::lacking(&source, ui)?;
    let mut damage = source.damage();
    damage.extend(left_out(&written, &path));
    ui.partial(damage);
    Ok(Exit::Ok)
}

/// Tables that are not in the output, as damage of the answer: a finding for each cause.
fn left_out(written: &[files::Written], path: &Path) -> Damage {
    let file = FileName::new(path.display().to_string());
    let mut causes: Vec<(&etcd_inspect::Error, Vec<&str>)> = Vec::new();
    for one in written {
        let Err(error) = &one.rows else { continue };
        let known = causes
            .iter_mut()
            .find(|(cause, _)| cause.to_string() == error.to_string());
        match known {
            Some((_, tables)) => tables.push(one.table),
            None => causes.push((error, vec![one.table])),
        }
    }
    let finding = |(error, tables): (&etcd_inspect::Error, Vec<&str>)| {
        let place = error.place().cloned();
        let place = place.unwrap_or_else(|| Place::file(&file));
        let message = format!("no table {}: {error}", tables.join(", "));
        Finding::new(error.code(), place, message)
    };
    Damage::new(causes.into_iter().map(finding).collect(), 0)
}

/// What becomes of values. Fingerprints are the same for the same evidence, so that files can be compared.
fn values(args: &ExportArgs, dataset: &Dataset, ui: &mut Ui) -> anyhow::Result<Values> {
    let is_revealed =
        args.values == Some(ValuesArg::Reveal) || args.showing.reveal == Some(Reveal::All);
    if args.values == Some(ValuesArg::None) {
        return Ok(Values::None);
    }
    if is_revealed {
        ui.note("secrets are written in clear text")?;
        return Ok(Values::Revealed);
    }
    if args.showing.fp_key.is_none()
        && let Ok(Some(key)) = fingerprint_key(dataset)
    {
        return Ok(Values::Masked(Box::new(Mask::new(&key))));
    }
    let mask = args.showing.mask(false, ui)?;
    Ok(mask.map_or(Values::Revealed, |mask| Values::Masked(Box::new(mask))))
}

/// The tables that are named; all but those on demand if none is.
fn chosen(names: &[String]) -> Result<Vec<&'static Table>, Failure> {
    if names.is_empty() {
        return Ok(TABLES
            .iter()
            .copied()
            .filter(|table| !table.on_demand)
            .collect());
    }
    let named = |name: &String| table(name).ok_or_else(|| no_table(name));
    let named: Vec<&Table> = names.iter().map(named).collect::<Result<_, _>>()?;
    // In the order of the catalogue, each once: a table comes after the one that it refers to.
    Ok(TABLES
        .iter()
        .copied()
        .filter(|table| named.iter().any(|one| one.name == table.name))
        .collect())
}

fn new_out(args: &ExportArgs, form: Form, member: &Member) -> anyhow::Result<Out> {
    let example = example(form);
    match args.out.as_deref() {
        Some(path) if path != Path::new("-") && !matches!(form, Form::Yaml | Form::Json) => {
            Out::new(path, [member.evidence()])
                .map_err(|error| no_output(&error, form, member.evidence().path()).into())
        }
        _ if matches!(form, Form::Yaml | Form::Json) => Err(Failure::usage(
            "tables are written with --format sqlite, parquet, csv or jsonl",
        )
        .next(example)
        .into()),
        _ => Err(Failure::usage(
            "tables are written to new files: name one for SQLite, or a directory, with --out",
        )
        .next(example)
        .into()),
    }
}

/// An output that cannot be written, with a command line that can be run instead.
fn no_output(error: &OutError, form: Form, evidence: &Path) -> Failure {
    let failure = Failure::usage(error.to_string());
    let OutError::Exists(path) = error else {
        return failure.next(example(form));
    };
    let (stem, ending) = (path.file_stem(), path.extension());
    let numbered = |number: u32| {
        let mut name = stem.unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        if let Some(ending) = ending {
            name.push(".");
            name.push(ending);
        }
        path.with_file_name(name)
    };
    let free = (2..1000).map(numbered).find(|path| !path.exists());
    let command = Command::inspect("export").args(["--format", form.name(), "--out"]);
    match free {
        Some(free) => failure.next(command.path(&free).arg("-d").path(evidence)),
        None => failure.next(example(form)),
    }
}

/// A command line that writes the form.
fn example(form: Form) -> &'static str {
    match form {
        Form::Sqlite => "etcd-inspect export --format sqlite --out tables.sqlite -d {path}",
        Form::Csv => "etcd-inspect export --format csv --out tables -d {path}",
        Form::Jsonl => "etcd-inspect export --format jsonl --tables keys --out tables -d {path}",
        _ => "etcd-inspect export --format parquet --out tables -d {path}",
    }
}

/// The newest revision of the store; `None` if what could not be read may have a newer one.
fn newest(source: &Source) -> Option<i64> {
    let (objects, damage) = source.dataset().objects().ok()?.into_parts();
    damage.is_empty().then(|| objects.keyspace().revision())
}

/// What tells the rows of one copy from those of another.
fn origin(
    source: &Source,
    path: &Path,
    limits: &etcd_inspect::Limits,
    ui: &Ui,
) -> anyhow::Result<Origin> {
    let identity = source.dataset().member().identity();
    let files = custody::inventory(&custody::on_disk(path), limits, &*ui.progress())?;
    Ok(Origin {
        cluster_id: identity.cluster_id.map(|id| id.to_string()),
        member_id: identity.member_id.map(|id| id.to_string()),
        revision: source.revision().or_else(|| newest(source)),
        source_sha256: files.sha256(),
    })
}

fn write(
    form: Form,
    source: &Source,
    tables: &[&'static Table],
    out: &Out,
    origin: &Origin,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<files::Written>, ExportError> {
    if form == Form::Sqlite {
        return out.fill_file(|path| {
            let mut file = SqliteFile::new(path, origin, tables)?;
            let written = files::write(source, tables, &mut file, stop)?;
            file.finish()?;
            Ok(written)
        });
    }
    out.fill_directory(|directory| {
        let mut sink: Box<dyn Sink> = match form {
            Form::Parquet => Box::new(ParquetFiles::new(directory, origin)),
            Form::Csv => Box::new(TextFiles::new(directory, TextForm::Csv)),
            _ => Box::new(TextFiles::new(directory, TextForm::JsonLines)),
        };
        Ok(files::write(source, tables, &mut *sink, stop)?)
    })
}
