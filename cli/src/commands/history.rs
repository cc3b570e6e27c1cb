use std::ffi::OsString;

use clap_complete::engine::ArgValueCandidates;
use etcd_inspect::check::{Logged, logged, versions};
use etcd_inspect::kubernetes::changed::Change;
use etcd_inspect::member::{Objects, Origin, Told, story};
use etcd_inspect::mvcc::{Keyspace, Version};

use crate::at::At;
use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, KubeArgs, LayoutArgs, Query, ScopeArgs};
use crate::output::{Cell, Column, Label, Line, Tail, escape, time};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;
use crate::what::{self, What};

/// Every retained version of a key or object, oldest first: when, by whom, what changed
///
/// V restarts at 1 when a deleted key is created again. Compaction keeps only the newest version before its revision: the
/// note at the end says how far back the db reaches. Times (WHEN~) are those of clients, as the objects carry them; WHO is
/// the manager whose fields changed. managedFields and resourceVersion are left out of CHANGED.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect history deploy/web -n shop -d /copy/m1
  etcd-inspect history deploy/web -n shop --wal -d /copy/m1
  etcd-inspect history deploy/web -n shop --diff -d /copy/m1
  etcd-inspect history deploy/web -n shop --diff --from 1192000 --to 1202270 -d /copy/m1
  etcd-inspect history /registry/deployments/shop/web -o json -d /copy/m1")]
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
    /// Unified diffs between neighbours; with --from and --to one between these two
    #[arg(long)]
    diff: bool,
    /// Also versions that only the WAL still has: compacted ones, and those not in the db yet (SRC wal)
    #[arg(long)]
    wal: bool,
    /// Lines around each change of a diff
    #[arg(short = 'U', long, value_name = "N", default_value_t = 3)]
    context: usize,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    at: At,
}

/// The columns; `$key` that of the key, which shows where several keys were asked for.
macro_rules! columns {
    ($name:ident, $key:expr) => {
        static $name: [Column; 15] = [
            Column::left("SRC", "source"),
            Column::right("REV", "revision"),
            Column::right("SUB", "sub").wide(),
            Column::right("V", "version"),
            Column::left("OP", "op"),
            Column::left("WHEN~", "time"),
            Column::left("TIME SOURCE", "time_source").wide(),
            Column::left("WHO", "who"),
            Column::right("CREATED", "create_revision").wide(),
            Column::right("SIZE", "value_bytes"),
            Column::left("CHANGED", "changed"),
            $key,
            Column::right("OFFSET", "offset").wide(),
            Column::right("INDEX", "raft_index").wide(),
            Column::json("diff"),
        ];
    };
}
columns!(OF_ONE, Column::left("KEY", "key").wide());
columns!(OF_SEVERAL, Column::left("KEY", "key"));

/// Changed fields that a line of a table names.
const SHOWN: usize = 4;

pub(crate) fn run(args: &HistoryArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let asked = what::parse(&args.what)?;
    let member = ui.member(None)?;
    let view = View::open(&member, args.at.side, ui)?;
    let keyspace = view.keyspace();
    let objects = kube::open(&member, keyspace, &args.layout, &args.keys)?;
    let logged = match args.wal {
        true => logged(&member, &*ui.progress())?,
        false => None,
    };
    if args.wal && logged.is_none() {
        ui.note("there is no WAL here: only the db's versions")?;
    }
    let of_wal: Vec<Objects<'_>> = logged
        .iter()
        .flat_map(|logged| [logged.keyspace(), logged.unplaced()])
        .map(|keyspace| objects.over(keyspace))
        .collect();
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut named = true;
    for what in asked {
        named &= matches!(what, What::Key(_) | What::Noun { name: Some(_), .. });
        keys.extend(keys_of(what, args, &objects, &of_wal)?);
    }
    keys.sort();
    keys.dedup();
    let mask = args.showing.mask(named, ui)?;
    let revision = view.revision(&args.at, ui)?;
    let until = args.to.or(revision).unwrap_or(i64::MAX);
    let from = args.from.unwrap_or(0);
    let pair = args.diff && args.from.is_some() && args.to.is_some();
    let mut told: Vec<Told<'_>> = Vec::new();
    for key in &keys {
        let all = versions(key, &keyspace, logged.as_ref());
        let until_at = |at: i64| {
            all.iter()
                .rfind(|(origin, version)| placed(*origin) && version.revision.main <= at)
                .copied()
        };
        let chosen: Vec<(Origin, Version<'_>)> = if pair {
            [from, until].into_iter().filter_map(until_at).collect()
        } else {
            all
        };
        told.extend(story(
            &objects,
            chosen.into_iter(),
            mask.as_ref(),
            args.diff.then_some(args.context),
        ));
    }
    if told.is_empty() {
        let word = args
            .what
            .first()
            .map(|word| word.to_string_lossy().into_owned())
            .unwrap_or_default();
        let failure = if args.wal {
            Failure::not_found(format!(
                "no version of {word} is retained in the db or the WAL"
            ))
            .next("etcd-inspect keys --deleted {path}")
        } else {
            Failure::not_found(format!("no version of {word} is retained in the db"))
                .next(format!("etcd-inspect history {word} --wal -d {{path}}"))
        };
        return Err(failure.into());
    }
    if !pair {
        told.retain(|told| {
            if placed(told.origin) {
                (from..=until).contains(&told.version.revision.main)
            } else {
                args.from.is_none()
            }
        });
    }
    told.sort_by_key(|told| (placed(told.origin), told.version.revision));
    if args.diff && ui.format().is_table() {
        diffs(&told, pair, ui)?;
    } else {
        let columns = if keys.len() > 1 { &OF_SEVERAL } else { &OF_ONE };
        table(&told, &keyspace, columns, ui)?;
    }
    if let Some(compacted) = keyspace.compact_revision() {
        ui.note(format!(
            "compacted at rev {compacted}: of older versions only the newest before it is kept"
        ))?;
    }
    if let Some(logged) = &logged {
        say_reach(logged, &told, ui)?;
    }
    view.finish(ui)
}

/// Whether the revision of a version is known.
fn placed(origin: Origin) -> bool {
    !matches!(origin, Origin::Unplaced { .. })
}

/// Says how far the WAL's part of the answer can be trusted.
fn say_reach(logged: &Logged, told: &[Told<'_>], ui: &mut Ui) -> std::io::Result<()> {
    let without = told.iter().filter(|told| !placed(told.origin)).count();
    if without > 0 {
        ui.note(format!(
            "{without} writes stand only in the WAL, before the first that is found in the db: without a revision; put? and delete? may not have happened"
        ))?;
    }
    match logged.revisions() {
        Some((first, last)) => {
            ui.note(format!("the WAL has the writes of revs {first} to {last}"))?
        }
        None => ui.note("no write of the WAL is found in the db above its compaction: none there has a known revision")?,
    }
    if let Some(index) = logged.stopped() {
        ui.warn(ui.filled(&format!(
            "from raft entry {index} on WAL and db differ (etcd-inspect check {{path}}): no revisions from there on"
        )))?;
    }
    Ok(())
}

fn keys_of(
    what: What,
    args: &HistoryArgs,
    objects: &Objects<'_>,
    of_wal: &[Objects<'_>],
) -> anyhow::Result<Vec<Vec<u8>>> {
    let keyspace = objects.keyspace();
    Ok(match what {
        What::Key(key) => vec![key],
        What::Glob(pattern) => {
            let range = etcd_inspect::mvcc::KeyRange::prefix(what::glob_prefix(&pattern));
            let everywhere = std::iter::once(objects).chain(of_wal);
            everywhere
                .flat_map(|objects| {
                    let all = objects.keyspace().all(&range);
                    let keys: Vec<_> = all.iter().map(|version| version.key.to_vec()).collect();
                    keys
                })
                .filter(|key| what::glob(&pattern, key))
                .collect()
        }
        What::Revision(main) => keyspace
            .between(main..=main)
            .map(|version| version.key.to_vec())
            .collect(),
        What::Noun { resource, name } => {
            let word = name
                .as_ref()
                .map_or_else(|| resource.clone(), |name| format!("{resource}/{name}"))
                .into_bytes();
            // An exact key wins, whatever the word looks like.
            if !keyspace.records_of(&word).is_empty() {
                return Ok(vec![word]);
            }
            nouns(&resource, name, args, objects, of_wal)?
        }
        What::Page(_) | What::WalIndex(_) | What::Finding(_) => {
            return Err(Failure::usage("history of a key or object")
                .next("etcd-inspect history /registry/… -d {path}")
                .into());
        }
    })
}

/// The keys of an object, or of all objects of a resource.
fn nouns(
    resource: &str,
    name: Option<String>,
    args: &HistoryArgs,
    objects: &Objects<'_>,
    of_wal: &[Objects<'_>],
) -> anyhow::Result<Vec<Vec<u8>>> {
    let scope = KubeArgs {
        scope: args.scope.clone(),
        ..KubeArgs::default()
    };
    let query = Query::new(objects, &scope, None)?;
    let asked = query.asked(resource, name)?;
    let mut keys = Vec::new();
    let mut collect = |query: &Query<'_, '_>| {
        for target in &asked.targets {
            keys.extend(match &asked.name {
                Some(name) => query.keys(target, name),
                None => query.all_keys(target),
            });
        }
    };
    collect(&query);
    for objects in of_wal {
        collect(&Query::new(objects, &scope, None)?);
    }
    match &asked.name {
        Some(name) if keys.is_empty() => Err(query.missing(&asked, name).into()),
        _ => Ok(keys),
    }
}

fn table(
    told: &[Told<'_>],
    keyspace: &Keyspace<'_>,
    columns: &'static [Column],
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let newest = told
        .iter()
        .filter_map(|told| told.written.at)
        .map(|(time, _)| time)
        .max();
    let zone = time::zone(ui.global.local);
    let mut rows = ui.rows("history", columns)?;
    rows.head("compact_revision", keyspace.compact_revision().unwrap_or(0));
    for told in told {
        rows.push(row(told, newest, &zone))?;
    }
    rows.finish(Tail::default())?;
    Ok(())
}

fn row(told: &Told<'_>, newest: Option<jiff::Timestamp>, zone: &jiff::tz::TimeZone) -> Vec<Cell> {
    let version = &told.version;
    let kv = version.key_value().ok();
    let put = |cell: fn(&etcd_inspect::mvcc::KeyValue<'_>) -> Cell| {
        kv.as_ref()
            .filter(|_| !version.tombstone)
            .map(cell)
            .unwrap_or_default()
    };
    let when = told.written.at.map(|(at, _)| {
        Cell::shown(
            time::short(at, newest.unwrap_or(at), zone),
            time::rfc3339(at),
        )
    });
    let (source, index, conditional) = match told.origin {
        Origin::Db => ("db", None, false),
        Origin::Wal(index) => ("wal", index, false),
        Origin::Unplaced { index, conditional } => ("wal", Some(index), conditional),
    };
    let op = match (version.tombstone, conditional) {
        (false, false) => Cell::text("put"),
        (false, true) => Cell::shown("put?", "put").label(Label::Note),
        (true, false) => Cell::text("delete").label(Label::Warning),
        (true, true) => Cell::shown("delete?", "delete").label(Label::Note),
    };
    let known = |cell: Cell| {
        if placed(told.origin) {
            cell
        } else {
            Cell::unknown()
        }
    };
    vec![
        Cell::text(source).label(Label::Dim),
        known(Cell::number(version.revision.main)),
        known(Cell::plain(version.revision.sub)),
        known(if version.tombstone {
            Cell::plain(0)
        } else {
            put(|kv| Cell::plain(kv.version))
        }),
        op,
        when.unwrap_or_default(),
        told.written
            .at
            .map(|(_, source)| Cell::text(source.as_str()))
            .unwrap_or_default(),
        told.written
            .by
            .as_deref()
            .map(Cell::text)
            .unwrap_or_default(),
        known(put(|kv| Cell::number(kv.create_revision))),
        put(|kv| Cell::size(kv.value.len() as u64)),
        changed(&told.changed),
        Cell::key(version.key),
        version.offset.map(Cell::plain).unwrap_or_default(),
        index.map(Cell::plain).unwrap_or_default(),
        told.diff.as_deref().map(Cell::text).unwrap_or_default(),
    ]
}

/// The first changed fields with their values for people, the paths of all for programs.
fn changed(changes: &[Change]) -> Cell {
    let mut text: Vec<_> = changes.iter().take(SHOWN).map(Change::summary).collect();
    if changes.len() > SHOWN {
        text.push(format!("… {} more", changes.len() - SHOWN));
    }
    let paths: Vec<_> = changes.iter().map(|change| change.path.clone()).collect();
    Cell::shown(text.join(", "), paths)
}

/// Every version with its difference to the one before.
fn diffs(told: &[Told<'_>], pair: bool, ui: &mut Ui) -> anyhow::Result<()> {
    for told in told.iter().skip(usize::from(pair)) {
        let version = &told.version;
        let charset = ui.terminal.charset;
        let key = escape::bytes(version.key, charset).into_owned();
        let mut head = Line::new()
            .with(Label::Name, key)
            .with(Label::Heading, format!("  {}", told.origin.name(version)));
        if version.tombstone {
            head = head.with(Label::Warning, "  deleted");
        }
        if let Some((at, _)) = told.written.at {
            head = head.text(format!("  ~{}", time::rfc3339(at)));
        }
        if let Some(by) = &told.written.by {
            head = head.text(format!("  by {by}"));
        }
        ui.line(head)?;
        for line in told.diff.as_deref().unwrap_or_default().lines() {
            let label = match line.as_bytes().first() {
                _ if line.starts_with("---") || line.starts_with("+++") => Label::Dim,
                Some(b'@') => Label::Dim,
                Some(b'+') => Label::Good,
                Some(b'-') => Label::Warning,
                _ => Label::Plain,
            };
            ui.line(Line::new().with(label, line))?;
        }
        ui.out().write_all(b"\n")?;
    }
    Ok(())
}
