//! `diff`.

mod draw;
mod external;
mod states;

use std::ffi::OsString;
use std::str::FromStr;

use clap_complete::engine::ArgValueCandidates;
use etcd_inspect::answers::diff::{
    DiffAnswer, DiffKeys, DiffOp, DiffOptions, DiffState, Relation, diff,
};
use etcd_inspect::member::{Member, Objects};

use self::states::{Opened, words};
use crate::at::{Rev, When};
use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{LayoutArgs, ScopeArgs, named_keys};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::what;

/// What differs between two revisions or times, or between two members, backups or dbs
///
/// Words that exist as files are PATHs: one, whose --from and --to are compared, or two, which are compared with each other
/// (--from is then a moment of the first, --to of the second). Without WHAT and -n every key is compared. managedFields,
/// resourceVersion, renewals of Leases, heartbeats and Events are left out and counted.
/// Exit status: 0 no differences, 1 differences, 3 answered in part.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect diff deploy/web -n shop -d /copy/m1
  etcd-inspect diff --from -10m --to latest -n prod -d /copy/m1
  etcd-inspect diff /copy/m1 pods -A --from 1192000 --to 1202270 --stat
  etcd-inspect diff /copy/m1 /copy/m2
  etcd-inspect diff backup-1.db backup-2.db -n prod --external=meld")]
pub(crate) struct DiffArgs {
    /// PATHs that exist, and keys, prefixes, globs, or TYPE[/NAME] as for kubectl
    #[arg(value_name = "PATH|WHAT", add = ArgValueCandidates::new(completion::nouns))]
    words: Vec<OsString>,
    /// The first state: a revision, -N, or a time (default: the oldest that the db has; of one object the version before)
    #[arg(long, value_name = "REV|TIME", allow_hyphen_values = true)]
    from: Option<Moment>,
    /// The second state (default: the newest)
    #[arg(long, value_name = "REV|TIME", allow_hyphen_values = true)]
    to: Option<Moment>,
    /// Also managedFields, renewals, heartbeats, Events, values written again
    #[arg(long)]
    all: bool,
    /// Lines around each change
    #[arg(short = 'U', long, value_name = "N", default_value_t = 3)]
    context: usize,
    /// Two columns
    #[arg(long, conflicts_with_all = ["stat", "external"])]
    side_by_side: bool,
    /// One line for each key
    #[arg(long, conflicts_with = "external")]
    stat: bool,
    /// Run this program on two folders of YAML (default: $KUBECTL_EXTERNAL_DIFF, else diff -u -N)
    #[arg(long, value_name = "COMMAND", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    external: Option<String>,
    /// Also versions that only log or carved records have
    #[arg(long, conflicts_with = "replay")]
    carved: bool,
    #[command(flatten)]
    side: crate::at::Side,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
}

/// `--from`, `--to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A revision.
    Rev(Rev),
    /// A time.
    When(When),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(rev) = text.parse() {
            return Ok(Self::Rev(rev));
        }
        text.parse().map(Self::When).map_err(|_| {
            format!("neither a revision nor a time: {text:?} (examples: 1202270, -100, latest, 03:10, -10m, 2026-11-21T03:10:00Z)")
        })
    }
}

pub(crate) fn run(args: &DiffArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    run_from(args, args.from, ui)
}

fn run_from(args: &DiffArgs, from: Option<Moment>, ui: &mut Ui) -> anyhow::Result<Exit> {
    let asked_from = from;
    let (paths, words) = words(&args.words)?;
    let (first, second) = states::members(&paths, ui)?;
    let (from, to, from_revision, to_revision) = match &second {
        Some(second) => {
            let (from, [from_revision]) = Opened::open(&first, [asked_from], args, ui)?;
            let (to, [to_revision]) = Opened::open(second, [args.to], args, ui)?;
            (from, Some(to), from_revision, to_revision)
        }
        None => {
            let moments = [asked_from, args.to];
            let (from, [from_revision, to_revision]) = Opened::open(&first, moments, args, ui)?;
            (from, None, from_revision, to_revision)
        }
    };
    if let (Some(to), Some(second)) = (&to, &second) {
        let newest = [&from.view, &to.view].map(|view| view.keyspace().revision());
        let is_asked = asked_from.is_some() || args.to.is_some();
        relation(&first, second, (!is_asked).then_some(newest), ui)?;
    }
    let before = from.objects(args)?;
    let alone = to.is_none() && asked_from.is_none();
    let other = to.as_ref().map(|to| to.objects(args)).transpose()?;
    let after = other.as_ref().unwrap_or(&before);
    let asked = asked(&words, args, &before, other.as_ref())?;
    // The version before may be in the log alone, below the compaction: `history` has it too.
    let logged = match (alone && from.view.is_db_alone(), asked.one()) {
        (true, Some(key)) => from.logged_before(&before.keyspace(), key, to_revision, ui),
        _ => None,
    };
    if let Some(revision) = logged {
        ui.note(format!(
            "from rev {revision}, the version before, which only the log has (--from)"
        ))?;
        return run_from(args, Some(Moment::Rev(Rev::Exact(revision))), ui);
    }
    let from_revision = match alone {
        true => Some(states::oldest(
            &before.keyspace(),
            asked.one(),
            to_revision,
            ui,
        )?),
        false => from_revision,
    };
    let mask = args.showing.mask(asked.exact, ui)?;
    let how = DiffOptions {
        mask: mask.as_ref(),
        all: args.all,
        events: asked.events,
        context: args.context,
    };
    let before = DiffState {
        objects: &before,
        revision: from_revision,
        past: from.view.past(),
    };
    let after = DiffState {
        objects: after,
        revision: to_revision,
        past: to.as_ref().unwrap_or(&from).view.past(),
    };
    let found = ui.take(diff(&before, &after, &asked.keys, how)?);
    let differs = !found.rows.is_empty();
    let revisions = [&before, &after].map(|state| {
        let newest = state.objects.keyspace().revision();
        state.revision.unwrap_or(newest)
    });
    show(args, found, &paths, revisions, ui)?;
    if !differs {
        let (namespace, logged) = (args.scope.namespace.as_deref(), from.view.logged());
        crate::scope::say_namespace(before.objects, logged, namespace, ui)?;
    }
    let exit = from.view.exit(Exit::negative_if(differs));
    Ok(to.map_or(exit, |to| to.view.exit(exit)))
}

/// Says that two members are of two clusters, or that one lags.
fn relation(
    first: &Member,
    second: &Member,
    newest: Option<[i64; 2]>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    match Relation::between([first, second], newest) {
        Some(two @ Relation::TwoClusters(_)) => ui.warn(two.text())?,
        Some(lags) => ui.note(lags.text())?,
        None => {}
    }
    Ok(())
}

/// The keys that are compared.
struct Asked {
    keys: DiffKeys,
    exact: bool,
    events: bool,
}

impl Asked {
    /// The key, if only one was asked for.
    fn one(&self) -> Option<&[u8]> {
        match &self.keys {
            DiffKeys::Named(keys) if self.exact && keys.len() == 1 => {
                keys.first().map(Vec::as_slice)
            }
            _ => None,
        }
    }
}

fn asked(
    words: &[OsString],
    args: &DiffArgs,
    before: &Objects<'_>,
    other: Option<&Objects<'_>>,
) -> anyhow::Result<Asked> {
    let asked = what::parse(words)?;
    if asked.is_empty() {
        let namespace = args.scope.namespace.clone();
        return Ok(Asked {
            keys: namespace.map_or(DiffKeys::All, DiffKeys::Namespace),
            exact: false,
            events: false,
        });
    }
    let sources: Vec<_> = std::iter::once(before).chain(other).collect();
    let named = named_keys(asked, &args.scope.scope(), "diff", &sources)?;
    Ok(Asked {
        keys: DiffKeys::Named(named.keys),
        exact: named.exact,
        events: named.events,
    })
}

/// Prints the answer in the form that was asked for.
fn show(
    args: &DiffArgs,
    found: DiffAnswer,
    paths: &[OsString],
    revisions: [i64; 2],
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let notes = notes(&found);
    let has_rows = args.stat || !ui.global.format().is_table() || !ui.global.columns.is_empty();
    let is_typed = ui.is_typed("--sort-by") || ui.is_typed("--limit");
    if !has_rows && args.external.is_none() && is_typed {
        let text = "a diff of lines has no rows: --sort-by and --limit are of --stat";
        return Err(Failure::usage(text).next(ui.with_flag("--stat")).into());
    }
    if args.external.is_some() && ui.global.selects() {
        let flags = "--columns, --sort-by and --limit have no meaning";
        return Err(
            Failure::usage(format!("--external prints no rows: {flags}"))
                .next("etcd-inspect diff --help")
                .into(),
        );
    }
    if let Some(command) = &args.external {
        external::run(command, &found.rows, ui)?;
    } else if has_rows {
        let side = |path: Option<&OsString>, revision: i64| {
            let path = path.map(|path| path.to_string_lossy().into_owned());
            serde_json::json!({ "path": path, "revision": revision })
        };
        let [from, to] = revisions;
        let differs = !found.rows.is_empty();
        let mut table = found.into_table();
        table
            .head
            .insert("from".to_owned(), side(paths.first(), from));
        table
            .head
            .insert("to".to_owned(), side(paths.get(1).or(paths.first()), to));
        ui.table("diff", &table)?;
        if let Some(all) = table.all.filter(|_| args.stat && differs) {
            ui.note(all)?;
        }
    } else if args.side_by_side {
        draw::side_by_side(&found.rows, ui)?;
    } else {
        draw::unified(&found.rows, ui)?;
    }
    notes.into_iter().try_for_each(|note| ui.note(note))?;
    Ok(())
}

/// What is reported beside the differences.
fn notes(found: &DiffAnswer) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(noise) = found.noise() {
        notes.push(format!("left out: {noise} (--all shows them)"));
    }
    if found.count(DiffOp::Closed) > 0 {
        notes.push(format!(
            "{} encrypted values differ in their stored bytes; whether the objects differ is not known (--encryption-config FILE)",
            found.closed
        ));
    }
    if found.uncertain > 0 {
        notes.push(format!(
            "{} keys are not certain: writes of them may be lost",
            found.uncertain
        ));
    }
    notes
}
