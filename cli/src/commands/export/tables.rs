//! `export --format sqlite|parquet|csv|jsonl --tables`: tables as files of other programs.

use std::path::Path;

use etcd_inspect::dataset::Dataset;
use etcd_inspect::evidence::custody;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::Member;
use etcd_inspect::salvage::backup::{Out, OutError};
use etcd_inspect_tables::files::{
    self, Origin, ParquetFiles, Sink, SqliteFile, TextFiles, TextForm,
};
use etcd_inspect_tables::{Source, TABLES, Table, TableError, Values, fingerprint_key, table};

use super::{ExportArgs, Form, refused};
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

pub(super) fn export(args: &ExportArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let tables = chosen(&args.tables)?;
    if !args.what.is_empty()
        || args.selector.is_some()
        || args.deleted_since.is_some()
        || args.carved
    {
        return Err(Failure::usage("tables are exported whole: WHAT, -l, --deleted-since and --carved have no meaning for them")
            .next("etcd-inspect sql \"SELECT * FROM objects WHERE resource = 'pods'\" -o csv -d {path}")
            .into());
    }
    let member = ui.member(None)?;
    let out = new_out(args, &member)?;
    let path = member.evidence().path().to_owned();
    let limits = member.options().evidence.limits.clone();
    let asked = SourceArgs {
        layout: args.layout.layout(),
        keys: &args.keys,
        at: &args.at,
    };
    let dataset = asked.dataset(member)?;
    let values = values(args, &dataset, ui)?;
    let source = asked.source(dataset, values, ui)?;
    let origin = origin(&source, &path, &limits, ui)?;
    let interrupt = ui.interrupt.clone();
    let written = write(args.format, &source, &tables, &out, &origin, &|| {
        interrupt.is_set()
    });
    let written = written.map_err(|error| match error {
        ExportError::Out(error) => refused(error),
        ExportError::Table(error) => {
            Failure::usage(error.to_string()).next("etcd-inspect check {path}")
        }
    })?;
    for (name, rows) in written {
        ui.note(format!("{name}: {} rows", thousands(rows.into())))?;
    }
    ui.partial(source.damage());
    Ok(Exit::Ok)
}

/// What becomes of values. Fingerprints are the same for the same evidence, so that files can be compared.
fn values(args: &ExportArgs, dataset: &Dataset, ui: &mut Ui) -> anyhow::Result<Values> {
    let is_revealed = args.values == ValuesArg::Reveal || args.showing.reveal == Some(Reveal::All);
    if args.values == ValuesArg::None {
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

fn new_out(args: &ExportArgs, member: &Member) -> anyhow::Result<Out> {
    let example = match args.format {
        Form::Sqlite => "etcd-inspect export --format sqlite --out tables.sqlite -d {path}",
        Form::Csv => "etcd-inspect export --format csv --out tables -d {path}",
        Form::Jsonl => "etcd-inspect export --format jsonl --tables keys --out tables -d {path}",
        _ => "etcd-inspect export --format parquet --out tables -d {path}",
    };
    match args.out.as_deref() {
        Some(path) if path != Path::new("-") && args.format != Form::Yaml => {
            Ok(Out::new(path, [member.evidence()]).map_err(refused)?)
        }
        _ if args.format == Form::Yaml => Err(Failure::usage(
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
        revision: source.revision(),
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
) -> Result<Vec<(&'static str, u64)>, ExportError> {
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
