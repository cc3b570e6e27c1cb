//! The next step for a namespace that was deleted.

use std::path::Path;

use etcd_inspect::Command;
use etcd_inspect::answers::Keyspace;
use etcd_inspect::answers::export;
use etcd_inspect::member::Objects;

use crate::output::time;
use crate::ui::Ui;
use crate::view::View;

/// Says what is retained of a namespace that does not exist at a revision, and the commands that write it.
pub(crate) fn deleted_namespace(
    objects: &Objects<'_>,
    namespace: &str,
    revision: Option<i64>,
    out: &Path,
    ui: &Ui,
) -> anyhow::Result<Vec<String>> {
    let Some(deleted) = export::deleted_namespace(objects, namespace, revision)? else {
        return Ok(Vec::new());
    };
    let zone = time::zone(ui.global.local);
    let command = |since: i64| {
        let mut command = Command::inspect("export")
            .flag("-n", namespace)
            .flag("--deleted-since", since.to_string());
        if let Some(revision) = revision {
            command = command.flag("--rev", revision.to_string());
        }
        command = match out == Path::new("-") {
            true => command.args(["--out", "-"]),
            false => command.arg("--out").path(out),
        };
        ui.advice(command.arg("-d").evidence())
    };
    let when = |revision| {
        let time = objects.time_of(revision);
        time.map_or(String::new(), |write| {
            format!(", {}", time::full(write.time, &zone))
        })
    };
    let first = deleted.first;
    let count = match deleted.objects {
        1 => format!("1 object of namespace {namespace} was deleted, at revision {first}"),
        many => format!(
            "{many} objects of namespace {namespace} were deleted, the first at revision {first}"
        ),
    };
    let mut notes = vec![format!(
        "{count}{}: {}",
        when(first),
        command(deleted.since)
    )];
    if let Some(earlier) = deleted.earlier {
        let first = earlier.first;
        let count = match earlier.objects {
            1 => format!("1 more was deleted before that, at revision {first}"),
            many => format!("{many} more were deleted before that, the first at revision {first}"),
        };
        notes.push(format!(
            "{count}{}; with those: {}",
            when(first),
            command(earlier.since)
        ));
    }
    Ok(notes)
}

/// Counts what was asked for in a keyspace.
pub(crate) type CountIn<'c> = &'c dyn Fn(Keyspace<'_>) -> anyhow::Result<usize>;

/// Says that a compaction took deletions away, how many of what was asked for log and free pages still have, and the command that
/// writes those; `None` if no deletion that was asked for can be missing.
pub(crate) fn compacted(
    since: i64,
    view: &View<'_>,
    count: Option<CountIn<'_>>,
    command: Command,
    ui: &Ui,
) -> anyhow::Result<Option<String>> {
    let compacted = view.keyspace().compact_revision().unwrap_or_default();
    if since >= compacted || view.past().is_some() {
        return Ok(None);
    }
    let text = format!(
        "what was deleted up to revision {compacted} is compacted: the db lists it no more"
    );
    let command = ui.advice(command);
    let Some(count) = count else {
        return Ok(Some(format!(
            "{text}; log and free pages may have more: {command}"
        )));
    };
    let member = view.member();
    let progress = ui.progress();
    // What is damaged here was reported when the view was opened.
    let Ok(carved) = etcd_inspect::answers::view::View::open(member, false, &*progress) else {
        return Ok(Some(text));
    };
    let carved = carved.into_parts().0.with_past(&*progress);
    Ok(Some(match count(carved.keyspace())? {
        0 => format!("{text}, and neither log nor free pages have it"),
        many => {
            let them = if many == 1 {
                "1 deleted object".to_owned()
            } else {
                format!("{many} deleted objects")
            };
            format!("{text}; log and free pages have {them}: {command}")
        }
    }))
}
