//! `salvage`.

mod asked;
mod correct;
mod report;

use std::ffi::OsString;
use std::path::PathBuf;

use etcd_inspect::Error;
use etcd_inspect::answers::salvage::SalvageAnswer;
use etcd_inspect::evidence::Evidence;
use etcd_inspect::member::Member;
use etcd_inspect::salvage::backup::Out;
use etcd_inspect::salvage::{Point, Salvage, SalvageOptions, Sources, Stale, received_snapshots};

use crate::at::{Rev, When};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::time;
use crate::ui::Ui;
use crate::what;

/// Write a backup that etcd restores, from a damaged db, its log and other copies
///
/// Takes every record that something vouches for: the log (its checksum), the db (reached from the root), both, or another
/// member's copy; pages that no tree reaches only with --include carved. What is lost is listed and never guessed. The file
/// is new, holds secrets as they are stored, and is readable only for its owner. The evidence is not changed.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect salvage /copy/m1 --dry-run
  etcd-inspect salvage /copy/m1 --out m1.db
  etcd-inspect salvage /copy/m1 /copy/m2 /copy/m3 --out cluster.db
  etcd-inspect salvage /copy/m1 --rev 1202270 --out before-the-mistake.db
  etcd-inspect salvage /copy/m1 --at 03:10 --resource deploy -n shop --out part.db
  etcd-inspect salvage /copy/m1 --correct --out-dir m1-corrected")]
pub(crate) struct SalvageArgs {
    /// Data directories of one cluster, or a db, snapshot or wal directory
    #[arg(num_args = 0..=9)]
    paths: Vec<PathBuf>,
    /// The backup to write; it must not exist
    #[arg(long, value_name = "FILE.db")]
    out: Option<PathBuf>,
    /// Instead of a backup: a copy of the data directory in which only proven bytes differ
    #[arg(long, conflicts_with_all = ["out", "rev", "at", "include", "prefix", "resource", "namespace"])]
    correct: bool,
    /// With --correct: the directory to write; it must not exist
    #[arg(long, value_name = "DIR", requires = "correct")]
    out_dir: Option<PathBuf>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// The state after this revision, also below the compaction where the log reaches; -N: N before the newest
    #[arg(long, value_name = "N|-N", allow_hyphen_values = true, value_parser = revision)]
    rev: Option<Rev>,
    /// The state at this time: RFC 3339, 03:10 on the last day, or -2h before the newest time in the data
    #[arg(
        long,
        value_name = "TIME|-2h",
        allow_hyphen_values = true,
        conflicts_with = "rev"
    )]
    at: Option<When>,
    /// Keys of which only an older version is left: drop leaves them out, keep writes the older version
    #[arg(long, value_name = "drop|keep", default_value = "drop")]
    stale: StaleArg,
    /// Also records of pages that no tree reaches
    #[arg(long, value_name = "carved")]
    include: Vec<Include>,
    /// Only keys that begin so
    #[arg(long, value_name = "P")]
    prefix: Vec<OsString>,
    /// Only objects of this Kubernetes resource
    #[arg(long, value_name = "TYPE")]
    resource: Vec<String>,
    /// Only objects of this namespace
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
}

/// `--stale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum StaleArg {
    /// They are left out.
    Drop,
    /// The older version is written.
    Keep,
}

/// `--include`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Include {
    /// Records of pages that no tree reaches.
    Carved,
}

/// `--rev`, without 0: a backup of the newest state is no answer to a revision that never was.
fn revision(text: &str) -> Result<Rev, String> {
    if text.parse() == Ok(0i64) {
        return Err("revisions begin with 1; without --rev the newest state is written".to_owned());
    }
    text.parse()
}

/// Maximum number of losses that an error names.
const LOST_IN_ERROR: usize = 3;
/// Columns of the answer about a backup that was written.
const BACKUP_COLUMNS: [&str; 21] = [
    "out",
    "sha256",
    "revision",
    "compact_revision",
    "keys",
    "records.db",
    "records.log",
    "records.db_log",
    "records.carved",
    "records.peer",
    "stale",
    "maybe_deleted",
    "uncertain_numbers",
    "unrecoverable",
    "possibly_acknowledged",
    "left_out",
    "store_revision",
    "sha256_failed",
    "dropped",
    "notes",
    "next",
];
/// Columns of the answer about a corrected copy.
const COPY_COLUMNS: [&str; 4] = ["out_dir", "written", "corrections", "next"];

impl SalvageArgs {
    /// The columns of the answer, if a file is written before it.
    pub(super) fn columns_after_writing(&self) -> Option<&'static [&'static str]> {
        match (self.dry_run, self.correct) {
            (true, _) => None,
            (false, true) => Some(&COPY_COLUMNS),
            (false, false) => Some(&BACKUP_COLUMNS),
        }
    }
}

pub(crate) fn run(args: &SalvageArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let members = ui.members(&args.paths)?;
    if args.correct {
        return correct::run(args, &members, ui);
    }
    let out = out(args, &members)?;
    let progress = ui.progress();
    let received: Vec<Member> = members.iter().flat_map(received_snapshots).collect();
    let sources = Sources::read(members.iter().chain(&received), &*progress);
    let options = SalvageOptions {
        point: point(args, &sources, ui)?,
        stale: match args.stale {
            StaleArg::Drop => Stale::Drop,
            StaleArg::Keep => Stale::Keep,
        },
        carved: args.include.contains(&Include::Carved),
    };
    let mut salvage = sources
        .salvage(&options, &*progress)
        .map_err(|error| not_salvaged(error, args))?;
    narrow(args, &mut salvage)?;
    let backup = match out.as_ref().filter(|_| !args.dry_run) {
        Some(out) => Some(salvage.write(out, &*progress)?),
        None => None,
    };
    report::show(
        &SalvageAnswer::from(&salvage),
        args,
        out.as_ref(),
        backup.as_ref(),
        ui,
    )?;
    Ok(match salvage.unrecoverable.is_empty() {
        true => Exit::Ok,
        false => Exit::Partial,
    })
}

/// The file to write; none for a dry run that does not name one.
fn out(args: &SalvageArgs, members: &[Member]) -> anyhow::Result<Option<Out>> {
    let Some(path) = &args.out else {
        if args.dry_run {
            return Ok(None);
        }
        return Err(Failure::usage(
            "salvage writes a new file: name it with --out, or ask with --dry-run",
        )
        .next("etcd-inspect salvage {path} --dry-run")
        .next("etcd-inspect salvage {path} --out salvaged.db")
        .into());
    };
    let evidence = members.iter().map(Member::evidence);
    Ok(Some(Out::new(path, evidence.collect::<Vec<&Evidence>>())?))
}

/// Why there is nothing to write, with what may still be found.
fn not_salvaged(error: Error, args: &SalvageArgs) -> anyhow::Error {
    if !matches!(error, Error::Missing { .. }) {
        return error.into();
    }
    let mut failure = Failure::from_library(&error);
    failure.next.clear();
    if args.include.is_empty() {
        failure = failure.next("etcd-inspect salvage {path} --include carved --dry-run");
    }
    failure
        .next("etcd-inspect carve {path}     lists what pages and log still have, also writes of unknown revision")
        .into()
}

/// The revision that `--rev` or `--at` means.
fn point(args: &SalvageArgs, sources: &Sources<'_>, ui: &mut Ui) -> anyhow::Result<Point> {
    let progress = ui.progress();
    let newest = || {
        let all = sources.salvage(&SalvageOptions::default(), &*progress);
        all.map(|all| all.revision)
    };
    if let Some(when) = args.at {
        let clock = sources.clock(&*progress)?;
        let newest = newest()?;
        let Some(last) = clock.newest_time(newest) else {
            return Err(Failure::not_found(
                "no value here has a time in it: --at cannot be answered, etcd itself stores none",
            )
            .next("etcd-inspect salvage {path} --rev -100 --dry-run")
            .into());
        };
        let zone = time::zone(ui.global.local);
        let moment = when.moment(last, &zone);
        let Some(found) = clock.at(moment, newest) else {
            return Err(Failure::not_found(format!(
                "{} is before the first write that has a time in it",
                time::full(moment, &zone)
            ))
            .next("etcd-inspect salvage {path} --rev -100 --dry-run")
            .into());
        };
        ui.note(format!(
            "as of rev {}, written {}: the newest write before {}",
            found.revision,
            found.written.text(moment, &zone),
            time::full(moment, &zone)
        ))?;
        return Ok(Point::Revision(found.revision));
    }
    Ok(match args.rev {
        None | Some(Rev::Latest) => Point::Acknowledged,
        Some(Rev::Exact(revision)) => Point::Revision(revision),
        Some(Rev::Back(back)) => {
            let newest = newest()?;
            let revision = newest.saturating_sub(back);
            if revision < 1 {
                return Err(Failure::not_found(format!(
                    "--rev -{back} is before revision 1: the newest is {newest}"
                ))
                .next("etcd-inspect salvage {path} --rev -10 --dry-run")
                .into());
            }
            Point::Revision(revision)
        }
    })
}

/// Leaves out all but the part that was asked for.
fn narrow(args: &SalvageArgs, salvage: &mut Salvage<'_>) -> anyhow::Result<()> {
    if args.prefix.is_empty() && args.resource.is_empty() && args.namespace.is_none() {
        return Ok(());
    }
    let prefixes: Vec<Vec<u8>> = args
        .prefix
        .iter()
        .map(|prefix| what::unescape(prefix))
        .collect();
    let layout = salvage.layout();
    let mut paths = Vec::new();
    for noun in &args.resource {
        let targets = layout.resolve(noun);
        if targets.is_empty() {
            return Err(
                Failure::not_found(format!("no resource \"{noun}\" is known"))
                    .next("etcd-inspect keys --by-resource {path}")
                    .into(),
            );
        }
        paths.extend(targets.into_iter().map(|target| target.path));
    }
    let namespace = args.namespace.as_deref();
    let all = salvage.keys;
    salvage.retain_keys(&|key| {
        let parsed = || layout.parse(key);
        (prefixes.is_empty() || prefixes.iter().any(|prefix| key.starts_with(prefix)))
            && (paths.is_empty()
                || parsed().is_some_and(|parsed| paths.iter().any(|path| path == parsed.path)))
            && namespace.is_none_or(|namespace| {
                parsed().is_some_and(|parsed| parsed.namespace == Some(namespace))
            })
    });
    if salvage.keys == 0 && all > 0 {
        return Err(empty_part(salvage).into());
    }
    Ok(())
}

/// The part that was asked for has no key. If something is lost, that does not say that there was none.
fn empty_part(salvage: &Salvage<'_>) -> Failure {
    let revision = salvage.part_of.unwrap_or(salvage.revision);
    let message = format!(
        "no live key at revision {revision} is in the part that was asked for: nothing is written"
    );
    let mut failure = Failure::not_found(message);
    let in_doubt = [&salvage.stale, &salvage.maybe_deleted];
    let in_doubt: usize = in_doubt.iter().map(|list| list.len()).sum();
    let count = salvage.unrecoverable.len();
    if count > 0 || in_doubt > 0 {
        let lost = salvage.unrecoverable.iter().take(LOST_IN_ERROR);
        let mut lost: Vec<&str> = lost.map(|lost| lost.what.as_str()).collect();
        let more = format!("and {} more", count.saturating_sub(LOST_IN_ERROR));
        if count > LOST_IN_ERROR {
            lost.push(&more);
        }
        failure.exit = Exit::Partial;
        failure = failure
            .means(format!(
                "keys of the part may be among what is lost: {}",
                lost.join("; ")
            ))
            .next("etcd-inspect salvage {path} --dry-run");
    }
    failure
        .next("etcd-inspect keys --by-resource {path}")
        .next("etcd-inspect keys {path}")
}
