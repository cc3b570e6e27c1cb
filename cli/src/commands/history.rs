use std::ffi::OsString;

use clap_complete::engine::ArgValueCandidates;
use etcd_inspect::mvcc::{Keyspace, Version};

use crate::at::At;
use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Cell, Column, Label, Tail};
use crate::ui::Ui;
use crate::view::View;
use crate::what::{self, What};

/// Every retained version of a key or object, oldest first
///
/// V restarts at 1 when a deleted key is created again. Compaction keeps only the newest version before its revision: the
/// note at the end says how far back the db reaches.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect history /registry/deployments/shop/web -d /copy/m1
  etcd-inspect history /registry/deployments/shop/web -o json -d /copy/m1
  etcd-inspect history /registry/deployments/shop/web --replay -d /copy/m1")]
pub(crate) struct HistoryArgs {
    /// Raw key, glob, or TYPE/NAME as for kubectl
    #[arg(required = true, add = ArgValueCandidates::new(completion::nouns))]
    what: Vec<OsString>,
    /// Only revisions from this one on
    #[arg(long, value_name = "REV")]
    from: Option<i64>,
    /// Only revisions up to this one
    #[arg(long, value_name = "REV")]
    to: Option<i64>,
    #[command(flatten)]
    at: At,
}

static COLUMNS: [Column; 9] = [
    Column::left("SRC", "source"),
    Column::right("REV", "revision"),
    Column::right("SUB", "sub").wide(),
    Column::right("V", "version"),
    Column::left("OP", "op"),
    Column::right("CREATED", "create_revision").wide(),
    Column::right("SIZE", "value_bytes"),
    Column::left("KEY", "key").wide(),
    Column::right("OFFSET", "offset").wide(),
];

pub(crate) fn run(args: &HistoryArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let asked = what::parse(&args.what)?;
    let member = ui.member(None)?;
    let view = View::open(&member, &args.at, ui)?;
    let keyspace = view.keyspace();
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for what in asked {
        keys.extend(keys_of(what, &keyspace)?);
    }
    let until = args
        .to
        .or(args.at.revision(keyspace.revision()))
        .unwrap_or(i64::MAX);
    let from = args.from.unwrap_or(0);
    let mut versions: Vec<Version<'_>> = Vec::new();
    for key in &keys {
        versions.extend(keyspace.records_of(key).iter());
    }
    if versions.is_empty() {
        let word = args
            .what
            .first()
            .map(|word| word.to_string_lossy().into_owned())
            .unwrap_or_default();
        return Err(
            Failure::not_found(format!("no version of {word} is retained in the db"))
                .next(format!("etcd-inspect wal --key {word} {{path}}"))
                .into(),
        );
    }
    versions.retain(|version| (from..=until).contains(&version.revision.main));
    versions.sort_by_key(|version| version.revision);
    let several = keys.len() > 1;
    let mut rows = ui.rows("history", &COLUMNS)?;
    rows.head("compact_revision", keyspace.compact_revision().unwrap_or(0));
    for version in &versions {
        rows.push(row(version))?;
    }
    rows.finish(Tail::default())?;
    if several && ui.format().is_table() {
        ui.note("several keys: -o wide shows which")?;
    }
    if let Some(compacted) = keyspace.compact_revision() {
        ui.note(format!(
            "compacted at rev {compacted}: of older versions only the newest before it is kept"
        ))?;
    }
    view.finish(ui)
}

fn keys_of(what: What, keyspace: &Keyspace<'_>) -> Result<Vec<Vec<u8>>, Failure> {
    Ok(match what {
        What::Key(key) => vec![key],
        What::Glob(pattern) => {
            let range = etcd_inspect::mvcc::KeyRange::prefix(what::glob_prefix(&pattern));
            let all = keyspace.all(&range);
            all.iter()
                .map(|version| version.key.to_vec())
                .filter(|key| what::glob(&pattern, key))
                .collect()
        }
        What::Revision(main) => keyspace
            .between(main..=main)
            .map(|version| version.key.to_vec())
            .collect(),
        What::Noun { resource, name } => {
            let word = name.map_or_else(|| resource.clone(), |name| format!("{resource}/{name}"));
            vec![word.into_bytes()]
        }
        What::Page(_) | What::WalIndex(_) | What::Finding(_) => {
            return Err(Failure::usage("history of a key or object")
                .next("etcd-inspect history /registry/… -d {path}"));
        }
    })
}

fn row(version: &Version<'_>) -> Vec<Cell> {
    let kv = version.key_value().ok();
    let put = |cell: fn(&etcd_inspect::mvcc::KeyValue<'_>) -> Cell| {
        kv.as_ref()
            .filter(|_| !version.tombstone)
            .map(cell)
            .unwrap_or_default()
    };
    vec![
        Cell::text(if version.offset.is_some() {
            "db"
        } else {
            "wal"
        })
        .label(Label::Dim),
        Cell::number(version.revision.main),
        Cell::plain(version.revision.sub),
        if version.tombstone {
            Cell::plain(0)
        } else {
            put(|kv| Cell::plain(kv.version))
        },
        if version.tombstone {
            Cell::text("delete").label(Label::Warning)
        } else {
            Cell::text("put")
        },
        put(|kv| Cell::number(kv.create_revision)),
        put(|kv| Cell::size(kv.value.len() as u64)),
        Cell::bytes(version.key),
        version.offset.map(Cell::plain).unwrap_or_default(),
    ]
}
