use std::path::PathBuf;

use etcd_inspect::answers::hashkv::HashAnswer;

use crate::at::At;
use crate::exit::Exit;
use crate::output::{Label, Line};
use crate::ui::Ui;
use crate::view::View;

/// The hash that `etcdctl endpoint hashkv --rev N` gives
///
/// Two members hold the same keys, values and history if hash, revision and compaction revision are equal. If a part of the keys
/// cannot be read, the hash is unknown.
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
    // Sums are noted while the records are read; without a db a start may still have a state.
    let summed = member.summed_keyspace().map(drop);
    let view = View::open(&member, args.at.side, ui)
        .or_else(|why| summed.map_err(Into::into).and(Err(why)))?;
    let keyspace = view.keyspace();
    let hash = keyspace.hash_kv(view.revision(&args.at, ui)?)?;
    // Also ranges of files that reading the records met.
    let answer = HashAnswer::new(hash, &ui.damage());
    ui.answer("hashkv", &answer, |ui| {
        let line = match answer.hash {
            Some(hash) => Line::new()
                .with(Label::Name, format!("{hash:08x}"))
                .text(format!("  ({hash})")),
            None => Line::new().with(Label::Name, "unknown: keys cannot be read"),
        };
        Ok(ui.line(line.with(Label::Dim, answer.about()))?)
    })?;
    Ok(Exit::Ok)
}
