use std::path::PathBuf;

use crate::at::At;
use crate::exit::Exit;
use crate::output::{Label, Line, number};
use crate::ui::Ui;
use crate::view::View;

/// The hash that `etcdctl endpoint hashkv --rev N` gives
///
/// Two members hold the same keys, values and history if hash, revision and compaction revision are equal.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect hashkv /copy/m1
  etcd-inspect hashkv --rev 1204331 /copy/m1
  etcd-inspect hashkv -o json /copy/m1")]
pub(crate) struct HashkvArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    #[command(flatten)]
    at: At,
}

pub(crate) fn run(args: &HashkvArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    member.summed_keyspace()?;
    let view = View::open(&member, args.at.side, ui)?;
    let keyspace = view.keyspace();
    let hash = keyspace.hash_kv(view.revision(&args.at, ui)?)?;
    ui.answer("hashkv", &hash, |ui| {
        let compacted = match hash.compact_revision.get() {
            -1 => "never compacted".to_owned(),
            revision => format!("compacted at {}", number::thousands(revision.into())),
        };
        Ok(ui.line(
            Line::new()
                .with(Label::Name, format!("{:08x}", hash.hash))
                .text(format!("  ({})", hash.hash))
                .with(
                    Label::Dim,
                    format!(
                        "  keys at rev {} · {compacted}",
                        number::thousands(hash.revision.into())
                    ),
                ),
        )?)
    })?;
    Ok(Exit::Ok)
}
