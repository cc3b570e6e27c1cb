//! Volumes of pods and templates.

use super::View;
use super::sheet::Sheet;
use super::sources::SOURCES;

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
    // A PersistentVolume has members that a volume of a pod has not.
    let is_persistent = volume.key("capacity").present();
    sheet.at(level, "Type", kind);
    for (title, field) in *fields {
        let only_persistent = matches!(*title, "VolumeHandle" | "SecretNamespace");
        match (*title, of.key(field)) {
            ("VolumeAttributes", map) => attributes(map, level, sheet),
            // kubectl has no colon there.
            ("ISCSIInterface", name) => {
                sheet.line(level, &format!("{title}\t{}", name.any_or("")));
            }
            _ if only_persistent && !is_persistent => {}
            (_, value) => sheet.at(level, title, &go_value(title, value, is_persistent)),
        }
    }
}

/// A member as Go's `%v` prints it.
fn go_value(title: &str, value: View<'_>, is_persistent: bool) -> String {
    let texts = || value.items().filter_map(View::text).collect::<Vec<_>>();
    match title {
        "ReadOnly" | "Optional" | "DiscoveryCHAPAuth" | "SessionCHAPAuth" => value.any_or("false"),
        "SizeLimit" => value.any_or("<unset>"),
        "InitiatorName" | "LUN" => value.any_or("<none>"),
        "Lun" | "Partition" => value.any_or("0"),
        "TargetWWNs" => texts().join(", "),
        "CephMonitors" | "Monitors" | "Portals" => format!("[{}]", texts().join(" ")),
        "Options" => {
            let mut pairs: Vec<_> = value
                .fields()
                .map(|(name, value)| format!("{name}:{}", value.or("")))
                .collect();
            pairs.sort();
            format!("map[{}]", pairs.join(" "))
        }
        "SecretRef" => match (value.present(), value.key("name").or("")) {
            (false, _) => "nil".to_owned(),
            (true, name) if is_persistent => {
                let namespace = value.key("namespace").or("");
                format!("&SecretReference{{Name:{name},Namespace:{namespace},}}")
            }
            (true, name) => format!("&LocalObjectReference{{Name:{name},}}"),
        },
        _ => value.any_or(""),
    }
}

/// Attributes of a CSI volume below each other, indented once more than other values, as kubectl does.
fn attributes(map: View<'_>, level: usize, sheet: &mut Sheet) {
    let mut pairs: Vec<_> = map
        .fields()
        .map(|(name, value)| format!("{name}={}", value.or("")))
        .collect();
    pairs.sort();
    let indent = "  ".repeat(level);
    let Some((first, rest)) = pairs.split_first() else {
        return sheet.at(level, "VolumeAttributes", "<none>");
    };
    sheet.at(level, "VolumeAttributes", &format!("{indent}{first}"));
    for pair in rest {
        sheet.line(level, &format!("{indent}\t{indent}{pair}"));
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
