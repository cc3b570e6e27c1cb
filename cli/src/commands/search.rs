use std::path::PathBuf;

use etcd_inspect::Command;
use etcd_inspect::answers::KeyRange;
use etcd_inspect::answers::search::{COLUMNS, Search};
use etcd_inspect::check::logged;
use etcd_inspect::member::Places;
use etcd_inspect::progress::Progress as _;
use regex::bytes::{Regex, RegexBuilder};

use crate::at::At;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, LayoutArgs};
use crate::output::{Row, Rows, Tail};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;
use crate::what;

/// Find a string or regex in keys, decoded values and their older versions
///
/// Kubernetes values are decoded: a match is shown with its field, numbers and times match as they are printed, the data of
/// Secrets in clear text (the match itself stays hidden without --reveal=all). Versions of a key with the same match are one
/// row. Exit status 1: nothing found.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect search 10.96.0.10 -F -d /copy/m1
  etcd-inspect search 'image.*:latest' --in values -d /copy/m1
  etcd-inspect search -i hunter2 -d /copy/m1
  etcd-inspect search hunter2 --in keys,values,history,wal -d /copy/m1
  etcd-inspect search web --in keys --prefix /registry/pods/ -d /copy/m1")]
pub(crate) struct SearchArgs {
    /// Regular expression (with -F a plain string)
    pattern: String,
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// The pattern is a plain string
    #[arg(short = 'F', long)]
    fixed: bool,
    /// Letters match in either case
    #[arg(short, long)]
    ignore_case: bool,
    /// Where to look: keys, values (live), history (older versions and deleted keys); wal (what only the log has)
    #[arg(long = "in", value_name = "WHERE,…", value_delimiter = ',', value_enum)]
    places: Vec<Place>,
    /// Only keys that begin so
    #[arg(long, value_name = "P")]
    prefix: Option<std::ffi::OsString>,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    at: At,
}

/// `--in`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Place {
    /// The keys themselves
    Keys,
    /// Values of live keys
    Values,
    /// Older versions, and what is left of deleted keys
    History,
    /// Writes that only the WAL still has
    Wal,
}

pub(crate) fn run(args: &SearchArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let pattern = pattern(args)?;
    let member = ui.member(args.path.as_deref())?;
    let view = View::open(&member, args.at.side, ui)?;
    let objects = kube::open(&member, view.keyspace(), &args.layout, &args.keys)?;
    let revision = view.revision(&args.at, ui)?;
    let mask = args.showing.mask(false, ui)?;
    let within =
        |place| args.places.contains(&place) || args.places.is_empty() && place != Place::Wal;
    let range = match &args.prefix {
        Some(prefix) => KeyRange::prefix(&what::unescape(prefix)),
        None => KeyRange::all(),
    };
    let logged = match within(Place::Wal) {
        true => logged(&member, &*ui.progress())?,
        false => None,
    };
    let search = Search {
        objects: &objects,
        logged: logged.as_ref(),
        pattern: &pattern,
        range: &range,
        places: Places {
            keys: within(Place::Keys),
            values: within(Place::Values),
            history: within(Place::History),
            until: revision,
        },
        mask: mask.as_ref(),
    };
    let progress = ui.progress();
    let mut any = false;
    let mut failed = None;
    let mut rows = Rows::begin(ui, "search", &COLUMNS)?;
    search.each(&mut |row| {
        any = true;
        failed = rows.push(row.cells()).err();
        failed.is_none() && !progress.cancelled()
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    rows.finish(Tail::default())?;
    Ok(Exit::negative_if(!any))
}

fn pattern(args: &SearchArgs) -> Result<Regex, Failure> {
    let text = if args.fixed {
        regex::escape(&args.pattern)
    } else {
        args.pattern.clone()
    };
    RegexBuilder::new(&text)
        .case_insensitive(args.ignore_case)
        .build()
        .map_err(|error| {
            let search = Command::inspect("search").arg("-F").operand(&args.pattern);
            Failure::usage(error.to_string()).next(search.arg("-d").evidence())
        })
}
