//! `serve`.

mod apiserver;
mod print;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_inspect::Advice;
use etcd_inspect::dataset::{Dataset, Side};
use etcd_inspect::salvage::backup::Out;
use etcd_inspect_serve::{Doors, EtcdStore, Guard, Reporter, Source, kubeconfig, mcp, open};

use crate::at::At;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::LayoutArgs;
use crate::output::{Label, Line, messages};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::{View, or_log};

/// Answer kubectl, k9s and other clients as if the cluster were there, read-only, at any revision
///
/// Writes a kubeconfig with a context for each PATH, and prints what to paste. Ctrl-C ends it. The path of the URL chooses evidence
/// and moment: `/source/m2/at/1202270/api/v1/pods`, `/at/-10m/…`.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect serve /copy/m1
  etcd-inspect serve /copy/m1 --at 03:10 --kubeconfig m1.kubeconfig
  etcd-inspect serve /copy/m1 /copy/m2 --context before=-10m
  etcd-inspect serve /copy/m1 --etcd --scratch           for a real kube-apiserver
  kubectl --kubeconfig m1.kubeconfig get pods -A         then, in another terminal")]
pub(crate) struct ServeArgs {
    /// Data directories, dbs, snapshots or archives
    paths: Vec<PathBuf>,
    /// Where to listen; port 0: a free one
    ///
    /// An address other than loopback is taken only with --token.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Answer only requests with this token (bearer, or a password)
    #[arg(long, value_name = "TOKEN", hide_short_help = true)]
    token: Option<String>,
    /// Where to write the kubeconfig, a new file (default: a temporary one)
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// One more context: the first PATH at a revision or time
    #[arg(long, value_name = "NAME=TIME|REV")]
    context: Vec<Named>,
    /// Also answer etcd's own API there: etcdctl, kube-apiserver
    #[arg(long)]
    etcd: bool,
    /// With --etcd: take writes, in memory only
    ///
    /// They are lost at the end, and the evidence is not changed. A kube-apiserver needs it to start.
    #[arg(long, requires = "etcd", conflicts_with_all = ["rev", "at"])]
    scratch: bool,
    /// Instead: tools for an agent (Model Context Protocol, stdio)
    #[arg(long, conflicts_with_all = ["etcd", "rev", "at", "replay", "reveal", "listen", "token", "kubeconfig", "context", "ends"])]
    mcp: bool,
    /// End after this time: 30s, 10m, 8h (default: at Ctrl-C)
    #[arg(long = "for", value_name = "TIME", value_parser = duration, hide_short_help = true)]
    ends: Option<Duration>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
}

/// `NAME=MOMENT`.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    moment: String,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = text
            .split_once('=')
            .filter(|(name, moment)| !name.is_empty() && !moment.is_empty());
        let (name, moment) = named.ok_or("a context is NAME=TIME, for example before=-10m")?;
        Ok(Self {
            name: name.to_owned(),
            moment: moment.to_owned(),
        })
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|_| format!("not a time: {text:?} (30s, 10m, 8h)"))?;
    span.try_into()
        .map_err(|_| format!("a time is not negative: {text:?}"))
}

pub(crate) fn run(args: &ServeArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    // Commands of a refusal name the evidence, too.
    ui.target(args.paths.first().map(PathBuf::as_path))?;
    refuse(args, ui)?;
    if args.mcp {
        return agent(args, ui);
    }
    let sources = sources(args, ui)?;
    // Before the first client asks: it may run for days, and not every client shows warnings.
    let is_partial = messages::damage(ui)?;
    let is_partial = is_partial || sources.iter().any(|source| source.lacks_objects());
    if args.etcd && is_partial {
        ui.warn(
            "clients of etcd's API cannot be warned: what they are answered lacks what is damaged",
        )?;
    }
    if !args.etcd && !sources.iter().any(|source| source.has_kubernetes()) {
        let keys = ui.advice("etcd-inspect serve {path} --etcd");
        ui.note(format!(
            "no Kubernetes object is in this evidence, so that kubectl finds nothing; etcdctl reads its keys: {keys}"
        ))?;
    }
    let (contexts, path) = (contexts(args, &sources, ui)?, path(args, ui)?);
    // kube-apiserver has no way to send etcd a token.
    let scratch = sources
        .first()
        .filter(|_| args.scratch && args.token.is_none());
    let apiserver = scratch.map(|source| apiserver::Planned::new(source, &contexts));
    let listening = |error| {
        Failure::usage(format!("{}: {error}", args.listen))
            .next("etcd-inspect serve {path}     a free port")
    };
    let etcd = match (args.etcd, sources.first()) {
        (true, Some(first)) => {
            let store = EtcdStore::new(first.dataset.clone(), first.revision, args.scratch)?;
            Some(Arc::new(store))
        }
        _ => None,
    };
    let doors = Doors {
        etcd,
        listen: args.listen,
        guard: Guard::new(args.token.clone()),
        sources,
    };
    let open = open(doors).map_err(listening)?;
    let address = open.address()?;
    // SIGTERM ends it as Ctrl-C does: the kubeconfig is removed.
    ui.interrupt.be_patient();
    let mut document = kubeconfig::document(address, &contexts, args.token.as_deref());
    if let Some(planned) = &apiserver {
        planned.server.add_to(&mut document);
    }
    kubeconfig::write(&path, &document)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let printed = print::print(args, &path, address, apiserver.as_ref(), ui);
    let interrupt = ui.interrupt.clone();
    let end = args.ends.map(|time| Instant::now() + time);
    let is_over = move || interrupt.is_set() || end.is_some_and(|end| Instant::now() >= end);
    let ended = printed.and_then(|()| Ok(open.run(is_over)?));
    if args.kubeconfig.is_none() {
        let _ = std::fs::remove_file(&path);
    }
    ui.interrupt.is_the_end();
    ended.map(|()| match is_partial {
        true => Exit::Partial,
        false => Exit::Ok,
    })
}

/// Why the flags cannot be meant so.
fn refuse(args: &ServeArgs, ui: &Ui) -> Result<(), Failure> {
    if let Some(form) = &ui.global.output {
        let what = match args.mcp {
            true => "answers an agent in JSON",
            false => "prints lines to paste and answers over HTTP",
        };
        return Err(
            Failure::usage(format!("`serve` {what}: -o {form} has no meaning"))
                .means("clients choose the form: kubectl with -o, curl with an Accept header")
                .next("etcd-inspect serve {path}")
                .next("etcd-inspect get pods -A -o json -d {path}     without a server"),
        );
    }
    if !args.listen.ip().is_loopback() && args.token.is_none() {
        return Err(Failure::usage(format!("{} can be reached from other machines", args.listen))
            .means("an address that is not of the loopback interface needs --token TOKEN: whoever knows it reads everything")
            .next("etcd-inspect serve {path}     on the loopback interface"));
    }
    Ok(())
}

/// Answers an agent until it closes standard input.
fn agent(args: &ServeArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut sources: Vec<(String, PathBuf)> = Vec::new();
    let paths = paths(args);
    let count = paths.len();
    for (at, path) in paths.into_iter().enumerate() {
        ui.member_of(path, at, count)?;
        let names: Vec<&str> = sources.iter().map(|(name, _)| name.as_str()).collect();
        let name = name(ui.path.as_deref(), &names);
        sources.extend(ui.path.clone().map(|path| (name, path)));
    }
    let mut flags = Vec::new();
    for (flag, files) in [
        ("--encryption-config", &args.keys.encryption_config),
        ("--kms-keys", &args.keys.kms_keys),
    ] {
        flags.extend(
            files
                .iter()
                .map(|file| format!("{flag}={}", file.display())),
        );
    }
    match ui.global.wal_dir.as_slice() {
        [] => {}
        [only] => flags.push(format!("--wal-dir={}", only.display())),
        _ => {
            return Err(
                Failure::usage("serve --mcp with --wal-dir answers about one PATH")
                    .next("etcd-inspect serve --mcp {path}")
                    .into(),
            );
        }
    }
    let key = args.showing.mask_key()?;
    let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let agent = mcp::Agent::new(std::env::current_exe()?, sources, flags, key);
    mcp::answer_agent(agent)?;
    Ok(Exit::Ok)
}

fn paths(args: &ServeArgs) -> Vec<Option<&std::path::Path>> {
    match args.paths.as_slice() {
        [] => vec![None],
        paths => paths.iter().map(|path| Some(path.as_path())).collect(),
    }
}

/// Opens and reads the evidence, so that the first request need not wait.
fn sources(args: &ServeArgs, ui: &mut Ui) -> anyhow::Result<Vec<Arc<Source>>> {
    let mask_key = args.showing.mask_key()?;
    let reveal = args.showing.served(ui)?;
    let mut sources: Vec<Arc<Source>> = Vec::new();
    let paths = paths(args);
    let count = paths.len();
    for (at, path) in paths.into_iter().enumerate() {
        let member = ui.member_of(path, at, count)?;
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let name = name(ui.path.as_deref(), &names);
        let (_, [revision]) = View::open_at(&member, [&args.at], false, ui)?;
        let dataset = Dataset::builder()
            .keyring(args.keys.keyring()?)
            .layout(args.layout.layout())
            .member(member);
        let (dataset, reach) = match args.at.side.replay {
            true => (dataset.on(Side::Replayed), None),
            false => or_log(dataset, ui),
        };
        dataset.load(&*ui.progress())?;
        let terminal = ui.err_terminal;
        let reporter = Reporter::new(move |reason| {
            let line = Line::new()
                .with(Label::Warning, "warning: ")
                .text(format!("left out of a list: {reason}"));
            let _ = line.write(&mut std::io::stderr().lock(), terminal);
        });
        let lacking = reach.filter(|reach| reach.may_lack_writes);
        let source = Source::new(name, dataset, reveal, &mask_key, reporter)
            .at_revision(revision)
            .lacking(lacking.map(|reach| reach.text));
        sources.push(Arc::new(source));
    }
    // The path in messages is the first.
    if let Some(path) = args.paths.first() {
        ui.path = Some(path.clone());
    }
    Ok(sources)
}

/// The name of the directory or file; with a number if another source has it.
fn name(path: Option<&std::path::Path>, others: &[&str]) -> String {
    let whole = path.and_then(|path| std::fs::canonicalize(path).ok());
    let stem = whole.as_deref().and_then(|path| path.file_name());
    let stem = stem.map_or_else(
        || "etcd".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    let is_free = |name: &str| !others.contains(&name);
    let numbered = (2..).map(|number| format!("{stem}-{number}"));
    std::iter::once(stem.clone())
        .chain(numbered)
        .find(|name| is_free(name))
        .unwrap_or(stem)
}

/// A context for each source, one for each source ten minutes earlier, and those that were asked for.
fn contexts(
    args: &ServeArgs,
    sources: &[Arc<Source>],
    ui: &mut Ui,
) -> anyhow::Result<Vec<kubeconfig::Context>> {
    let mut contexts = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let named = (at > 0).then_some(source.name.as_str());
        contexts.push(kubeconfig::Context::new(&source.name, named, None));
        if source.revision.is_none() && source.revision_of("-10m").is_ok() {
            let name = format!("{}@-10m", source.name);
            contexts.push(kubeconfig::Context::new(name, named, Some("-10m")));
        }
    }
    for context in &args.context {
        let first = sources
            .first()
            .map(|source| source.revision_of(&context.moment));
        if let Some(Err(error)) = first {
            let mut failure = Failure::usage(format!("--context {}: {error}", context.name));
            if let Some(moment) = served_moment(sources) {
                let advice = Advice::from("etcd-inspect serve {path} --context CONTEXT");
                failure = failure.next(advice.fill("CONTEXT", format!("before={moment}")));
            }
            return Err(failure
                .next("etcd-inspect status {path}     its newest revision and time")
                .into());
        }
        // Of two contexts of one name kubectl silently takes one.
        let is_known = |name: &str| {
            contexts
                .iter()
                .any(|known: &kubeconfig::Context| known.name == name)
        };
        if is_known(&context.name) {
            let mut names = (2..).map(|number| format!("{}-{number}", context.name));
            let free = names.find(|name| !is_known(name)).unwrap_or_default();
            let advice = Advice::from("etcd-inspect serve {path} --context CONTEXT");
            let message = format!("--context {}: another context has this name", context.name);
            return Err(Failure::usage(message)
                .next(advice.fill("CONTEXT", format!("{free}={}", context.moment)))
                .into());
        }
        contexts.push(kubeconfig::Context::new(
            &context.name,
            None,
            Some(&context.moment),
        ));
    }
    if contexts.is_empty() {
        ui.note("nothing is served")?;
    }
    Ok(contexts)
}

/// A moment before the newest that the first source can be asked about; `None`: it has no earlier one.
fn served_moment(sources: &[Arc<Source>]) -> Option<&'static str> {
    let source = sources.first()?;
    let earlier = ["-10m", "-1m", "-10s", "-100", "-10", "-1"];
    earlier
        .into_iter()
        .find(|moment| source.revision_of(moment).is_ok())
}

/// Where the kubeconfig is written: a new file, never within the evidence.
fn path(args: &ServeArgs, ui: &Ui) -> anyhow::Result<PathBuf> {
    let path = match &args.kubeconfig {
        Some(path) => path.clone(),
        None => {
            let name = format!("etcd-inspect-{}.kubeconfig", std::process::id());
            std::env::temp_dir().join(name)
        }
    };
    // One that exists may be that of a real cluster.
    Out::new(&path, &ui.opened).map_err(|error| {
        Failure::usage(error.to_string())
            .next("etcd-inspect serve {path}     writes a new temporary kubeconfig")
    })?;
    Ok(path)
}
