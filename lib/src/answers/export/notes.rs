//! What somebody who applies exported objects has to know.

use std::collections::HashSet;

use super::{Export, text};
use crate::kubernetes::apply::PLACEHOLDER;

/// One sentence for each thing to know. `newer`: objects that lose fields; `finished`: Jobs that had completed.
pub(super) fn notes(export: &Export, newer: usize, finished: usize) -> Vec<String> {
    let volumes = unwritten_volumes(export);
    let has_definitions = export.kinds.contains_key("CustomResourceDefinition");
    let all = [
        counted(newer, "1 object has", "objects have", "fields that are newer than the table of Kubernetes 1.8 to 1.37: they are not written"),
        counted(finished, "1 Job had finished and runs", "Jobs had finished and run", "again as soon as applied"),
        counted(export.placeholders, "1 value is", "values are", &format!("replaced by {PLACEHOLDER}: put the right text in before applying")),
        counted(volumes, "1 claim names a volume that is", "claims name volumes that are", "not written here: if the cluster lacks that PersistentVolume, export it too (pv/NAME)"),
        has_definitions.then(|| {
            "custom resources can be applied once their definitions are established: apply those first".to_owned()
        }),
    ];
    all.into_iter().flatten().collect()
}

/// A sentence about a number of things; `None` about none.
fn counted(count: usize, one: &str, many: &str, rest: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("{one} {rest}")),
        count => Some(format!("{count} {many} {rest}")),
    }
}

/// Counts the claims whose volume is not written.
fn unwritten_volumes(export: &Export) -> usize {
    let of = |kind: &'static str| {
        let objects = export.objects.iter().map(|one| &one.object);
        objects.filter(move |object| text(object, "/kind") == kind)
    };
    let written: HashSet<&str> = of("PersistentVolume")
        .map(|volume| text(volume, "/metadata/name"))
        .collect();
    let named = of("PersistentVolumeClaim").map(|claim| text(claim, "/spec/volumeName"));
    named
        .filter(|name| !name.is_empty() && !written.contains(name))
        .count()
}
