mod entries;
mod filter;
mod records;
mod segments;
mod terms;

use std::path::PathBuf;

use etcd_inspect::member::{Member, Wal};
use etcd_inspect::wal::check;
use etcd_inspect::{Error, Severity};

use self::filter::{Filter, IndexRange};
use crate::exit::Exit;
use crate::secrets::Reveal;
use crate::ui::Ui;

/// Read the raft log: entries with decoded requests, terms and votes, segments
///
/// Without flags: the log as it reads now, one line for each entry. An entry that a later leader overwrote, or whose record
/// is damaged, shows with --all. STATE says what this member knew to be committed; an uncommitted entry may be committed on
/// other members. Passwords are masked, values are left out.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect wal /copy/m1
  etcd-inspect wal --terms /copy/m1                  elections: who was voted for, how each term ended
  etcd-inspect wal --key /registry/pods/shop/web-1 /copy/m1
  etcd-inspect wal --type conf_change /copy/m1
  etcd-inspect wal --index 2109264.. -o json /copy/m1
  etcd-inspect wal --segments /copy/m1               the chain of files")]
pub(crate) struct WalArgs {
    /// Data directory, wal/ folder or one .wal file
    path: Option<PathBuf>,
    /// Terms instead of entries: first and last index, whom this member voted for, how it ended
    #[arg(long, conflicts_with_all = ["segments", "raw"])]
    terms: bool,
    /// The files instead of entries: sequence, indexes, checksums, what stands at the end
    #[arg(long, conflicts_with = "raw")]
    segments: bool,
    /// Every record as it stands, of every type, with its checksum
    #[arg(long)]
    raw: bool,
    /// Also entries that were overwritten or are damaged
    #[arg(long)]
    all: bool,
    /// Only requests that name this key, alone, in a transaction or within a range (KEY/: also what lies below)
    #[arg(long, value_name = "KEY")]
    key: Option<std::ffi::OsString>,
    /// Only this type: normal, empty, conf_change, a request (put, txn, lease_grant, v2_put, …), or a record
    /// (entry, state, snapshot, metadata, crc: as --raw)
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// With -o raw or hex: also the values of Secrets and passwords, which are `*` otherwise
    #[arg(long, value_name = "all", num_args = 0..=1, require_equals = true, default_missing_value = "all", hide_short_help = true)]
    reveal: Option<Reveal>,
    /// Only these raft indexes: N, A..B, A.., ..B
    #[arg(long, value_name = "A..B")]
    index: Option<IndexRange>,
}

pub(crate) fn run(args: &WalArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let filter = Filter::new(args)?;
    let member = ui.member(args.path.as_deref())?;
    let progress = ui.progress();
    let Some(wal) = member.wal_with(&*progress) else {
        return Err(no_wal(&member).into());
    };
    if args.terms {
        terms::print(&wal, ui)?;
    } else if args.segments {
        segments::print(&wal, ui)?;
    } else if args.raw || filter.wants_records() {
        records::print(&wal, &filter, ui)?;
    } else {
        entries::print(&wal, &filter, args.all, args.reveal.is_some(), ui)?;
    }
    damage(&wal, ui)
}

fn no_wal(member: &Member) -> Error {
    Error::Missing {
        file: member.evidence().name().clone(),
        what: "WAL (no member/wal with a segment; --wal-dir may have put it elsewhere)",
    }
}

/// What could not be read, on stderr: the answer is then a partial one.
fn damage(wal: &Wal<'_>, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut findings = Vec::new();
    check::chain(wal.log(), wal.files(), &mut |finding| {
        if finding.severity > Severity::Note {
            findings.push(finding);
        }
    });
    let skipped = wal.log().damages.iter().any(|damage| {
        let record = damage
            .record
            .and_then(|record| wal.log().records.get(record));
        record.is_none_or(|record| !record.crc.is_trusted())
    });
    // A torn tail is only a warning; where it costs a record of the answer, the answer says so.
    findings.retain(|finding| skipped || finding.severity == Severity::Error);
    ui.warn_of_findings(&findings)?;
    Ok(if ui.interrupted() || skipped {
        Exit::Partial
    } else {
        Exit::negative_if(!findings.is_empty())
    })
}

/// `….wal+0x3FF70`: the file's own name, without the folder.
fn at(file: &str, offset: u64) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    format!("{base}+{offset:#x}")
}
