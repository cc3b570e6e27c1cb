//! What was deleted, where nothing is left to write: of a namespace, and below a compaction.

use std::path::Path;

use etcd_inspect::answers::Keyspace;
use etcd_inspect::answers::export::{ExportSelection, ExportSource, gather};
use etcd_inspect::member::Objects;

use super::{ExportArgs, again};
use crate::kube;
use crate::ui::Ui;
use crate::view::View;

/// Says what deletions took from the answer, and the command that writes what is left of it elsewhere.
pub(super) fn say(
    args: &ExportArgs,
    view: &View<'_>,
    objects: &Objects<'_>,
    (selection, source): (&ExportSelection, &ExportSource),
    is_empty: bool,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let out = args.out.as_deref().unwrap_or(Path::new("-"));
    let Some(since) = source.since else {
        let Some(namespace) = selection.namespace.as_deref().filter(|_| is_empty) else {
            return Ok(());
        };
        let notes = kube::deleted_namespace(objects, namespace, source.revision, out, ui)?;
        for note in notes {
            ui.note(note)?;
        }
        return Ok(());
    };
    let count = |keyspace: Keyspace<'_>| {
        let carved = kube::open(view.member(), keyspace, &args.layout, &args.keys)?;
        Ok(gather(&carved, selection, source)?.found.len())
    };
    let count: Option<kube::CountIn<'_>> = match is_empty {
        true => Some(&count),
        false => None,
    };
    let command = again(args)
        .flag("--deleted-since", since.to_string())
        .arg("--carved");
    let command = match out == Path::new("-") {
        true => command.args(["--out", "-"]),
        false => command.arg("--out").path(out),
    };
    let command = command.arg("-d").evidence();
    match kube::compacted(since, view, count, command, ui)? {
        Some(note) => Ok(ui.note(note)?),
        None => Ok(()),
    }
}
