//! `get`.

mod values;

use std::ffi::OsString;

use clap_complete::engine::ArgValueCandidates;
use etcd_inspect::answers::find::Query;
use etcd_inspect::answers::past;
use etcd_inspect::answers::undecodable::undecodable;
use etcd_inspect::member::Objects;
use etcd_inspect::mvcc::{KeyRange, Keyspace, Version};

pub(crate) use self::values::rows;
use crate::at::At;
use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, KubeArgs, Printer, Values};
use crate::output::{Format, escape};
use crate::ui::Ui;
use crate::view::View;
use crate::what::{self, What};

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
  etcd-inspect get /registry/pods/shop/web-1 --rev 1100000 --carved -d /copy/m1     below the compaction
  etcd-inspect get /registry/pods/shop/web-1 --rev 1202270 -o hex -d /copy/m1")]
pub(crate) struct GetArgs {
    /// Raw key, prefix, glob, pasted id, or TYPE[/NAME] as for kubectl
    #[arg(add = ArgValueCandidates::new(completion::nouns))]
    what: Vec<OsString>,
    /// This raw key, whatever it looks like
    #[arg(long, value_name = "KEY")]
    key: Vec<OsString>,
    /// All raw keys that begin so
    #[arg(long, value_name = "P")]
    prefix: Vec<OsString>,
    #[command(flatten)]
    at: At,
    /// With versions that only the log or carved records have: also below the compaction; says what is certain
    #[arg(long, conflicts_with = "replay")]
    carved: bool,
    #[command(flatten)]
    kube: KubeArgs,
}

pub(crate) fn run(args: &GetArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut asked = what::parse(&args.what)?;
    asked.extend(args.key.iter().map(|key| What::Key(what::unescape(key))));
    let prefixes: Vec<_> = args
        .prefix
        .iter()
        .map(|prefix| what::unescape(prefix))
        .collect();
    if asked.is_empty() && prefixes.is_empty() && !args.kube.undecodable {
        return Err(Failure::usage("get what?")
            .next("etcd-inspect get /registry/pods/ -d {path}")
            .into());
    }
    let member = ui.member(None)?;
    let view = View::open(&member, args.at.side, ui)?.with_carved(args.carved, ui)?;
    let keyspace = view.keyspace();
    let revision = view.revision(&args.at, ui)?;
    // At a time that was asked for ages are those of that time.
    let mut args = args.clone();
    args.kube.now = args.kube.now.or(view.asked_time());
    let args = &args;
    let objects = kube::open(&member, keyspace, &args.kube.layout, &args.kube.keys)?;
    if args.kube.undecodable {
        let table = undecodable(&objects, revision)?;
        ui.table("undecodable", &table)?;
        return Ok(Exit::negative_if(!table.rows.is_empty()));
    }
    let exact = |what: &What| {
        let What::Noun { resource, name } = what else {
            return Ok(true);
        };
        Ok::<_, etcd_inspect::Error>(
            keyspace
                .get(&word_of(resource, name.as_deref()), revision)?
                .is_some(),
        )
    };
    let mut nouns = Vec::new();
    for what in &asked {
        if !exact(what)? {
            nouns.push(what.clone());
        }
    }
    if !nouns.is_empty() {
        if nouns.len() < asked.len() || !prefixes.is_empty() {
            return Err(Failure::usage("raw keys and resources in one question")
                .next("etcd-inspect get pods -A -d {path}")
                .into());
        }
        let exit = resources(args, &nouns, &objects, revision, ui)?;
        if let Some(past) = view.past() {
            ui.note(past::all_sources(past, revision)?)?;
        }
        return Ok(exit);
    }
    let mut found = Vec::new();
    let mut one = prefixes.is_empty() && asked.len() == 1;
    for what in &asked {
        let (versions, single) = find(what, &keyspace, revision)?;
        one &= single;
        if versions.is_empty() && single {
            return Err(missing(what, &keyspace, revision).into());
        }
        found.extend(versions);
    }
    let named = prefixes.is_empty()
        && asked
            .iter()
            .all(|what| matches!(what, What::Key(key) if !key.ends_with(b"/")));
    for prefix in &prefixes {
        found.extend(keyspace.live(&KeyRange::prefix(prefix), revision)?.iter());
    }
    let mask = args.kube.showing.mask(named, ui)?;
    let values = Values::new(&objects, &args.kube, mask);
    values::show(&found, one, &values, &args.kube, ui)?;
    if let Some(past) = view.past() {
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
            asked.push(meant.ok_or_else(|| kube::no_such_noun(resource, objects))?);
        }
    }
    let named = asked.iter().all(|asked| asked.name.is_some());
    if ui.format() == Format::Name && ui.global.sort_by.is_none() && !args.kube.describe {
        let names: Vec<_> = asked
            .iter()
            .map(|asked| query.names(asked))
            .collect::<Result<_, _>>()?;
        if let Some(names) = names.into_iter().collect::<Option<Vec<_>>>() {
            let names = names.concat();
            let empty = names.is_empty();
            kube::print_names(names, ui)?;
            return Ok(Exit::negative_if(empty));
        }
    }
    let mask = args.kube.showing.mask(named, ui)?;
    let empty = if args.kube.describe {
        let mut found = Vec::new();
        for asked in &asked {
            let each = query.each(asked, |found| found);
            found.extend(each.map_err(kube::failure)?);
        }
        kube::register(&query, ui)?;
        let empty = found.is_empty();
        say_empty(&query, empty, ui)?;
        kube::describe(objects, found, &args.kube, mask.as_ref(), revision, ui)?;
        empty
    } else {
        let printer = Printer::new(objects, &args.kube, mask.as_ref(), revision, ui)?;
        let mut pieces = Vec::new();
        for asked in &asked {
            let each = query.each(asked, |found| printer.piece(found));
            pieces.extend(each.map_err(kube::failure)?);
        }
        kube::register(&query, ui)?;
        let empty = pieces.is_empty();
        say_empty(&query, empty, ui)?;
        let single = named && asked.len() == 1 && pieces.len() == 1;
        printer.print(pieces, single, ui)?;
        empty
    };
    Ok(Exit::negative_if(empty))
}

fn say_empty(query: &Query<'_, '_>, empty: bool, ui: &mut Ui) -> std::io::Result<()> {
    if !empty || !ui.format().is_table() {
        return Ok(());
    }
    ui.note(match query.namespace() {
        Some(namespace) => format!("no resources found in namespace {namespace} (-A for all)"),
        None => "no resources found".to_owned(),
    })
}

fn word_of(resource: &str, name: Option<&str>) -> Vec<u8> {
    match name {
        Some(name) => format!("{resource}/{name}").into_bytes(),
        None => resource.as_bytes().to_vec(),
    }
}

/// The versions that a word means, and whether it can mean only one.
fn find<'k>(
    what: &What,
    keyspace: &Keyspace<'k>,
    revision: Option<i64>,
) -> Result<(Vec<Version<'k>>, bool), anyhow::Error> {
    let exact = |key: &[u8]| keyspace.get(key, revision);
    let below = |prefix: &[u8]| -> Result<Vec<Version<'k>>, etcd_inspect::Error> {
        Ok(keyspace
            .live(&KeyRange::prefix(prefix), revision)?
            .iter()
            .collect())
    };
    Ok(match what {
        What::Key(key) => match exact(key)? {
            Some(version) => (vec![version], true),
            None if key.ends_with(b"/") => (below(key)?, false),
            None => (Vec::new(), true),
        },
        What::Glob(pattern) => {
            let mut versions = below(what::glob_prefix(pattern))?;
            versions.retain(|version| what::glob(pattern, version.key));
            (versions, false)
        }
        What::Revision(main) => (keyspace.between(*main..=*main).collect(), false),
        What::Noun { resource, name } => {
            // An etcd that Kubernetes never saw: whatever the word is, an exact key wins.
            let word = match name {
                Some(name) => format!("{resource}/{name}"),
                None => resource.clone(),
            };
            match exact(word.as_bytes())? {
                Some(version) => (vec![version], true),
                None => (Vec::new(), true),
            }
        }
        What::Page(id) => return Err(other("page", *id, "etcd-inspect page")),
        What::WalIndex(index) => {
            return Err(other("raft index", *index, "etcd-inspect wal --index"));
        }
        What::Finding(id) => {
            return Err(Failure::usage(format!("{id} is a finding"))
                .next(format!("etcd-inspect explain {id}"))
                .into());
        }
    })
}

fn other(what: &str, id: u64, command: &str) -> anyhow::Error {
    Failure::usage(format!("{id} is a {what}"))
        .next(format!("{command} {id} -d {{path}}"))
        .into()
}

/// Says what is known of a key that does not exist at that revision: deleted when, last version where.
fn missing(what: &What, keyspace: &Keyspace<'_>, revision: Option<i64>) -> Failure {
    let key = match what {
        What::Key(key) => key.clone(),
        What::Noun {
            resource,
            name: Some(name),
        } => format!("{resource}/{name}").into_bytes(),
        What::Noun { resource, .. } => resource.clone().into_bytes(),
        _ => Vec::new(),
    };
    let shown = match key.as_slice() {
        b"" => "the empty key".to_owned(),
        key => escape::bytes(key, escape::Charset::default()).into_owned(),
    };
    let at = keyspace.at(revision).unwrap_or_default();
    let records = keyspace.records_of(&key);
    let deleted = records
        .iter()
        .rfind(|version| version.tombstone && version.revision.main <= at);
    let last = records
        .iter()
        .rfind(|version| !version.tombstone && version.revision.main <= at);
    let later = records
        .iter()
        .find(|version| !version.tombstone && version.revision.main > at);
    let word = match key.as_slice() {
        b"" => "--key ''".to_owned(),
        _ => crate::failure::shell_word(shown.as_ref()),
    };
    let get = |version: &Version<'_>| {
        format!(
            "etcd-inspect get {word} --rev {} -d {{path}}",
            version.revision.main
        )
    };
    match (deleted, last, later) {
        (Some(gone), last, _) => {
            let failure = Failure::not_found(format!(
                "not found at rev {at}: {shown} was deleted at rev {} (etcd does not record who: ask the API audit log)",
                gone.revision.main
            ));
            match last {
                Some(last) => failure.next(get(&last)),
                None => failure.next(format!("etcd-inspect history {word} -d {{path}}")),
            }
        }
        (None, _, Some(later)) => {
            Failure::not_found(format!("not found at rev {at}: {shown} was created later"))
                .next(get(&later))
        }
        (None, ..) => {
            let failure = Failure::not_found(format!(
                "not found at rev {at}: no version of {shown} is retained"
            ));
            match nearest(&key, keyspace) {
                Some(near) => {
                    let near = escape::bytes(&near, escape::Charset::default()).into_owned();
                    failure.next(format!(
                        "etcd-inspect get {} -d {{path}}",
                        crate::failure::shell_word(near.as_ref())
                    ))
                }
                None => failure
                    .next(format!(
                        "etcd-inspect history {word} --wal -d {{path}}     the log may still have it"
                    ))
                    .next("etcd-inspect keys {path}"),
            }
        }
    }
}

/// The live key beside the missing one that begins most like it.
fn nearest(key: &[u8], keyspace: &Keyspace<'_>) -> Option<Vec<u8>> {
    let parent = key
        .iter()
        .rposition(|byte| *byte == b'/')
        .and_then(|at| key.get(..=at))?;
    let text = std::str::from_utf8(key).ok()?;
    let around = keyspace.live(&KeyRange::prefix(parent), None).ok()?;
    let names: Vec<_> = around
        .iter()
        .take(10_000)
        .filter_map(|version| std::str::from_utf8(version.key).ok())
        .collect();
    etcd_inspect::answers::nearest(text, names).map(|near| near.as_bytes().to_vec())
}
