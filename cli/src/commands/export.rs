//! `export`.

mod deletions;
mod effects;
mod helm;
mod report;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::engine::ArgValueCandidates;
use etcd_inspect::Command;
use etcd_inspect::answers::KeyRange;
use etcd_inspect::answers::export::{
    Export, ExportOptions, ExportSelection, ExportSource, ExportedObject, gather,
};
use etcd_inspect::answers::find::{self, Query};
use etcd_inspect::kubernetes::apply::{Keep, Release};
use etcd_inspect::kubernetes::selector::LabelSelector;
use etcd_inspect::member::{Member, Objects};
use etcd_inspect::salvage::backup::{Out, OutError};

use crate::at::{At, When};
use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, LayoutArgs, ScopeArgs, SecretsArg};
use crate::output::{json, person, time};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;
use crate::what::{self, What};

/// Write Kubernetes objects that `kubectl apply` takes, in an order that works
///
/// Without WHAT: every resource. Taken out is what an API server or a controller fills in; objects that a controller makes
/// again are left out, with the reason. No mask is ever written as a value.
#[derive(clap::Args, Clone, Debug)]
#[command(before_help = "Examples:
  etcd-inspect export -n shop --reveal=all --out shop -d /copy/m1
  etcd-inspect export -n shop --deleted-since -2h --out - -d /copy/m1
  etcd-inspect export deploy/web svc/web -n shop --rev -100 --out web.yaml -d /copy/m1
  etcd-inspect export -A --target 1.36 --secrets placeholder --out all -d /copy/m1")]
pub(crate) struct ExportArgs {
    /// TYPE[/NAME] as for kubectl, or a raw key
    #[arg(add = ArgValueCandidates::new(completion::nouns))]
    what: Vec<OsString>,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Labels: app=web,tier!=db
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    #[command(flatten)]
    at: At,
    /// What was deleted since then, or after revision N
    #[arg(long, value_name = "TIME|-2h|N", allow_hyphen_values = true)]
    deleted_since: Option<SinceArg>,
    /// Also versions that only log or carved records have
    #[arg(long, conflicts_with = "replay", hide_short_help = true)]
    carved: bool,
    /// A new directory, a FILE.yaml, or - for standard output
    #[arg(long, value_name = "DIR|FILE|-")]
    out: Option<PathBuf>,
    /// yaml; json: a List; jsonl: a line for each object; sqlite, parquet, csv: tables
    #[arg(long, value_name = "FORMAT")]
    format: Option<Form>,
    /// Tables of `etcd-inspect tables` instead of objects to apply; default: all but fields
    #[arg(
        long,
        value_name = "TABLE,…",
        value_delimiter = ',',
        hide_short_help = true
    )]
    tables: Vec<String>,
    /// What tables have of values (default: masked)
    #[arg(long, value_name = "HOW", hide_short_help = true)]
    values: Option<tables::ValuesArg>,
    /// Also what controllers make again from their owners
    #[arg(long)]
    owned: bool,
    /// Keep finalizers
    #[arg(long, hide_short_help = true)]
    keep_finalizers: bool,
    /// Keep the cluster IPs of Services
    #[arg(long, hide_short_help = true)]
    keep_cluster_ip: bool,
    /// Objects with hidden values: leave them out, or write REPLACE_ME
    #[arg(long, value_name = "HOW", conflicts_with = "reveal")]
    secrets: Option<SecretsArg>,
    /// Convert to the versions that this release of Kubernetes serves
    #[arg(long, value_name = "1.N")]
    target: Option<Release>,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
}

/// `--deleted-since`.
#[derive(Clone, Copy, Debug)]
enum SinceArg {
    /// After a revision.
    Revision(i64),
    /// After a time.
    Time(When),
}

impl std::str::FromStr for SinceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("rev:").unwrap_or(text).parse::<u32>() {
            Ok(revision) => Ok(Self::Revision(revision.into())),
            Err(_) => text.parse().map(Self::Time),
        }
    }
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// YAML documents.
    Yaml,
    /// One List, which kubectl takes too.
    Json,
    /// One line of JSON for each object, or row of a table.
    Jsonl,
    /// Tables in one SQLite file.
    Sqlite,
    /// Tables in a directory of Parquet files.
    Parquet,
    /// Tables in a directory of CSV files.
    Csv,
}

impl Form {
    /// As the flag has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Sqlite => "sqlite",
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }
}

pub(crate) fn run(args: &ExportArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    known_target(args)?;
    let form = effects::form(args, ui)?;
    if !args.tables.is_empty() || !matches!(form, Form::Yaml | Form::Json | Form::Jsonl) {
        effects::of_tables(args, ui)?;
        return tables::export(args, form, ui);
    }
    effects::of_objects(args, ui)?;
    let member = ui.member(None)?;
    let out = out(args, &member)?;
    let (view, [revision]) = View::open_at(&member, [&args.at], args.carved, ui)?;
    let since = match args.deleted_since {
        Some(SinceArg::Revision(revision)) if revision > view.keyspace().revision() => {
            return Err(beyond(&format!("revision {revision}"), &view).into());
        }
        Some(SinceArg::Revision(revision)) => Some(revision),
        Some(SinceArg::Time(when)) => Some(since(when, &view, ui)?),
        None => None,
    };
    let objects = kube::open(&member, view.keyspace(), &args.layout, &args.keys)?;
    kube::known_prefixes(&args.layout, &objects)?;
    if let Some(name) = helm::asked(&what::parse(&args.what)?)? {
        effects::of_helm(args, form, ui)?;
        let mask = args.showing.mask(true, ui)?;
        let how = (SecretsArg::chosen(args.secrets), mask.as_ref());
        let scope = args.scope.scope();
        let namespace = scope.namespace.as_deref();
        return helm::export(name, namespace, &objects, revision, how, out.as_ref(), ui);
    }
    let mut failures = kube::Failures::new(false);
    let (selection, named) = selection(args, &objects, revision, since.is_some(), &mut failures)?;
    let source = ExportSource {
        revision,
        since,
        lacks_records: view.lacks_records(),
    };
    let gathered = gather(&objects, &selection, &source)?;
    let mask = args.showing.mask(named, ui)?;
    let export = Export::new(gathered, &options(args), mask.as_ref());
    if ui.interrupt.is_set() {
        return Err(OutError::Cancelled.into());
    }
    write(form, &export, out.as_ref(), ui)?;
    report::show(
        &export,
        out.as_ref().map(Out::path),
        args.secrets.is_some(),
        ui,
    )?;
    let is_empty = export.objects.is_empty();
    deletions::say(args, &view, &objects, (&selection, &source), is_empty, ui)?;
    let missing = failures.report(ui)?;
    Ok(match (export.is_partial(), missing) {
        (true, _) => Exit::Partial,
        (false, Some(exit)) => exit,
        (false, None) => view.exit(Exit::negative_if(is_empty)),
    })
}

/// The release must be one of which the tables know what it serves.
fn known_target(args: &ExportArgs) -> Result<(), Failure> {
    let (first, last) = (Release::FIRST, Release::LAST);
    match args.target {
        Some(target) if target < first || target > last => Err(Failure::usage(format!(
            "--target {target}: what Kubernetes {target} serves is not known, only of {first} to {last}"
        ))
        .next(again(args).flag("--target", last.to_string()).args(["--out", "-", "-d"]).evidence())),
        _ => Ok(()),
    }
}

fn options(args: &ExportArgs) -> ExportOptions {
    ExportOptions {
        owned: args.owned,
        keep: Keep {
            finalizers: args.keep_finalizers,
            cluster_ip: args.keep_cluster_ip,
        },
        target: args.target,
        secrets: SecretsArg::chosen(args.secrets),
    }
}

/// The path to write to; `None` for standard output.
fn out(args: &ExportArgs, member: &Member) -> anyhow::Result<Option<Out>> {
    match &args.out {
        Some(path) if path == Path::new("-") => Ok(None),
        Some(path) => {
            if let Some(ending) = path.extension().filter(|_| !is_one_file(path)) {
                let ending = ending.to_string_lossy();
                // `shop.v2` or a date is the name of a directory.
                if FILE_ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) {
                    let yaml = path.with_extension("yaml");
                    return Err(Failure::usage(format!("--out {}: export writes no .{ending} file; FILE.yaml, FILE.json and FILE.jsonl are files, every other name is a new directory", path.display()))
                        .next(again_to(args, &yaml))
                        .into());
                }
            }
            let out = Out::new(path, [member.evidence()]).map_err(|error| match error {
                OutError::Exists(_) => exists(args, path),
                error => refused(error),
            });
            Ok(Some(out?))
        }
        None => Err(Failure::usage("export writes new files: name a directory or FILE.yaml with --out, or - for standard output")
            .next("etcd-inspect export -A --out - -d {path}")
            .into()),
    }
}

/// Endings that are those of a file to everybody.
const FILE_ENDINGS: [&str; 9] = [
    "txt", "log", "md", "csv", "tsv", "xml", "html", "tar", "zip",
];

/// What was asked for, to be written to another path.
fn again_to(args: &ExportArgs, path: &Path) -> Command {
    again(args).arg("--out").path(path).arg("-d").evidence()
}

/// The same objects, still without a place.
fn again(args: &ExportArgs) -> Command {
    let mut command = Command::inspect("export");
    for word in &args.what {
        command = command.arg(word);
    }
    command = match (&args.scope.namespace, args.scope.all_namespaces) {
        (_, true) => command.arg("-A"),
        (Some(namespace), _) => command.flag("-n", namespace),
        _ => command,
    };
    if let Some(labels) = &args.selector {
        command = command.flag("-l", labels);
    }
    match args.showing.reveal {
        Some(_) => command.arg("--reveal=all"),
        None => command,
    }
}

/// The path is taken: export never replaces or mixes files.
fn exists(args: &ExportArgs, path: &Path) -> Failure {
    let kind = if path.is_dir() { "directory" } else { "file" };
    let free = (2..1000)
        .map(|number| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let ending = path.extension().filter(|_| is_one_file(path));
            let ending = ending.map_or(String::new(), |ending| {
                format!(".{}", ending.to_string_lossy())
            });
            path.with_file_name(format!("{stem}-{number}{ending}"))
        })
        .find(|path| std::fs::symlink_metadata(path).is_err());
    let failure = Failure::usage(format!(
        "--out {}: the {kind} exists already, and export replaces nothing",
        path.display()
    ));
    match free {
        Some(free) => failure.next(again_to(args, &free)),
        None => failure.next("etcd-inspect export -A --out - -d {path}"),
    }
}

fn refused(error: OutError) -> Failure {
    Failure::usage(error.to_string()).next("etcd-inspect export -A --out - -d {path}")
}

fn write(form: Form, export: &Export, out: Option<&Out>, ui: &mut Ui) -> anyhow::Result<()> {
    let whole = || match form {
        Form::Jsonl => json_lines(export),
        Form::Json => json_list(export),
        _ => export.yaml(),
    };
    let Some(out) = out else {
        return Ok(person::raw(&whole()?, ui)?);
    };
    if export.objects.is_empty() {
        return Ok(());
    }
    if is_one_file(out.path()) || matches!(form, Form::Json | Form::Jsonl) {
        return Ok(out.write_file(&whole()?).map_err(refused)?);
    }
    let mut files = Vec::with_capacity(export.objects.len());
    for object in &export.objects {
        files.push((
            PathBuf::from(format!("{}.yaml", object.path)),
            object.yaml()?,
        ));
    }
    let files = files
        .iter()
        .map(|(path, text)| (path.as_path(), text.as_slice()));
    Ok(out.write_tree(files, &*ui.progress()).map_err(refused)?)
}

/// Whether the ending asks for one file, and not for a directory.
fn is_one_file(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("yaml" | "yml" | "json" | "jsonl"))
}

/// One line of JSON for each object, which may be shown on a terminal.
fn json_lines(export: &Export) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for object in &export.objects {
        json::compact(&mut text, &object.sorted())?;
        text.push(b'\n');
    }
    Ok(text)
}

/// All objects as one `List`, indented as kubectl does.
fn json_list(export: &Export) -> io::Result<Vec<u8>> {
    let items: Vec<_> = export.objects.iter().map(ExportedObject::sorted).collect();
    let list = serde_json::json!({ "apiVersion": "v1", "items": items, "kind": "List" });
    let mut text = Vec::new();
    json::indented(&mut text, &list)?;
    text.push(b'\n');
    Ok(text)
}

/// Nothing can be deleted after what is later than the data.
fn beyond(since: &str, view: &View<'_>) -> Failure {
    let newest = view.keyspace().revision();
    Failure::not_found(format!(
        "nothing is known of what was deleted after {since}: the data ends before it, with revision {newest}"
    ))
    .next("etcd-inspect keys --deleted {path}")
}

/// The revision after which deletions count.
fn since(when: When, view: &View<'_>, ui: &Ui) -> anyhow::Result<i64> {
    let progress = ui.progress();
    let clock = view.clock(&*progress)?;
    let newest = view.keyspace().revision();
    let Some((first, _)) = clock.ends() else {
        return Err(Failure::not_found("no value here has a time: --deleted-since cannot be answered, because etcd itself stores none")
            .next("etcd-inspect export -A --rev -100 --out - -d {path}")
            .into());
    };
    let last = clock.newest_time(newest).unwrap_or(first.1.time);
    let moment = when.moment(last, &time::zone(ui.global.local));
    if moment > last {
        return Err(beyond(&time::rfc3339(moment), view).into());
    }
    let found = clock.at(moment, newest);
    Ok(found.map_or(0, |found| found.revision))
}

/// What the words mean, and whether each names one object.
fn selection(
    args: &ExportArgs,
    objects: &Objects<'_>,
    revision: Option<i64>,
    deleted: bool,
    failures: &mut kube::Failures,
) -> anyhow::Result<(ExportSelection, bool)> {
    let wrong = |error: etcd_inspect::kubernetes::selector::SelectorError| {
        Failure::usage(error.to_string())
    };
    let labels =
        LabelSelector::parse(args.selector.as_deref().unwrap_or_default()).map_err(wrong)?;
    if args.what.is_empty() && args.scope.namespace.is_none() && !args.scope.all_namespaces {
        return Err(Failure::usage(
            "export what? Name resources, a namespace (-n NS), or all (-A)",
        )
        .next("etcd-inspect export -A --out - -d {path}")
        .into());
    }
    let scope = args.scope.scope();
    let query = Query::new(objects, scope.clone(), revision);
    let mut resources: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    let (mut named, mut any) = (!args.what.is_empty(), deleted);
    for what in what::parse(&args.what)? {
        let (resource, name) = match &what {
            What::Noun { resource, name } => (resource.clone(), name.clone()),
            What::Key(key) => match objects.parse(key) {
                Some(_) => {
                    let keyspace = objects.keyspace();
                    match keyspace.live(&KeyRange::key(key), revision)?.is_empty() && !deleted {
                        true => failures.miss(find::missing_key(key, &keyspace, revision)),
                        false => any = true,
                    }
                    keys.insert(key.clone());
                    continue;
                }
                None => {
                    return Err(Failure::usage(
                        "a raw key that is no Kubernetes object cannot be exported",
                    )
                    .into());
                }
            },
            _ => {
                return Err(Failure::usage("export takes resources, TYPE/NAME or raw keys").into());
            }
        };
        let asked = query
            .asked(&resource, name.clone())
            .ok_or_else(|| kube::no_such_noun("export", &resource, objects))?;
        named &= name.is_some();
        if let Some(name) = name.as_deref().filter(|_| !deleted) {
            let is_there = |target| {
                objects
                    .list(target, query.namespace(), revision)
                    .map(|live| {
                        live.iter().any(|version| {
                            objects
                                .parse(version.key)
                                .is_some_and(|key| key.name == name)
                        })
                    })
            };
            let mut found = false;
            for target in &asked.targets {
                found |= is_there(target)?;
            }
            match found {
                true => any = true,
                false => failures.miss(query.missing(&asked, name)),
            }
        } else {
            any = true;
        }
        for target in asked.targets {
            resources
                .entry(target.path)
                .or_default()
                .extend(name.clone());
        }
    }
    // If nothing is left of what was named, that is the answer.
    if let Some(failure) = failures.first_if(!any) {
        return Err(failure.into());
    }
    let selection = ExportSelection {
        keys,
        resources,
        namespace: scope.namespace,
        labels,
    };
    Ok((selection, named))
}
