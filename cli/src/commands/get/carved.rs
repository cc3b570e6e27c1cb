//! `--carved`: where each version is from, and whether it is certain.

use etcd_inspect::mvcc::{KeyRange, Version};
use etcd_inspect::salvage::carve::{Past, PastSource};

use crate::output::{escape, number::thousands};
use crate::ui::Ui;
use crate::view::View;

/// Versions of which each is named; of more only counts.
const NAMED: usize = 10;

/// Says of the versions that were printed where they are from and whether a newer one may be lost.
pub(super) fn say(
    view: &View<'_>,
    found: &[Version<'_>],
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let Some(past) = view.past() else {
        return Ok(());
    };
    if found.len() > NAMED {
        return count(past, found.iter().copied(), revision, ui);
    }
    let at = revision.unwrap_or_else(|| view.keyspace().revision());
    for version in found {
        let key = escape::bytes(version.key, ui.terminal.charset).into_owned();
        let main = version.revision.main;
        match past.source(version.revision) {
            PastSource::Db => {}
            PastSource::Wal(index) => {
                let index = index.map(|index| format!(", raft entry {index}"));
                ui.note(format!(
                    "rev {main} of {key} is from the log{}",
                    index.unwrap_or_default()
                ))?;
            }
            PastSource::Carved(origin, place) => {
                ui.note(format!(
                    "rev {main} of {key} is carved: {}, {place}",
                    origin.as_str()
                ))?;
            }
        }
        if !past.is_certain(version.key, at) {
            ui.note(format!(
                "not certain: a write of {key} between rev {main} and rev {at} may be lost"
            ))?;
        }
    }
    Ok(())
}

/// The same of everything at a revision, counted.
pub(super) fn say_all(
    view: &View<'_>,
    range: &KeyRange,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let Some(past) = view.past() else {
        return Ok(());
    };
    let keyspace = view.keyspace();
    let live = keyspace.live(range, revision)?;
    count(past, live.iter(), revision, ui)
}

fn count<'v>(
    past: &Past<'_>,
    versions: impl Iterator<Item = Version<'v>>,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let at = revision.unwrap_or_else(|| past.keyspace().revision());
    let (mut carved, mut logged, mut uncertain) = (0i128, 0i128, 0i128);
    for version in versions {
        match past.source(version.revision) {
            PastSource::Db => {}
            PastSource::Wal(_) => logged += 1,
            PastSource::Carved(..) => carved += 1,
        }
        uncertain += i128::from(!past.is_certain(version.key, at));
    }
    ui.note(ui.filled(&format!(
        "of the keys at rev {at}, {} are carved, {} are from the log, and {} are not certain: etcd-inspect keys --carved --rev {at} {{path}}",
        thousands(carved),
        thousands(logged),
        thousands(uncertain),
    )))?;
    Ok(())
}
