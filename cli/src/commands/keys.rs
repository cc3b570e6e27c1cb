use std::ffi::OsString;
use std::path::PathBuf;

use etcd_inspect::Command;
use etcd_inspect::answers::clocks::Dating;
use etcd_inspect::answers::keys::{self, KeyRow, Within};
use etcd_inspect::answers::sums::{By, sums};
use etcd_inspect::answers::values::{RowForm, Values};
use etcd_inspect::answers::{KeyRange, Keyspace};
use etcd_inspect::member::Reading;

use crate::at::At;
use crate::exit::Exit;
use crate::kube::{self, LayoutArgs};
use crate::output::{Format, Row, Rows, Tail, number};
use crate::scope;
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;
use crate::what;

/// List the keys: all, one prefix, the deleted ones, or sums by resource or namespace
///
/// Sums count stored bytes: LIVE is the newest version of every key that exists, HISTORY all older versions and deletes that
/// compaction has not removed yet, %DB both of them in the file's size.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect keys --by-resource /copy/m1
  etcd-inspect keys --by-resource --sort-by history --limit 5 /copy/m1
  etcd-inspect keys --prefix /registry/pods/shop/ /copy/m1
  etcd-inspect keys --deleted /copy/m1           what was deleted, and what survives of it
  etcd-inspect keys --carved --rev 1100000 /copy/m1
  etcd-inspect keys --rev -1000 -o jsonl /copy/m1")]
pub(crate) struct KeysArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// Sums for every Kubernetes resource; keys outside Kubernetes are one row
    #[arg(long, group = "sums")]
    by_resource: bool,
    /// Sums for every namespace
    #[arg(long, group = "sums")]
    by_namespace: bool,
    /// Sums for folders of the key, at most N deep
    #[arg(long, value_name = "N", group = "sums")]
    by_prefix: Option<usize>,
    /// Only keys that begin so
    #[arg(long, value_name = "P")]
    prefix: Option<OsString>,
    /// Only keys of Kubernetes objects in this namespace
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// Keys whose newest retained revision is a delete
    #[arg(long, conflicts_with_all = ["sums", "rev", "at"])]
    deleted: bool,
    #[command(flatten)]
    layout: LayoutArgs,
    /// Also versions that only log or carved records have
    ///
    /// Below the compaction too, as far as log and free pages reach; the answer says what is certain.
    #[arg(long, conflicts_with_all = ["sums", "replay", "values"])]
    carved: bool,
    /// With the values, Kubernetes objects decoded (-o jsonl)
    #[arg(long, conflicts_with = "sums")]
    values: bool,
    /// With --values: exactly what the stored bytes hold, without the resourceVersion that an API server adds
    #[arg(long, requires = "values", hide_short_help = true)]
    stored: bool,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    at: At,
}

impl KeysArgs {
    /// What keys are summed by; `None` for a list of keys.
    fn by(&self) -> Option<By> {
        match (self.by_resource, self.by_namespace) {
            (true, _) => Some(By::Resource),
            (_, true) => Some(By::Namespace),
            _ => self.by_prefix.map(By::Prefix),
        }
    }
}

pub(crate) fn run(args: &KeysArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let (view, [revision]) = View::open_at(&member, [&args.at], args.carved, ui)?;
    let range = match &args.prefix {
        Some(prefix) => KeyRange::prefix(&what::unescape(prefix)),
        None => KeyRange::all(),
    };
    let objects = kube::open(&member, view.keyspace(), &args.layout, &args.keys)?;
    scope::say_namespace(&objects, view.logged(), args.namespace.as_deref(), ui)?;
    let within = Within {
        objects: &objects,
        namespace: args.namespace.as_deref(),
        dating: Dating::new(&member, view.logged()),
    };
    if revision.is_none() && !args.deleted {
        view.say_unapplied(ui)?;
    }
    if args.values {
        with_values(args, &view, &within, &range, revision, ui)?;
    } else if args.deleted {
        let deleted = keys::deleted(&view.keyspace(), &within, &range);
        ui.table("keys", &deleted)?;
        compacted(args, &view, &within, &range, deleted.rows.is_empty(), ui)?;
    } else if let Some(by) = args.by() {
        let space = |all: Option<&_>| view.space_of_keys(all);
        let table = sums(&objects, &within, &range, by, revision, space)?;
        ui.table("keys", &table)?;
    } else if let Some(past) = view.past_of_log() {
        ui.table("keys", &keys::past(&past, &within, &range, revision)?)?;
    } else if let Some(past) = view.past() {
        ui.table("keys", &keys::past(past, &within, &range, revision)?)?;
    } else {
        list(&view, &within, &range, revision, ui)?;
    }
    Ok(view.exit(Exit::Ok))
}

/// Says what a compaction took from the list of deleted keys.
fn compacted(
    args: &KeysArgs,
    view: &View<'_>,
    within: &Within<'_, '_>,
    range: &KeyRange,
    is_empty: bool,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let mut command = Command::inspect("keys").args(["--deleted", "--carved"]);
    if let Some(prefix) = &args.prefix {
        command = command.arg("--prefix").arg(prefix);
    }
    if let Some(namespace) = &args.namespace {
        command = command.flag("-n", namespace);
    }
    let count = |keyspace: Keyspace<'_>| {
        let deleted = keyspace.deleted(range);
        Ok(deleted
            .iter()
            .filter(|version| within.has(version.key))
            .count())
    };
    let count: Option<kube::CountIn<'_>> = match is_empty {
        true => Some(&count),
        false => None,
    };
    match kube::compacted(0, view, count, command.evidence(), ui)? {
        Some(note) => Ok(ui.note(note)?),
        None => Ok(()),
    }
}

/// Every key with its decoded value.
fn with_values(
    args: &KeysArgs,
    view: &View<'_>,
    within: &Within<'_, '_>,
    range: &KeyRange,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let keyspace = view.keyspace();
    let mask = args.showing.mask(false, ui)?;
    let reading = Reading {
        stored: args.stored,
        ..Reading::default()
    };
    let values = Values::new(within.objects, reading, mask);
    if args.deleted {
        let form = match ui.global.format() {
            Format::Json | Format::Jsonl | Format::Yaml => RowForm::Documents,
            _ => RowForm::Preview,
        };
        let table = keys::deleted_with_values(&keyspace, within, range, &values, form);
        return ui.table("keys", &table);
    }
    let found = keyspace.live(range, revision)?;
    let found = found.iter().filter(|version| within.has(version.key));
    super::get::rows("keys", found, &values, ui)
}

/// The live keys; those that are not shown are counted only.
fn list(
    view: &View<'_>,
    within: &Within<'_, '_>,
    range: &KeyRange,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let keyspace = view.keyspace();
    let versions = keyspace.live(range, revision)?;
    let mut rows = Rows::begin(ui, "keys", &keys::LIVE)?;
    rows.head("revision", keyspace.at(revision)?);
    let (mut shown, mut all) = (0u64, 0u64);
    for version in versions.iter().filter(|version| within.has(version.key)) {
        all += 1;
        if rows.is_full() {
            continue;
        }
        shown += 1;
        rows.push(KeyRow(version).cells())?;
    }
    rows.skip(all.saturating_sub(shown));
    rows.finish(Tail {
        all: Some(format!("{} keys", number::thousands(all.into()))),
        ..Tail::default()
    })?;
    Ok(())
}
