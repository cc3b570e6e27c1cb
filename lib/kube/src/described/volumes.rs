//! Volumes of pods and templates.

use super::View;
use super::sheet::Sheet;

/// What a volume is, by the name of its field: its type in words, and its fields with their titles.
type Source = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

static SOURCES: &[Source] = &[
    (
        "hostPath",
        "HostPath (bare host directory volume)",
        &[("Path", "path"), ("HostPathType", "type")],
    ),
    (
        "emptyDir",
        "EmptyDir (a temporary directory that shares a pod's lifetime)",
        &[("Medium", "medium"), ("SizeLimit", "sizeLimit")],
    ),
    (
        "secret",
        "Secret (a volume populated by a Secret)",
        &[("SecretName", "secretName"), ("Optional", "optional")],
    ),
    (
        "configMap",
        "ConfigMap (a volume populated by a ConfigMap)",
        &[("Name", "name"), ("Optional", "optional")],
    ),
    (
        "persistentVolumeClaim",
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        &[("ClaimName", "claimName"), ("ReadOnly", "readOnly")],
    ),
    (
        "nfs",
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        &[
            ("Server", "server"),
            ("Path", "path"),
            ("ReadOnly", "readOnly"),
        ],
    ),
    (
        "csi",
        "CSI (a Container Storage Interface (CSI) volume source)",
        &[
            ("Driver", "driver"),
            ("FSType", "fsType"),
            ("VolumeHandle", "volumeHandle"),
            ("ReadOnly", "readOnly"),
        ],
    ),
    (
        "local",
        "LocalVolume (a persistent volume backed by local storage on a node)",
        &[("Path", "path")],
    ),
    (
        "awsElasticBlockStore",
        "AWSElasticBlockStore (a Persistent Disk resource in AWS)",
        &[
            ("VolumeID", "volumeID"),
            ("FSType", "fsType"),
            ("Partition", "partition"),
            ("ReadOnly", "readOnly"),
        ],
    ),
    (
        "gcePersistentDisk",
        "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)",
        &[
            ("PDName", "pdName"),
            ("FSType", "fsType"),
            ("Partition", "partition"),
            ("ReadOnly", "readOnly"),
        ],
    ),
    (
        "azureDisk",
        "AzureDisk (an Azure Data Disk mount on the host and bind mount to the pod)",
        &[
            ("DiskName", "diskName"),
            ("DiskURI", "diskURI"),
            ("Kind", "kind"),
            ("FSType", "fsType"),
            ("CachingMode", "cachingMode"),
            ("ReadOnly", "readOnly"),
        ],
    ),
    (
        "iscsi",
        "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)",
        &[
            ("TargetPortal", "targetPortal"),
            ("IQN", "iqn"),
            ("Lun", "lun"),
            ("ReadOnly", "readOnly"),
            ("FSType", "fsType"),
        ],
    ),
    (
        "image",
        "Image (a container image or OCI artifact)",
        &[("Reference", "reference"), ("PullPolicy", "pullPolicy")],
    ),
    (
        "ephemeral",
        "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)",
        &[],
    ),
];

pub(super) fn volumes(list: View<'_>, level: usize, sheet: &mut Sheet) {
    if list.len() == 0 {
        sheet.at(level, "Volumes", "<none>");
        return;
    }
    sheet.line(level, "Volumes:");
    for volume in list.items() {
        let name = volume.key("name").or("");
        match level {
            0 => sheet.line(1, &format!("{name}:")),
            _ => sheet.line(1, &format!(" {name}:")),
        }
        source(volume, 2, sheet);
    }
}

/// The source of a volume of a pod, or of a PersistentVolume.
pub(super) fn source(volume: View<'_>, level: usize, sheet: &mut Sheet) {
    if volume.key("projected").present() {
        return projected(volume.key("projected"), level, sheet);
    }
    if volume.key("downwardAPI").present() {
        sheet.at(
            level,
            "Type",
            "DownwardAPI (a volume populated by information about the pod)",
        );
        sheet.line(level, "Items:");
        for item in volume.path("downwardAPI.items").items() {
            let from = item
                .path("fieldRef.fieldPath")
                .text()
                .or(item.path("resourceFieldRef.resource").text());
            sheet.line(
                level + 1,
                &format!(
                    "{} -> {}",
                    from.unwrap_or_default(),
                    item.key("path").or("")
                ),
            );
        }
        return;
    }
    let Some((field, kind, fields)) = SOURCES
        .iter()
        .find(|(field, ..)| volume.key(field).present())
    else {
        sheet.line(1, "<unknown>");
        return;
    };
    let of = volume.key(field);
    sheet.at(level, "Type", kind);
    for (title, field) in *fields {
        let absent = match *title {
            "ReadOnly" | "Optional" => "false",
            "SizeLimit" => "<unset>",
            _ => "",
        };
        sheet.at(level, title, &of.key(field).any_or(absent));
    }
}

fn projected(of: View<'_>, level: usize, sheet: &mut Sheet) {
    sheet.at(
        level,
        "Type",
        "Projected (a volume that contains injected data from multiple sources)",
    );
    let optional = |of: View<'_>| of.key("optional").any_or("<nil>");
    for source in of.key("sources").items() {
        let (secret, map, token) = (
            source.key("secret"),
            source.key("configMap"),
            source.key("serviceAccountToken"),
        );
        if secret.present() {
            sheet.at(level, "SecretName", &secret.key("name").or(""));
            sheet.at(level, "Optional", &optional(secret));
        } else if map.present() {
            sheet.at(level, "ConfigMapName", &map.key("name").or(""));
            sheet.at(level, "Optional", &optional(map));
        } else if token.present() {
            sheet.at(
                level,
                "TokenExpirationSeconds",
                &token.key("expirationSeconds").int().to_string(),
            );
        } else if source.key("downwardAPI").present() {
            sheet.at(level, "DownwardAPI", "true");
        }
    }
}
