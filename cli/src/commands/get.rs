use std::ffi::OsString;
use std::io::{self, Write};

use clap_complete::engine::ArgValueCandidates;
use etcd_inspect::mvcc::{KeyRange, Keyspace, Version};
use serde_json::{Map, Value};

use super::keys::lease;
use crate::at::At;
use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::cell::put_bytes;
use crate::output::{Cell, Column, Format, Label, Tail, escape, hex};
use crate::ui::Ui;
use crate::view::View;
use crate::what::{self, What};

/// Print what is stored: a raw key, a prefix, or a Kubernetes object as kubectl would
///
/// A raw key begins with a slash, or is given with --key; as keys are printed here, so they can be pasted back. A key with a
/// slash at its end, or --prefix, means all keys below it.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect get /registry/pods/shop/web-1 -d /copy/m1
  etcd-inspect get /registry/pods/shop/ -o json -d /copy/m1
  etcd-inspect get --key compact_rev_key -o raw -d /copy/m1
  etcd-inspect get '/registry/*/shop/web' -d /copy/m1
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
}

static COLUMNS: [Column; 8] = [
    Column::left("KEY", "key"),
    Column::right("CREATED", "create_revision").wide(),
    Column::right("REV", "mod_revision"),
    Column::right("VERSION", "version"),
    Column::left("LEASE", "lease").wide(),
    Column::right("SIZE", "value_bytes"),
    Column::left("VALUE", "value_preview").table_only(),
    Column::json("value"),
];

pub(crate) fn run(args: &GetArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut asked = what::parse(&args.what)?;
    asked.extend(args.key.iter().map(|key| What::Key(what::unescape(key))));
    let prefixes: Vec<_> = args
        .prefix
        .iter()
        .map(|prefix| what::unescape(prefix))
        .collect();
    if asked.is_empty() && prefixes.is_empty() {
        return Err(Failure::usage("get what?")
            .next("etcd-inspect get /registry/pods/ -d {path}")
            .into());
    }
    let member = ui.member(None)?;
    let view = View::open(&member, &args.at, ui)?;
    let keyspace = view.keyspace();
    let revision = args.at.revision(keyspace.revision());
    view.say_revision(revision, ui)?;
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
    for prefix in &prefixes {
        found.extend(keyspace.live(&KeyRange::prefix(prefix), revision)?.iter());
    }
    show(&found, one, ui)?;
    let exit = view.finish(ui)?;
    Ok(if found.is_empty() {
        Exit::Negative
    } else {
        exit
    })
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
    let shown = escape::bytes(&key, escape::Charset::default()).into_owned();
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
    let word = crate::failure::shell_word(shown.as_ref());
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
                None => failure.next("etcd-inspect keys {path}"),
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
    crate::suggest::nearest(text, names).map(|near| near.as_bytes().to_vec())
}

fn show(found: &[Version<'_>], one: bool, ui: &mut Ui) -> anyhow::Result<()> {
    match (ui.format(), found) {
        (Format::Raw, _) => {
            for version in found {
                ui.raw(value(version)?)?;
            }
        }
        (Format::Hex, _) => {
            for version in found {
                let value = value(version)?;
                let terminal = ui.terminal;
                // Within the file where it stands in one: the dump can then be compared with the db's own.
                let behind = version.message.len().saturating_sub(value.len());
                let at = version.offset.map_or(0, |at| {
                    at.saturating_add(stored_key_bytes(version) + behind as u64)
                });
                hex::dump(ui.out(), terminal, "", at, value)?;
            }
        }
        (Format::Json | Format::Jsonl | Format::Yaml, [version]) if one => {
            let fields = fields(version)?;
            ui.document("get", fields, |_| Ok(()))?;
        }
        (Format::Table, [version]) if one => pretty(version, ui)?,
        _ => rows(found, ui)?,
    }
    Ok(())
}

fn stored_key_bytes(version: &Version<'_>) -> u64 {
    version
        .stored_bytes
        .saturating_sub(version.message.len() as u64)
}

fn value<'k>(version: &Version<'k>) -> Result<&'k [u8], Failure> {
    version.key_value().map(|kv| kv.value).map_err(|flaw| {
        let mut failure = Failure::usage(format!(
            "the record of revision {} breaks at byte {}: {}",
            version.revision, flaw.at, flaw.what
        ));
        failure.code = etcd_inspect::codes::error::MALFORMED.id;
        failure.next("etcd-inspect check {path}")
    })
}

fn fields(version: &Version<'_>) -> Result<Map<String, Value>, Failure> {
    let value = value(version)?;
    let kv = version.key_value().unwrap_or_default();
    let mut fields = Map::new();
    put_bytes(&mut fields, "key", version.key);
    fields.insert("create_revision".to_owned(), kv.create_revision.into());
    fields.insert("mod_revision".to_owned(), version.revision.main.into());
    fields.insert("version".to_owned(), kv.version.into());
    fields.insert(
        "lease".to_owned(),
        format!("{:016x}", kv.lease.cast_unsigned()).into(),
    );
    fields.insert("value_bytes".to_owned(), value.len().into());
    put_bytes(&mut fields, "value", value);
    if let Some(offset) = version.offset {
        fields.insert("offset".to_owned(), offset.into());
    }
    Ok(fields)
}

/// One value for people: JSON indented, text as it is, anything else in hex.
fn pretty(version: &Version<'_>, ui: &mut Ui) -> anyhow::Result<()> {
    let value = value(version)?;
    let terminal = ui.terminal;
    if let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(value) {
        crate::output::json::pretty(ui.out(), &object)?;
        ui.out().write_all(b"\n")?;
    } else if let Some(text) = printable(value) {
        let out = ui.out();
        out.write_all(escape::lines(text.as_bytes(), terminal.charset).as_bytes())?;
        end_line(out, value)?;
    } else {
        hex::dump(ui.out(), terminal, "", 0, value)?;
    }
    Ok(())
}

fn printable(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let odd = text
        .chars()
        .filter(|c| c.is_control() && !c.is_whitespace())
        .count();
    (odd == 0).then_some(text)
}

fn end_line(out: &mut dyn Write, value: &[u8]) -> io::Result<()> {
    if value.ends_with(b"\n") {
        Ok(())
    } else {
        out.write_all(b"\n")
    }
}

const PREVIEW: usize = 60;

fn rows(found: &[Version<'_>], ui: &mut Ui) -> anyhow::Result<()> {
    let mut rows = ui.rows("get", &COLUMNS)?;
    for version in found {
        if rows.is_full() {
            rows.skip(1);
            continue;
        }
        let key = Cell::bytes(version.key).label(Label::Name);
        let main = Cell::number(version.revision.main);
        if version.tombstone {
            let blank = Cell::unknown;
            let deleted = Cell::text("deleted").label(Label::Warning);
            rows.push(vec![
                key,
                blank(),
                main,
                Cell::plain(0),
                blank(),
                blank(),
                deleted,
                blank(),
            ])?;
            continue;
        }
        let kv = version.key_value().unwrap_or_default();
        rows.push(vec![
            key,
            Cell::number(kv.create_revision),
            main,
            Cell::plain(kv.version),
            lease(kv.lease),
            Cell::size(kv.value.len() as u64),
            Cell::bytes(kv.value.get(..PREVIEW).unwrap_or(kv.value)),
            Cell::bytes(kv.value),
        ])?;
    }
    rows.finish(Tail::default())?;
    Ok(())
}
