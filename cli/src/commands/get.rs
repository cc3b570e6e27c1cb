//! `get`.

mod helm;
mod undecodable;
mod values;

use std::ffi::OsString;
use std::path::Path;

use clap_complete::engine::ArgValueCandidates;
use etcd_inspect::Command;
use etcd_inspect::answers::Keyspace;
use etcd_inspect::answers::describe::describe;
use etcd_inspect::answers::find::{self, Asked, Query};
use etcd_inspect::answers::past;
use etcd_inspect::answers::stored_versions::stored_versions;
use etcd_inspect::answers::values::{RawKeys, Values};
use etcd_inspect::check::logged;
use etcd_inspect::kubernetes::ObjectParts;
use etcd_inspect::member::Objects;
use etcd_inspect::salvage::carve::Past;

pub(crate) use self::values::rows;
use crate::at::At;
use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, KubeArgs, Printed, Printer};
use crate::output::{Format, escape};
use crate::scope;
use crate::ui::Ui;
use crate::view::View;
use crate::what::{self, What};

/// Maximum number of named keys whose newest write is looked for in the log.
const MAX_LOOKED_UP: usize = 4;

/// Print what is stored: a raw key, a prefix, or a Kubernetes object as kubectl would
///
/// A raw key begins with a slash, or is given with --key; as keys are printed here, so they can be pasted back. A key with a
/// slash at its end, or --prefix, means all keys below it.
#[derive(clap::Args, Clone, Debug)]
#[command(before_help = "Examples:
  etcd-inspect get pods -A -d /copy/m1
  etcd-inspect get deploy/web -n shop -o yaml --neat -d /copy/m1
  etcd-inspect get po -n shop -l app=web --describe -d /copy/m1
  etcd-inspect get --prefix /registry/pods/shop/ -o jsonl -d /copy/m1
  etcd-inspect get /registry/pods/shop/web-1 --rev 1100000 --carved -d /copy/m1")]
pub(crate) struct GetArgs {
    /// Raw key, prefix, glob, pasted id, or TYPE[/NAME] as for kubectl
    #[arg(add = ArgValueCandidates::new(completion::nouns))]
    what: Vec<OsString>,
    /// This raw key, whatever it looks like
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    key: Vec<OsString>,
    /// All raw keys that begin so
    #[arg(long, value_name = "P")]
    prefix: Vec<OsString>,
    #[command(flatten)]
    at: At,
    /// Also versions that only log or carved records have
    ///
    /// Below the compaction too; the answer says what is certain.
    #[arg(long, conflicts_with = "replay")]
    carved: bool,
    #[command(flatten)]
    kube: KubeArgs,
}

impl GetArgs {
    /// What `describe` asks.
    pub(super) fn describing(what: Vec<OsString>, at: At, carved: bool, kube: KubeArgs) -> Self {
        Self {
            what,
            key: Vec::new(),
            prefix: Vec::new(),
            at,
            carved,
            kube,
        }
    }
}

pub(crate) fn run(args: &GetArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut asked = what::parse(&args.what)?;
    asked.extend(args.key.iter().map(|key| What::Key(what::unescape(key))));
    let prefixes: Vec<_> = args
        .prefix
        .iter()
        .map(|prefix| what::unescape(prefix))
        .collect();
    let is_list = args.kube.undecodable || args.kube.stored_versions;
    if asked.is_empty() && prefixes.is_empty() && !is_list {
        return Err(Failure::usage("get what?")
            .next("etcd-inspect keys --by-resource {path}")
            .into());
    }
    let member = ui.member(None)?;
    let (view, [revision]) = View::open_at(&member, [&args.at], args.carved, ui)?;
    let keyspace = view.keyspace();
    // At a time that was asked for ages are those of that time.
    let mut args = args.clone();
    args.kube.asked_time = view.asked_time();
    let args = &args;
    let objects = kube::open(&member, keyspace, &args.kube.layout, &args.kube.keys)?;
    kube::known_prefixes(&args.kube.layout, &objects)?;
    if args.kube.undecodable {
        let wanted = (asked.as_slice(), prefixes.as_slice());
        let exit = undecodable::show(wanted, &args.kube, &objects, revision, ui)?;
        return Ok(view.exit(exit));
    }
    if args.kube.stored_versions {
        args.kube.have_effect(Printed::StoredVersions, ui)?;
        if !asked.is_empty() || !prefixes.is_empty() {
            return Err(
                Failure::usage("--stored-versions counts the objects of every kind")
                    .next("etcd-inspect get --stored-versions -d {path}")
                    .into(),
            );
        }
        ui.table("stored-versions", &stored_versions(&objects, revision)?)?;
        return Ok(view.exit(Exit::Ok));
    }
    if let Some(name) = helm::asked(&asked) {
        let exit = helm::show(name, &args.kube, &objects, revision, ui)?;
        return Ok(view.exit(exit));
    }
    let nouns = nouns(&asked, &keyspace, revision)?;
    if revision.is_none() {
        say_log(&asked, args, &view, &objects, ui)?;
    }
    if nouns.is_empty() {
        let exit = keys(args, &asked, &prefixes, &objects, revision, view.past(), ui)?;
        return Ok(view.exit(exit));
    }
    if nouns.len() < asked.len() || !prefixes.is_empty() {
        return Err(Failure::usage("raw keys and resources in one question")
            .next("etcd-inspect get pods -A -d {path}")
            .into());
    }
    let exit = resources(args, &nouns, &objects, revision, ui)?;
    if let Some(past) = view.past() {
        ui.note(past::all_sources(past, revision)?)?;
    }
    Ok(view.exit(exit))
}

/// Says what the log has beyond the db: another newest write of the keys that are asked for, entries that are not applied yet.
fn say_log(
    asked: &[What],
    args: &GetArgs,
    view: &View<'_>,
    objects: &Objects<'_>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    if !view.is_db_alone() {
        return Ok(());
    }
    let query = Query::new(objects, args.kube.scope()?, None);
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for what in asked {
        match what {
            What::Key(key) if !key.ends_with(b"/") => keys.push(key.clone()),
            What::Noun {
                resource,
                name: Some(name),
            } => {
                let meant = query.asked(resource, Some(name.clone()));
                let targets = meant.iter().flat_map(|meant| &meant.targets);
                keys.extend(targets.flat_map(|target| query.keys(target, name)));
            }
            _ => {}
        }
    }
    keys.truncate(MAX_LOOKED_UP);
    keys.retain(|key| view.log_ends_otherwise(key, &*ui.progress()));
    // A transaction that failed wrote nothing: only the whole log, applied again, tells.
    let logged = match keys.is_empty() {
        true => None,
        false => logged(view.member(), &*ui.progress())?,
    };
    for (key, logged) in keys.iter().zip(logged.iter().cycle()) {
        let newest = |keyspace: &Keyspace<'_>| {
            let records = keyspace.records_of(key);
            let newest = records.iter().next_back();
            newest.map_or(0, |newest| newest.revision.main)
        };
        let of_log = newest(&logged.keyspace());
        if of_log > newest(&view.keyspace()) {
            let history = Command::inspect("history").key(key).arg("-d").evidence();
            let history = ui.advice(history);
            let key = escape::bytes(key, ui.terminal.charset);
            ui.warn(format!(
                "rev {of_log} of {key} is in the log and not in the db: {history}"
            ))?;
        }
    }
    view.say_unapplied(ui)
}

/// The words that are no raw keys: an exact key wins, whatever the word looks like.
fn nouns(
    asked: &[What],
    keyspace: &Keyspace<'_>,
    revision: Option<i64>,
) -> Result<Vec<What>, etcd_inspect::Error> {
    let mut nouns = Vec::new();
    for what in asked {
        let What::Noun { resource, name } = what else {
            continue;
        };
        let word = word_of(resource, name.as_deref());
        if keyspace.get(&word, revision)?.is_none() {
            nouns.push(what.clone());
        }
    }
    Ok(nouns)
}

/// Raw keys, as they are stored.
fn keys(
    args: &GetArgs,
    asked: &[What],
    prefixes: &[Vec<u8>],
    objects: &Objects<'_>,
    revision: Option<i64>,
    past: Option<&Past<'_>>,
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
    let keyspace = objects.keyspace();
    let mut found = Vec::new();
    let mut one = prefixes.is_empty() && asked.len() == 1;
    for what in asked {
        let key = key_of(what);
        let (versions, single) = raw_keys(what, &key)?.versions(&keyspace, revision)?;
        one &= single;
        if versions.is_empty() && single {
            let absent = find::missing_key(&key, &keyspace, revision);
            return Err(Failure::absent(absent).into());
        }
        found.extend(versions);
    }
    let named = prefixes.is_empty()
        && asked
            .iter()
            .all(|what| matches!(what, What::Key(key) if !key.ends_with(b"/")));
    for prefix in prefixes {
        found.extend(RawKeys::Prefix(prefix).versions(&keyspace, revision)?.0);
    }
    let mask = args.kube.showing.mask(named, ui)?;
    let values = Values::new(objects, args.kube.reading(), mask);
    values::show(&found, one, &values, &args.kube, ui)?;
    if let Some(past) = past {
        for note in past::sources(past, &found, revision, ui.terminal.charset) {
            ui.note(note)?;
        }
    }
    Ok(Exit::negative_if(found.is_empty()))
}

/// Kubernetes objects, as kubectl would print them.
fn resources(
    args: &GetArgs,
    nouns: &[What],
    objects: &Objects<'_>,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
    let mut query = Query::new(objects, args.kube.scope()?, revision);
    let mut asked = Vec::new();
    for what in nouns {
        if let What::Noun { resource, name } = what {
            let meant = query.asked(resource, name.clone());
            asked.push(meant.ok_or_else(|| kube::no_such_noun("get", resource, objects))?);
        }
    }
    let named = asked.iter().all(|asked| asked.name.is_some());
    for asked in &asked {
        if let Some((field, supported)) = query.unsupported_field(asked) {
            return Err(kube::unsupported_field(&field, &supported, asked).into());
        }
    }
    if args.kube.describe && !ui.global.columns.is_empty() {
        return Err(kube::whole_objects().into());
    }
    let with_rows = !ui.global.columns.is_empty();
    let printed = match args.kube.describe {
        true => Printed::Descriptions,
        false => Printed::of_objects(&ui.global.format(), with_rows),
    };
    args.kube.have_effect(printed, ui)?;
    let only_names = ui.global.format() == Format::Name && ui.global.columns.is_empty();
    if only_names && ui.global.sort_by.is_none() && !args.kube.describe {
        let names: Vec<_> = asked
            .iter()
            .map(|asked| query.names(asked))
            .collect::<Result<_, _>>()?;
        if let Some(names) = names.into_iter().collect::<Option<Vec<_>>>() {
            let names = names.concat();
            let empty = names.is_empty();
            say_empty(&query, &asked, empty, ui)?;
            kube::say_shared(&query.by_prefix, ui)?;
            kube::print_names(names, ui)?;
            return Ok(Exit::negative_if(empty && !args.kube.ignore_not_found));
        }
    }
    let mask = args.kube.showing.mask(named, ui)?;
    let mut failures = kube::Failures::new(args.kube.ignore_not_found);
    let (empty, left_out) = if args.kube.describe {
        let mut found = Vec::new();
        for asked in &asked {
            let each = query.each(asked, |found| found);
            found.extend(failures.keep(each)?);
        }
        kube::register(&query, ui)?;
        let empty = found.is_empty();
        say_empty(&query, &asked, empty && !named, ui)?;
        let described = describe(
            objects,
            found,
            args.kube.now.or(args.kube.asked_time),
            mask.as_ref(),
            revision,
        )?;
        kube::describe(&described, ui)?;
        (empty, false)
    } else {
        let printer = Printer::new(objects, &args.kube, mask.as_ref(), revision, ui)?;
        let reading = args.kube.reading();
        let mut pieces = Vec::new();
        for asked in &asked {
            let rows = match printer.reads_parts() {
                true => query.each_flat(
                    asked,
                    |target| printer.parts(target),
                    |found| printer.piece_of(found, reading),
                ),
                false if printer.leaves_out_managed_fields() => query.each_flat(
                    asked,
                    |_| &ObjectParts::SHOWN,
                    |found| printer.piece(found.with_tree()),
                ),
                false => None,
            };
            let each = rows.unwrap_or_else(|| query.each(asked, |found| printer.piece(found)));
            pieces.extend(failures.keep(each)?);
        }
        kube::register(&query, ui)?;
        let empty = pieces.is_empty();
        say_empty(&query, &asked, empty && !named, ui)?;
        let single = named && asked.len() == 1 && pieces.len() == 1;
        // Of objects that were asked for by name and do not exist nothing is printed.
        let left_out = !(empty && named) && printer.print(pieces, single, ui)?;
        (empty, left_out)
    };
    let missing = failures.report(ui)?;
    Ok(match (left_out, missing) {
        (true, _) => Exit::Partial,
        (_, Some(exit)) => exit,
        _ => Exit::negative_if(empty && !args.kube.ignore_not_found),
    })
}

/// What kubectl says of an empty answer; objects that could not be read may have been among it.
fn say_empty(
    query: &Query<'_, '_>,
    asked: &[Asked],
    empty: bool,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    if !empty || ui.global.format().is_json() || ui.global.format() == Format::Yaml {
        return Ok(());
    }
    let mut targets = asked.iter().flat_map(|asked| &asked.targets);
    let namespaced = targets.any(|target| target.namespaced != Some(false));
    let mut text = "no resources found".to_owned();
    if let Some(namespace) = query.namespace().filter(|_| namespaced) {
        text += &format!(" in namespace {namespace} (-A for all)");
    }
    match query.failed.len() {
        0 => {}
        1 => text += "; 1 value there could not be decoded",
        many => text += &format!("; {many} values there could not be decoded"),
    }
    ui.note(text)?;
    let namespace = query.namespace().filter(|_| namespaced);
    scope::say_namespace(query.objects, None, namespace, ui)?;
    let revision = query.revision;
    if let Some(namespace) = namespace {
        let notes =
            kube::deleted_namespace(query.objects, namespace, revision, Path::new("-"), ui)?;
        for note in notes {
            ui.note(note)?;
        }
    }
    Ok(())
}

/// The raw key that a word means.
fn key_of(what: &What) -> Vec<u8> {
    match what {
        What::Key(key) => key.clone(),
        What::Noun { resource, name } => word_of(resource, name.as_deref()),
        _ => Vec::new(),
    }
}

fn word_of(resource: &str, name: Option<&str>) -> Vec<u8> {
    match name {
        Some(name) => format!("{resource}/{name}").into_bytes(),
        None => resource.as_bytes().to_vec(),
    }
}

/// The raw keys that a word means. `key`: those of [`key_of`].
fn raw_keys<'q>(what: &'q What, key: &'q [u8]) -> Result<RawKeys<'q>, anyhow::Error> {
    Ok(match what {
        // An etcd that Kubernetes never saw: whatever the word is, an exact key wins.
        What::Key(_) | What::Noun { .. } => RawKeys::Exact(key),
        What::Glob(pattern) => RawKeys::Glob(pattern),
        What::Revision(main) => RawKeys::Revision(*main),
        What::Page(id) => return Err(other("page", *id, Command::inspect("page"))),
        What::WalIndex(index) => {
            let wal = Command::inspect("wal").arg("--index");
            return Err(other("raft index", *index, wal));
        }
        What::Finding(id) => {
            return Err(Failure::usage(format!("{id} is a finding"))
                .next(Command::inspect("explain").arg(id))
                .into());
        }
    })
}

fn other(what: &str, id: u64, command: Command) -> anyhow::Error {
    Failure::usage(format!("{id} is a {what}"))
        .next(command.arg(id.to_string()).arg("-d").evidence())
        .into()
}
