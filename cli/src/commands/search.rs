use std::path::PathBuf;

use etcd_inspect::Command;
use etcd_inspect::answers::KeyRange;
use etcd_inspect::answers::search::{Search, columns};
use etcd_inspect::member::{Member, Pattern, Places};
use etcd_inspect::progress::Progress as _;
use etcd_inspect::salvage::carve::{Carvings, carve};

use crate::at::At;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, LayoutArgs};
use crate::no_log;
use crate::output::{Row, Rows, Tail};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;
use crate::what;

/// Find a string or regex in keys, decoded values and their older versions
///
/// Kubernetes values are decoded: a match is shown with its field, numbers and times match as they are printed. Hidden values,
/// such as the data of Secrets, are searched only with --reveal=all, in clear text. A name of a field matches as a whole; the field
/// names within metadata.managedFields are not searched. Versions of a key with the same match are one
/// row. Exit status 1: nothing found.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect search 10.96.0.10 -F -d /copy/m1
  etcd-inspect search 'image.*:latest' --in values -d /copy/m1
  etcd-inspect search -i hunter2 --reveal=all -d /copy/m1
  etcd-inspect search 10.96.0.10 --in history,wal -d /copy/m1
  etcd-inspect search node-7 --carved -d /copy/m1
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
    /// Where to look: keys, values (live), history (older versions and deleted keys), wal (what only the log has); default all
    #[arg(long = "in", value_name = "WHERE,…", value_delimiter = ',', value_enum)]
    places: Vec<Place>,
    /// Also what no tree has any more: free pages, old segments, cut tails, each with its state and place
    #[arg(long, conflicts_with = "replay")]
    carved: bool,
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
    // Errors of the pattern name the evidence, too.
    ui.target(args.path.as_deref())?;
    let pattern = pattern(args)?;
    let member = ui.member(args.path.as_deref())?;
    let carvings = args.carved.then(|| carve(&member, &*ui.progress()));
    let (mut view, revision) = match view(args, &member, ui)? {
        Some((view, revision)) => (Some(view), revision),
        None => (None, None),
    };
    let within = |place| args.places.contains(&place) || args.places.is_empty();
    if let Some(view) = view.as_mut().filter(|_| within(Place::Wal)) {
        read_log(args, &pattern, &member, view, ui)?;
    }
    let found = carvings.as_ref().map(Carvings::overlay);
    let keyspace = match (&view, &found) {
        (Some(view), _) => view.keyspace(),
        (None, Some(found)) => found.keyspace(),
        (None, None) => return Ok(Exit::negative_if(true)),
    };
    let objects = kube::open(&member, keyspace, &args.layout, &args.keys)?;
    let mask = args.showing.mask(false, ui)?;
    let range = match &args.prefix {
        Some(prefix) => KeyRange::prefix(&what::unescape(prefix)),
        None => KeyRange::all(),
    };
    let log_alone = view.as_ref().and_then(|view| view.log_alone());
    // A log that answers alone is searched in place of the db, and all of it with `--in wal`.
    let all_of_log = log_alone.is_some() && args.places.contains(&Place::Wal);
    // Joined with the db for a moment that the db alone does not have, the log is searched there.
    let beside = view.as_ref().filter(|view| view.past().is_none());
    let beside = beside.and_then(|view| view.logged());
    let search = Search {
        objects: &objects,
        logged: log_alone.or(beside.filter(|_| within(Place::Wal))),
        carvings: carvings.as_ref(),
        is_unreadable: view.is_none() || log_alone.is_some(),
        pattern: &pattern,
        range: &range,
        places: Places {
            keys: all_of_log || within(Place::Keys),
            values: all_of_log || within(Place::Values),
            history: all_of_log || within(Place::History),
            until: revision,
        },
        mask: mask.as_ref(),
    };
    let progress = ui.progress();
    let mut any = false;
    let mut failed = None;
    let columns = columns(args.carved);
    let mut rows = Rows::begin(ui, "search", &columns)?;
    search.each(&mut |row| {
        any = true;
        let mut cells = row.cells();
        cells.truncate(columns.len());
        failed = rows.push(cells).err();
        failed.is_none() && !progress.cancelled()
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    rows.finish(Tail::default())?;
    if mask.is_some() && (within(Place::Values) || within(Place::History)) {
        ui.note("hidden values, such as those of Secrets, are not searched: --reveal=all shows and searches them")?;
    }
    let closed = match within(Place::Values) || within(Place::History) {
        true => objects.closed_values(&range, search.places),
        false => 0,
    };
    if closed > 0 {
        let values = match closed {
            1 => "1 encrypted value that no given key opens was".to_owned(),
            many => format!("{many} encrypted values that no given key opens were"),
        };
        ui.note(format!(
            "{values} not searched (--encryption-config FILE); nor is metadata.managedFields"
        ))?;
    }
    if carvings.is_some_and(|carvings| carvings.is_cut) {
        ui.warn("bytes that claim each other again and again were not searched to the end")?;
    }
    let exit = Exit::negative_if(!any);
    Ok(view.as_ref().map_or(exit, |view| view.exit(exit)))
}

/// Reads the log, unless its bytes show already that the pattern is nowhere in it.
fn read_log(
    args: &SearchArgs,
    pattern: &Pattern,
    member: &Member,
    view: &mut View<'_>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let has_log = member.wal_with(&*ui.progress()).is_some();
    if has_log && view.is_db_alone() && pattern.is_sieved() {
        let objects = kube::open(member, view.keyspace(), &args.layout, &args.keys)?;
        if !view.log_may_have(&objects, pattern, &*ui.progress()) {
            ui.needs_log(member);
            return Ok(());
        }
    }
    view.read_log(ui);
    match view.logged().is_none() && args.places.as_slice() == [Place::Wal] {
        true => Err(no_log::failure(member, ui).into()),
        false => Ok(()),
    }
}

/// The state that is searched, and until which revision; none if neither db nor log has one and carved records are asked for.
fn view<'m>(
    args: &SearchArgs,
    member: &'m Member,
    ui: &mut Ui,
) -> anyhow::Result<Option<(View<'m>, Option<i64>)>> {
    let is_newest = args.at.rev.is_none() && args.at.at.is_none();
    let found = match is_newest && !args.at.side.replay {
        true => View::open_or_writes(member, args.at.side, false, ui).map(|view| (view, None)),
        false => {
            View::open_at(member, [&args.at], false, ui).map(|(view, [revision])| (view, revision))
        }
    };
    match found {
        Err(error) if args.carved && is_newest => {
            ui.warn(format!(
                "{error}: only what is carved is searched, and what it is to the store is not known"
            ))?;
            Ok(None)
        }
        found => found.map(Some),
    }
}

fn pattern(args: &SearchArgs) -> Result<Pattern, Failure> {
    let text = if args.fixed {
        regex::escape(&args.pattern)
    } else {
        args.pattern.clone()
    };
    Pattern::new(&text, args.ignore_case, None).map_err(|error| {
        let search = Command::inspect("search").arg("-F").operand(&args.pattern);
        // The lines before the last one draw the pattern.
        let text = error.to_string();
        let why = text.lines().last().unwrap_or_default();
        let why = why.trim_start_matches("error: ");
        Failure::usage(format!("{:?} is no regex: {why}", args.pattern))
            .next(search.arg("-d").evidence())
    })
}
