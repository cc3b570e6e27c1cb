//! The `meta` bucket: consistent index, compactions.

use crate::backend::{EtcdVersion, Meta};
use crate::codes::backend as codes;
use crate::mvcc::Keyspace;
use located::{Finding, Place, Severity, Sink};

/// Revisions by which a compaction may be after the newest record: etcd up to 3.4.33 and 3.5.15 removed even the tombstone
/// it compacted at, so after a few deletions at the very end nothing is left of these revisions.
const REMOVED_AT_THE_END: i64 = 100;

/// Revisions up to which that is likely; beyond, the number itself is damaged.
const MAX_REMOVED_AT_THE_END: i64 = 10_000;

/// Checks the `meta` bucket, and compares it with the records if there is a keyspace.
pub fn meta(meta: &Meta, keyspace: Option<&Keyspace<'_>>, here: &Place, sink: &mut Sink<'_>) {
    let at = |key| meta.place(key).unwrap_or(here).clone();
    let records = keyspace.is_some_and(|keyspace| !keyspace.index().is_empty());
    if records && meta.consistent_index.unwrap_or_default() == 0 {
        let message = "consistent_index is missing or 0 although there are records";
        sink(Finding::new(
            &codes::META_NO_INDEX,
            at("consistent_index"),
            message,
        ));
    }
    match meta.storage_version {
        Some(version) if version.is_unknown() => {
            let message = format!("storageVersion is {version}");
            let finding = Finding::new(&codes::META_STORAGE_VERSION, at("storageVersion"), message);
            sink(finding.seen(
                version.to_string(),
                format!("at most {}", EtcdVersion::NEWEST_KNOWN),
            ));
        }
        None if meta.term.is_some() || meta.conf_state.is_some() => {
            sink(Finding::new(
                &codes::META_OF_3_5,
                at("term"),
                "term or confState without storageVersion: the schema of 3.5",
            ));
        }
        _ => {}
    }
    for key in &meta.unknown_keys {
        sink(Finding::new(
            &codes::META_UNKNOWN_KEY,
            here.clone(),
            format!("no etcd writes a key \"{key}\" here"),
        ));
    }
    compaction(meta, keyspace, &at("scheduledCompactRev"), sink);
}

fn compaction(meta: &Meta, keyspace: Option<&Keyspace<'_>>, at: &Place, sink: &mut Sink<'_>) {
    let compaction = meta.compaction;
    let (Some(compacted), finished) = (compaction.revision(), compaction.finished) else {
        return;
    };
    if finished > compaction.scheduled {
        let message = "a compaction was finished that was never scheduled";
        let finding = Finding::new(&codes::META_COMPACTION, at.clone(), message);
        sink(finding.seen(
            format!("finished at {compacted}"),
            format!("scheduled at {compacted} or later"),
        ));
    }
    let newest = keyspace
        .and_then(Keyspace::newest_revision)
        .map_or(1, |revision| revision.main);
    if keyspace.is_some() && compacted > newest {
        let message = format!(
            "the compaction revision is {compacted}, but the newest record is of revision {newest}"
        );
        let finding = Finding::new(&codes::META_COMPACTION, at.clone(), message);
        let is_old = meta.schema_version() < EtcdVersion::new(3, 6, 0);
        let severity = match compacted.saturating_sub(newest) {
            ..=REMOVED_AT_THE_END if is_old => Severity::Note,
            ..=MAX_REMOVED_AT_THE_END if is_old => Severity::Warning,
            _ => Severity::Error,
        };
        sink(
            finding
                .seen(compacted.to_string(), format!("at most {newest}"))
                .severity(severity),
        );
    }
    if compaction.is_interrupted() {
        let left = keyspace.map_or(0, |keyspace| keyspace.removable().len());
        let from = finished.map_or_else(
            || "none was ever finished".to_owned(),
            |finished| format!("finished is {finished}"),
        );
        let message = format!(
            "the compaction at {compacted} was not finished ({from}); {left} records are still to be removed"
        );
        sink(Finding::new(&codes::META_INTERRUPTED, at.clone(), message).count(left.max(1) as u64));
    }
}
