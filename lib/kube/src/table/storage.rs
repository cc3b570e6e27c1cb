//! Volumes, claims, classes and CSI.

use super::object::{View, join};
use super::{Printer, name};

const GROUP: &[&str] = &["storage.k8s.io"];

pub(super) static ALL: &[Printer] = &[
    Printer {
        kind: "PersistentVolume",
        groups: &[""],
        columns: &[
            "NAME",
            "CAPACITY",
            "ACCESS MODES",
            "RECLAIM POLICY",
            "STATUS",
            "CLAIM",
            "STORAGECLASS",
            "VOLUMEATTRIBUTESCLASS",
            "REASON",
            "AGE",
            "+VOLUMEMODE",
        ],
        row: |of, options| {
            let claim = of.path("spec.claimRef");
            let claim = match claim.present() {
                true => format!(
                    "{}/{}",
                    claim.key("namespace").or(""),
                    claim.key("name").or("")
                ),
                false => String::new(),
            };
            vec![
                name(of),
                of.path("spec.capacity.storage").any_or("0"),
                modes(of.path("spec.accessModes")),
                of.path("spec.persistentVolumeReclaimPolicy").or(""),
                phase(of),
                claim,
                class(of),
                of.path("spec.volumeAttributesClassName").or("<unset>"),
                of.path("status.reason").or(""),
                options.age(of),
                of.path("spec.volumeMode").or("<unset>"),
            ]
        },
    },
    Printer {
        kind: "PersistentVolumeClaim",
        groups: &[""],
        columns: &[
            "NAME",
            "STATUS",
            "VOLUME",
            "CAPACITY",
            "ACCESS MODES",
            "STORAGECLASS",
            "VOLUMEATTRIBUTESCLASS",
            "AGE",
            "+VOLUMEMODE",
        ],
        row: |of, options| {
            let volume = of.path("spec.volumeName");
            let (capacity, access) = match volume.text() {
                Some(_) => (
                    of.path("status.capacity.storage").any_or("0"),
                    modes(of.path("status.accessModes")),
                ),
                None => (String::new(), String::new()),
            };
            vec![
                name(of),
                phase(of),
                volume.or(""),
                capacity,
                access,
                class(of),
                of.path("spec.volumeAttributesClassName").or("<unset>"),
                options.age(of),
                of.path("spec.volumeMode").or("<unset>"),
            ]
        },
    },
    Printer {
        kind: "StorageClass",
        groups: GROUP,
        columns: &[
            "NAME",
            "PROVISIONER",
            "RECLAIMPOLICY",
            "VOLUMEBINDINGMODE",
            "ALLOWVOLUMEEXPANSION",
            "AGE",
        ],
        row: |of, options| {
            let marks = [
                "storageclass.kubernetes.io/is-default-class",
                "storageclass.beta.kubernetes.io/is-default-class",
            ];
            let default = marks
                .iter()
                .any(|mark| of.path("metadata.annotations").key(mark).text() == Some("true"));
            vec![
                name(of) + if default { " (default)" } else { "" },
                of.key("provisioner").or(""),
                of.key("reclaimPolicy").or("Delete"),
                of.key("volumeBindingMode").or("Immediate"),
                of.key("allowVolumeExpansion")
                    .flag()
                    .unwrap_or(false)
                    .to_string(),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "VolumeAttachment",
        groups: GROUP,
        columns: &["NAME", "ATTACHER", "PV", "NODE", "ATTACHED", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                of.path("spec.attacher").or(""),
                of.path("spec.source.persistentVolumeName").or(""),
                of.path("spec.nodeName").or(""),
                of.path("status.attached")
                    .flag()
                    .unwrap_or(false)
                    .to_string(),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "CSINode",
        groups: GROUP,
        columns: &["NAME", "DRIVERS", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                of.path("spec.drivers").len().to_string(),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "CSIDriver",
        groups: GROUP,
        columns: &[
            "NAME",
            "ATTACHREQUIRED",
            "PODINFOONMOUNT",
            "STORAGECAPACITY",
            "TOKENREQUESTS",
            "REQUIRESREPUBLISH",
            "MODES",
            "AGE",
        ],
        row: |of, options| {
            let spec = of.key("spec");
            let flag = |field, default| spec.key(field).flag().unwrap_or(default).to_string();
            let audiences = spec
                .key("tokenRequests")
                .items()
                .map(|token| token.key("audience").text().unwrap_or(""));
            vec![
                name(of),
                flag("attachRequired", true),
                flag("podInfoOnMount", false),
                flag("storageCapacity", false),
                join(audiences, "<unset>"),
                flag("requiresRepublish", false),
                spec.key("volumeLifecycleModes").joined("<none>"),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "CSIStorageCapacity",
        groups: GROUP,
        columns: &["NAME", "STORAGECLASSNAME", "CAPACITY"],
        row: |of, _| {
            vec![
                name(of),
                of.key("storageClassName").or(""),
                of.key("capacity").any_or("<unset>"),
            ]
        },
    },
    Printer {
        kind: "VolumeAttributesClass",
        groups: GROUP,
        columns: &["NAME", "DRIVERNAME", "AGE"],
        row: |of, options| vec![name(of), of.key("driverName").or(""), options.age(of)],
    },
];

fn phase(of: View<'_>) -> String {
    match of.path("metadata.deletionTimestamp").present() {
        true => "Terminating".to_owned(),
        // The API server fills this in when it reads: a claim is stored without a phase first.
        false => of.path("status.phase").or("Pending"),
    }
}

fn class(of: View<'_>) -> String {
    let old = of
        .path("metadata.annotations")
        .key("volume.beta.kubernetes.io/storage-class");
    old.text()
        .map_or_else(|| of.path("spec.storageClassName").or(""), str::to_owned)
}

/// `RWO,ROX`: each once, in this order.
/// `printPersistentVolumeClaim` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn modes(of: View<'_>) -> String {
    let short = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |mode: &str| of.items().any(|item| item.text() == Some(mode));
    join(
        short
            .into_iter()
            .filter(|(mode, _)| has(mode))
            .map(|(_, short)| short),
        "",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Table;

    #[test]
    fn a_bound_claim_shows_what_it_got_and_a_pending_one_nothing() {
        let now = "2026-11-21T02:00:00Z".parse().unwrap();
        let bound = json!({"metadata": {"name": "c"}, "spec": {"volumeName": "pv", "storageClassName": "fast"},
            "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"]}});
        let table = Table::of_kind("", "PersistentVolumeClaim");
        assert_eq!(
            table.row(&bound, now, false)[..6],
            ["c", "Bound", "pv", "1Gi", "RWO,RWX", "fast"]
        );
        let pending = json!({"metadata": {"name": "c"}, "status": {"phase": "Pending"}});
        assert_eq!(
            table.row(&pending, now, false)[..6],
            ["c", "Pending", "", "", "", ""]
        );
    }

    #[test]
    fn the_default_class_is_marked() {
        let class = json!({"metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "p"});
        let row = Table::of_kind("storage.k8s.io", "StorageClass").row(
            &class,
            jiff::Timestamp::UNIX_EPOCH,
            false,
        );
        assert_eq!(
            row[..5],
            ["fast (default)", "p", "Delete", "Immediate", "false"]
        );
    }
}
