//! The next step for a namespace that was deleted.

use std::path::Path;

use etcd_inspect::Command;
use etcd_inspect::answers::export;
use etcd_inspect::member::Objects;

use crate::output::time;
use crate::ui::Ui;

/// Says what is retained of a namespace that does not exist at a revision, and the command that writes it.
pub(crate) fn deleted_namespace(
    objects: &Objects<'_>,
    namespace: &str,
    revision: Option<i64>,
    out: &Path,
    ui: &Ui,
) -> anyhow::Result<Option<String>> {
    let Some(deleted) = export::deleted_namespace(objects, namespace, revision)? else {
        return Ok(None);
    };
    let zone = time::zone(ui.global.local);
    let time = objects.time_of(deleted.first);
    let time = time.map_or(String::new(), |write| {
        format!(", {}", time::full(write.time, &zone))
    });
    let count = match deleted.objects {
        1 => "1 object of namespace".to_owned(),
        many => format!("{many} objects of namespace"),
    };
    let mut command = Command::inspect("export")
        .flag("-n", namespace)
        .flag("--deleted-since", deleted.since.to_string());
    if let Some(revision) = revision {
        command = command.flag("--rev", revision.to_string());
    }
    command = match out == Path::new("-") {
        true => command.args(["--out", "-"]),
        false => command.arg("--out").path(out),
    };
    let command = ui.advice(command.arg("-d").evidence());
    Ok(Some(format!(
        "{count} {namespace} were deleted, the first at revision {}{time}: {command}",
        deleted.first
    )))
}
