//! What somebody who applies exported objects has to know.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Export, OwnerLink, text};
use crate::Command;
use crate::kubernetes::apply::{PLACEHOLDER, Together, is_default};

/// One sentence for each thing to know. `newer`: objects that lose fields; `finished`: Jobs that had completed.
pub(super) fn notes(export: &Export, newer: usize, finished: usize) -> Vec<String> {
    let defaults = export.objects.iter().filter(|one| is_default(&one.object));
    let has_definitions = export.kinds.contains_key("CustomResourceDefinition");
    let all = [
        counted(newer, "1 object has", "objects have", "fields that are newer than the table of Kubernetes 1.8 to 1.37: they are not written"),
        counted(finished, "1 Job had finished and runs", "Jobs had finished and run", "again as soon as applied"),
        counted(export.placeholders, "1 value is", "values are", &format!("replaced by {PLACEHOLDER}: put the right text in before applying")),
        counted(export.large.len(), "1 object is", "objects are", "larger than the 256 KiB of annotations, in which kubectl apply keeps a copy of the object: apply with --server-side, which keeps none"),
        counted(defaults.count(), "1 object is a default", "objects are defaults", "of the API server that somebody else wrote too: applied onto another release they take away what that release added (kubectl diff first)"),
        has_definitions.then(|| {
            "custom resources can be applied once their definitions are established: apply those first".to_owned()
        }),
    ];
    all.into_iter().flatten().collect()
}

/// A sentence for each namespace of written objects that is neither written nor in the evidence.
pub(super) fn missing_namespaces(export: &Export, live: &BTreeSet<String>) -> Vec<String> {
    let objects = || export.objects.iter().map(|one| &one.object);
    let written: HashSet<&str> = objects()
        .filter(|object| text(object, "/kind") == "Namespace")
        .map(|namespace| text(namespace, "/metadata/name"))
        .collect();
    let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
    for namespace in objects().map(|object| text(object, "/metadata/namespace")) {
        if !namespace.is_empty() && !written.contains(namespace) && !live.contains(namespace) {
            *missing.entry(namespace).or_default() += 1;
        }
    }
    let sentence = |(namespace, count): (&str, usize)| {
        let of = counted(count, "1 object is", "objects are", "").unwrap_or_default();
        format!(
            "{of}in namespace {namespace}, which is not in the evidence: kubectl create namespace {namespace}"
        )
    };
    missing.into_iter().map(sentence).collect()
}

/// A sentence about the objects that others refer to, and that the evidence does not have.
pub(super) fn absent(names: &BTreeSet<String>) -> Option<String> {
    const NAMED: usize = 10;
    let list: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let rest = format!(
        "referred to and not in the evidence: {}{more}",
        list.join(", ")
    );
    counted(names.len(), "1 object is", "objects are", &rest)
}

/// A sentence about the volumes of written claims: a restored claim has another uid, and a volume keeps the old one, also if it is
/// applied again, because `kubectl apply` removes no field that it never applied.
pub(super) fn bound(export: &Export, volumes: &BTreeSet<String>) -> Vec<String> {
    let claims = export.objects.iter().map(|one| &one.object);
    let claims = claims.filter(|object| text(object, "/kind") == "PersistentVolumeClaim");
    let used: BTreeSet<&str> = claims
        .map(|claim| text(claim, "/spec/volumeName"))
        .filter(|volume| volumes.contains(*volume))
        .collect();
    if used.is_empty() {
        return Vec::new();
    }
    const FREE: &str = r#"{"spec":{"claimRef":{"uid":null,"resourceVersion":null}}}"#;
    let free = Command::new("kubectl")
        .args(["patch", "pv"])
        .args(used.iter().copied())
        .args(["--type=merge", "-p", FREE]);
    let count = match used.len() {
        1 => "1 volume of a written claim has".to_owned(),
        count => format!("{count} volumes of written claims have"),
    };
    vec![format!(
        "{count} the uid of the old claim, and no new claim is bound to such a volume: if the cluster still has it, and the old claim is deleted, first run: {free}"
    )]
}

/// A sentence about custom resources whose definitions the evidence does not have.
pub(super) fn undefined(names: &BTreeSet<String>) -> Option<String> {
    let list: Vec<&str> = names.iter().map(String::as_str).collect();
    let rest = format!(
        "of written custom resources not in the evidence: a cluster without it answers `no matches for kind`; {}",
        list.join(", ")
    );
    counted(names.len(), "1 definition", "definitions", &rest)
}

/// A sentence about live objects that were deleted as far as a client is concerned, when deleted ones are asked for.
pub(super) fn marked(names: &[String]) -> Option<String> {
    let shown: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
    let more = match names.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let rest = format!(
        "marked for deletion and not deleted yet, so that --deleted-since does not write what is next to go: {}{more} (export without --deleted-since writes it)",
        shown.join(", ")
    );
    counted(names.len(), "1 object is", "objects are", &rest)
}

/// References to owners that are not written, because a restored owner has another uid.
#[derive(Default)]
pub(super) struct Unlinked {
    dead: Vec<String>,
    living: Vec<String>,
}

impl Unlinked {
    /// Most references that a note names.
    const NAMED: usize = 3;

    /// Also those of an object that is written.
    pub(super) fn add(&mut self, object: &str, owners: Vec<OwnerLink>, together: &Together) {
        for owner in owners {
            let list = match owner.exists || together.has(&owner.uid) {
                true => &mut self.living,
                false => &mut self.dead,
            };
            list.push(format!("{} of {object}", owner.label));
        }
    }

    /// A sentence for each kind.
    pub(super) fn notes(&self) -> Vec<String> {
        let listed = |of: &[String]| {
            let named: Vec<&str> = of.iter().take(Self::NAMED).map(String::as_str).collect();
            let more = match of.len().saturating_sub(Self::NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{}{more}", named.join(", "))
        };
        let dead = counted(
            self.dead.len(),
            "1 owner that is not in the evidence is",
            "owners that are not in the evidence are",
            &format!("left out of ownerReferences: {}", listed(&self.dead)),
        );
        let living = counted(
            self.living.len(),
            "1 ownerReference is",
            "ownerReferences are",
            &format!(
                "left out, because a restored owner gets another uid, so that nothing deletes these with their owner: {}",
                listed(&self.living)
            ),
        );
        dead.into_iter().chain(living).collect()
    }
}

/// A sentence about a number of things; `None` about none.
fn counted(count: usize, one: &str, many: &str, rest: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("{one} {rest}")),
        count => Some(format!("{count} {many} {rest}")),
    }
}
