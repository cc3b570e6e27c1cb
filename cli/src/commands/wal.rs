use std::path::PathBuf;

use etcd_inspect::answers::Damage;
use etcd_inspect::answers::wal::{self, Filter, IndexRange, Keys, NoSuchType};
use etcd_inspect::member::Wal;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::no_log;
use crate::output::{Format, Row, Rows, Tail, hex, messages, number, person};
use crate::secrets::Reveal;
use crate::ui::Ui;
use crate::what::{self, What};

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
    /// The files instead of entries: sequence, indexes, checksums, what is at the end
    #[arg(long, conflicts_with = "raw")]
    segments: bool,
    /// Every record as it is, of every type, with its checksum
    #[arg(long)]
    raw: bool,
    /// Also entries that were overwritten or are damaged
    #[arg(long)]
    all: bool,
    /// Only requests that name this key, alone, in a transaction or within a range (KEY/: also the keys below it)
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

impl WalArgs {
    fn filter(&self) -> Result<Filter, Failure> {
        let key = match &self.key {
            None => Keys::Any,
            Some(word) => match what::parse(std::slice::from_ref(word))?.pop() {
                Some(What::Glob(pattern)) => Keys::Glob(pattern),
                Some(What::Key(key)) => Keys::Exact(key),
                _ => Keys::Exact(what::unescape(word)),
            },
        };
        let no_type = |error: NoSuchType| {
            Failure::usage(error.to_string())
                .means("types: normal, empty, conf_change, put, txn, delete_range, lease_grant, compaction, … or entry, state, snapshot, metadata, crc")
                .next("etcd-inspect wal --type put {path}")
        };
        Filter::new(self.kind.as_deref(), self.raw, key, self.index).map_err(no_type)
    }
}

pub(crate) fn run(args: &WalArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let filter = args.filter()?;
    let member = ui.member(args.path.as_deref())?;
    let progress = ui.progress();
    let Some(log) = member.wal_with(&*progress) else {
        return Err(no_log::failure(&member, ui).into());
    };
    let chain = wal::chain_damage(&log);
    let is_partial = chain.is_partial;
    if is_partial {
        ui.partial(Damage::new(chain.findings.clone(), 0));
    }
    if args.terms {
        ui.table("wal", &wal::terms(&log))?;
    } else if args.segments {
        ui.table("wal", &wal::segments(&log))?;
    } else if args.raw || filter.wants_records() {
        ui.table("wal", &wal::records(&log, &filter))?;
    } else if matches!(ui.global.format(), Format::Raw | Format::Hex) {
        bytes(&log, &filter, args, ui)?;
    } else {
        entries(&log, &filter, args.all, ui)?;
    }
    if is_partial {
        return Ok(Exit::Partial);
    }
    messages::findings(&chain.findings, ui)?;
    Ok(Exit::negative_if(!chain.findings.is_empty()))
}

/// One line for each entry, its request decoded.
fn entries(log: &Wal<'_>, filter: &Filter, all: bool, ui: &mut Ui) -> anyhow::Result<()> {
    let with_decoded = !ui.global.format().is_table() || !ui.global.columns.is_empty();
    let reach = wal::reach(log);
    let mut rows = Rows::begin(ui, "wal", &wal::COLUMNS)?;
    if let Some(reach) = reach {
        rows.head("first_index", reach.first.get());
        rows.head("last_index", reach.last.get());
        rows.head("commit", reach.commit.get());
    }
    let hidden = wal::entries(log, filter, all, with_decoded, &mut |row| {
        rows.push(row.cells())
    })?;
    let all = reach.map(|reach| {
        format!(
            "{} entries, indexes {}–{}",
            number::thousands(i128::try_from(reach.entries).unwrap_or_default()),
            number::thousands(reach.first.into()),
            number::thousands(reach.last.into()),
        )
    });
    rows.finish(Tail {
        all,
        ..Tail::default()
    })?;
    if hidden > 0 {
        ui.note(format!(
            "{hidden} entries that were overwritten or are damaged are left out (--all shows them)"
        ))?;
    }
    Ok(())
}

/// The data of entries as it is stored: `-o raw`, `-o hex`.
fn bytes(log: &Wal<'_>, filter: &Filter, args: &WalArgs, ui: &mut Ui) -> anyhow::Result<()> {
    let terminal = ui.terminal;
    let mut hidden = 0usize;
    for entry in wal::data(log, filter, args.all, args.reveal.is_some()) {
        hidden = hidden.saturating_add(entry.hidden);
        if ui.global.format() == Format::Raw {
            person::raw(&entry.data, ui)?;
            continue;
        }
        ui.line(format!("index {} term {}", entry.index, entry.term))?;
        hex::dump(ui.out(), terminal, "", entry.offset, &entry.data)?;
    }
    if hidden > 0 {
        ui.note(format!(
            "{hidden} bytes of secrets are shown as * (--reveal shows them)"
        ))?;
    }
    Ok(())
}
